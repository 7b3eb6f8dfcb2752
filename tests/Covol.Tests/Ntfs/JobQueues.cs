using Covol.Ntfs;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

public sealed class JobQueues
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    [Fact]
    public void Jobs_are_taken_in_the_order_they_came()
    {
        var queue = new JobQueue<int>(8);
        foreach (var job in Enumerable.Range(0, 8))
        {
            queue.TryAdd(job).ShouldBeTrue();
        }

        var taken = Enumerable.Range(0, 8).Select(_ => queue.TryTake(TimeSpan.Zero, out var job) ? job : -1).ToList();

        taken.ShouldBe(Enumerable.Range(0, 8));
    }

    [Fact]
    public void Who_waits_for_a_job_gets_the_next_one()
    {
        var queue = new JobQueue<int>(1);
        var taken = 0;
        var taker = new Thread(() => queue.TryTake(Timeout.InfiniteTimeSpan, out taken));
        taker.Start();
        SpinWait.SpinUntil(() => taker.ThreadState.HasFlag(ThreadState.WaitSleepJoin), s_deadline).ShouldBeTrue();

        queue.TryAdd(7);

        taker.Join(s_deadline).ShouldBeTrue();
        taken.ShouldBe(7);
    }

    [Fact]
    public void Who_adds_to_a_full_queue_waits_for_room()
    {
        var queue = new JobQueue<int>(1);
        queue.TryAdd(1);
        var adder = new Thread(() => queue.TryAdd(2));
        adder.Start();
        SpinWait.SpinUntil(() => adder.ThreadState.HasFlag(ThreadState.WaitSleepJoin), s_deadline).ShouldBeTrue();

        queue.TryTake(TimeSpan.Zero, out _).ShouldBeTrue();

        adder.Join(s_deadline).ShouldBeTrue();
        queue.TryTake(TimeSpan.Zero, out var second).ShouldBeTrue();
        second.ShouldBe(2);
    }

    [Fact]
    public void A_closed_queue_gives_out_what_it_has_and_takes_nothing()
    {
        var queue = new JobQueue<int>(8);
        queue.TryAdd(1);

        queue.Close();

        queue.TryAdd(2).ShouldBeFalse();
        queue.TryTake(Timeout.InfiniteTimeSpan, out var last).ShouldBeTrue();
        last.ShouldBe(1);
        queue.TryTake(Timeout.InfiniteTimeSpan, out _).ShouldBeFalse();
    }

    [Fact]
    public void A_queue_that_is_closed_for_good_drops_what_it_has()
    {
        var queue = new JobQueue<int>(8);
        queue.TryAdd(1);

        queue.Close(drop: true);

        queue.TryTake(Timeout.InfiniteTimeSpan, out _).ShouldBeFalse();
    }

    [Fact]
    public void A_wait_for_a_job_ends_with_its_time()
    {
        var queue = new JobQueue<int>(8);

        queue.TryTake(TimeSpan.FromMilliseconds(1), out _).ShouldBeFalse();
    }

    [Fact]
    public void No_job_is_lost_or_doubled_between_many_threads()
    {
        const int threads = 4, each = 20_000;
        var queue = new JobQueue<int>(16);
        var seen = new int[threads * each];
        var takers = Enumerable.Range(0, threads).Select(_ => new Thread(() =>
        {
            while (queue.TryTake(Timeout.InfiniteTimeSpan, out var job))
            {
                Interlocked.Increment(ref seen[job]);
            }
        })).ToList();
        var adders = Enumerable.Range(0, threads).Select(number => new Thread(() =>
        {
            for (var job = 0; job < each; job++)
            {
                queue.TryAdd((number * each) + job);
            }
        })).ToList();

        takers.ForEach(thread => thread.Start());
        adders.ForEach(thread => thread.Start());
        adders.ForEach(thread => thread.Join());
        queue.Close();
        takers.ForEach(thread => thread.Join());

        seen.ShouldAllBe(times => times == 1);
    }
}
