using System.Globalization;
using System.Runtime.InteropServices;
using Covol.Protocol;
using Covol.Protocol.Ids;
using Microsoft.Win32.SafeHandles;

namespace Covol.Lun.Reservations;

/// <summary>
/// The keys of one file LUN, shared by all processes of the machine through a mapping of <c>LUN.reservations</c>. Each device
/// opens it for itself. Changes are made under <see cref="TableLock"/>; a process that dies in the middle leaves a table that
/// is right, because a slot counts only from the moment its word says so.
/// </summary>
internal sealed unsafe class ReservationTable : IDisposable
{
    /// <summary>Changes take microseconds; this is for a machine that swaps.</summary>
    private static readonly TimeSpan s_lockLimit = TimeSpan.FromSeconds(10);

    private readonly SafeFileHandle _file;
    private readonly SafeFileHandle _lun;
    private readonly string _lunPath;
    private readonly MappedTable _table;
    private readonly Lock _changes = new();

    private ReservationTable(SafeFileHandle file, MappedTable table, string path, SafeFileHandle lun, string lunPath)
    {
        _file = file;
        _table = table;
        Path = path;
        _lun = lun;
        _lunPath = lunPath;
    }

    public string Path { get; }

    public MappedTable Mapping => _table;

    public bool IsReserved => Volatile.Read(ref _table.Header->Reserved) != 0;

    /// <summary>
    /// Opens, or makes, the table of a LUN. The LUN's descriptor stays the caller's and must outlive the table.
    /// </summary>
    public static ReservationTable Open(SafeFileHandle lun, string lunPath, ulong lunDevice, ulong lunInode) =>
        Open(lun, lunPath, PathFor(lunPath), lunDevice, lunInode);

    /// <summary>The same with a table at another place.</summary>
    public static ReservationTable Open(SafeFileHandle lun, string lunPath, string path, ulong lunDevice, ulong lunInode)
    {
        var file = Interop.Libc.Open(
            path, Interop.Libc.O_RDWR | Interop.Libc.O_CREAT | Interop.Libc.O_NOFOLLOW | Interop.Libc.O_CLOEXEC, 0x180);
        MappedTable? mapping = null;
        try
        {
            if (file.IsInvalid)
            {
                throw Interop.Errno.Failure(Marshal.GetLastPInvokeError(), $"Opening the reservation table '{path}'");
            }

            using (TableLock.Take(file, null, path, s_lockLimit))
            {
                var length = RandomAccess.GetLength(file);
                if (length is not (0 or TableLayout.Length))
                {
                    throw new LunException(
                        LunError.NotFound, $"'{path}' is not a reservation table: it has {length} bytes. Move it away.");
                }

                if (length == 0 && Interop.Libc.FAllocate(file, 0, 0, TableLayout.Length) != 0)
                {
                    // Allocated, not sparse: a full file system must be an error here, not a bus error at the first count.
                    throw Interop.Errno.Failure(Marshal.GetLastPInvokeError(), $"Making the reservation table '{path}'");
                }

                mapping = MappedTable.Map(file, path);
                var table = new ReservationTable(file, mapping, path, lun, lunPath);
                table.MakeReady(lunDevice, lunInode);
                return table;
            }
        }
        catch
        {
            mapping?.Dispose();
            file.Dispose();
            throw;
        }
    }

    public static string PathFor(string lunPath) => lunPath + ".reservations";

    /// <summary>Registers a key for the LUN's descriptor.</summary>
    public Registration Register(ReservationKey key)
    {
        lock (_changes)
        {
            using var changing = Change();
            CheckStillInPlace();
            if (WasEverRegistered(key))
            {
                throw new LunException(
                    LunError.ReservationConflict,
                    $"{key} was registered on '{_lunPath}' before. A key is used for one life only; take a new one.");
            }

            var slot = FreeSlot();
            var life = NextLife();
            slot->Key = key.Value;
            slot->Process = Environment.ProcessId;
            slot->ProcessStart = Registrant.StartTime(Environment.ProcessId)
                ?? throw new LunException(LunError.NotFound, "This process is not in /proc, which must be mounted.");
            var header = _table.Header;
            _table.RecentKeys[header->KeysLogged % TableLayout.RecentKeysMax] = key.Value;
            header->KeysLogged++;
            header->Generation++;
            // From here on the key counts. Seen by others only together with what was written above.
            Interlocked.Exchange(ref slot->Word, ReservationWord.Make(life, SlotState.Registered));
            return new Registration(_table, key, life, slot);
        }
    }

