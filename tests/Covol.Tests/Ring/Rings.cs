using System.Runtime.InteropServices;
using Covol.Ring;
using Microsoft.Win32.SafeHandles;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ring;

/// <summary>The ring itself.</summary>
public sealed class Rings : IDisposable
{
    private readonly string _path = Path.GetTempFileName();
    private readonly SafeFileHandle _file;

    public Rings() => _file = File.OpenHandle(_path, FileMode.Open, FileAccess.ReadWrite);

    public void Dispose()
    {
        _file.Dispose();
        File.Delete(_path);
    }

    [Fact]
    public void What_was_written_is_read_back()
    {
        using var ring = new IoRing(8, 16);
        using var memory = NativeSlab.Map(8192);
        Marshal.WriteInt64(memory.Address, 0x1122334455667788);

        ring.Next().Write(Descriptor, memory.Address, 8, 0, token: 1);
        Result(ring, token: 1).ShouldBe(8);
        ring.Next().Read(Descriptor, memory.Address + 4096, 4096, 0, token: 2);
        Result(ring, token: 2).ShouldBe(8);

        Marshal.ReadInt64(memory.Address + 4096).ShouldBe(0x1122334455667788);
    }

    [Fact]
    public void Registered_memory_works_like_any_other()
    {
        using var ring = new IoRing(8, 16);
        using var memory = NativeSlab.Map(8192);
        ring.TryRegisterBuffer(memory.Address, memory.Length).ShouldBeTrue();
        Marshal.WriteInt64(memory.Address, 77);

        ring.Next().WriteFixed(Descriptor, memory.Address, 8, 0, token: 1);
        Result(ring, token: 1).ShouldBe(8);
        ring.Next().ReadFixed(Descriptor, memory.Address + 4096, 8, 0, token: 2);
        Result(ring, token: 2).ShouldBe(8);

        Marshal.ReadInt64(memory.Address + 4096).ShouldBe(77);
    }

    [Fact]
    public void More_submissions_than_the_queue_holds_are_all_completed()
    {
        using var ring = new IoRing(4, 64);
        using var memory = NativeSlab.Map(4096);

        for (var n = 0ul; n < 50; n++)
        {
            ring.Next().Write(Descriptor, memory.Address, 1, (long)n, token: n);
        }

        var seen = new HashSet<ulong>();
        while (seen.Count < 50)
        {
            ring.Submit(waitFor: 1);
            while (ring.TryTake(out var completion))
            {
                completion.Result.ShouldBe(1);
                seen.Add(completion.Token).ShouldBeTrue();
            }
        }

        RandomAccess.GetLength(_file).ShouldBe(50);
    }

    [Fact]
    public void A_failure_is_a_negative_errno()
    {
        using var ring = new IoRing(4, 8);
        using var memory = NativeSlab.Map(4096);

        ring.Next().Read(99_999, memory.Address, 8, 0, token: 5);

        Result(ring, token: 5).ShouldBe(-9);
    }

    [Fact]
    public void A_signal_of_another_thread_ends_the_wait()
    {
        using var ring = new IoRing(4, 8);
        using var memory = NativeSlab.Map(4096);
        using var signal = new RingSignal();
        var thread = new Thread(signal.Raise) { Name = "signalling" };

        ring.Next().Read(signal.Descriptor, memory.Address, 8, 0, token: 9);
        ring.Submit(waitFor: 0);
        ring.HasCompletion.ShouldBeFalse();
        thread.Start();

        Result(ring, token: 9).ShouldBe(8);
        thread.Join(TimeSpan.FromSeconds(10)).ShouldBeTrue();
    }

    [Fact]
    public void A_ring_says_that_something_is_ready_before_it_was_asked_to_wait()
    {
        using var ring = new IoRing(4, 8);
        using var memory = NativeSlab.Map(4096);
        using var signal = new RingSignal();
        ring.Next().Read(signal.Descriptor, memory.Address, 8, 0, token: 9);
        ring.Submit(waitFor: 0);
        ring.IsReady.ShouldBeFalse();
        var thread = new Thread(signal.Raise) { Name = "signalling" };

        thread.Start();

        SpinWait.SpinUntil(() => ring.IsReady, TimeSpan.FromSeconds(10)).ShouldBeTrue();
        Result(ring, token: 9).ShouldBe(8);
        thread.Join(TimeSpan.FromSeconds(10)).ShouldBeTrue();
        ring.IsReady.ShouldBeFalse();
    }

    [Fact]
    public void A_cancelled_submission_ends()
    {
        using var ring = new IoRing(4, 8);
        using var memory = NativeSlab.Map(4096);
        using var signal = new RingSignal();
        ring.Next().Read(signal.Descriptor, memory.Address, 8, 0, token: 9);
        ring.Submit(waitFor: 0);

        ring.Next().Cancel(victim: 9, token: 10);

        Result(ring, token: 9).ShouldBe(-125);
    }

    [Fact]
    public void Submissions_and_completions_allocate_nothing()
    {
        using var ring = new IoRing(8, 16);
        using var memory = NativeSlab.Map(4096);
        Pump(ring, memory, 500);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Pump(ring, memory, 500);

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public void Memory_is_page_aligned_and_empty()
    {
        using var memory = NativeSlab.Map(1 << 20);

        (memory.Address % 4096).ShouldBe(0);
        Marshal.ReadInt64(memory.Address + (1 << 20) - 8).ShouldBe(0);
    }

    private int Descriptor => (int)_file.DangerousGetHandle();

    private void Pump(IoRing ring, NativeSlab memory, int count)
    {
        for (var n = 0; n < count; n++)
        {
            ring.Next().Write(Descriptor, memory.Address, 512, 0, token: 3);
            ring.Submit(waitFor: 1);
            while (ring.TryTake(out _))
            {
            }
        }
    }

    /// <summary>The result of the submission with this token; others may complete before it.</summary>
    private static int Result(IoRing ring, ulong token)
    {
        for (var tried = 0; tried < 100; tried++)
        {
            ring.Submit(waitFor: 1);
            while (ring.TryTake(out var completion))
            {
                if (completion.Token == token)
                {
                    return completion.Result;
                }
            }
        }

        throw new TimeoutException($"Submission {token} did not complete.");
    }
}
