using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Covol.Ntfs;

/// <summary>Takes the names that <c>ntfs_readdir</c> hands out.</summary>
internal sealed unsafe class NameCollector
{
    public List<(string Name, ulong Reference)> Names { get; } = [];

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    [SuppressMessage("Design", "CA1031", Justification = "An exception must not cross native frames; the listing fails.")]
    public static int Fill(nint state, char* name, int length, int kind, long position, ulong reference, uint type)
    {
        try
        {
            if (kind != Interop.LibNtfs.FILE_NAME_DOS && GCHandle.FromIntPtr(state).Target is NameCollector collector)
            {
                collector.Names.Add((new string(name, 0, length), reference));
            }

            return 0;
        }
        catch (Exception)
        {
            Marshal.SetLastSystemError(Errno.EIO);
            return -1;
        }
    }
}
