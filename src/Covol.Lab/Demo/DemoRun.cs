using System.Diagnostics;
using System.Security.Cryptography;
using Covol.Api;
using Covol.Api.Contracts;
using Covol.Lab.Guest;

namespace Covol.Lab.Demo;

/// <summary>
/// The main job, from nothing to proof: a cluster of three nodes, a guest whose disk is a file on the shared volume, live migrations, the
/// loss of the coordinator's node, and a look at every byte from outside.
/// </summary>
public sealed class DemoRun
{
    private const string Machine = "demo";
    private const string Disk = "demo.vhd";
    private const string Sample = "sample.bin";
    private const int DiskMebibytes = 32;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan s_steady = TimeSpan.FromSeconds(2);

    private readonly LabDirectory _lab;
    private readonly IReadOnlyList<string> _daemon;
    private readonly string _guestCache;
    private readonly TimeProvider _time;
    private readonly TextWriter _output;
    private readonly List<(DateTimeOffset At, string What)> _events = [];
    private readonly List<DemoMigration> _migrations = [];
    private DateTimeOffset _start;
    private DemoCoordinatorKill? _kill;
    private DemoGuest? _guest;
    private DemoVolume? _volume;

    public DemoRun(LabDirectory lab, IReadOnlyList<string> daemon, string guestCache, TimeProvider time, TextWriter output)
    {
        _lab = lab;
        _daemon = daemon;
        _guestCache = guestCache;
        _time = time;
        _output = output;
    }

    /// <summary>
    /// Runs everything and takes it all down again. A failure is in the report, with what was measured until then. What the machine or
    /// the folder lacks is a <see cref="LabException"/> before anything is begun: a lab that is there already is none of ours to end.
    /// </summary>
    public async Task<DemoReport> RunAsync(CancellationToken cancellation)
    {
        LabRequirements.ForNewLab(_lab);
        LabRequirements.Program("qemu-system-x86_64", "qemu-system-x86");
        LabRequirements.Program("qemu-img", "qemu-utils");
        _start = _time.GetUtcNow();
        string? failure = null;
        try
        {
            failure = await PlayAsync(cancellation).ConfigureAwait(false);
        }
        catch (Exception problem) when (problem is LabException or NodeApiException or GuestImageException or IOException)
        {
            failure = problem.Message;
        }
        finally
        {
            await new LabDown(_lab, _time).RunAsync(removeFiles: failure is null, CancellationToken.None).ConfigureAwait(false);
        }

        if (failure is not null)
        {
            _output.WriteLine($"FAILED: {failure}");
            if (Directory.Exists(_lab.Path))
            {
                _output.WriteLine($"The logs are in {_lab.Path}/node<n>/log.");
            }
        }

        return new DemoReport(failure is null, failure, _migrations, _kill, _guest, _volume);
    }

    /// <summary>Null when all went well, else what was lost or wrong.</summary>
    private async Task<string?> PlayAsync(CancellationToken cancellation)
    {
        Say("building the guest (once)");
        var image = await GuestImage.BuildAsync(_guestCache, cancellation).ConfigureAwait(false);
        await new LabUp(_lab, _daemon, _time, Say).RunAsync(3, 2L << 30, cancellation).ConfigureAwait(false);

        var sample = RandomNumberGenerator.GetBytes(5_000_123);
        await File.WriteAllBytesAsync(OnNode(2, Sample), sample, cancellation).ConfigureAwait(false);
        await MakeDiskAsync(cancellation).ConfigureAwait(false);

        using var tail = new ConsoleTail(
            _lab.Read().Nodes.Select(node => $"{_lab.Node(node)}/log/{Machine}.console.log"), _time);
        using var node2 = NodeClient.OverUnixSocket(_lab.ApiSocket(2), TimeSpan.FromMinutes(5));
        await node2.CreateVirtualMachineAsync(
            new VirtualMachineDefinition(
                Machine, 131_080L << 10, 1, [$"{LabUp.VolumeName}/{Disk}"], image.Kernel, image.InitialRamDisk, GuestImage.Append()),
            cancellation).ConfigureAwait(false);
        await node2.StartVirtualMachineAsync(Machine, "node1", cancellation).ConfigureAwait(false);
        await WaitForTicksAsync(tail, 50, cancellation).ConfigureAwait(false);
        Mark("the guest runs on node1 and writes");

        await MigrateAsync(node2, tail, "node2", cancellation).ConfigureAwait(false);
        await MigrateAsync(node2, tail, "node3", cancellation).ConfigureAwait(false);
        await KillCoordinatorAsync(node2, tail, cancellation).ConfigureAwait(false);
        await MigrateAsync(node2, tail, "node2", cancellation).ConfigureAwait(false);

        await node2.StopVirtualMachineAsync(Machine, force: false, cancellation).ConfigureAwait(false);
        Mark("the guest is stopped");
        return await VerifyAsync(node2, tail, SHA256.HashData(sample), cancellation).ConfigureAwait(false);
    }

