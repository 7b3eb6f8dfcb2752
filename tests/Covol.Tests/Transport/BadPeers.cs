using System.Net.Sockets;
using Covol.Protocol.Volume;
using Covol.Protocol.Wire;
using Covol.Transport;
using Shouldly;
using Xunit;

namespace Covol.Tests.Transport;

/// <summary>Peers that misbehave lose their connection, and nobody else notices.</summary>
public sealed class BadPeers
{
    [Fact]
    public async Task A_malformed_request_is_refused_with_a_sentence_and_ends_the_connection()
    {
        var service = ScriptedService.Replying(_ => Done.Instance);
        await using var net = Net.Serving(service);
        var healthy = await net.ConnectAsync();
        using var peer = await RawPeer.GreetAsync(net.Endpoint);

        await peer.SendAsync(Frames.Of(FrameKind.Request, [0xFF, 0xFF], tag: 9));

        var (header, fields) = (await peer.ReadAsync()).ShouldNotBeNull();
        header.Kind.ShouldBe(FrameKind.Answer);
        header.Tag.ShouldBe(9u);
        VolumeCodec.DecodeReply(fields).ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.BadRequest);
        (header, fields) = (await peer.ReadAsync()).ShouldNotBeNull();
        header.Kind.ShouldBe(FrameKind.Goodbye);
        ConnectionCodec.DecodeGoodbye(fields).ShouldContain("no Request");
        (await peer.ReadAsync()).ShouldBeNull();
        service.Calls.ShouldBeEmpty();
        (await healthy.CallAsync(Net.Call(new RenewLease()), default, default)).Reply.ShouldBe(Done.Instance);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: node1\r\nAccept: text/html,application/json\r\n\r\n", "another protocol")]
    [InlineData("", "")]
    [InlineData("COVL", "")]
    public async Task Bytes_of_another_protocol_end_the_connection(string text, string why)
    {
        var service = ScriptedService.Replying(_ => Done.Instance);
        await using var net = Net.Serving(service);
        using var peer = await RawPeer.ConnectAsync(net.Endpoint);

        await peer.SendAsync(System.Text.Encoding.ASCII.GetBytes(text));
        peer.EndSending();

        var last = await peer.ReadAsync();
        (last is { } goodbye ? ConnectionCodec.DecodeGoodbye(goodbye.Fields) : string.Empty).ShouldContain(why);
        (await peer.ReadAsync()).ShouldBeNull();
        service.Calls.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_request_before_hello_or_data_where_none_belongs_ends_the_connection()
    {
        var service = ScriptedService.Replying(_ => Done.Instance);
        await using var net = Net.Serving(service);
        using var early = await RawPeer.ConnectAsync(net.Endpoint);
        using var loaded = await RawPeer.GreetAsync(net.Endpoint);

        await early.SendAsync(Frames.Request(new RenewLease()));
        await loaded.SendAsync(Frames.Request(new RenewLease(), dataLength: 100));

        ConnectionCodec.DecodeGoodbye((await early.ReadAsync()).ShouldNotBeNull().Fields).ShouldContain("not hello");
        VolumeCodec.DecodeReply((await loaded.ReadAsync()).ShouldNotBeNull().Fields).ShouldBeOfType<Refused>().Detail.ShouldContain("data");
        service.Calls.ShouldBeEmpty();
    }

    [Fact]
    public async Task Too_many_calls_in_flight_end_the_connection()
    {
        var never = new TaskCompletionSource<VolumeAnswer>();
        var service = new ScriptedService((_, _, cancellation) => new ValueTask<VolumeAnswer>(never.Task.WaitAsync(cancellation)));
        await using var net = Net.Serving(service, Net.Patient with { CallsMax = 4 });
        using var peer = await RawPeer.GreetAsync(net.Endpoint);

        for (var slot = 0; slot < 5; slot++)
        {
            await peer.SendAsync(Frames.Request(new GetSpace(), slot, (uint)slot));
        }

        ConnectionCodec.DecodeGoodbye((await peer.ReadAsync()).ShouldNotBeNull().Fields).ShouldContain("in flight");
        service.Calls.Count.ShouldBe(4);
    }

    [Fact]
    public async Task A_client_that_reads_nothing_loses_its_connection_and_costs_no_memory()
    {
        IVolumeCaller? caller = null;
        var service = new ScriptedService((asking, _, _) =>
        {
            caller = asking;
            return ValueTask.FromResult(new VolumeAnswer(ScriptedService.Epoch, Done.Instance, default));
        });
        await using var net = Net.Serving(service, Net.Patient with { NoticesMax = 100 });
        using var peer = await RawPeer.GreetAsync(net.Endpoint);
        await peer.SendAsync(Frames.Request(new RenewLease()));
        await peer.ReadAsync();

        // More than any socket buffers.
        var reason = new string('x', 60_000);
        for (var notice = 0; notice < 500 && !service.Gone.Task.IsCompleted; notice++)
        {
            caller!.Notify(new SessionEnded(reason));
        }

        (await service.Gone.Task.WaitAsync(Net.Patience)).ShouldBeSameAs(caller);
    }

    [Fact]
    public async Task A_stale_epoch_is_answered_and_ends_the_connection()
    {
        await using var net = Net.Serving(ScriptedService.Replying(_ => new Refused(VolumeError.WrongEpoch, "epoch 8 serves here")));
        var connection = await net.ConnectAsync();

        var answer = await connection.CallAsync(Net.Call(new RenewLease()), default, default);

        answer.Reply.ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.WrongEpoch);
        (await connection.Closed.WaitAsync(Net.Patience)).ShouldContain("epoch 8");
    }

