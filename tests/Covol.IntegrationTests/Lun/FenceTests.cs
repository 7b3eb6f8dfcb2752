using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Lun;

/// <summary>Fences between real processes that are stopped, killed, or do not drain (SAFETY 3, 8).</summary>
public sealed class FenceTests : IDisposable
{
    private const int Killed = 128 + 9;
    private const int LunLength = 256 << 20;
    private const byte NewOwner = 0xBB;

    private static readonly ReservationKey s_own = new(1);
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(50);

    private readonly string _folder = Directory.CreateTempSubdirectory("covol-lun-").FullName;
    private readonly string _path;
    private readonly FileLun _lun;

    public FenceTests()
    {
        _path = Path.Combine(_folder, "lun1.img");
        FileLun.CreateBacking(_path, new ByteCount(LunLength));
        _lun = FileLun.Open(_path, NullLogger.Instance);
        _lun.Register(s_own);
        _lun.Reserve();
    }

    public void Dispose()
    {
        _lun.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_holder_that_does_not_drain_is_ended()
    {
        using var child = await LunChild.StartAsync(LunChildProgram.Holding, _path, 2);

        _lun.PreemptAndAbort(s_own, child.Key, s_short);

        (await child.ExitCodeAsync()).ShouldBe(Killed);
        _lun.ReadKeys().ShouldBe([s_own]);
    }

    [Fact]
    public async Task A_holder_that_drains_lives_on_and_is_refused()
    {
        using var child = await LunChild.StartAsync(LunChildProgram.Polite, _path, 2);

        _lun.PreemptAndAbort(s_own, child.Key, s_long);

        await child.HearAsync(LunChildProgram.Refused);
        child.HasExited.ShouldBeFalse();
    }

    [Fact]
    public async Task A_frozen_holder_with_io_in_flight_is_ended()
    {
        using var child = await LunChild.StartAsync(LunChildProgram.Holding, _path, 2);
        child.Stop();

        _lun.PreemptAndAbort(s_own, child.Key, s_short);

        (await child.ExitCodeAsync()).ShouldBe(Killed);
    }

    [Fact]
    public async Task A_frozen_holder_is_fenced_asleep_and_is_refused_when_it_wakes()
    {
        using var child = await LunChild.StartAsync(LunChildProgram.Idle, _path, 2);
        await child.AskForIoAsync();
        await child.HearAsync(LunChildProgram.Ready);
        child.Stop();

        _lun.PreemptAndAbort(s_own, child.Key, s_long);

        _lun.ReadKeys().ShouldBe([s_own]);
        child.Continue();
        await child.AskForIoAsync();
        await child.HearAsync(LunChildProgram.Refused);
        child.HasExited.ShouldBeFalse();
    }

    [Fact]
    public async Task A_killed_registrant_stays_listed_until_it_is_preempted()
    {
        using var child = await LunChild.StartAsync(LunChildProgram.Holding, _path, 2);
        (await child.KillAsync()).ShouldBe(Killed);
        _lun.ReadKeys().ShouldBe([s_own, child.Key], ignoreOrder: true);

        _lun.PreemptAndAbort(s_own, child.Key, s_long);

        _lun.ReadKeys().ShouldBe([s_own]);
        using var next = await LunChild.StartAsync(LunChildProgram.Idle, _path, 3);
        _lun.ReadKeys().ShouldBe([s_own, next.Key], ignoreOrder: true);
    }

    [Fact]
    public async Task A_process_killed_in_the_middle_of_a_change_leaves_a_usable_table()
    {
        using var child = await LunChild.StartAsync(LunChildProgram.Changing, _path, 2);
        await child.KillAsync();

        _lun.PreemptAndAbort(s_own, child.Key, s_long);

        _lun.ReadKeys().ShouldBe([s_own]);
    }

    [Fact]
    public async Task A_key_of_a_dead_process_is_not_registered_again()
    {
        using var child = await LunChild.StartAsync(LunChildProgram.Idle, _path, 2);
        await child.KillAsync();
        _lun.PreemptAndAbort(s_own, child.Key, s_long);
        using var again = FileLun.Open(_path, NullLogger.Instance);

        Should.Throw<LunException>(() => again.Register(child.Key)).Error.ShouldBe(LunError.ReservationConflict);
    }

    [Fact]
    public async Task After_a_fence_no_write_of_a_killed_process_lands()
    {
        FillWith(0);
        for (ulong trial = 0; trial < 3; trial++)
        {
            using var child = await LunChild.StartAsync(LunChildProgram.Flooding, _path, 2 + trial);
            await child.KillAsync();

            _lun.PreemptAndAbort(s_own, child.Key, s_short);

            FillWith(NewOwner);
            BlocksOf(LunChildProgram.Flood).ShouldBe(0);
        }
    }

    [Fact]
    public async Task After_a_fence_no_write_of_a_living_process_lands()
    {
        FillWith(0);
        using var child = await LunChild.StartAsync(LunChildProgram.Flooding, _path, 2);

        _lun.PreemptAndAbort(s_own, child.Key, s_long);

        FillWith(NewOwner);
        BlocksOf(LunChildProgram.Flood).ShouldBe(0);
        child.HasExited.ShouldBeFalse();
    }

    /// <summary>
    /// The control: a fence that waits for the process instead of its descriptor returns while I/O of it is still in flight, which may
    /// land over the new owner's data. Whether a write really lands is up to the disk; that the fence was too early is seen each time.
    /// </summary>
    [Fact]
    public async Task A_fence_that_only_waits_for_the_process_returns_while_its_writes_are_in_flight()
    {
        const int TrialsMax = 10;
        FillWith(0);
        _lun.GuardsOff = FenceGuards.Descriptor;
        var wasTooEarly = false;
        for (ulong trial = 0; trial < TrialsMax && !wasTooEarly; trial++)
        {
            using var child = await LunChild.StartAsync(LunChildProgram.Flooding, _path, 2 + trial);
            await child.KillAsync();

            _lun.PreemptAndAbort(s_own, child.Key, s_short);

            wasTooEarly = _lun.IsAnyOtherHeld;
            FillWith(NewOwner);
            SpinWait.SpinUntil(() => !_lun.IsAnyOtherHeld, s_long).ShouldBeTrue();
            wasTooEarly |= BlocksOf(LunChildProgram.Flood) > 0;
        }

        wasTooEarly.ShouldBeTrue();
    }

    private void FillWith(byte value)
    {
        using var data = new AlignedBuffer(4 << 20);
        data.GetSpan().Fill(value);
        for (var at = 0; at < LunLength; at += data.Length)
        {
            _lun.Write(new LunByteOffset(at), data.GetSpan());
        }
    }

    private int BlocksOf(byte value)
    {
        using var data = new AlignedBuffer(4 << 20);
        var blocks = 0;
        for (var at = 0; at < LunLength; at += data.Length)
        {
            _lun.Read(new LunByteOffset(at), data.GetSpan());
            for (var block = 0; block < data.Length; block += 4096)
            {
                blocks += data.GetSpan()[block] == value ? 1 : 0;
            }
        }

        return blocks;
    }
}
