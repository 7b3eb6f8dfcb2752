namespace Covol.Ntfs.Checking;

/// <summary>What is kept of each MFT record: some bytes, so that ten million files fit.</summary>
internal sealed class RecordStates(ulong count)
{
    private readonly RecordState[] _states = new RecordState[count];
    private readonly ushort[] _sequences = new ushort[count];
    private readonly uint[] _parents = new uint[count];

    public ulong Count => count;

    public RecordState this[ulong number]
    {
        get => number < count ? _states[number] : RecordState.None;
        set => _states[number] = value;
    }

    public bool Has(ulong number, RecordState state) => (this[number] & state) != 0;

    public void Add(ulong number, RecordState state)
    {
        if (number < count)
        {
            _states[number] |= state;
        }
    }

    public ushort SequenceOf(ulong number) => _sequences[number];

    public void SetSequence(ulong number, ushort sequence) => _sequences[number] = sequence;

    /// <summary>The directory that a directory lies in.</summary>
    public ulong ParentOf(ulong number) => _parents[number];

    public void SetParent(ulong number, ulong parent) => _parents[number] = (uint)parent;

    /// <summary>Whether a reference leads to a record that is in use and the same file still.</summary>
    public bool Leads(ulong reference)
    {
        var number = reference & MftRecord.NumberMask;
        return Has(number, RecordState.InUse) && !Has(number, RecordState.Extent) && _sequences[number] == (ushort)(reference >> 48);
    }

    /// <summary>Nothing can be said of what this reference leads to.</summary>
    public bool IsUnknown(ulong reference) => Has(reference & MftRecord.NumberMask, RecordState.Unreadable);
}
