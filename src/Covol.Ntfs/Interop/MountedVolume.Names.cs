namespace Covol.Ntfs;

/// <content>A directory's names from any one on, without reading the others.</content>
internal sealed unsafe partial class MountedVolume
{
    // layout.h, INDEX_ENTRY: indexed_file, length, key_length, ie_flags, then the key.
    private const int EntryFlags = 12;
    private const int EntryKey = 16;
    private const ushort EndOfBlock = 2;

    // layout.h, FILE_NAME_ATTR: file_name_length, file_name_type, file_name.
    private const int NameLength = 64;
    private const int NameKind = 65;
    private const int NameText = 66;

    // index.h, ntfs_index_context.
    private const int ContextEntry = 24;

    /// <summary>
    /// Names without short ones, with their file references, in the order of the directory's index, from the first one after
    /// <paramref name="after"/> on (which need not be there any more), while <paramref name="take"/> says so.
    /// </summary>
    public void NamesAfter(NtfsInode directory, string after, Func<string, ulong, bool> take)
    {
        const int indexNameLength = 4;
        var context = Interop.LibNtfs.ntfs_index_ctx_get(directory.Handle, Interop.LibNtfs.NTFS_INDEX_I30, indexNameLength);
        if (context == 0)
        {
            throw Failure($"The directory in record {directory.Record} cannot be read");
        }

        try
        {
            for (var entry = FirstAfter(context, directory, after); entry is not null; entry = Next(entry, context, directory))
            {
                var key = entry + EntryKey;
                if (key[NameKind] != Interop.LibNtfs.FILE_NAME_DOS
                    && !take(new string((char*)(key + NameText), 0, key[NameLength]), *(ulong*)entry))
                {
                    return;
                }
            }
        }
        finally
        {
            Interop.LibNtfs.ntfs_index_ctx_put(context);
        }
    }

    private byte* FirstAfter(nint context, NtfsInode directory, string after)
    {
        var key = stackalloc byte[NameText + (sizeof(char) * FileNames.LengthMax)];
        new Span<byte>(key, NameText).Clear();
        key[NameLength] = (byte)after.Length;
        after.CopyTo(new Span<char>(key + NameText, FileNames.LengthMax));
        var isThere = Interop.LibNtfs.ntfs_index_lookup(key, NameText + (sizeof(char) * after.Length), context) == 0;
        if (!isThere && LastError != Errno.ENOENT)
        {
            throw Failure($"The directory in record {directory.Record} cannot be searched");
        }

        // Not there: this is the first entry behind its place, or the end of the block that the place is in.
        var entry = *(byte**)(context + ContextEntry);
        return isThere || (*(ushort*)(entry + EntryFlags) & EndOfBlock) != 0 ? Next(entry, context, directory) : entry;
    }

    private byte* Next(byte* entry, nint context, NtfsInode directory)
    {
        var next = Interop.LibNtfs.ntfs_index_next(entry, context);
        return next is not null || LastError is not Errno.EIO ? next : throw Failure($"The directory in record {directory.Record} cannot be read");
    }
}
