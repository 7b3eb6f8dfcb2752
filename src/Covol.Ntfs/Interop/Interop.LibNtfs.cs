using System.Runtime.InteropServices;

namespace Covol.Ntfs;

/// <summary>Native libraries of this project. Names are the libraries' own.</summary>
internal static partial class Interop
{
    /// <summary>
    /// libntfs-3g (ntfs-3g 2022.10.3, SONAME 89), signatures from its public headers attrib.h, device.h, dir.h, ea.h, index.h, inode.h,
    /// lcnalloc.h, reparse.h, runlist.h, volume.h. No locks inside: one thread a volume. Failures are -1, null or a negative number, with errno set.
    /// Pointers are the
    /// library's own structures, of which we read: <c>ntfs_inode.mft_no</c> (offset 0), <c>ntfs_attr_search_ctx.mrec</c> (0),
    /// <c>.attr</c> (8) and <c>.ntfs_ino</c> (24), <c>ntfs_attr.rl</c> (0),
    /// <c>ntfs_index_context.entry</c> (24), <c>runlist_element</c>. The self-test checks them at start.
    /// </summary>
    internal static unsafe partial class LibNtfs
    {
        public const string Library = "libntfs-3g";

        public const int AT_STANDARD_INFORMATION = 0x10;
        public const int AT_FILE_NAME = 0x30;
        public const int AT_VOLUME_INFORMATION = 0x70;
        public const int AT_DATA = 0x80;
        public const int AT_BITMAP = 0xB0;
        public const int FILE_MFT = 0;
        public const int FILE_LogFile = 2;
        public const int FILE_Volume = 3;
        public const int FILE_root = 5;
        public const int FILE_Bitmap = 6;
        public const int FILE_Boot = 7;
        public const int FILE_BadClus = 8;

        /// <summary>volume.h, ntfs_mount_flags: mount also where hiberfil.sys says that Windows sleeps.</summary>
        public const uint NTFS_MNT_IGNORE_HIBERFILE = 0x2000_0000;

        public const uint S_IFIFO = 0x1000;
        public const uint S_IFCHR = 0x2000;
        public const uint S_IFDIR = 0x4000;
        public const uint S_IFBLK = 0x6000;
        public const uint S_IFREG = 0x8000;
        public const uint S_IFLNK = 0xA000;
        public const uint S_IFSOCK = 0xC000;

        public const uint FILE_ATTR_HIDDEN = 0x2;
        public const uint FILE_ATTR_SYSTEM = 0x4;
        public const uint FILE_ATTR_REPARSE_POINT = 0x400;

        /// <summary>The kinds of <c>ntfs_readdir</c>'s name_type: the short (8.3) name of a file that has a long one
        /// too.</summary>
        public const int FILE_NAME_DOS = 2;

        /// <summary>lcnalloc.h, NTFS_CLUSTER_ALLOCATION_ZONES: not the MFT's.</summary>
        public const int DATA_ZONE = 1;

        /// <summary>runlist.h: the end of a run list.</summary>
        public const long LCN_ENOENT = -3;

        public const int NTFS_UPDATE_CTIME = 4;
        public const int NTFS_UPDATE_MCTIME = 6;

        /// <summary>The unnamed attribute's name: an exported data symbol.</summary>
        public static nint AT_UNNAMED => LibNtfsLoader.Unnamed;

        /// <summary>The name of a directory's index, of four characters: an exported data symbol.</summary>
        public static nint NTFS_INDEX_I30 => LibNtfsLoader.DirectoryIndex;

        /// <summary><c>struct ntfs_device_operations</c>, device.h.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct DeviceOperations
        {
            public delegate* unmanaged[Cdecl]<nint, int, int> Open;
            public delegate* unmanaged[Cdecl]<nint, int> Close;
            public delegate* unmanaged[Cdecl]<nint, long, int, long> Seek;
            public delegate* unmanaged[Cdecl]<nint, void*, long, long> Read;
            public delegate* unmanaged[Cdecl]<nint, void*, long, long> Write;
            public delegate* unmanaged[Cdecl]<nint, void*, long, long, long> PRead;
            public delegate* unmanaged[Cdecl]<nint, void*, long, long, long> PWrite;
            public delegate* unmanaged[Cdecl]<nint, int> Sync;
            public delegate* unmanaged[Cdecl]<nint, void*, int> Stat;
            public delegate* unmanaged[Cdecl]<nint, ulong, void*, int> IoControl;
        }

        /// <summary><c>runlist_element</c>, runlist.h: Length 0 ends, Lcn -1 is a hole.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct RunlistElement
        {
            public long Vcn;
            public long Lcn;
            public long Length;
        }

