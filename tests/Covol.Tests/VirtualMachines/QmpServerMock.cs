using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Covol.Tests.VirtualMachines;

/// <summary>Speaks QEMU's side of QMP on a real socket. Commands are read one by one; what comes back is up to the
/// test.</summary>
internal sealed class QmpServerMock : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("covol-qmp-").FullName;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private StreamReader? _reader;
    private NetworkStream? _stream;

    public QmpServerMock()
    {
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen();
    }

    public string Path => System.IO.Path.Combine(_folder, "qmp");

    /// <summary>Takes the client, greets, and answers its qmp_capabilities.</summary>
    public async Task AcceptAsync(string greeting = """{"QMP": {"version": {}, "capabilities": ["oob"]}}""")
    {
        _stream = new NetworkStream(await _listener.AcceptAsync(), ownsSocket: true);
        _reader = new StreamReader(_stream);
        await SendAsync(greeting);
        var (command, id) = await ReadAsync();
        if (command == "qmp_capabilities")
        {
            await SendAsync($$"""{"return": {}, "id": {{id}}}""");
        }
    }

    public async Task<(string Command, long Id)> ReadAsync()
    {
        if (await _reader!.ReadLineAsync() is not { } line)
        {
            return ("", 0);
        }

        using var request = JsonDocument.Parse(line);
        return (request.RootElement.GetProperty("execute").GetString()!, request.RootElement.GetProperty("id").GetInt64());
    }

    public async Task SendAsync(string line) => await _stream!.WriteAsync(Encoding.UTF8.GetBytes(line + "\r\n"));

    public async ValueTask DisposeAsync()
    {
        if (_stream is not null)
        {
            await _stream.DisposeAsync();
        }

        _listener.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
