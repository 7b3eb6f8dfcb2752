using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Transport;
using Shouldly;
using Xunit;

namespace Covol.Tests.Transport;

/// <summary>Calls, answers, notices and data over a real Unix socket.</summary>
public sealed class UnixConnections
{
    [Fact]
    public async Task A_call_arrives_as_it_was_sent_and_its_answer_comes_back()
    {
        var service = ScriptedService.Replying(_ => new LinkTarget("../elsewhere"));
        await using var net = Net.Serving(service);
        var connection = await net.ConnectAsync();

        var answer = await connection.CallAsync(Net.Call(new ReadLink(Net.File), slot: 3, sequence: 9), default, default);

        answer.Reply.ShouldBe(new LinkTarget("../elsewhere"));
        answer.Epoch.ShouldBe(ScriptedService.Epoch);
        var call = service.Calls.ShouldHaveSingleItem();
        call.Id.ShouldBe(new RequestId(new SessionId(5), 3, 9));
        call.Epoch.ShouldBe(ScriptedService.Epoch);
        call.Request.ShouldBe(new ReadLink(Net.File));
    }

    [Fact]
    public async Task A_peer_on_the_Unix_socket_is_this_node()
    {
        IVolumeCaller? seen = null;
        await using var net = Net.Serving(new ScriptedService((caller, _, _) =>
        {
            seen = caller;
            return ValueTask.FromResult(new VolumeAnswer(ScriptedService.Epoch, Done.Instance, default));
        }));
        var connection = await net.ConnectAsync();

        await connection.CallAsync(Net.Call(new RenewLease()), default, default);

        seen.ShouldNotBeNull().Node.ShouldBe(new NodeId(2));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(65536)]
    [InlineData(1024 * 1024)]
    public async Task Data_goes_both_ways_unchanged(int length)
    {
        byte[]? written = null;
        await using var net = Net.Serving(new ScriptedService((_, call, _) =>
        {
            if (call.Request is WriteData)
            {
                written = call.Data.ToArray();
                return ValueTask.FromResult(new VolumeAnswer(ScriptedService.Epoch, Done.Instance, default));
            }

            return ValueTask.FromResult(new VolumeAnswer(ScriptedService.Epoch, new DataRead(written!.Length), written));
        }));
        var connection = await net.ConnectAsync();
        var sent = new byte[length];
        new Random(length).NextBytes(sent);
        var received = new byte[length];

        await connection.CallAsync(Net.Call(Net.Write(), data: sent), default, default);
        var answer = await connection.CallAsync(Net.Call(Net.Read(length), slot: 1), received, default);

        written.ShouldNotBeNull().AsSpan().SequenceEqual(sent).ShouldBeTrue();
        received.AsSpan().SequenceEqual(sent).ShouldBeTrue();
        answer.Data.Length.ShouldBe(length);
    }

    [Fact]
    public async Task A_slow_call_does_not_hold_up_others()
    {
        var release = new TaskCompletionSource();
        await using var net = Net.Serving(new ScriptedService(async (_, call, _) =>
        {
            if (call.Request is GetSpace)
            {
                await release.Task;
            }

            return new VolumeAnswer(ScriptedService.Epoch, Done.Instance, default);
        }));
        var connection = await net.ConnectAsync();

        var slow = connection.CallAsync(Net.Call(new GetSpace()), default, default).AsTask();
        var quick = await connection.CallAsync(Net.Call(new RenewLease(), slot: 256), default, default);

        quick.Reply.ShouldBe(Done.Instance);
        slow.IsCompleted.ShouldBeFalse();
        release.SetResult();
        (await slow).Reply.ShouldBe(Done.Instance);
    }

    [Fact]
    public async Task Many_callers_at_once_each_get_their_own_answer()
    {
        await using var net = Net.Serving(new ScriptedService(async (_, call, _) =>
        {
            await Task.Yield();
            return call.Request is WriteData
                ? new VolumeAnswer(ScriptedService.Epoch, new LockQueued(call.Data.Span[0]), default)
                : new VolumeAnswer(ScriptedService.Epoch, new LinkTarget($"{call.Id.Slot}"), default);
        }));
        var connection = await net.ConnectAsync();

        await Parallel.ForAsync(0, 200, async (slot, cancellation) =>
        {
            for (var sequence = 1; sequence <= 10; sequence++)
            {
                var data = slot % 2 == 0 ? default : Enumerable.Repeat((byte)slot, 50_000).ToArray();
                VolumeRequest request = slot % 2 == 0 ? new ReadLink(Net.File) : Net.Write();
                var answer = await connection.CallAsync(Net.Call(request, slot, sequence, data), default, cancellation);

                answer.Reply.ShouldBe(slot % 2 == 0 ? new LinkTarget($"{slot}") : new LockQueued((byte)slot));
            }
        });
    }

