using Covol.Coordinator;
using Covol.Coordinator.OwnKey;
using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Transport;
using Microsoft.Extensions.Logging.Abstractions;

namespace Covol.Growth;

/// <summary>A real volume on a file LUN in a folder of its own, and the coordinators that serve it one after another in this process.</summary>
internal sealed class GrowthVolume : IAsyncDisposable
{
    public const string Name = "Volume1";

    /// <summary>Permission bits of what is made: rw-r--r--, rwxr-xr-x.</summary>
    public const int FileMode = 0x1A4;

    public const int DirectoryMode = 0x1ED;

    /// <summary>Files that are made in one commit, well within the journal.</summary>
    private const int FilesACommit = 50;

    private static readonly NodeId s_node = new(1);
    private readonly string _folder = Directory.CreateDirectory($"/var/tmp/covol-growth-{Environment.ProcessId}-{Guid.NewGuid():N}"[..40]).FullName;
    private ILun? _lun;
    private MetadataThread? _metadata;
    private NtfsVolume? _volume;
    private VolumeListener? _listener;
    private string? _failure;

    private GrowthVolume()
    {
    }

    public Epoch Epoch { get; private set; } = new(1);

    public string Endpoint { get; private set; } = "";

    public VolumeCoordinator Coordinator { get; private set; } = null!;

    public string LunPath => $"{_folder}/lun.img";

    /// <param name="size">Of the LUN; what nobody writes takes no room on the disk below.</param>
    /// <param name="fill">Makes files before anybody serves the volume.</param>
    public static async Task<GrowthVolume> StartAsync(ByteCount size, Action<NtfsVolume> fill)
    {
        var made = new GrowthVolume();
        try
        {
            await VolumeFormat.RunAsync($"file:{made.LunPath}", size, Name, overwrite: false, NullLoggerFactory.Instance);
            using (var lun = FileLun.Open(made.LunPath, NullLogger.Instance))
            using (var metadata = new MetadataThread(Name))
            {
                lun.Register(new ReservationKey(0xF0));
                lun.Reserve();
                var (volume, _) = await metadata.RunAsync(() => NtfsVolume.Open(lun, made.Epoch, NtfsOptions.Default));
                await metadata.RunAsync(() =>
                {
                    fill(volume);
                    volume.Commit([]);
                    volume.Checkpoint([]);
                    volume.Dispose();
                });
                lun.Unregister();
            }

            await made.ServeAsync();
            return made;
        }
        catch
        {
            await made.DisposeAsync();
            throw;
        }
    }

    /// <summary>Files with valid data, in one directory of the root. What is in them is whatever the LUN holds.</summary>
    public static IReadOnlyList<FileId> MakeFiles(NtfsVolume volume, string directory, int count, long bytes)
    {
        var parent = volume.Create(volume.Root, directory, new NewInode(FileKind.Directory, DirectoryMode, 0, 0)).File;
        var files = new List<FileId>(count);
        for (var number = 0; number < count; number++)
        {
            var file = volume.Create(parent, $"file-{number}", new NewInode(FileKind.Regular, FileMode, 0, 0)).File;
            volume.Extend(file, new ByteCount(bytes));
            volume.SetValidLength(file, new ByteCount(bytes), default);
            files.Add(file);
            if (number % FilesACommit == 0)
            {
                CommitInTime(volume);
            }
        }

        return files;
    }

    /// <summary>Nobody serves the volume yet, so there is no state of a caller's to keep.</summary>
    public static void CommitInTime(NtfsVolume volume)
    {
        volume.Commit([]);
        if (volume.JournalUse > 0.5)
        {
            volume.Checkpoint([]);
        }
    }

    /// <summary>The coordinator stops as in a crash; the next one recovers the volume and serves it.</summary>
    public async Task TakeOverAsync()
    {
        await StopAsync();
        await ServeAsync();
    }

    /// <summary>Asks the engine itself, between two of the coordinator's jobs; nothing may be changed.</summary>
    public Task<T> AskEngineAsync<T>(Func<NtfsVolume, T> ask) =>
        _metadata!.RunAsync(() => ask(_volume ?? throw new GrowthException("Nobody serves the volume.")));

    /// <summary>No figure is worth anything after this.</summary>
    public void RequireServing()
    {
        if (_failure is { } failure)
        {
            throw new GrowthException($"The coordinator failed: {failure}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task ServeAsync()
    {
        Epoch = new Epoch(Epoch.Value + 1);
        var own = new ReservationKey(0xC0_0000 + (ulong)Epoch.Value);
        _lun = FileLun.Open(LunPath, NullLogger.Instance);
        _lun.Register(own);
        _lun.Reserve();
        _metadata = new MetadataThread(Name);
        var (volume, recovery) = await _metadata.RunAsync(() => NtfsVolume.Open(_lun, Epoch, NtfsOptions.Default));
        _volume = volume;
        Coordinator = new VolumeCoordinator(new CoordinatorParts
        {
            VolumeName = Name,
            Epoch = Epoch,
            Volume = volume,
            Metadata = _metadata,
            Recovered = recovery,
            Lun = _lun,
            Reservations = _lun,
            OwnKey = own,
            OwnKeyLife = new CountedOwnKey(_lun),
            Time = TimeProvider.System,
            Loggers = NullLoggerFactory.Instance,
            Failed = (reason, _) => _failure = reason,
        });
        await Coordinator.StartAsync();
        var socket = PeerEndpoint.Unix($"{_folder}/{Epoch.Value}.sock");
        _listener = VolumeListener.Start(
            [socket], Coordinator, s_node, null, ConnectionOptions.Default with { Volume = Name }, TimeProvider.System, NullLogger.Instance);
        Endpoint = socket.ToString();
    }

    private async Task StopAsync()
    {
        if (_listener is not null)
        {
            await Coordinator.DisposeAsync();
            await _listener.DisposeAsync();
            _listener = null;
        }

        if (_metadata is not null)
        {
            if (_volume is not null)
            {
                await _metadata.RunAsync(_volume.Dispose);
                _volume = null;
            }

            _metadata.Dispose();
            _metadata = null;
        }

        _lun?.Dispose();
        _lun = null;
    }
}
