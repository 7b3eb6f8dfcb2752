using Covol.Protocol.Ids;

namespace Covol.Lun.Reservations;

/// <summary>One life of one key: its slot in the table and its number. Any thread; never allocates after it was made.</summary>
internal sealed unsafe class Registration
{
    private readonly MappedTable _table;
    private readonly TableSlot* _slot;

    public Registration(MappedTable table, ReservationKey key, long life, TableSlot* slot)
    {
        _table = table;
        Key = key;
        Life = life;
        _slot = slot;
        Process = slot->Process;
        ProcessStart = slot->ProcessStart;
    }

    public ReservationKey Key { get; }

    public long Life { get; }

    public int Process { get; }

    public long ProcessStart { get; }

    public long* Word => &_slot->Word;

    /// <summary>Free when the slot lives another life by now.</summary>
    public SlotState State
    {
        get
        {
            var word = Volatile.Read(ref _slot->Word);
            GC.KeepAlive(_table);
            return ReservationWord.Life(word) == Life ? ReservationWord.State(word) : SlotState.Free;
        }
    }

    public long InFlight
    {
        get
        {
            var word = Volatile.Read(ref _slot->Word);
            GC.KeepAlive(_table);
            return ReservationWord.Life(word) == Life ? ReservationWord.InFlight(word) : 0;
        }
    }

    public bool TryEnter()
    {
        var entered = ReservationWord.TryEnter(&_slot->Word, Life);
        GC.KeepAlive(_table);
        return entered;
    }

    public void Leave()
    {
        ReservationWord.Leave(&_slot->Word, Life);
        GC.KeepAlive(_table);
    }
}