    /// <summary>False: that registration is gone.</summary>
    public bool TryReserve(Registration registration)
    {
        lock (_changes)
        {
            using var changing = Change();
            if (registration.State != SlotState.Registered)
            {
                return false;
            }

            Interlocked.Exchange(ref _table.Header->Reserved, 1);
            return true;
        }
    }

    public List<ReservationKey> ReadKeys()
    {
        lock (_changes)
        {
            using var changing = Change();
            var keys = new List<ReservationKey>();
            for (var index = 0; index < TableLayout.SlotsMax; index++)
            {
                var slot = _table.Slots + index;
                if (ReservationWord.State(Volatile.Read(ref slot->Word)) == SlotState.Registered)
                {
                    keys.Add(new ReservationKey(slot->Key));
                }
            }

            return keys;
        }
    }

    /// <summary>
    /// Takes the victim's key away: from now on none of its I/O begins. Null: it is not registered and nothing of it is in
    /// flight. A victim that another fencer is still draining is answered too, since its I/O may be in flight.
    /// </summary>
    public Registration? Preempt(Registration? own, bool checkOwn, ReservationKey victim)
    {
        lock (_changes)
        {
            using var changing = Change();
            if (checkOwn && own is not { State: SlotState.Registered })
            {
                throw new LunException(
                    LunError.ReservationConflict, $"'{_lunPath}' refused to preempt {victim}: our own key is not registered.");
            }

            for (var index = 0; index < TableLayout.SlotsMax; index++)
            {
                var slot = _table.Slots + index;
                var word = Volatile.Read(ref slot->Word);
                if (slot->Key != victim.Value
                    || ReservationWord.State(word) is not (SlotState.Registered or SlotState.Draining))
                {
                    continue;
                }

                var found = new Registration(_table, victim, ReservationWord.Life(word), slot);
                if (ReservationWord.TryMove(&slot->Word, found.Life, SlotState.Registered, SlotState.Draining))
                {
                    _table.Header->Generation++;
                }

                return found;
            }

            return null;
        }
    }

    /// <summary>The holder takes its own key back. False: it had been preempted.</summary>
    public bool BeginUnregister(Registration own)
    {
        lock (_changes)
        {
            using var changing = Change();
            if (!ReservationWord.TryMove(own.Word, own.Life, SlotState.Registered, SlotState.Draining))
            {
                return false;
            }

            _table.Header->Generation++;
            return true;
        }
    }

    /// <summary>Nothing of this registration is in flight any more, and nothing can begin.</summary>
    public void EndDrain(Registration drained)
    {
        lock (_changes)
        {
            using var changing = Change();
            ReservationWord.TryMove(drained.Word, drained.Life, SlotState.Draining, SlotState.Fenced);

            // An all-registrants reservation goes with its last registrant (SPC-4 5.13.11.1).
            for (var index = 0; index < TableLayout.SlotsMax; index++)
            {
                var state = ReservationWord.State(Volatile.Read(ref _table.Slots[index].Word));
                if (state is SlotState.Registered or SlotState.Draining)
                {
                    return;
                }
            }

            Interlocked.Exchange(ref _table.Header->Reserved, 0);
        }
    }

    /// <summary>Whether the description that carried this registration's I/O is closed and its last I/O over.</summary>
    public bool IsDescriptionGone(Registration other) => !DescriptorLock.IsHeld(_lun, other.Life, _lunPath);

    public void Dispose() => _file.Dispose();

    private TableLock Change() => TableLock.Take(_file, _table, Path, s_lockLimit);