    [Fact]
    public async Task A_service_that_throws_ends_the_listener()
    {
        await using var net = Net.Serving(new ScriptedService((_, _, _) => throw new InvalidOperationException("broken")));
        var connection = await net.ConnectAsync();

        await connection.CallAsync(Net.Call(new RenewLease()), default, default).AsTask().ShouldThrowAsync<ConnectionLostException>();

        var failure = await net.Listener.Completion.WaitAsync(Net.Patience).ShouldThrowAsync<InvalidOperationException>();
        failure.InnerException.ShouldNotBeNull().Message.ShouldBe("broken");
    }

    [Fact]
    public async Task An_answer_that_nobody_asked_for_ends_the_connection()
    {
        using var coordinator = new RawCoordinator();
        var connecting = coordinator.ConnectAsync(TimeProvider.System);
        using var peer = await coordinator.AcceptAsync();
        await using var connection = await connecting;

        await peer.SendAsync(Frames.Of(FrameKind.Answer, [0x12, 0x00], tag: 77));

        (await connection.Closed.WaitAsync(Net.Patience)).ShouldContain("nobody asked");
    }

    [Fact]
    public async Task A_silent_coordinator_is_noticed_and_one_that_answers_pings_is_not()
    {
        var time = new ManualTime();
        using var coordinator = new RawCoordinator();
        var connecting = coordinator.ConnectAsync(time);
        using var peer = await coordinator.AcceptAsync();
        await using var connection = await connecting;
        var pending = connection.CallAsync(Net.Call(new GetSpace()), default, default).AsTask();
        (await peer.ReadAsync()).ShouldNotBeNull();

        for (var period = 0; period < 4; period++)
        {
            time.Advance(Net.Patient.PingAfter);
        }

        pending.IsCompleted.ShouldBeFalse();
        time.Advance(Net.Patient.PingAfter);

        (await pending.ShouldThrowAsync<ConnectionLostException>()).Message.ShouldContain("Nothing came");
    }

    [Fact]
    public async Task A_live_connection_stays_however_long_nothing_is_asked()
    {
        var time = new ManualTime();
        var service = ScriptedService.Replying(_ => Done.Instance);
        await using var net = Net.Serving(service, time: time);
        var connection = await net.ConnectAsync();

        for (var period = 0; period < 20; period++)
        {
            time.Advance(Net.Patient.PingAfter);
            // An answer proves that both ends have read what came before it.
            await connection.CallAsync(Net.Call(new RenewLease(), sequence: period + 1), default, default);
        }

        connection.Closed.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_coordinator_that_never_says_hello_is_given_up()
    {
        using var coordinator = new RawCoordinator();

        var failure = await coordinator.ConnectAsync(TimeProvider.System, Net.Patient with { ConnectTimeout = TimeSpan.FromMilliseconds(50) })
            .ShouldThrowAsync<ConnectionLostException>();

        failure.Message.ShouldContain("did not answer");
    }

    /// <summary>A listening socket whose other end a test plays.</summary>
    private sealed class RawCoordinator : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("covol-raw-");
        private readonly Socket _listening = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        private readonly PeerEndpoint _endpoint;

        public RawCoordinator()
        {
            _endpoint = PeerEndpoint.Unix(Path.Combine(_folder.FullName, "volume"));
            _listening.Bind(new UnixDomainSocketEndPoint(_endpoint.Path!));
            _listening.Listen();
        }

        public Task<VolumeConnection> ConnectAsync(TimeProvider time, ConnectionOptions? options = null) =>
            VolumeConnection.ConnectAsync(_endpoint, null, _ => { }, options ?? Net.Patient, time, CancellationToken.None);

        /// <summary>Accepts and says hello.</summary>
        public async Task<RawPeer> AcceptAsync()
        {
            var peer = new RawPeer(await _listening.AcceptAsync());
            await peer.ReadAsync();
            var fields = new System.Buffers.ArrayBufferWriter<byte>();
            ConnectionCodec.Encode(new Hello("raw", 10, 10), fields);
            await peer.SendAsync(Frames.Of(FrameKind.Hello, fields.WrittenSpan));
            return peer;
        }

        public void Dispose()
        {
            _listening.Dispose();
            _folder.Delete(recursive: true);
        }
    }
}
