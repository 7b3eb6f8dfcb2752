using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Shouldly;
using Xunit;

namespace Covol.Tests.Lun;

/// <summary>Reservations of a file LUN between devices of one process.</summary>
public sealed class ReservationTests : IDisposable
{
    private static readonly ReservationKey s_a = new(0xA1);
    private static readonly ReservationKey s_b = new(0xB1);
    private static readonly LunByteOffset s_start = new(0);
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(30);

    private readonly TemporaryLun _backing = new();
    private readonly byte[] _block = TemporaryLun.RandomBytes(4096);

    public void Dispose() => _backing.Dispose();

    [Fact]
    public void Before_a_reservation_is_held_anybody_writes()
    {
        Registered(s_a);

        Should.NotThrow(() => _backing.Open().Write(s_start, _block));
    }

    [Fact]
    public void Under_a_reservation_who_is_not_registered_reads_and_does_not_write()
    {
        Registered(s_a).Reserve();
        var stranger = _backing.Open();

        Refused(() => stranger.Write(s_start, _block));
        Refused(() => stranger.WriteZeroes(s_start, new ByteCount(8192)));
        Refused(() => stranger.Discard(s_start, new ByteCount(8192)));
        Refused(() => stranger.Discard(s_start, new ByteCount(512)));
        Refused(stranger.Flush);
        stranger.TryEnter().ShouldBeFalse();
        Should.NotThrow(() => stranger.Read(s_start, _block));
    }

    [Fact]
    public void Two_registered_devices_both_write()
    {
        var a = Registered(s_a);
        a.Reserve();
        var b = Registered(s_b);
        b.Reserve();

        a.Write(s_start, _block);
        b.Write(new LunByteOffset(4096), _block);

        a.ReadKeys().ShouldBe([s_a, s_b], ignoreOrder: true);
    }

    [Fact]
    public void Who_is_not_registered_cannot_reserve() => Refused(() => _backing.Open().Reserve());

    [Fact]
    public void A_preempted_device_is_refused_from_then_on()
    {
        var a = Registered(s_a);
        var b = Registered(s_b);
        a.Reserve();

        a.PreemptAndAbort(s_a, s_b, s_long);

        Refused(() => b.Write(s_start, _block));
        Refused(b.Flush);
        b.FlushesFailed.ShouldBe(1);
        a.FlushesFailed.ShouldBe(0);
        Refused(b.Reserve);
        Refused(b.Unregister);
        Refused(() => b.PreemptAndAbort(s_b, s_a, s_long));
        b.TryEnter().ShouldBeFalse();
        a.ReadKeys().ShouldBe([s_a]);
        Should.NotThrow(() => b.Read(s_start, _block));
        Should.NotThrow(() => a.Write(s_start, _block));
    }

    [Fact]
    public void A_preempted_device_is_refused_even_when_the_reservation_has_gone()
    {
        var a = Registered(s_a);
        var b = Registered(s_b);
        a.Reserve();
        a.PreemptAndAbort(s_a, s_b, s_long);
        a.Unregister();

        Refused(() => b.Write(s_start, _block));
    }

    [Fact]
    public void Preempting_waits_for_io_in_flight()
    {
        var a = Registered(s_a);
        var b = Registered(s_b);
        b.TryEnter().ShouldBeTrue();
        b.TryEnter().ShouldBeTrue();
        using var returned = new ManualResetEventSlim();
        var fencer = new Thread(() =>
        {
            a.PreemptAndAbort(s_a, s_b, s_long);
            returned.Set();
        });
        fencer.Start();

        SpinWait.SpinUntil(() => a.ReadKeys().Count == 1, s_long).ShouldBeTrue();
        b.TryEnter().ShouldBeFalse();
        b.Leave();
        returned.Wait(s_short).ShouldBeFalse();
        b.Leave();
        returned.Wait(s_long).ShouldBeTrue();
        fencer.Join();
    }

    [Fact]
    public void Without_the_drain_preempting_does_not_wait()
    {
        var a = Registered(s_a);
        a.GuardsOff = FenceGuards.Drain;
        var b = Registered(s_b);
        b.TryEnter().ShouldBeTrue();

        a.PreemptAndAbort(s_a, s_b, s_long);

        // The control: the fence has returned, and the victim's I/O is still in flight.
        Should.NotThrow(b.Leave);
        a.ReadKeys().ShouldBe([s_a]);
    }

    [Fact]
    public void A_second_fencer_waits_for_the_same_io()
    {
        var a = Registered(s_a);
        var b = Registered(s_b);
        var c = Registered(new ReservationKey(0xC1));
        b.TryEnter().ShouldBeTrue();
        Should.Throw<LunException>(() => a.PreemptAndAbort(s_a, s_b, s_short)).Error.ShouldBe(LunError.PathLost);

        Should.Throw<LunException>(() => c.PreemptAndAbort(new ReservationKey(0xC1), s_b, s_short))
            .Error.ShouldBe(LunError.PathLost);
        b.Leave();

        Should.NotThrow(() => c.PreemptAndAbort(new ReservationKey(0xC1), s_b, s_long));
    }

    [Fact]
    public void A_device_that_was_closed_without_giving_up_its_key_stays_listed_and_is_fenced_at_once()
    {
        var a = Registered(s_a);
        var b = Registered(s_b);
        b.TryEnter().ShouldBeTrue();
        b.Dispose();
        a.ReadKeys().ShouldContain(s_b);

        // Its count never goes down; its descriptor is gone, and that is what says that nothing is in flight.
        a.PreemptAndAbort(s_a, s_b, s_long);

        a.ReadKeys().ShouldBe([s_a]);
    }

