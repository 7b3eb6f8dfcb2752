using System.Reflection;
using System.Runtime.InteropServices;

namespace Covol.Ntfs;

/// <summary>
/// Finds libntfs-3g by a list of known SONAMEs. Another number is another binary interface: it is refused, because a wrong
/// structure would be written to the disk.
/// </summary>
internal static class LibNtfsLoader
{
    private static readonly string[] s_known = ["libntfs-3g.so.89"];

    private static readonly Lazy<(nint Unnamed, nint DirectoryIndex)> s_exports = new(Load);

    /// <summary>Address of the exported name <c>AT_UNNAMED</c>; asking for it loads the library.</summary>
    public static nint Unnamed => s_exports.Value.Unnamed;

    /// <summary>Address of the exported name <c>NTFS_INDEX_I30</c>.</summary>
    public static nint DirectoryIndex => s_exports.Value.DirectoryIndex;

    /// <summary>Makes the P/Invokes of this assembly find the library. Throws one sentence when there is none of a known
    /// version.</summary>
    public static void Use() => _ = Unnamed;

    private static (nint Unnamed, nint DirectoryIndex) Load()
    {
        foreach (var name in s_known)
        {
            if (NativeLibrary.TryLoad(name, out var handle))
            {
                NativeLibrary.SetDllImportResolver(
                    Assembly.GetExecutingAssembly(),
                    (library, assembly, path) => library == Interop.LibNtfs.Library ? handle : 0);

                // The library writes to standard error otherwise; what failed is told by our exceptions.
                Interop.LibNtfs.ntfs_log_set_handler(NativeLibrary.GetExport(handle, "ntfs_log_handler_null"));

                return (NativeLibrary.GetExport(handle, "AT_UNNAMED"), NativeLibrary.GetExport(handle, "NTFS_INDEX_I30"));
            }
        }

        throw new DllNotFoundException(
            $"This machine has no libntfs-3g of a known version ({string.Join(", ", s_known)}). Install the package libntfs-3g89; "
            + "other versions are refused, because their memory layout is not known to Covol.");
    }
}
