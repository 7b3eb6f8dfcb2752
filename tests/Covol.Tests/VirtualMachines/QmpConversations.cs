using Covol.VirtualMachines.Qmp;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.Tests.VirtualMachines;

/// <summary>The monitor's client against a server that speaks the real protocol.</summary>
public sealed class QmpConversations
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task An_answer_finds_its_command_whatever_comes_in_between()
    {
        await using var server = new QmpServerMock();
        await using var client = await ConnectAsync(server);

        var first = client.ExecuteAsync("query-status", null, s_deadline, CancellationToken.None);
        var (_, firstId) = await server.ReadAsync();
        var second = client.ExecuteAsync("query-migrate", null, s_deadline, CancellationToken.None);
        var (command, secondId) = await server.ReadAsync();
        await server.SendAsync("""{"event": "STOP", "timestamp": {"seconds": 1000, "microseconds": 500000}}""");
        await server.SendAsync($$"""{"return": {"status": "active"}, "id": {{secondId}}}""");
        await server.SendAsync($$"""{"return": {"status": "running"}, "id": {{firstId}}}""");

        command.ShouldBe("query-migrate");
        (await first).GetProperty("status").GetString().ShouldBe("running");
        (await second).GetProperty("status").GetString().ShouldBe("active");
        var happened = await client.Events.ReadAsync();
        happened.Name.ShouldBe("STOP");
        happened.At.ShouldBe(DateTimeOffset.FromUnixTimeMilliseconds(1_000_500));
    }

    [Fact]
    public async Task A_refusal_carries_QEMUs_own_words()
    {
        await using var server = new QmpServerMock();
        await using var client = await ConnectAsync(server);

        var asked = client.ExecuteAsync("cont", null, s_deadline, CancellationToken.None);
        var (_, id) = await server.ReadAsync();
        await server.SendAsync($$"""{"error": {"class": "GenericError", "desc": "Failed to get \"write\" lock"}, "id": {{id}}}""");

        var refusal = await Should.ThrowAsync<QmpException>(() => asked);
        refusal.Failure.ShouldBe(QmpFailure.Refused);
        refusal.Message.ShouldBe("Failed to get \"write\" lock");
    }

    [Fact]
    public async Task A_late_answer_is_dropped_and_the_next_command_still_works()
    {
        await using var server = new QmpServerMock();
        await using var client = await ConnectAsync(server);

        var late = await Should.ThrowAsync<QmpException>(
            () => client.ExecuteAsync("stop", null, TimeSpan.FromMilliseconds(1), CancellationToken.None));
        var (_, lateId) = await server.ReadAsync();
        var next = client.ExecuteAsync("query-status", null, s_deadline, CancellationToken.None);
        var (_, nextId) = await server.ReadAsync();
        await server.SendAsync($$"""{"return": {"late": true}, "id": {{lateId}}}""");
        await server.SendAsync($$"""{"return": {"status": "paused"}, "id": {{nextId}}}""");

        late.Failure.ShouldBe(QmpFailure.TimedOut);
        (await next).GetProperty("status").GetString().ShouldBe("paused");
    }

    [Fact]
    public async Task When_QEMU_goes_every_waiting_command_is_told()
    {
        var server = new QmpServerMock();
        await using var client = await ConnectAsync(server);

        var asked = client.ExecuteAsync("quit", null, s_deadline, CancellationToken.None);
        await server.ReadAsync();
        await server.DisposeAsync();

        (await Should.ThrowAsync<QmpException>(() => asked)).Failure.ShouldBe(QmpFailure.Closed);
        await client.Closed.WaitAsync(s_deadline);
        (await client.Events.WaitToReadAsync()).ShouldBeFalse();
        (await Should.ThrowAsync<QmpException>(() => client.ExecuteAsync("cont", null, s_deadline, CancellationToken.None)))
            .Failure.ShouldBe(QmpFailure.Closed);
    }

    [Theory]
    [InlineData("this is no JSON")]
    [InlineData("[1, 2]")]
    public async Task Something_that_is_not_the_protocol_ends_the_connection_not_the_process(string line)
    {
        await using var server = new QmpServerMock();
        await using var client = await ConnectAsync(server);

        await server.SendAsync(line);

        await client.Closed.WaitAsync(s_deadline);
    }

    [Fact]
    public async Task A_line_without_end_ends_the_connection()
    {
        await using var server = new QmpServerMock();
        await using var client = await ConnectAsync(server);

        var sending = server.SendAsync(new string('x', QmpClient.LineBytesMax + 1));

        await client.Closed.WaitAsync(s_deadline);
        await client.DisposeAsync();
        await Record.ExceptionAsync(() => sending.WaitAsync(s_deadline));
        client.Events.Completion.IsCompleted.ShouldBeTrue();
    }

    [Fact]
    public async Task A_server_that_does_not_greet_is_given_up()
    {
        await using var server = new QmpServerMock();

        var failure = await Should.ThrowAsync<QmpException>(() => QmpClient.ConnectAsync(
            server.Path, TimeSpan.FromMilliseconds(50), TimeProvider.System, NullLogger.Instance, CancellationToken.None));

        failure.Failure.ShouldBe(QmpFailure.TimedOut);
    }

    [Fact]
    public async Task A_reader_of_events_that_sleeps_loses_the_oldest_and_stops_nobody()
    {
        await using var server = new QmpServerMock();
        await using var client = await ConnectAsync(server);

        for (var i = 0; i < QmpClient.EventsMax + 10; i++)
        {
            await server.SendAsync($$$"""{"event": "E{{{i}}}", "timestamp": {"seconds": 1, "microseconds": 0}}""");
        }

        var asked = client.ExecuteAsync("query-status", null, s_deadline, CancellationToken.None);
        var (_, id) = await server.ReadAsync();
        await server.SendAsync($$"""{"return": {}, "id": {{id}}}""");
        await asked;

        (await client.Events.ReadAsync()).Name.ShouldBe("E10");
    }

    private static async Task<QmpClient> ConnectAsync(QmpServerMock server)
    {
        var accepting = server.AcceptAsync();
        var client = await QmpClient.ConnectAsync(
            server.Path, s_deadline, TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        await accepting.WaitAsync(s_deadline);
        return client;
    }
}
