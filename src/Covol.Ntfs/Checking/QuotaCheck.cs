using System.Buffers.Binary;

namespace Covol.Ntfs.Checking;

/// <summary>
/// $Extend/$Quota: who is accounted for under which id ($O: SID to id) and what each may use ($Q: id to limits, with the SID), against each
/// other. Covol accounts for nobody; a volume that Windows keeps quotas on has thousands of entries at most.
/// </summary>
internal sealed class QuotaCheck(VolumeImage image, MftRecord index, FindingList findings)
{
    private const string Where = "$Extend/$Quota";

    /// <summary>QUOTA_CONTROL_ENTRY (layout.h) before its SID.</summary>
    private const int EntryLength = 48;

    private readonly Dictionary<uint, string> _sids = [];
    private readonly Dictionary<string, uint> _ids = [];

    public void Run()
    {
        var isWhole = IndexWalk.Run(image, findings, index, "$Q", Where, IndexRule.Number, Collation.Numbers, TakeLimits);

        // The order of SIDs is nowhere written down, so only that none is there twice in a row is looked at.
        isWhole &= IndexWalk.Run(
            image, findings, index, "$O", Where, IndexRule.SecurityId, static (left, right) => left.SequenceEqual(right) ? 0 : -1, TakeOwner);
        if (!isWhole)
        {
            return;
        }

        foreach (var (id, sid) in _sids.Where(entry => entry.Value.Length > 0 && _ids.GetValueOrDefault(entry.Value) != entry.Key))
        {
            findings.Tell(FindingKind.QuotaIndex, Where, $"id {id} of {sid} is in $Q, but $O does not lead to it");
        }

        foreach (var (sid, id) in _ids.Where(entry => !_sids.ContainsKey(entry.Value)))
        {
            findings.Tell(FindingKind.QuotaIndex, Where, $"id {id} of {sid} is in $O, but not in $Q");
        }
    }

    private bool TakeLimits(ReadOnlySpan<byte> entry, ReadOnlySpan<byte> key)
    {
        if (key.Length != sizeof(uint) || IndexWalk.DataOf(entry) is not { Length: >= EntryLength } data)
        {
            return Damaged("$Q");
        }

        _sids[BinaryPrimitives.ReadUInt32LittleEndian(key)] = Convert.ToHexStringLower(SidIn(data[EntryLength..]));
        return true;
    }

    private bool TakeOwner(ReadOnlySpan<byte> entry, ReadOnlySpan<byte> key)
    {
        if (SidIn(key).IsEmpty || IndexWalk.DataOf(entry) is not { Length: >= sizeof(uint) } data)
        {
            return Damaged("$O");
        }

        _ids[Convert.ToHexStringLower(SidIn(key))] = BinaryPrimitives.ReadUInt32LittleEndian(data);
        return true;
    }

    private bool Damaged(string which)
    {
        findings.Tell(FindingKind.IndexDamaged, Where, $"an entry of {which} is damaged");
        return false;
    }

    /// <summary>Without what fills up to a multiple of eight. A SID is 8 bytes and 4 for each of the parts that its second byte counts.</summary>
    private static ReadOnlySpan<byte> SidIn(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= 8 && bytes[0] == 1 && bytes.Length >= 8 + (4 * bytes[1]) ? bytes[..(8 + (4 * bytes[1]))] : [];
}
