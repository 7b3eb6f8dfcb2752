namespace Covol.Ntfs.Checking;

/// <summary>What a record is called in a sentence: its path where its names lead to the root, and always its number.</summary>
internal sealed class PathNames(MftTable table)
{
    private const ulong Root = 5;
    private const int DepthMax = 64;
    private const byte DosKind = 2;

    public string Of(ulong number)
    {
        var parts = new List<string>();
        var at = number;
        for (var depth = 0; depth < DepthMax && at != Root; depth++)
        {
            if (table.Read(at) is not { } record || Name(record) is not { } found)
            {
                return $"record {number}";
            }

            parts.Add(found.Name);
            at = found.Parent;
        }

        parts.Reverse();
        return at == Root ? $"/{string.Join('/', parts)} (record {number})" : $"record {number}";
    }

    private static (string Name, ulong Parent)? Name(MftRecord record)
    {
        (string, ulong)? best = null;
        foreach (var attribute in record.Attributes)
        {
            if (attribute.Type == MftRecord.FileName && attribute.Value is { } value && NameTable.NameIn(value) is { } name
                && (best is null || value[0x41] != DosKind))
            {
                best = (name, NameTable.ParentIn(value) & MftRecord.NumberMask);
            }
        }

        return best;
    }
}
