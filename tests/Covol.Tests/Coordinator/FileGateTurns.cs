using Covol.Coordinator.Driver;
using Covol.Protocol.Ids;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

public sealed class FileGateTurns
{
    private static readonly FileId s_file = new(new FileReference(66, 1), 1);

    [Fact]
    public async Task Who_leaves_and_comes_back_while_its_turn_is_given_is_alone_again()
    {
        var ended = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var thread = new CoordinatorThread("test", TimeProvider.System, failure => ended.TrySetException(failure));

        thread.Post(() =>
        {
            var gates = new FileGates();
            var first = gates.EnterAsync(s_file, GateMode.Shared).GetAwaiter().GetResult();
            var alone = ComeBackAsync(gates);
            first.Dispose();

            var other = gates.EnterAsync(s_file, GateMode.Exclusive);
            var waited = alone.IsCompletedSuccessfully && !other.IsCompleted;
            alone.GetAwaiter().GetResult().Dispose();
            ended.TrySetResult(waited && other.IsCompletedSuccessfully);
        });

        (await ended.Task.WaitAsync(TimeSpan.FromSeconds(20))).ShouldBeTrue();
    }

    [Fact]
    public async Task Of_two_who_find_that_they_need_more_the_one_who_came_first_goes_first()
    {
        var ended = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var thread = new CoordinatorThread("test", TimeProvider.System, failure => ended.TrySetException(failure));

        thread.Post(async () =>
        {
            var gates = new FileGates();
            var (order, haveLooked) = (new List<string>(), new TaskCompletionSource());
            var before = await gates.EnterAsync(s_file, GateMode.Exclusive);
            Task[] all =
            [
                NeedMoreAsync("write", GateMode.Shared), NeedMoreAsync("cut", GateMode.Extend), NeedMoreAsync("newcomer", GateMode.Exclusive),
            ];
            before.Dispose();
            haveLooked.SetResult();
            await Task.WhenAll(all);
            ended.TrySetResult(string.Join(", ", order));

            async Task NeedMoreAsync(string name, GateMode first)
            {
                Task<FileGates.Entered> more;
                using (var gate = await gates.EnterAsync(s_file, first))
                {
                    await haveLooked.Task;
                    more = gates.EnterAsync(s_file, GateMode.Exclusive, gate);
                }

                using var alone = await more;
                order.Add(name);
            }
        });

        (await ended.Task.WaitAsync(TimeSpan.FromSeconds(20))).ShouldBe("write, cut, newcomer");
    }

    /// <summary>As a write whose need has grown while it waited.</summary>
    private static async Task<FileGates.Entered> ComeBackAsync(FileGates gates)
    {
        using (await gates.EnterAsync(s_file, GateMode.Exclusive))
        {
            // What the file is now tells that another mode is needed.
        }

        return await gates.EnterAsync(s_file, GateMode.Exclusive);
    }
}
