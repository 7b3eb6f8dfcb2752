namespace Covol.Fuse.Wire;

/// <summary>Flags of INIT (FUSE_*); those from bit 32 on travel in flags2.</summary>
internal static class InitFlags
{
    internal const ulong AsyncRead = 1UL << 0;
    internal const ulong PosixLocks = 1UL << 1;
    internal const ulong AtomicTruncate = 1UL << 3;
    internal const ulong BigWrites = 1UL << 5;
    internal const ulong FlockLocks = 1UL << 10;
    internal const ulong ReadDirectoryPlus = 1UL << 13;

    /// <summary>READDIRPLUS for the first page, and then as long as what it told is looked at; else READDIR.</summary>
    internal const ulong ReadDirectoryPlusAuto = 1UL << 14;
    internal const ulong AsyncDirectIo = 1UL << 15;
    internal const ulong ParallelDirectoryOperations = 1UL << 18;
    internal const ulong AbortError = 1UL << 21;
    internal const ulong MaxPages = 1UL << 22;
    internal const ulong Extended = 1UL << 30;
    internal const ulong DirectIoAllowMap = 1UL << 36;
    internal const ulong HasResend = 1UL << 39;

    /// <summary>What this server wants where the kernel offers it.</summary>
    internal const ulong Wanted = AsyncRead | PosixLocks | AtomicTruncate | BigWrites | FlockLocks | AsyncDirectIo
        | ReadDirectoryPlus | ReadDirectoryPlusAuto | ParallelDirectoryOperations | AbortError | MaxPages | Extended
        | DirectIoAllowMap | HasResend;

    /// <summary>
    /// Without these the server would answer wrongly (locks only local) or not at all (requests larger than agreed).
    /// </summary>
    internal const ulong Needed = PosixLocks | FlockLocks | BigWrites | MaxPages;
}