        [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
        public static partial nint ntfs_device_alloc(string name, nint state, DeviceOperations* operations, nint privateData);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_device_free(nint device);

        [LibraryImport(Library, SetLastError = true)]
        public static partial nint ntfs_device_mount(nint device, uint flags);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_umount(nint volume, int force);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_volume_get_free_space(nint volume);

        [LibraryImport(Library)]
        public static partial void ntfs_log_set_handler(nint handler);

        [LibraryImport(Library)]
        public static partial void ntfs_create_lru_caches(nint volume);

        [LibraryImport(Library, SetLastError = true)]
        public static partial nint ntfs_inode_open(nint volume, ulong reference);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_inode_close(nint inode);

        [LibraryImport(Library)]
        public static partial void ntfs_inode_mark_dirty(nint inode);

        [LibraryImport(Library)]
        public static partial void ntfs_inode_update_times(nint inode, int mask);

        [LibraryImport(Library)]
        public static partial void ntfs_inode_invalidate(nint volume, ulong reference);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_inode_get_times(nint inode, long* times, nuint size);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_inode_set_times(nint inode, long* times, nuint size, int flags);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_get_ntfs_attrib(nint inode, uint* value, nuint size);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_set_ntfs_attrib(nint inode, uint* value, nuint size, int flags);

        [LibraryImport(Library, SetLastError = true)]
        public static partial ulong ntfs_inode_lookup_by_name(nint directory, char* name, int nameLength);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_readdir(
            nint directory, long* position, nint state, delegate* unmanaged[Cdecl]<nint, char*, int, int, long, ulong, uint, int> fill);

        [LibraryImport(Library, SetLastError = true)]
        public static partial nint ntfs_index_ctx_get(nint inode, nint name, uint nameLength);

        [LibraryImport(Library)]
        public static partial void ntfs_index_ctx_put(nint context);

        /// <summary>Where the key is not found, <c>entry</c> is where it would be; errno ENOENT then.</summary>
        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_index_lookup(void* key, int keyLength, nint context);

        /// <summary>Null at the end. Takes the entry of the context or the one it gave last.</summary>
        [LibraryImport(Library, SetLastError = true)]
        public static partial byte* ntfs_index_next(byte* entry, nint context);

        [LibraryImport(Library, SetLastError = true)]
        public static partial nint ntfs_create(nint directory, uint securityId, char* name, byte nameLength, uint type);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_link(nint inode, nint directory, char* name, byte nameLength);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_delete(nint volume, nint path, nint inode, nint directory, char* name, byte nameLength);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_check_empty_dir(nint inode);

        [LibraryImport(Library, SetLastError = true)]
        public static partial nint ntfs_attr_get_search_ctx(nint inode, nint record);

        [LibraryImport(Library)]
        public static partial void ntfs_attr_put_search_ctx(nint context);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_attr_lookup(
            int type, nint name, uint nameLength, int ignoreCase, long lowestVcn, nint value, uint valueLength, nint context);

        [LibraryImport(Library, SetLastError = true)]
        public static partial nint ntfs_attr_open(nint inode, int type, nint name, uint nameLength);

        [LibraryImport(Library)]
        public static partial void ntfs_attr_close(nint attribute);

        [LibraryImport(Library, SetLastError = true)]
        public static partial long ntfs_attr_pread(nint attribute, long position, long count, void* target);

        [LibraryImport(Library, SetLastError = true)]
        public static partial long ntfs_attr_pwrite(nint attribute, long position, long count, void* source);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_attr_map_whole_runlist(nint attribute);

        [LibraryImport(Library, SetLastError = true)]
        public static partial RunlistElement* ntfs_attr_find_vcn(nint attribute, long vcn);

        [LibraryImport(Library, SetLastError = true)]
        public static partial RunlistElement* ntfs_rl_extend(nint attribute, RunlistElement* list, int more);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_attr_update_mapping_pairs(nint attribute, long fromVcn);

        [LibraryImport(Library, SetLastError = true)]
        public static partial RunlistElement* ntfs_cluster_alloc(nint volume, long firstVcn, long count, long near, int zone);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_cluster_free_basic(nint volume, long lcn, long count);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_attr_truncate(nint attribute, long size);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_attr_truncate_solid(nint attribute, long size);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_attr_force_non_resident(nint attribute);

        [LibraryImport(Library, SetLastError = true)]
        public static partial long ntfs_attr_get_free_bits(nint attribute);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_attr_add(nint inode, int type, char* name, byte nameLength, byte* value, long size);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_attr_remove(nint inode, int type, char* name, uint nameLength);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_get_ntfs_ea(nint inode, byte* value, nuint size);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_set_ntfs_ea(nint inode, byte* value, nuint size, int flags);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_remove_ntfs_ea(nint inode);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_get_ntfs_reparse_data(nint inode, byte* value, nuint size);

        [LibraryImport(Library, SetLastError = true)]
        public static partial int ntfs_set_ntfs_reparse_data(nint inode, byte* value, nuint size, int flags);
    }
}
