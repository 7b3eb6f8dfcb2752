using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Covol.Api;
using Covol.VirtualMachines;
using Covol.VirtualMachines.Migration;

namespace Covol.Node.VirtualMachines;

/// <summary>
/// The destination's end behind another node's API. A refusal is an answer; a connection that breaks is none: the step may have
/// happened, and the reports tell.
/// </summary>
internal sealed class RemoteMigrationDestination : IMigrationDestination
{
    private readonly HttpClient _peer;
    private readonly string _path;

    public RemoteMigrationDestination(HttpClient peer, string machine)
    {
        _peer = peer;
        _path = $"v1/peer/vms/{Uri.EscapeDataString(machine)}/incoming";
    }

    public async Task<string> PrepareAsync(CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Post, _path, cancellation).ConfigureAwait(false);
        var answer = await response.Content.ReadFromJsonAsync(MigrationJson.Default.IncomingAddress, cancellation).ConfigureAwait(false);
        return answer?.Address ?? throw new VirtualMachineException("The destination did not say where it waits for the guest.");
    }

    public async IAsyncEnumerable<MigrationReport> ReportsAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{_path}/reports");
        using var response = await _peer.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
        await ThrowUnlessFineAsync(response, cancellation).ConfigureAwait(false);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false));
        while (await reader.ReadLineAsync(cancellation).ConfigureAwait(false) is { } line)
        {
            if (line.Length > 0 && JsonSerializer.Deserialize(line, MigrationJson.Default.MigrationReport) is { } report)
            {
                yield return report;
            }
        }
    }

    public async Task<DateTimeOffset?> FirstOutputAsync(TimeSpan patience, CancellationToken cancellation)
    {
        using var response = await SendAsync(
            HttpMethod.Get, $"{_path}/first-output?milliseconds={(long)patience.TotalMilliseconds}", cancellation).ConfigureAwait(false);
        var answer = await response.Content.ReadFromJsonAsync(MigrationJson.Default.FirstOutput, cancellation).ConfigureAwait(false);
        return answer?.At;
    }

    public async Task KillAsync(CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Delete, _path, cancellation).ConfigureAwait(false);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, path);
        var response = await _peer.SendAsync(request, cancellation).ConfigureAwait(false);
        try
        {
            await ThrowUnlessFineAsync(response, cancellation).ConfigureAwait(false);
            return response;
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    private static async Task ThrowUnlessFineAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (!response.IsSuccessStatusCode)
        {
            var error = await response.Content.ReadFromJsonAsync(ApiJson.Default.ErrorView, cancellation).ConfigureAwait(false);
            throw new VirtualMachineException(error?.Error ?? $"The destination's node answered {(int)response.StatusCode}.");
        }
    }
}
