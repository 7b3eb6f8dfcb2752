using System.Net.Sockets;
using System.Text;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Transport.Control;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.Tests.Transport;

/// <summary>What the control plane and the other roles say to each other.</summary>
public sealed class ControlSockets : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("covol-control-");
    private readonly ScriptedControl _service = new();
    private readonly ControlServer _server;
    private readonly ControlClient _client;

    public ControlSockets()
    {
        _server = ControlServer.Start(SocketPath, _service, NullLogger.Instance);
        _client = new ControlClient(SocketPath);
    }

    public static TheoryData<ControlRequest> Requests =>
    [
        new Attach(new AttachVolume("Volume1", "file:/lun", new ReservationKey(0xC050_0000_0002_0001), new Epoch(7), ["unix:/run/x"])),
        new Detach(new DetachVolume("Volume1", true)),
        new QueryMountedVolumes(),
        new QueryCoordinator(),
        new CheckVolume(),
        new Evict(new EvictNode(new NodeId(3), 1L << 35)),
        new HandOver(),
        new Stop(),
    ];

    private string SocketPath => Path.Combine(_folder.FullName, "control");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task A_request_arrives_as_it_was_sent(ControlRequest request)
    {
        (await _client.AskAsync(request, default)).ShouldBe(ControlAnswer.Done);

        Wire.Samples.Text(_service.Asked).ShouldBe(Wire.Samples.Text(request));
    }

    [Fact]
    public async Task State_comes_back_as_it_was_told()
    {
        var mounted = new MountedVolume("Volume1", VolumeRouteState.FileSystemRedirected, "no path", new Epoch(7), 1, 1L << 60, 3, 4);
        var state = new CoordinatorState("Volume1", new Epoch(7), CoordinatorPhase.Serving, string.Empty, 1, 2, 3, 4);
        _service.Answer = _ => new ControlAnswer(true, null, [mounted], state);

        var answer = await _client.DemandAsync(new QueryMountedVolumes(), default);

        answer.MountedVolumes.ShouldHaveSingleItem().ShouldBe(mounted);
        answer.CoordinatorState.ShouldBe(state);
    }

    [Fact]
    public async Task A_line_is_what_the_documentation_says()
    {
        _service.Answer = _ => new ControlAnswer(
            true, CoordinatorState: new CoordinatorState("Volume1", new Epoch(7), CoordinatorPhase.Grace, "", 1, 2, 3, 4));

        var answer = await SendAsync("""
            {"volume":"Volume1","lunUri":"file:/d","dataKey":"c0501a0000020001","epoch":7,"coordinator":[],"kind":"AttachVolume"}
            """);

        answer.ShouldBe(
            """{"ok":true,"coordinatorState":{"volume":"Volume1","epoch":7,"phase":"Grace","reason":"","sessions":1""" +
            ""","layouts":2,"locks":3,"openHandles":4}}""");
        _service.Asked.ShouldBeOfType<Attach>().Volume.DataKey.ShouldBe(new ReservationKey(0xC050_1A00_0002_0001));
    }

    [Theory]
    [InlineData("nonsense", "not understood")]
    [InlineData("[]", "kind")]
    [InlineData("""{"kind":"MakeCoffee"}""", "MakeCoffee")]
    [InlineData("""{"kind":"DetachVolume"}""", "volume")]
    [InlineData("""{"kind":"AttachVolume","volume":"v","lunUri":"x","dataKey":12,"epoch":7,"coordinator":[]}""", "hexadecimal")]
    public async Task What_is_not_understood_is_refused_with_a_sentence(string line, string word)
    {
        var answer = await SendAsync(line);

        answer.ShouldStartWith("""{"ok":false,"error":""");
        answer.ShouldContain(word);
        _service.Asked.ShouldBeNull();
    }

    [Fact]
    public async Task What_a_newer_version_says_besides_is_passed_over_but_what_it_asks_for_anew_is_refused()
    {
        (await SendAsync("""{"kind":"DetachVolume","volume":"Volume1","force":true,"politely":true}""")).ShouldBe("""{"ok":true}""");
        _service.Asked.ShouldBeOfType<Detach>().Volume.ShouldBe(new DetachVolume("Volume1", true));

        var answer = await SendAsync("""{"kind":"DetachVolumePolitely","volume":"Volume1","force":true}""");

        answer.ShouldBe("""{"ok":false,"error":"The request is not understood: Nobody knows a request of kind \u0027DetachVolumePolitely\u0027."}""");
    }

    [Fact]
    public async Task A_line_longer_than_the_limit_costs_the_connection_only()
    {
        (await SendAsync(new string('x', 300 * 1024))).ShouldBe(string.Empty);

        (await _client.AskAsync(new Stop(), default)).Ok.ShouldBeTrue();
    }

    [Fact]
    public async Task A_refusal_and_a_failure_come_back_as_sentences()
    {
        _service.Answer = request => request is Stop
            ? throw new InvalidOperationException("the disk is gone")
            : ControlAnswer.Refused("Volume1 is in use");

        (await _client.AskAsync(new HandOver(), default)).Error.ShouldBe("Volume1 is in use");
        (await _client.DemandAsync(new Stop(), default).ShouldThrowAsync<ControlException>()).Message.ShouldBe("the disk is gone");
    }

    [Fact]
    public async Task Nobody_answering_is_said_so()
    {
        await _server.DisposeAsync();

        (await _client.AskAsync(new Stop(), default).ShouldThrowAsync<ControlException>()).Message.ShouldContain(SocketPath);
    }

    [Fact]
    public void Only_the_owner_may_open_the_socket() =>
        new FileInfo(SocketPath).UnixFileMode.ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);

    [Fact]
    public void Configuration_files_are_read_as_they_were_written()
    {
        var path = Path.Combine(_folder.FullName, "coordinator.json");
        var written = new CoordinatorConfiguration(
            "Volume1", new NodeId(2), "file:/lun", new Epoch(7), new ReservationKey(0xC050), [new ReservationKey(1)], ["unix:/x"], "/c", null);

        ConfigurationFile.Write(path, written);

        Wire.Samples.Text(ConfigurationFile.Read<CoordinatorConfiguration>(path)).ShouldBe(Wire.Samples.Text(written));
        File.WriteAllText(path, """
            {
              // who and where
              "node": 1, "namespaceRoot": "/ClusterStorage", "holderSocket": "/h", "controlSocket": "/c",
              "tls": { "authority": "/ca", "certificate": "/cert", "key": "/key" },
            }
            """);
        ConfigurationFile.Read<MountConfiguration>(path)
            .ShouldBe(new MountConfiguration(new NodeId(1), "/ClusterStorage", "/h", "/c", new TlsFiles("/ca", "/cert", "/key")));
    }

    [Fact]
    public void A_configuration_file_that_cannot_be_used_is_named()
    {
        var path = Path.Combine(_folder.FullName, "mount.json");

        Should.Throw<ControlException>(() => ConfigurationFile.Read<MountConfiguration>(path)).Message.ShouldContain(path);
        File.WriteAllText(path, """{ "node": 77 }""");
        Should.Throw<ControlException>(() => ConfigurationFile.Read<MountConfiguration>(path)).Message.ShouldContain("1 to 64");
    }

    private async Task<string> SendAsync(string line)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath));
        await using var stream = new NetworkStream(socket);
        try
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"));
            return await new StreamReader(stream).ReadLineAsync() ?? string.Empty;
        }
        catch (IOException)
        {
            return string.Empty;
        }
    }

    private sealed class ScriptedControl : IControlService
    {
        public Func<ControlRequest, ControlAnswer> Answer { get; set; } = _ => ControlAnswer.Done;

        public ControlRequest? Asked { get; private set; }

        public ValueTask<ControlAnswer> AskAsync(ControlRequest request, CancellationToken cancellation)
        {
            Asked = request;
            return ValueTask.FromResult(Answer(request));
        }
    }
}
