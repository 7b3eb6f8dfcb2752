using System.Runtime.InteropServices;

namespace Covol.Lun.Reservations;

/// <summary>
/// The file <c>LUN.reservations</c>, version 1, little-endian as the machine (it never leaves the machine):
/// <code>
///        0  header (<see cref="TableHeader"/>), one page
///     4096  256 slots of 128 bytes (<see cref="TableSlot"/>)
///    36864  8192 keys of 8 bytes: the most recently registered ones, a ring
///   102400  end
/// </code>
/// The magic is written last when a table is made; a file without it is not a table yet.
/// </summary>
internal static class TableLayout
{
    /// <summary>"COVOLRES" read as a little-endian number.</summary>
    public const ulong Magic = 0x5345_524C_4F56_4F43;

    public const int Version = 1;
    public const int SlotsMax = 256;
    public const int SlotsAt = 4096;
    public const int SlotLength = 128;
    public const int RecentKeysMax = 8192;
    public const int RecentKeysAt = SlotsAt + (SlotsMax * SlotLength);
    public const int Length = RecentKeysAt + (RecentKeysMax * 8);

    /// <summary>
    /// Where the descriptors' byte locks lie on the LUN: far behind any data, one byte for each registration ever made.
    /// </summary>
    public const long DescriptorLocksAt = 1L << 62;
}

/// <summary>Fields change only under the table's lock, except that <see cref="Reserved"/> is read without it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TableHeader
{
    public ulong Magic;
    public int Version;

    /// <summary>1 while the write-exclusive, all-registrants reservation is held.</summary>
    public int Reserved;

    /// <summary>PRgeneration of SPC-4: grows with each change of the registrations.</summary>
    public long Generation;

    /// <summary>The number of the last registration. Grows, never steps back.</summary>
    public long LastLife;

    /// <summary>Keys ever put into the ring of recent keys.</summary>
    public long KeysLogged;

    /// <summary>The LUN this table belongs to.</summary>
    public ulong LunInode;
    public ulong LunDevice;

    /// <summary>The machine's boot (boot_id), as two numbers. After a boot no registrant lives.</summary>
    public ulong BootHigh;
    public ulong BootLow;

    /// <summary>Who changes the table at this moment, 0 = nobody: so that a frozen one can be named.</summary>
    public int ChangerProcess;
}

/// <summary>
/// One registration. <see cref="Word"/> changes by compare-and-swap (<see cref="ReservationWord"/>), the rest under the lock.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = TableLayout.SlotLength)]
internal struct TableSlot
{
    [FieldOffset(0)]
    public ulong Key;

    /// <summary>The registrant's process id and start time in clock ticks since boot (proc(5), stat field 22).</summary>
    [FieldOffset(8)]
    public long ProcessStart;

    [FieldOffset(16)]
    public int Process;

    /// <summary>On a cache line of its own: the data path counts here.</summary>
    [FieldOffset(64)]
    public long Word;
}