    [Fact]
    public void Who_is_not_registered_cannot_preempt()
    {
        var b = Registered(s_b);

        Refused(() => _backing.Open().PreemptAndAbort(s_a, s_b, s_long));
        Refused(() => Registered(s_a).PreemptAndAbort(new ReservationKey(0xFF), s_b, s_long));
        b.ReadKeys().ShouldContain(s_b);
    }

    [Fact]
    public void Without_the_check_of_the_own_key_anybody_preempts()
    {
        var b = Registered(s_b);
        var stranger = _backing.Open();
        stranger.GuardsOff = FenceGuards.OwnKey;

        stranger.PreemptAndAbort(s_a, s_b, s_long);

        b.ReadKeys().ShouldBeEmpty();
    }

    [Fact]
    public void A_victim_that_is_not_registered_is_already_fenced()
    {
        var a = Registered(s_a);

        Should.NotThrow(() => a.PreemptAndAbort(s_a, s_b, s_long));
    }

    [Fact]
    public void A_key_is_registered_once_only()
    {
        var a = Registered(s_a);
        var b = Registered(s_b);
        Refused(() => _backing.Open().Register(s_b));
        a.PreemptAndAbort(s_a, s_b, s_long);
        b.Dispose();

        Refused(() => _backing.Open().Register(s_b));
        a.Unregister();
        Refused(() => _backing.Open().Register(s_a));
    }

    [Fact]
    public void A_device_lives_one_key_only()
    {
        var a = Registered(s_a);
        Refused(() => a.Register(s_b));
        a.Unregister();

        Refused(() => a.Register(s_b));
        Refused(() => a.Write(s_start, _block));
    }

    [Fact]
    public void Giving_up_a_key_waits_for_its_io()
    {
        var a = Registered(s_a);
        a.TryEnter().ShouldBeTrue();
        var leaver = new Thread(a.Unregister);
        leaver.Start();
        SpinWait.SpinUntil(() => a.ReadKeys().Count == 0, s_long).ShouldBeTrue();
        leaver.Join(s_short).ShouldBeFalse();

        a.Leave();

        leaver.Join(s_long).ShouldBeTrue();
    }

    [Fact]
    public void The_reservation_goes_with_the_last_registrant()
    {
        var a = Registered(s_a);
        var b = Registered(s_b);
        a.Reserve();
        var stranger = _backing.Open();
        a.Unregister();
        Refused(() => stranger.Write(s_start, _block));

        b.Unregister();

        Should.NotThrow(() => stranger.Write(s_start, _block));
    }

    [Fact]
    public void A_full_table_says_so_and_closed_devices_give_their_place_back()
    {
        var devices = Enumerable.Range(1, 256).Select(number => Registered(new ReservationKey((ulong)number))).ToList();
        var late = _backing.Open();
        var failure = Should.Throw<LunException>(() => late.Register(new ReservationKey(9998)));
        failure.Error.ShouldBe(LunError.NoSpace);
        failure.Message.ShouldContain("256 registered keys");

        devices[^1].Unregister();
        Should.Throw<LunException>(() => late.Register(new ReservationKey(9999))).Error.ShouldBe(LunError.NoSpace);
        devices[^1].Dispose();

        Should.NotThrow(() => late.Register(new ReservationKey(9999)));
        late.ReadKeys().Count.ShouldBe(256);
    }

    [Fact]
    public void A_table_removed_under_its_users_is_noticed()
    {
        var a = Registered(s_a);
        var waiting = _backing.Open();
        File.Delete(_backing.Path + ".reservations");

        Should.Throw<LunException>(() => waiting.Register(s_b)).Message.ShouldContain("removed or replaced");
        Should.Throw<LunException>(() => _backing.Open()).Message.ShouldContain("removed while processes use the LUN");
        a.Dispose();
        waiting.Dispose();
        Should.NotThrow(() => _backing.Open());
    }

    [Fact]
    public void A_table_of_another_file_is_refused()
    {
        Registered(s_a).Dispose();
        File.Copy(_backing.Path, _backing.Path + ".copy");
        File.Move(_backing.Path + ".copy", _backing.Path, overwrite: true);

        Should.Throw<LunException>(() => _backing.Open()).Message.ShouldContain("belongs to another file");
    }

    [Fact]
    public void A_file_that_is_no_table_is_left_alone()
    {
        File.WriteAllText(_backing.Path + ".reservations", "letters of somebody");

        Should.Throw<LunException>(() => _backing.Open()).Message.ShouldContain("is not a reservation table");
        File.ReadAllText(_backing.Path + ".reservations").ShouldBe("letters of somebody");
    }

    [Fact]
    public void After_a_boot_nobody_is_registered_and_keys_stay_used()
    {
        var a = Registered(s_a);
        a.Reserve();
        a.Dispose();
        using (var table = File.OpenWrite(_backing.Path + ".reservations"))
        {
            table.Position = 64;
            table.Write("another boot's 1"u8);
        }

        var stranger = _backing.Open();

        stranger.ReadKeys().ShouldBeEmpty();
        Should.NotThrow(() => stranger.Write(s_start, _block));
        Refused(() => stranger.Register(s_a));
    }

    private FileLun Registered(ReservationKey key)
    {
        var lun = _backing.Open();
        lun.Register(key);
        return lun;
    }

    private static void Refused(Action what) => Should.Throw<LunException>(what).Error.ShouldBe(LunError.ReservationConflict);
}
