using Covol.Fuse;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Shouldly;

namespace Covol.IntegrationTests.Fuse;

/// <summary>
/// A mounted <see cref="TestFileSystem"/> in a temporary folder. Disposing it cleans up, in the worst case by an abort.
/// </summary>
internal sealed class TestMount : IAsyncDisposable
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);
    private readonly string _folder;
    private readonly SafeFileHandle _lun;

    private readonly List<TestFileSystem> _fileSystems;

    private TestMount(string folder, SafeFileHandle lun, FuseSession session, TestFileSystem fileSystem)
    {
        _folder = folder;
        _lun = lun;
        _fileSystems = [fileSystem];
        Session = session;
        Server = Serve(null);
    }

    internal FuseSession Session { get; }

    /// <summary>The file system that is served now.</summary>
    internal TestFileSystem FileSystem => _fileSystems[^1];

    internal FuseServer Server { get; private set; }

    internal string Big => Path.Combine(Session.Path, "big");

    internal string Lun => Path.Combine(_folder, "lun");

    internal static TestMount Create(int partLength = 0, bool losesRequests = false)
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
        return new TestMount(folder, lun, session, new TestFileSystem(lun) { PartLength = partLength, LosesRequests = losesRequests });
    }

    /// <summary>A server and a file system on the same descriptor as those before. The former server has been stopped.</summary>
    internal void ServeAgain(FuseNegotiation negotiation)
    {
        _fileSystems.Add(new TestFileSystem(_lun));
        Server = Serve(negotiation);
    }

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
            _fileSystems.ForEach(fileSystem => fileSystem.Dispose());
            Session.Dispose();
            _lun.Dispose();
            Directory.Delete(_folder, recursive: true);
        }

        _fileSystems.SelectMany(fileSystem => fileSystem.Failures).ShouldBeEmpty();
    }

    private FuseServer Serve(FuseNegotiation? negotiation)
    {
        ILogger logger = NullLogger.Instance;
        return FuseServer.Serve(Session.Descriptor, FileSystem, new FuseOptions { Name = "test" }, logger, negotiation);
    }
}
