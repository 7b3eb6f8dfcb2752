using System.Collections.Concurrent;
using Covol.Fuse;
using Shouldly;
using Xunit;

namespace Covol.Tests.Fuse;

/// <summary>What the server promises to kernel and handler.</summary>
public sealed class Serving
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(10);

    [Fact]
    public void An_unknown_request_is_not_implemented()
    {
        using var kernel = FakeKernel.Mounted(new ScriptedHandler { OnRequest = request => request.ReplyOk() });

        kernel.Send((FuseOpcode)4000, 10, 77);

        kernel.Receive().Error.ShouldBe(-FuseErrno.NotImplemented);
    }

    [Fact]
    public void A_request_shorter_than_its_body_fails_and_the_next_one_does_not()
    {
        using var kernel = FakeKernel.Mounted(new ScriptedHandler { OnRequest = request => request.ReplyOk() });

        kernel.Send(FuseOpcode.Read, 10, 77, new byte[8]);
        kernel.Send(FuseOpcode.ReadLink, 12, 77);

        kernel.Receive().ShouldSatisfyAllConditions(r => r.Error.ShouldBe(-FuseErrno.InputOutput), r => r.Unique.ShouldBe(10UL));
        kernel.Receive().ShouldSatisfyAllConditions(r => r.Error.ShouldBe(0), r => r.Unique.ShouldBe(12UL));
    }

    [Fact]
    public void A_write_that_lies_about_its_length_fails()
    {
        using var kernel = FakeKernel.Mounted(new ScriptedHandler { OnRequest = request => request.ReplyOk() });
        var body = Body.Write(1, 0, new byte[16]);

        kernel.Send(FuseOpcode.Write, 10, 77, body[..^1]);

        kernel.Receive().Error.ShouldBe(-FuseErrno.InputOutput);
    }

    [Fact]
    public void A_handler_that_throws_is_told_and_the_caller_gets_an_error()
    {
        var handler = new ScriptedHandler { OnRequest = _ => throw new InvalidOperationException("no") };
        using var kernel = FakeKernel.Mounted(handler);

        kernel.Send(FuseOpcode.ReadLink, 10, 77);
        kernel.Receive().Error.ShouldBe(-FuseErrno.InputOutput);
        kernel.Send(FuseOpcode.ReadLink, 12, 77);
        kernel.Receive().Error.ShouldBe(-FuseErrno.InputOutput);

        handler.Failures.Select(failure => failure.Message).ShouldBe(["no", "no"]);
    }

    [Fact]
    public void A_second_answer_is_refused_and_never_sent()
    {
        var handler = new ScriptedHandler
        {
            OnRequest = request =>
            {
                request.ReplyOk();
                request.ReplyError(FuseErrno.NoSpace);
            },
        };
        using var kernel = FakeKernel.Mounted(handler);

        kernel.Send(FuseOpcode.ReadLink, 10, 77);

        kernel.Receive().Error.ShouldBe(0);
        handler.Failures.ShouldHaveSingleItem().ShouldBeOfType<FuseContractException>();
        kernel.IsQuiet().ShouldBeTrue();
    }

    [Fact]
    public void More_bytes_than_were_asked_for_are_refused()
    {
        var handler = new ScriptedHandler { OnRequest = request => request.ReplyData(4097) };
        using var kernel = FakeKernel.Mounted(handler);

        kernel.Send(FuseOpcode.Read, 10, 77, Body.Read(1, 0, 4096));

        kernel.Receive().Error.ShouldBe(-FuseErrno.InputOutput);
        handler.Failures.ShouldHaveSingleItem().ShouldBeOfType<FuseContractException>();
    }

    [Fact]
    public void A_server_may_be_stopped_again_after_its_end()
    {
        using var kernel = FakeKernel.Mounted(new ScriptedHandler());
        kernel.Close();

        kernel.Server.Stop();
        kernel.Server.Dispose();

        kernel.End().ShouldBe(FuseServerEnd.Unmounted);
    }

    [Fact]
    public void Answers_of_other_threads_all_arrive()
    {
        const int requests = 400;
        using var slow = new BlockingCollection<FuseRequest>(boundedCapacity: 64);
        var workers = Enumerable.Range(0, 3).Select(_ => new Thread(AnswerAll)).ToList();
        workers.ForEach(worker => worker.Start());
        using var kernel = FakeKernel.Mounted(new ScriptedHandler { OnRequest = slow.Add });
        var answered = new HashSet<ulong>();

        for (var sent = 0; sent < requests; sent += 8)
        {
            for (var n = sent; n < sent + 8; n++)
            {
                kernel.Send(FuseOpcode.Seek, 10 + (2 * (ulong)n), 77, new byte[24]);
            }

            for (var n = 0; n < 8; n++)
            {
                var reply = kernel.Receive();
                reply.Payload.ShouldBe(Body.U64(reply.Unique));
                answered.Add(reply.Unique);
            }
        }

        slow.CompleteAdding();
        workers.ForEach(worker => worker.Join(s_deadline).ShouldBeTrue());
        answered.Count.ShouldBe(requests);

        void AnswerAll()
        {
            foreach (var request in slow.GetConsumingEnumerable())
            {
                request.ReplySeek(request.Unique);
            }
        }
    }

    [Fact]
    public void Requests_beyond_the_limit_wait_until_others_are_answered()
    {
        var held = new ConcurrentQueue<FuseRequest>();
        using var kernel = FakeKernel.Mounted(new ScriptedHandler { OnRequest = held.Enqueue });
        var limit = FakeKernel.Small().RequestsMax;

        for (var n = 0; n < limit + 4; n++)
        {
            kernel.Send(FuseOpcode.ReadLink, 10 + (2 * (ulong)n), 77);
        }

        Until(() => held.Count == limit);
        kernel.IsQuiet().ShouldBeTrue();
        for (var n = 0; n < limit + 4; n++)
        {
            Until(() => !held.IsEmpty);
            held.TryDequeue(out var request).ShouldBeTrue();
            request!.ReplyOk();
            kernel.Receive().Unique.ShouldBe(10 + (2 * (ulong)n));
        }
    }

    [Fact]
    public void Waiting_locks_leave_room_for_the_unlock()
    {
        var held = new ConcurrentQueue<FuseRequest>();
        using var kernel = FakeKernel.Mounted(new ScriptedHandler
        {
            OnRequest = request =>
            {
                if (request.Opcode == FuseOpcode.SetLockWait)
                {
                    held.Enqueue(request);
                }
                else
                {
                    request.ReplyOk();
                }
            },
        });

        for (var n = 0ul; n < 5; n++)
        {
            kernel.Send(FuseOpcode.SetLockWait, 10 + (2 * n), 77, Body.Lock(1, n, 0, 1, FuseLock.Exclusive));
        }

        kernel.Receive().ShouldSatisfyAllConditions(r => r.Error.ShouldBe(-FuseErrno.NoLocks), r => r.Unique.ShouldBe(18UL));
        kernel.Send(FuseOpcode.SetLock, 30, 77, Body.Lock(1, 1, 0, 1, FuseLock.Unlocked));
        kernel.Receive().Unique.ShouldBe(30UL);
        held.TryDequeue(out var first).ShouldBeTrue();
        first!.ReplyOk();
        kernel.Receive().Unique.ShouldBe(10UL);
        kernel.Send(FuseOpcode.SetLockWait, 32, 77, Body.Lock(1, 9, 0, 1, FuseLock.Exclusive));
        Until(() => held.Count == 4);
        foreach (var request in held)
        {
            request.ReplyError(FuseErrno.Interrupted);
            kernel.Receive().Error.ShouldBe(-FuseErrno.Interrupted);
        }
    }

    [Fact]
    public void Interrupts_and_forgets_are_told_and_not_answered()
    {
        var handler = new ScriptedHandler { OnRequest = request => request.ReplyOk() };
        using var kernel = FakeKernel.Mounted(handler);

        kernel.Send(FuseOpcode.Interrupt, 11, 0, Body.U64(10));
        kernel.Send(FuseOpcode.Forget, 14, 77, Body.U64(3));
        kernel.Send(FuseOpcode.BatchForget, 16, 0, Body.U32(2, 0), Body.U64(5, 1, 6, 2));
        kernel.Send(FuseOpcode.ReadLink, 18, 77);

        kernel.Receive().Unique.ShouldBe(18UL);
        handler.Told.ShouldBe(["interrupted 10", "forgotten 77 3", "forgotten 5 1", "forgotten 6 2"]);
    }

    [Fact]
    public void An_interrupt_is_told_after_the_lock_request_that_it_is_for()
    {
        const ulong pairs = 200;
        const ulong interruptBit = 1;
        using var isBlocked = new ManualResetEventSlim();
        using var goesOn = new ManualResetEventSlim();
        ScriptedHandler? handler = null;
        handler = new ScriptedHandler
        {
            OnRequest = request =>
            {
                // While the first one is here, the next ones wait on the descriptor and are then taken in rows.
                isBlocked.Set();
                goesOn.Wait(s_deadline).ShouldBeTrue();
                handler!.Told.Enqueue($"lock {request.Unique}");
                request.ReplyError(FuseErrno.Interrupted);
            },
        };
        using var kernel = FakeKernel.Mounted(handler);

        for (var n = 0ul; n < pairs; n++)
        {
            var unique = 10 + (2 * n);
            kernel.Send(FuseOpcode.SetLockWait, unique, 77, Body.Lock(1, 2, 0, 9, 1));
            kernel.Send(FuseOpcode.Interrupt, unique | interruptBit, 0, Body.U64(unique));
            if (n % 8 == 7)
            {
                isBlocked.Wait(s_deadline).ShouldBeTrue();
                goesOn.Set();
                for (var answers = 0; answers < 8; answers++)
                {
                    kernel.Receive().Error.ShouldBe(-FuseErrno.Interrupted);
                }

                goesOn.Reset();
                isBlocked.Reset();
            }
        }

        Until(() => handler.Told.Count == (int)(2 * pairs));
        handler.Told.ShouldBe(Enumerable.Range(0, (int)pairs).SelectMany(n => new[] { $"lock {10 + (2 * n)}", $"interrupted {10 + (2 * n)}" }));
    }

    [Fact]
    public void A_batch_that_claims_more_than_it_brings_is_ignored()
    {
        var handler = new ScriptedHandler { OnRequest = request => request.ReplyOk() };
        using var kernel = FakeKernel.Mounted(handler);

        kernel.Send(FuseOpcode.BatchForget, 16, 0, Body.U32(1000, 0), Body.U64(5, 1));
        kernel.Send(FuseOpcode.ReadLink, 18, 77);

        kernel.Receive().Unique.ShouldBe(18UL);
        handler.Told.ShouldBeEmpty();
    }

    [Fact]
    public void A_request_continued_by_another_thread_is_back_on_the_rings_thread()
    {
        var first = 0;
        var again = 0;
        FuseRequest? handed = null;
        var handler = new ScriptedHandler
        {
            OnRequest = request =>
            {
                first = Environment.CurrentManagedThreadId;
                Volatile.Write(ref handed, request);
            },
            OnContinued = request =>
            {
                again = Environment.CurrentManagedThreadId;
                request.ReplyOk();
            },
        };
        using var kernel = FakeKernel.Mounted(handler);

        kernel.Send(FuseOpcode.ReadLink, 10, 77);
        Until(() => Volatile.Read(ref handed) is not null);
        handed!.ContinueOnRing();

        kernel.Receive().Error.ShouldBe(0);
        again.ShouldBe(first);
        again.ShouldNotBe(Environment.CurrentManagedThreadId);
    }

    [Fact]
    public void An_unmount_tells_the_handler_and_waits_for_what_it_still_holds()
    {
        FuseRequest? held = null;
        var handler = new ScriptedHandler
        {
            OnRequest = request => Volatile.Write(ref held, request),
            OnDisconnected = () => Volatile.Read(ref held)!.ReplyError(FuseErrno.NotConnected),
        };
        using var kernel = FakeKernel.Mounted(handler);
        kernel.Send(FuseOpcode.SetLockWait, 10, 77, Body.Lock(1, 1, 0, 1, 1));
        Until(() => Volatile.Read(ref held) is not null);

        kernel.Close().ShouldBe(FuseServerEnd.Unmounted);

        handler.Told.ShouldBe(["disconnected"]);
    }

    [Fact]
    public void The_end_is_noticed_even_when_every_place_is_taken()
    {
        var held = new ConcurrentQueue<FuseRequest>();
        var handler = new ScriptedHandler
        {
            OnRequest = held.Enqueue,
            OnDisconnected = () =>
            {
                foreach (var request in held)
                {
                    request.ReplyError(FuseErrno.NotConnected);
                }
            },
        };
        using var kernel = FakeKernel.Mounted(handler);
        var limit = FakeKernel.Small().RequestsMax;
        for (var n = 0; n < limit; n++)
        {
            kernel.Send(FuseOpcode.ReadLink, 10 + (2 * (ulong)n), 77);
        }

        Until(() => held.Count == limit);

        kernel.Close().ShouldBe(FuseServerEnd.Aborted);
        handler.Told.ShouldBe(["disconnected"]);
    }

    [Fact]
    public void A_full_server_that_answers_everything_at_once_goes_on()
    {
        var held = new List<FuseRequest>();
        var limit = FakeKernel.Small().RequestsMax;
        using var kernel = FakeKernel.Mounted(new ScriptedHandler
        {
            // On the ring's thread, so all answers leave in one row.
            OnRequest = request =>
            {
                held.Add(request);
                if (held.Count == limit)
                {
                    held.ForEach(one => one.ReplyOk());
                    held.Clear();
                }
            },
        });

        for (var round = 0; round < 3; round++)
        {
            for (var n = 0; n < limit; n++)
            {
                kernel.Send(FuseOpcode.ReadLink, 10 + (2 * (ulong)n), 77);
            }

            for (var n = 0; n < limit; n++)
            {
                kernel.Receive().Unique.ShouldBe(10 + (2 * (ulong)n));
            }
        }
    }

    [Fact]
    public void A_server_that_is_stopped_with_answers_still_to_write_writes_them_and_ends()
    {
        var held = new List<FuseRequest>();
        FakeKernel? kernel = null;
        using var served = kernel = FakeKernel.Mounted(new ScriptedHandler
        {
            OnRequest = request =>
            {
                held.Add(request);
                if (held.Count == 8)
                {
                    held.ForEach(one => one.ReplyOk());
                    Volatile.Read(ref kernel)!.Server.Stop();
                }
            },
        });

        for (var n = 0; n < 8; n++)
        {
            kernel.Send(FuseOpcode.ReadLink, 10 + (2 * (ulong)n), 77);
        }

        for (var n = 0; n < 8; n++)
        {
            kernel.Receive().Unique.ShouldBe(10 + (2 * (ulong)n));
        }

        kernel.End().ShouldBe(FuseServerEnd.Stopped);
    }

    [Fact]
    public void A_server_that_was_full_stops_like_any_other()
    {
        var held = new ConcurrentQueue<FuseRequest>();
        using var kernel = FakeKernel.Mounted(new ScriptedHandler { OnRequest = held.Enqueue });
        var limit = FakeKernel.Small().RequestsMax;
        for (var n = 0; n < limit; n++)
        {
            kernel.Send(FuseOpcode.ReadLink, 10 + (2 * (ulong)n), 77);
        }

        Until(() => held.Count == limit);
        kernel.Server.Stop();
        foreach (var request in held)
        {
            request.ReplyOk();
            kernel.Receive().Error.ShouldBe(0);
        }

        kernel.End().ShouldBe(FuseServerEnd.Stopped);
    }

    [Fact]
    public void A_destroyed_mount_is_told_once()
    {
        var handler = new ScriptedHandler();
        using var kernel = FakeKernel.Mounted(handler);

        kernel.Send(FuseOpcode.Destroy, 10, 0);
        kernel.Receive().Error.ShouldBe(0);
        kernel.Close();

        handler.Told.ShouldBe(["disconnected"]);
    }

    [Fact]
    public void A_stopped_server_leaves_new_requests_to_its_successor()
    {
        var first = new ScriptedHandler { OnRequest = request => request.ReplySeek(1) };
        using var kernel = FakeKernel.Mounted(first);
        kernel.Server.Stop();
        kernel.End().ShouldBe(FuseServerEnd.Stopped);

        kernel.Send(FuseOpcode.Seek, 10, 77, new byte[24]);
        kernel.ServeAgain(new ScriptedHandler { OnRequest = request => request.ReplySeek(2) }, first.Negotiation!);

        var resend = kernel.Receive();
        resend.Error.ShouldBe(7);
        resend.Unique.ShouldBe(0UL);
        kernel.Receive().Payload.ShouldBe(Body.U64(2));
    }

    [Fact]
    public void A_stopping_server_answers_what_it_has()
    {
        var held = new ConcurrentQueue<FuseRequest>();
        using var kernel = FakeKernel.Mounted(new ScriptedHandler { OnRequest = held.Enqueue });
        kernel.Send(FuseOpcode.ReadLink, 10, 77);
        Until(() => !held.IsEmpty);

        kernel.Server.Stop();
        kernel.Server.Completion.IsCompleted.ShouldBeFalse();
        held.TryDequeue(out var request).ShouldBeTrue();
        request!.ReplyOk();

        kernel.Receive().Unique.ShouldBe(10UL);
        kernel.End().ShouldBe(FuseServerEnd.Stopped);
    }

    [Fact]
    public void A_successor_without_resend_sends_none()
    {
        var handler = new ScriptedHandler { OnRequest = request => request.ReplyOk() };
        using var kernel = FakeKernel.TakenOver(handler, new FuseNegotiation(31, 0x402, 1 << 20, 256));

        kernel.Send(FuseOpcode.ReadLink, 10, 77);

        kernel.Receive().Unique.ShouldBe(10UL);
    }

    internal static void Until(Func<bool> condition) =>
        SpinWait.SpinUntil(condition, s_deadline).ShouldBeTrue("The condition did not come true in time.");
}
