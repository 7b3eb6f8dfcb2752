namespace Covol.Fuse.Wire;

/// <summary>How long the fixed body of each request is.</summary>
internal static class BodyLengths
{
    private const int Unknown = 0;

    private static ReadOnlySpan<byte> Table =>
    [
        // 0: none, LOOKUP, FORGET, GETATTR, SETATTR, READLINK, SYMLINK, 7, MKNOD, MKDIR
        0, 0, 8, 16, 88, 0, 0, 0, 16, 8,

        // 10: UNLINK, RMDIR, RENAME, LINK, OPEN, READ, WRITE, STATFS, RELEASE, 19
        0, 0, 8, 8, 8, 40, 40, 0, 24, 0,

        // 20: FSYNC, SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR
        16, 8, 8, 8, 0, 24, 16, 8, 40, 24,

        // 30: FSYNCDIR, GETLK, SETLK, SETLKW, ACCESS, CREATE, INTERRUPT, BMAP, DESTROY, IOCTL
        16, 48, 48, 48, 8, 16, 8, 16, 0, 32,

        // 40: POLL, NOTIFY_REPLY, BATCH_FORGET, FALLOCATE, READDIRPLUS, RENAME2, LSEEK, COPY_FILE_RANGE, 48, 49
        24, 0, 8, 32, 40, 16, 24, 56, 0, 0,

        // 50: SYNCFS, TMPFILE, STATX
        8, 16, 24,
    ];

    internal static int Of(FuseOpcode opcode) => (uint)opcode < (uint)Table.Length ? Table[(int)opcode] : Unknown;

    /// <summary>The longest body of the table; its copy must fit into the slot.</summary>
    internal const int Longest = 88;
}