    private void MakeReady(ulong lunDevice, ulong lunInode)
    {
        var header = _table.Header;
        var (bootHigh, bootLow) = ThisBoot();
        if (header->Magic == 0)
        {
            if (DescriptorLock.IsAnyHeld(_lun, _lunPath))
            {
                throw new LunException(
                    LunError.NotFound,
                    $"The reservation table of '{_lunPath}' was removed while processes use the LUN. "
                    + "End them, then open it again.");
            }

            header->Version = TableLayout.Version;
            header->LunDevice = lunDevice;
            header->LunInode = lunInode;
            header->BootHigh = bootHigh;
            header->BootLow = bootLow;
            Interlocked.Exchange(ref header->Magic, TableLayout.Magic);
            return;
        }

        if (header->Magic != TableLayout.Magic || header->Version != TableLayout.Version)
        {
            throw new LunException(
                LunError.NotFound,
                $"'{Path}' is not a reservation table of version {TableLayout.Version}. Stop all nodes and move it away.");
        }

        if (header->LunInode != lunInode)
        {
            throw new LunException(
                LunError.NotFound,
                $"'{Path}' belongs to another file than '{_lunPath}', which was replaced or copied. "
                + "Stop all nodes and remove it.");
        }

        if (header->BootHigh != bootHigh || header->BootLow != bootLow)
        {
            // Every registrant died with the machine, and so did what it had in flight. Device numbers may change over a boot.
            for (var index = 0; index < TableLayout.SlotsMax; index++)
            {
                _table.Slots[index] = default;
            }

            header->Reserved = 0;
            header->Generation++;
            header->LunDevice = lunDevice;
            header->BootHigh = bootHigh;
            header->BootLow = bootLow;
        }
    }

    /// <summary>
    /// A table that was removed or replaced under us fences nobody: what we register in it others would never see.
    /// </summary>
    private void CheckStillInPlace()
    {
        var ours = Inode(_file, "", Interop.Libc.AT_EMPTY_PATH);
        if (ours is null || ours != Inode(_file, Path, 0))
        {
            throw new LunException(
                LunError.NotFound,
                $"The reservation table '{Path}' was removed or replaced while it is in use. "
                + "Stop all nodes, then start them again.");
        }
    }

    private static ulong? Inode(SafeFileHandle folder, string path, int flags)
    {
        var status = default(Interop.Libc.StatXResult);
        return Interop.Libc.StatX(folder, path, flags, Interop.Libc.STATX_INO, &status) == 0 ? status.Inode : null;
    }

    private bool WasEverRegistered(ReservationKey key)
    {
        // Present keys too: what is registered longest may have left the ring of recent ones.
        for (var index = 0; index < TableLayout.SlotsMax; index++)
        {
            var slot = _table.Slots + index;
            if (slot->Key == key.Value && ReservationWord.State(slot->Word) != SlotState.Free)
            {
                return true;
            }
        }

        var logged = (int)Math.Min(_table.Header->KeysLogged, TableLayout.RecentKeysMax);
        return new ReadOnlySpan<ulong>(_table.RecentKeys, logged).Contains(key.Value);
    }

    private TableSlot* FreeSlot()
    {
        for (var index = 0; index < TableLayout.SlotsMax; index++)
        {
            var slot = _table.Slots + index;
            var word = Volatile.Read(ref slot->Word);
            var state = ReservationWord.State(word);
            if (state == SlotState.Free
                || (state is SlotState.Fenced or SlotState.Draining
                    && !DescriptorLock.IsHeld(_lun, ReservationWord.Life(word), _lunPath)))
            {
                Interlocked.Exchange(ref slot->Word, 0);
                return slot;
            }
        }

        throw new LunException(
            LunError.NoSpace,
            $"'{_lunPath}' has {TableLayout.SlotsMax} registered keys, which is the most. Preempt the keys of ended nodes.");
    }

    /// <summary>
    /// A number no registration had, with its byte locked through the LUN's descriptor before anybody can look for it.
    /// </summary>
    private long NextLife()
    {
        Invariant.Holds(
            _table.Header->LastLife < ReservationWord.LifeMax, "A LUN was registered on more often than can be counted.");
        var life = ++_table.Header->LastLife;
        Invariant.Holds(
            DescriptorLock.TryTake(_lun, life, _lunPath), "A registration's number was in use before it was given.");
        return life;
    }

    private static (ulong High, ulong Low) ThisBoot()
    {
        var text = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim().Replace("-", "", StringComparison.Ordinal);
        return (
            ulong.Parse(text.AsSpan(0, 16), NumberStyles.HexNumber, CultureInfo.InvariantCulture),
            ulong.Parse(text.AsSpan(16, 16), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
    }
}
