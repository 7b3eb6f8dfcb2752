namespace Covol.Protocol.Ids;

/// <summary>A SCSI-3 persistent reservation key (SPC-4 5.13). 0 is no key.</summary>
public readonly record struct ReservationKey(ulong Value)
{
    public override string ToString() => $"key {Value:x16}";
}
