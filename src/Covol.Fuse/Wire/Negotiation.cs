using System.Runtime.InteropServices;

namespace Covol.Fuse.Wire;

/// <summary>struct fuse_init_in; older kernels send its first 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct InitBody
{
    public uint Major;
    public uint Minor;
    public uint ReadAheadMax;
    public uint Flags;
    public uint Flags2;
    public fixed uint Unused[11];

    /// <summary>Both words of flags; the second one counts only with the flag that announces it.</summary>
    public readonly ulong AllFlags => (Flags & InitFlags.Extended) != 0 ? Flags | ((ulong)Flags2 << 32) : Flags;
}

/// <summary>struct fuse_init_out.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct InitAnswer
{
    public uint Major;
    public uint Minor;
    public uint ReadAheadMax;
    public uint Flags;
    public ushort BackgroundMax;
    public ushort CongestionThreshold;
    public uint WriteMax;
    public uint TimeGranularity;
    public ushort PagesMax;
    public ushort MapAlignment;
    public uint Flags2;
    public uint StackDepthMax;
    public ushort RequestTimeout;
    public fixed ushort Unused[11];
}

/// <summary>The whole answer as it is written.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct InitReply
{
    public ReplyHeader Header;
    public InitAnswer Answer;
}

/// <summary>What this server says to INIT.</summary>
internal static class Negotiation
{
    internal const uint Major = 7;

    /// <summary>Newest minor version whose structures this server knows; the smaller of both sides' counts.</summary>
    internal const uint Minor = 45;

    /// <summary>The answer, and what was agreed on; null where the kernel does not offer what is needed.</summary>
    internal static (InitAnswer Answer, FuseNegotiation? Agreed) Answer(in InitBody offered, FuseOptions options)
    {
        var flags = offered.AllFlags & InitFlags.Wanted;
        var answer = new InitAnswer
        {
            Major = Major,
            Minor = Minor,
            ReadAheadMax = offered.ReadAheadMax,
            Flags = (uint)flags,
            Flags2 = (uint)(flags >> 32),
            BackgroundMax = (ushort)options.BackgroundMax,
            CongestionThreshold = (ushort)(options.BackgroundMax * 3 / 4),
            WriteMax = FuseOptions.TransferMax,
            TimeGranularity = (uint)options.TimeGranularity,
            PagesMax = FuseOptions.TransferMax / SlotLayout.Page,
        };
        if ((flags & InitFlags.Needed) != InitFlags.Needed)
        {
            return (answer, null);
        }

        var minor = (int)Math.Min(Minor, offered.Minor);
        return (answer, new FuseNegotiation(minor, flags, FuseOptions.TransferMax, options.BackgroundMax));
    }

    /// <summary>For the log: what the kernel should have offered.</summary>
    internal static string Missing(in InitBody offered) =>
        offered.Major != Major ? $"protocol {Major}" : $"flags {InitFlags.Needed & ~offered.AllFlags:x}";
}
