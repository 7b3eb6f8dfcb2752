using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Serialization.Metadata;
using Covol.Api.Contracts;

namespace Covol.Api;

/// <summary>
/// Talks to one <c>covold node</c>: over its Unix socket (administrators) or through a given <see cref="HttpClient"/> (its peers). Any
/// thread. Failures are <see cref="NodeApiException"/>.
/// </summary>
public sealed class NodeClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly string _where;

    public NodeClient(HttpClient http, string where)
    {
        _http = http;
        _where = where;
    }

    /// <summary>A client over a node's Unix socket.</summary>
    /// <param name="socketPath">Where <c>covold node</c> listens.</param>
    /// <param name="deadline">For one request; long work (a migration, a format) takes minutes.</param>
    /// <param name="where">What the node is called in sentences; null: by its socket.</param>
    public static NodeClient OverUnixSocket(string socketPath, TimeSpan deadline, string? where = null)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellation).ConfigureAwait(false);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        var http = new HttpClient(handler) { BaseAddress = new Uri("http://node/"), Timeout = deadline };
        return new NodeClient(http, where ?? $"The node at {socketPath}");
    }

    public Task<NodeView> GetNodeAsync(CancellationToken cancellation) => GetAsync("v1/node", ApiJson.Default.NodeView, cancellation);

    /// <summary>Ends the node in order: its machines stop, its volumes move or are released, its processes end. Answers before it ends.</summary>
    public Task StopNodeAsync(CancellationToken cancellation) => SendAsync(HttpMethod.Post, "v1/node/stop", cancellation);

    public Task<ClusterView> GetClusterAsync(CancellationToken cancellation) =>
        GetAsync("v1/cluster", ApiJson.Default.ClusterView, cancellation);

    public Task<IReadOnlyList<VolumeView>> GetVolumesAsync(CancellationToken cancellation) =>
        GetAsync("v1/volumes", ApiJson.Default.IReadOnlyListVolumeView, cancellation);

    /// <summary>How every node reaches every volume.</summary>
    public Task<IReadOnlyList<VolumeStateView>> GetVolumeStatesAsync(CancellationToken cancellation) =>
        GetAsync("v1/volume-states", ApiJson.Default.IReadOnlyListVolumeStateView, cancellation);

    /// <summary>How the asked node alone reaches its volumes.</summary>
    public Task<IReadOnlyList<VolumeStateView>> GetLocalVolumeStatesAsync(CancellationToken cancellation) =>
        GetAsync("v1/local/volume-states", ApiJson.Default.IReadOnlyListVolumeStateView, cancellation);

    /// <summary>What is open below a volume on the asked node alone, a phrase each; empty: nothing.</summary>
    public Task<IReadOnlyList<string>> GetLocalOpenFilesAsync(string volume, CancellationToken cancellation) =>
        GetAsync($"v1/local/volumes/{Escape(volume)}/open-files", ApiJson.Default.IReadOnlyListString, cancellation);

    /// <summary>Mounts a volume of the cluster on the asked node again, after <see cref="DetachLocalVolumeAsync"/>.</summary>
    public Task AttachLocalVolumeAsync(string volume, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, $"v1/local/volumes/{Escape(volume)}/attach", cancellation);

    /// <summary>Unmounts a volume on the asked node alone.</summary>
    public Task DetachLocalVolumeAsync(string volume, bool force, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, $"v1/local/volumes/{Escape(volume)}/detach?force={force}", cancellation);

    /// <summary>Returns when the volume is online.</summary>
    public Task<VolumeView> AddVolumeAsync(AddVolume order, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, "v1/volumes", order, ApiJson.Default.AddVolume, ApiJson.Default.VolumeView, cancellation);

    public Task RemoveVolumeAsync(string volume, bool force, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Delete, $"v1/volumes/{Escape(volume)}?force={force}", cancellation);

    public Task<VolumeView> MoveVolumeAsync(string volume, string node, CancellationToken cancellation) => SendAsync(
        HttpMethod.Post,
        $"v1/volumes/{Escape(volume)}/move",
        new MoveTo(node),
        ApiJson.Default.MoveTo,
        ApiJson.Default.VolumeView,
        cancellation);

    /// <summary>Checks a volume while it is in use; whichever node coordinates it does it.</summary>
    public Task<CheckView> CheckVolumeAsync(string volume, CancellationToken cancellation) =>
        PostAsync($"v1/volumes/{Escape(volume)}/check", ApiJson.Default.CheckView, cancellation);

    /// <summary>The same of the asked node, which has to be the coordinator.</summary>
    public Task<CheckView> CheckLocalVolumeAsync(string volume, CancellationToken cancellation) =>
        PostAsync($"v1/local/volumes/{Escape(volume)}/check", ApiJson.Default.CheckView, cancellation);

    public Task<IReadOnlyList<VirtualMachineView>> GetVirtualMachinesAsync(CancellationToken cancellation) =>
        GetAsync("v1/vms", ApiJson.Default.IReadOnlyListVirtualMachineView, cancellation);

    public Task<VirtualMachineView> GetVirtualMachineAsync(string name, CancellationToken cancellation) =>
        GetAsync($"v1/vms/{Escape(name)}", ApiJson.Default.VirtualMachineView, cancellation);

    public Task<VirtualMachineView> CreateVirtualMachineAsync(VirtualMachineDefinition definition, CancellationToken cancellation) =>
        SendAsync(
            HttpMethod.Post,
            "v1/vms",
            definition,
            ApiJson.Default.VirtualMachineDefinition,
            ApiJson.Default.VirtualMachineView,
            cancellation);

    public Task RemoveVirtualMachineAsync(string name, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Delete, $"v1/vms/{Escape(name)}", cancellation);

    public Task<VirtualMachineView> StartVirtualMachineAsync(string name, string? node, CancellationToken cancellation) => SendAsync(
        HttpMethod.Post,
        $"v1/vms/{Escape(name)}/start",
        new StartOn(node),
        ApiJson.Default.StartOn,
        ApiJson.Default.VirtualMachineView,
        cancellation);

    /// <summary>Asks the guest to shut down; ends it when it does not.</summary>
    public Task StopVirtualMachineAsync(string name, bool force, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, $"v1/vms/{Escape(name)}/stop?force={force}", cancellation);

    public Task<MigrationView> MigrateAsync(string name, string node, CancellationToken cancellation) => SendAsync(
        HttpMethod.Post,
        $"v1/vms/{Escape(name)}/migrate",
        new MoveTo(node),
        ApiJson.Default.MoveTo,
        ApiJson.Default.MigrationView,
        cancellation);

    public void Dispose() => _http.Dispose();

    private static string Escape(string name) => Uri.EscapeDataString(name);

    private Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellation) =>
        AskAsync(new HttpRequestMessage(HttpMethod.Get, path), type, cancellation);

    private Task<T> PostAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellation) =>
        AskAsync(new HttpRequestMessage(HttpMethod.Post, path), type, cancellation);

    private Task<TAnswer> SendAsync<TOrder, TAnswer>(
        HttpMethod method,
        string path,
        TOrder order,
        JsonTypeInfo<TOrder> orderType,
        JsonTypeInfo<TAnswer> answerType,
        CancellationToken cancellation) =>
        AskAsync(
            new HttpRequestMessage(method, path) { Content = JsonContent.Create(order, orderType) },
            answerType,
            cancellation);

    private async Task<T> AskAsync<T>(HttpRequestMessage request, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        using var response = await ExchangeAsync(request, cancellation).ConfigureAwait(false);
        return await response.Content.ReadFromJsonAsync(type, cancellation).ConfigureAwait(false)
            ?? throw new NodeApiException($"{_where} answered nothing where an answer was due.");
    }

    private async Task SendAsync(HttpMethod method, string path, CancellationToken cancellation)
    {
        using var response = await ExchangeAsync(new HttpRequestMessage(method, path), cancellation).ConfigureAwait(false);
    }

    private async Task<HttpResponseMessage> ExchangeAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        using (request)
        {
            HttpResponseMessage response;
            try
            {
                response = await _http.SendAsync(request, cancellation).ConfigureAwait(false);
            }
            catch (HttpRequestException failure)
            {
                throw new NodeApiException(WhyNot(failure), failure);
            }
            catch (OperationCanceledException failure) when (!cancellation.IsCancellationRequested)
            {
                throw new NodeApiException($"{_where} did not answer in time; what was asked may still be going on.", failure);
            }

            if (response.IsSuccessStatusCode)
            {
                return response;
            }

            using (response)
            {
                throw new NodeApiException(await ReadErrorAsync(response, cancellation).ConfigureAwait(false));
            }
        }
    }

    private string WhyNot(HttpRequestException failure) => failure.InnerException is SocketException { SocketErrorCode: var error }
        ? error switch
        {
            // EACCES: the socket is its owner's, and its owner is root.
            SocketError.AccessDenied => $"{_where} answers root only: run covol as root.",

            // ENOENT, ECONNREFUSED: no such socket, or nobody listens on it.
            SocketError.AddressNotAvailable or SocketError.ConnectionRefused => $"{_where} does not answer: 'covold node' does not run there.",
            _ => $"{_where} does not answer: {failure.InnerException.Message}.",
        }
        : $"{_where} does not answer: {failure.Message}";

    private async Task<string> ReadErrorAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        try
        {
            var error = await response.Content.ReadFromJsonAsync(ApiJson.Default.ErrorView, cancellation).ConfigureAwait(false);
            if (!string.IsNullOrEmpty(error?.Error))
            {
                return error.Error;
            }
        }
        catch (System.Text.Json.JsonException)
        {
            // Not one of our answers; the status says all there is.
        }

        return $"{_where} answered {(int)response.StatusCode} {response.ReasonPhrase}.";
    }
}
