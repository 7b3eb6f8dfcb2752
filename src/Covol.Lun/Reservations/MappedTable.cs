using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Lun.Reservations;

/// <summary>
/// The shared mapping. It is unmapped when nobody refers to it any more, not when a device is closed: a ring may still count an
/// I/O out of it then.
/// </summary>
internal sealed class MappedTable : SafeHandleZeroOrMinusOneIsInvalid
{
    public MappedTable()
        : base(ownsHandle: true)
    {
    }

    public static MappedTable Map(SafeFileHandle file, string path)
    {
        var mapping = new MappedTable();
        mapping.SetHandle(Interop.Libc.MMap(
            0, TableLayout.Length, Interop.Libc.PROT_READ_WRITE, Interop.Libc.MAP_SHARED, file, 0));
        if (mapping.IsInvalid)
        {
            throw Interop.Errno.Failure(Marshal.GetLastPInvokeError(), $"Mapping the reservation table '{path}'");
        }

        return mapping;
    }

    public unsafe TableHeader* Header => (TableHeader*)handle;

    public unsafe TableSlot* Slots => (TableSlot*)(handle + TableLayout.SlotsAt);

    public unsafe ulong* RecentKeys => (ulong*)(handle + TableLayout.RecentKeysAt);

    protected override bool ReleaseHandle() => Interop.Libc.MUnmap(handle, TableLayout.Length) == 0;
}
