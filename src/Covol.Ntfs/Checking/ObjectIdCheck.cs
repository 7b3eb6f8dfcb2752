using System.Buffers.Binary;

namespace Covol.Ntfs.Checking;

/// <summary>The index of all object ids ($Extend/$ObjId, $O: id to file) against those that the files have, both ways.</summary>
internal sealed class ObjectIdCheck(
    VolumeImage image,
    MftRecord index,
    IReadOnlySet<(Guid Id, ulong Reference)> ids,
    RecordStates states,
    PathNames paths,
    FindingList findings)
{
    public const int KeyLength = 16;

    private const ulong FirstUserRecord = 24;
    private const string Where = "$Extend/$ObjId";

    public void Run()
    {
        var indexed = new HashSet<(Guid Id, ulong Reference)>();
        var isWhole = IndexWalk.Run(image, findings, index, "$O", Where, IndexRule.NumberLists, Collation.Numbers, (entry, key) =>
        {
            // OBJ_ID_INDEX_DATA (layout.h): the file's reference, then the ids it was born with.
            if (key.Length != KeyLength || IndexWalk.DataOf(entry) is not { Length: >= 8 } data)
            {
                findings.Tell(FindingKind.IndexDamaged, Where, "an entry of its index is damaged");
                return false;
            }

            indexed.Add((new Guid(key), BinaryPrimitives.ReadUInt64LittleEndian(data)));
            return true;
        });
        foreach (var (id, reference) in indexed.Except(ids).Where(entry => !IsKnownOtherwise(entry.Reference)))
        {
            findings.Tell(
                FindingKind.ObjectIdStray, Where, $"it names the object id {id} of record {reference & MftRecord.NumberMask}, which has none such");
        }

        if (!isWhole)
        {
            return;
        }

        foreach (var (id, reference) in ids.Except(indexed))
        {
            findings.Tell(
                FindingKind.ObjectIdNotIndexed, paths.Of(reference & MftRecord.NumberMask), $"its object id {id} is not in the index of {Where}");
        }
    }

    /// <summary>NTFS's own files, whose ids are not gathered; and files whose id could not be read, which was told.</summary>
    private bool IsKnownOtherwise(ulong reference) => (reference & MftRecord.NumberMask) < FirstUserRecord || states.IsUnknown(reference)
        || (states.Leads(reference) && states.Has(reference & MftRecord.NumberMask, RecordState.ObjectIdUnknown));
}
