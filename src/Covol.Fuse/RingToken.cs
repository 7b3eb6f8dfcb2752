namespace Covol.Fuse;

/// <summary>What a submission carries to its completion: the kind in the top byte, a segment, a slot.</summary>
internal readonly record struct RingToken(ulong Value)
{
    private const int KindShift = 56;
    private const int SegmentShift = 32;

    internal enum Kind
    {
        Receive = 1,
        Io = 2,
        Signal = 3,
        Cancel = 4,
        Watch = 5,
    }

    internal Kind What => (Kind)(Value >> KindShift);

    internal int Slot => (int)(uint)Value;

    internal int Segment => (int)(Value >> SegmentShift) & 0xFFFF;

    internal static ulong For(Kind kind, int slot) => ((ulong)kind << KindShift) | (uint)slot;

    internal static ulong ForIo(int slot, int segment) =>
        ((ulong)Kind.Io << KindShift) | ((ulong)segment << SegmentShift) | (uint)slot;
}
