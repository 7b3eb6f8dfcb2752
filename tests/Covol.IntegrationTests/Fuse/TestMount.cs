using Covol.Fuse;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Shouldly;

namespace Covol.IntegrationTests.Fuse;

/// <summary>A mounted <see cref="TestFileSystem"/> in a temporary folder. Disposing it cleans up, in the worst case by an abort.</summary>
internal sealed class TestMount : IAsyncDisposable
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);
    private readonly string _folder;
    private readonly SafeFileHandle _lun;

    private TestMount(string folder, SafeFileHandle lun, FuseSession session, TestFileSystem fileSystem)
    {
        _folder = folder;
        _lun = lun;
        Session = session;
        FileSystem = fileSystem;
        Server = Serve(null);
    }

    internal FuseSession Session { get; }

    internal TestFileSystem FileSystem { get; }

    internal FuseServer Server { get; private set; }

    internal string Big => Path.Combine(Session.Path, "big");

    internal string Lun => Path.Combine(_folder, "lun");

    internal static TestMount Create(int partLength = 0)
    {
        var folder = Directory.CreateTempSubdirectory("covol-fuse-").FullName;
        var mountPoint = Directory.CreateDirectory(Path.Combine(folder, "mnt")).FullName;
        var lunPath = Path.Combine(folder, "lun");
        using (var file = File.Create(lunPath))
        {
            // Written, not only sized: reads and writes of holes are another matter than a disk's.
            var zeroes = new byte[1 << 20];
            for (var written = 0L; written < TestFileSystem.FileSize; written += zeroes.Length)
            {
                file.Write(zeroes);
            }
        }

        var lun = Native.Open(lunPath, Native.ReadWrite | Native.Direct | Native.CloseOnExec, 0);
        lun.IsInvalid.ShouldBeFalse();
        var session = FuseSession.Mount(new FuseMountOptions(mountPoint, "test", "covoltest"));
        return new TestMount(folder, lun, session, new TestFileSystem(lun) { PartLength = partLength });
    }

    /// <summary>A server on the same descriptor as the one before.</summary>
    internal void ServeAgain(FuseNegotiation negotiation) => Server = Serve(negotiation);

    public async ValueTask DisposeAsync()
    {
        using var deadline = new CancellationTokenSource(s_deadline);
        try
        {
            await FuseSession.UnmountAsync(Session.Path, TimeProvider.System, deadline.Token);
            await Server.Completion.WaitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            FuseConnection.Abort(Session.Connection);
            await Server.Completion.WaitAsync(s_deadline);
            throw new TimeoutException("The mount did not end by itself and was aborted.");
        }
        finally
        {
            FileSystem.Dispose();
            Session.Dispose();
            _lun.Dispose();
            Directory.Delete(_folder, recursive: true);
        }

        FileSystem.Failures.ShouldBeEmpty();
    }

    private FuseServer Serve(FuseNegotiation? negotiation)
    {
        ILogger logger = NullLogger.Instance;
        return FuseServer.Serve(Session.Descriptor, FileSystem, new FuseOptions { Name = "test" }, logger, negotiation);
    }
}