    [Fact]
    public async Task Notices_come_in_order()
    {
        await using var net = Net.Serving(new ScriptedService((caller, _, _) =>
        {
            for (var ticket = 0; ticket < 100; ticket++)
            {
                caller.Notify(new LockResolved(Net.File, ticket, null));
            }

            return ValueTask.FromResult(new VolumeAnswer(ScriptedService.Epoch, Done.Instance, default));
        }));
        var connection = await net.ConnectAsync();

        await connection.CallAsync(Net.Call(new RenewLease()), default, default);

        net.Notices.Cast<LockResolved>().Select(notice => notice.Ticket).ShouldBe(Enumerable.Range(0, 100).Select(ticket => (long)ticket));
    }

    [Fact]
    public async Task The_service_learns_that_a_client_is_gone()
    {
        var service = ScriptedService.Replying(_ => Done.Instance);
        await using var net = Net.Serving(service);
        var connection = await net.ConnectAsync();

        await connection.DisposeAsync();

        (await service.Gone.Task.WaitAsync(Net.Patience)).Node.ShouldBe(new NodeId(2));
    }

    [Fact]
    public async Task Pending_calls_learn_that_the_connection_broke()
    {
        await using var net = Net.Serving(new ScriptedService((caller, call, cancellation) =>
        {
            if (call.Request is CloseSession)
            {
                caller.Close("for the test");
            }

            return new ValueTask<VolumeAnswer>(new TaskCompletionSource<VolumeAnswer>().Task.WaitAsync(cancellation));
        }));
        var connection = await net.ConnectAsync();

        var waiting = connection.CallAsync(Net.Call(new GetSpace()), default, default).AsTask();
        var closing = connection.CallAsync(Net.Call(new CloseSession(), slot: 1), default, default).AsTask();

        (await waiting.ShouldThrowAsync<ConnectionLostException>()).Message.ShouldContain("for the test");
        await closing.ShouldThrowAsync<ConnectionLostException>();
        (await connection.Closed.WaitAsync(Net.Patience)).ShouldContain("for the test");
        await connection.CallAsync(Net.Call(new GetSpace(), slot: 2), default, default).AsTask()
            .ShouldThrowAsync<ConnectionLostException>();
    }

    [Fact]
    public async Task A_caller_that_gives_up_gets_its_memory_back_untouched()
    {
        var release = new TaskCompletionSource();
        await using var net = Net.Serving(new ScriptedService(async (_, call, _) =>
        {
            if (call.Id.Slot == 0)
            {
                await release.Task;
            }

            return new VolumeAnswer(ScriptedService.Epoch, new DataRead(4), new byte[] { 1, 2, 3, 4 });
        }));
        var connection = await net.ConnectAsync();
        using var patience = new CancellationTokenSource();
        var memory = new byte[4];

        var given = connection.CallAsync(Net.Call(Net.Read(4)), memory, patience.Token).AsTask();
        await patience.CancelAsync();
        await given.ShouldThrowAsync<OperationCanceledException>();
        release.SetResult();
        var next = await connection.CallAsync(Net.Call(Net.Read(4), slot: 1), new byte[4], default);

        memory.ShouldBe(new byte[4]);
        next.Data.ToArray().ShouldBe([1, 2, 3, 4]);
    }

    [Theory]
    [InlineData("Volume1", "Volume2")]
    [InlineData("Volume1", "")]
    [InlineData("", "Volume2")]
    public async Task A_client_of_one_volume_and_the_coordinator_of_another_do_not_talk(string served, string asked)
    {
        var service = ScriptedService.Replying(_ => Done.Instance);
        await using var net = Net.Serving(service, Net.Patient with { Volume = served });

        var failure = await VolumeConnection.ConnectAsync(
                net.Endpoint, null, _ => { }, Net.Patient with { Volume = asked }, TimeProvider.System, default)
            .ShouldThrowAsync<ConnectionLostException>();

        failure.Message.ShouldContain("This is for volume");
    }

    [Fact]
    public async Task A_client_and_a_coordinator_of_the_same_volume_do()
    {
        var service = ScriptedService.Replying(_ => Done.Instance);
        await using var net = Net.Serving(service, Net.Patient with { Volume = "Volume1" });

        var connection = await net.ConnectAsync();

        (await connection.CallAsync(Net.Call(new GetRoot()), default, default)).Reply.ShouldBe(Done.Instance);
    }

    [Fact]
    public async Task Nobody_listening_is_said_so()
    {
        var nowhere = PeerEndpoint.Unix($"/tmp/covol-{Guid.NewGuid():n}");

        var failure = await VolumeConnection.ConnectAsync(nowhere, null, _ => { }, Net.Patient, TimeProvider.System, default)
            .ShouldThrowAsync<ConnectionLostException>();

        failure.Message.ShouldContain(nowhere.Path!);
    }

    [Fact]
    public async Task A_second_listener_on_the_same_socket_is_refused_and_a_left_over_file_is_not()
    {
        var service = ScriptedService.Replying(_ => Done.Instance);
        await using var net = Net.Serving(service);

        Should.Throw<IOException>(() => Net.Listen(net.Endpoint, service)).Message.ShouldContain("another process listens");

        await net.Listener.DisposeAsync();
        await File.WriteAllTextAsync(net.Endpoint.Path!, string.Empty);
        await using var next = Net.Listen(net.Endpoint, service);
        new FileInfo(net.Endpoint.Path!).UnixFileMode.ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