    private async Task MakeDiskAsync(CancellationToken cancellation)
    {
        var path = OnNode(3, Disk);
        using var process = Process.Start(
            new ProcessStartInfo("qemu-img", ["create", "-f", "vpc", "-o", "subformat=fixed,force_size=on", path, $"{DiskMebibytes}M"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }) ?? throw new LabException("qemu-img could not be started: 'apt-get install qemu-utils'.");
        var error = await process.StandardError.ReadToEndAsync(cancellation).ConfigureAwait(false);
        await process.WaitForExitAsync(cancellation).ConfigureAwait(false);
        if (process.ExitCode != 0)
        {
            throw new LabException($"The guest's disk could not be made: {error.Trim()}");
        }

        Say($"made a fixed VHD of {DiskMebibytes} MiB on {LabUp.VolumeName}");
    }

    private async Task MigrateAsync(NodeClient client, ConsoleTail tail, string to, CancellationToken cancellation)
    {
        var done = await client.MigrateAsync(Machine, to, cancellation).ConfigureAwait(false);
        _migrations.Add(new DemoMigration(done.From, done.To, done.TotalMs, done.DowntimeMs, done.BlackoutMs));
        Mark($"migrated {done.From} -> {done.To}: {done.TotalMs} ms in all, blackout {done.BlackoutMs} ms");
        await WaitForTicksAsync(tail, 100, cancellation).ConfigureAwait(false);
    }

    private async Task KillCoordinatorAsync(NodeClient client, ConsoleTail tail, CancellationToken cancellation)
    {
        var before = (await client.GetVolumesAsync(cancellation).ConfigureAwait(false)).Single();
        var victim = _lab.ParseNode(before.Coordinator);
        if (victim == 2)
        {
            await client.MoveVolumeAsync(LabUp.VolumeName, "node1", cancellation).ConfigureAwait(false);
            before = (await client.GetVolumesAsync(cancellation).ConfigureAwait(false)).Single();
            victim = _lab.ParseNode(before.Coordinator);
        }

        using var prober = new MetadataProber(OnNode(2, "probe"));
        await Wait.UntilAsync(
            _time,
            s_limit,
            () => Task.FromResult(prober.Failure is { } failure ? throw new LabException(failure) : prober.Rounds > 50 ? null : "the prober is slow"),
            cancellation).ConfigureAwait(false);

        var killedAt = _time.GetUtcNow();
        var stamp = Stopwatch.GetTimestamp();
        await new LabFaults(_lab, _time).KillNodeAsync(victim, cancellation).ConfigureAwait(false);
        Mark($"killed every process of node{victim}, which coordinated {before.Volume} (epoch {before.Epoch})");
        var detect = await TimeUntilAsync(client, stamp, volume => volume.Epoch > before.Epoch, cancellation).ConfigureAwait(false);
        var takeover = await TimeUntilAsync(
            client, stamp, volume => volume.Epoch > before.Epoch && volume.State == "Online", cancellation).ConfigureAwait(false);
        var after = (await client.GetVolumesAsync(cancellation).ConfigureAwait(false)).Single();
        Mark($"{after.Coordinator} coordinates after {takeover.TotalMilliseconds:0} ms (epoch {after.Epoch})");

        var rounds = prober.Rounds;
        await Wait.UntilAsync(
            _time,
            s_limit,
            () => Task.FromResult(
                prober.Failure is { } failure ? throw new LabException($"The prober saw an error: {failure}")
                : prober.Rounds > rounds + 50 ? null : "metadata operations do not go on"),
            cancellation).ConfigureAwait(false);
        await WaitForTicksAsync(tail, 100, cancellation).ConfigureAwait(false);
        if (!prober.Finish(s_limit) || prober.Failure is not null)
        {
            throw new LabException($"The prober did not end well: {prober.Failure ?? "its last operation hangs"}");
        }

        _kill = new DemoCoordinatorKill(
            (long)detect.TotalMilliseconds,
            (long)takeover.TotalMilliseconds,
            (long)tail.LongestPauseSince(killedAt).TotalMilliseconds,
            (long)prober.LongestSince(stamp).TotalMilliseconds);
    }

    private async Task<TimeSpan> TimeUntilAsync(
        NodeClient client, long since, Func<VolumeView, bool> condition, CancellationToken cancellation)
    {
        await Wait.UntilAsync(
            _time,
            s_limit,
            async () => condition((await client.GetVolumesAsync(cancellation).ConfigureAwait(false)).Single()) ? null : "no node took over",
            cancellation,
            pause: TimeSpan.FromMilliseconds(5)).ConfigureAwait(false);
        return Stopwatch.GetElapsedTime(since);
    }

    private async Task<string?> VerifyAsync(NodeClient client, ConsoleTail tail, byte[] sampleHash, CancellationToken cancellation)
    {
        var disk = await GuestDiskVerifier.VerifyAsync(OnNode(2, Disk), GuestImage.DefaultBlocks, cancellation).ConfigureAwait(false);
        var states = await client.GetVolumeStatesAsync(cancellation).ConfigureAwait(false);
        await client.RemoveVolumeAsync(LabUp.VolumeName, force: false, cancellation).ConfigureAwait(false);
        Mark("the volume is released");

        var tools = new ExternalTools(_lab.Lun);
        var findings = await tools.CheckAsync(cancellation).ConfigureAwait(false);
        var compared = await tools.CompareAsync(Sample, sampleHash, cancellation).ConfigureAwait(false);
        _guest = tail.Read(ticks => new DemoGuest(
            disk.HighestSequence,
            disk.Missing + Math.Max(0, ticks.LastSequence - disk.HighestSequence),
            disk.BadChecksums + disk.Foreign,
            ticks.IoErrors,
            (long)ticks.PauseMax.TotalMilliseconds));
        _volume = new DemoVolume(
            states.Sum(state => state.DirectBytes),
            states.Sum(state => state.RedirectedBytes),
            findings.Count,
            findings.Count == 0 && compared is null);
        Draw(tail);
        return this switch
        {
            _ when findings.Count > 0 => findings[0],
            _ when compared is not null => compared,
            { _guest: { LostWrites: 0, BadChecksums: 0, IoErrors: 0 } } when disk.IsClean => null,
            _ => $"The guest lost {_guest.LostWrites} writes, {_guest.BadChecksums} have bad checksums, it saw {_guest.IoErrors} I/O errors.",
        };
    }

    /// <summary>The guest writes on: so many more ticks, and a moment of steady ones.</summary>
    private async Task WaitForTicksAsync(ConsoleTail tail, int more, CancellationToken cancellation)
    {
        var from = tail.Read(ticks => ticks.LastSequence);
        var since = _time.GetTimestamp();
        await Wait.UntilAsync(
            _time,
            s_limit,
            () => Task.FromResult(tail.Read(ticks =>
                ticks.FatalReason is { } fatal ? throw new LabException($"The guest gave up: {fatal}")
                : ticks.LastSequence >= from + more && _time.GetElapsedTime(since) >= s_steady ? null
                : $"the guest has made {ticks.LastSequence - from} of {more} writes")),
            cancellation).ConfigureAwait(false);
    }

    private void Draw(ConsoleTail tail)
    {
        var silences = tail.Silences();
        if (silences.Count == 0)
        {
            return;
        }

        var from = silences[0].At;
        _output.WriteLine();
        TimeLine.Draw(
            _output,
            100,
            silences[^1].At - from,
            [.. silences.Select(tick => (tick.At - from, tick.Silence))],
            [.. _events.Select(happened => (happened.At - from, happened.What))]);
        _output.WriteLine();
    }

    private string OnNode(int node, string name) => $"{_lab.NamespaceRoot(node)}/{LabUp.VolumeName}/{name}";

    private void Mark(string what)
    {
        _events.Add((_time.GetUtcNow(), what));
        Say(what);
    }

    private void Say(string what) => _output.WriteLine($"{(_time.GetUtcNow() - _start).TotalSeconds,7:0.00} s  {what}");
}
