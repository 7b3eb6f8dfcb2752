using Covol.Coordinator;
using Covol.Coordinator.OwnKey;
using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Locks;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Covol.Transport;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>
/// A coordinator that slept while another took over wakes up. In these worlds its own look at its key never comes (nobody moves the
/// clock), as between two looks of a real one.
/// </summary>
public sealed class DeposedCoordinators
{
    private static readonly HeldLock s_lock = new(new LockOwner(9), 77, LockKind.Range, LockMode.Exclusive, LockRange.All);

    public static TheoryData<string> Questions => ["data", "attributes", "name", "list", "lock", "layout", "create", "renewal", "space"];

    [Theory]
    [MemberData(nameof(Questions))]
    public async Task It_tells_nothing_any_more(string question)
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (client, file, handle) = await ServedFileAsync(world);

        Depose(world);

        await Should.ThrowAsync<ConnectionLostException>(client.AskAsync(Ask(question, client, file, handle)));
        world.FailedBecause.ShouldNotBeNull().ShouldContain("higher epoch");
    }

    [Theory]
    [MemberData(nameof(Questions))]
    public async Task Control_without_the_check_it_goes_on_answering(string question)
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { ChecksOwnKey = false });
        var (client, file, handle) = await ServedFileAsync(world);

        Depose(world);

        (await client.AskAsync(Ask(question, client, file, handle))).ShouldNotBeOfType<Refused>();
        world.FailedBecause.ShouldBeNull();
    }

    [Fact]
    public async Task Data_that_was_read_before_the_fall_and_is_sent_after_it_does_not_leave()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (client, file, _) = await ServedFileAsync(world);
        using var mayRead = new ManualResetEventSlim();
        using var reading = new ManualResetEventSlim();
        world.Lun.AfterRead = () =>
        {
            reading.Set();
            mayRead.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();
        };
        var read = client.SendAsync(client.NextId(), new ReadData(file, FileByteOffset.Zero, 512));
        reading.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();

        Depose(world);
        mayRead.Set();

        await Should.ThrowAsync<ConnectionLostException>(read);
    }

    [Fact]
    public async Task A_waiting_lock_is_not_granted_by_it()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (holder, file, handle) = await ServedFileAsync(world);
        var waiter = await world.ClientAsync(2);
        var waitersHandle = await waiter.OpenAsync(file);
        await holder.AskAsync<Done>(Lock(file, handle, wait: false));
        await waiter.AskAsync<LockQueued>(Lock(file, waitersHandle, wait: true));

        Depose(world);
        await Should.ThrowAsync<ConnectionLostException>(holder.AskAsync(new Close(handle)));

        waiter.Notices.OfType<LockResolved>().ShouldBeEmpty();
    }

    [Fact]
    public void On_a_file_LUN_the_key_is_dead_from_the_moment_another_device_preempts_it()
    {
        using var folder = new TemporaryLun();
        using var mine = FileLun.Open(folder.Path, NullLogger.Instance);
        using var theirs = FileLun.Open(folder.Path, NullLogger.Instance);
        mine.Register(new ReservationKey(7));
        theirs.Register(new ReservationKey(8));
        var key = new CountedOwnKey(mine);

        key.IsLiveNow.ShouldBeTrue();
        theirs.PreemptAndAbort(new ReservationKey(8), new ReservationKey(7), TimeSpan.FromSeconds(5));

        key.IsLiveNow.ShouldBeFalse();
    }

    private static async Task<(TestClient Client, FileId File, HandleId Handle)> ServedFileAsync(CoordinatorWorld world)
    {
        var client = await world.ClientAsync(1);
        var (file, handle) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(4_096, 1));
        return (client, file, handle);
    }

    /// <summary>The next coordinator has fenced this one.</summary>
    private static void Depose(CoordinatorWorld world) =>
        world.Lun.PreemptAndAbort(default, world.OwnKey, TimeSpan.Zero);

    private static SetLock Lock(FileId file, HandleId handle, bool wait) =>
        new(file, handle, s_lock.Owner, s_lock.ProcessId, s_lock.Kind, s_lock.Mode, s_lock.Range, wait);

    private static VolumeRequest Ask(string question, TestClient client, FileId file, HandleId handle) => question switch
    {
        "data" => new ReadData(file, FileByteOffset.Zero, 512),
        "attributes" => new GetAttributes(file),
        "name" => new Lookup(client.Root, "disk.raw"),
        "list" => new ListDirectory(client.Root, null),
        "lock" => Lock(file, handle, wait: false),
        "layout" => new GetLayout(file, LayoutAccess.Read),
        "create" => client.NewFile("another", null),
        "renewal" => new RenewLease(),
        _ => new GetSpace(),
    };

    private sealed class TemporaryLun : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("covol-own-key-");

        public TemporaryLun() => FileLun.CreateBacking(Path, ByteCount.FromMebibytes(1));

        public string Path => System.IO.Path.Combine(_folder.FullName, "lun");

        public void Dispose() => _folder.Delete(recursive: true);
    }
}
