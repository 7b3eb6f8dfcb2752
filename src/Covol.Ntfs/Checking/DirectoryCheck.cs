using System.Buffers.Binary;

namespace Covol.Ntfs.Checking;

/// <summary>Directory indexes against the names of the files, both ways; and whether every directory hangs below the root.</summary>
internal sealed class DirectoryCheck(
    VolumeImage image,
    MftTable table,
    RecordStates states,
    NameTable names,
    Collation collation,
    PathNames paths,
    Func<ulong, MftRecord?> readJoined,
    FindingList findings)
{
    private const string I30 = "$I30";
    private const ulong Root = 5;

    private string? _where;

    public void Run()
    {
        names.Sort();
        table.Visit(HasDirectory, Look);
        var before = uint.MaxValue;
        foreach (var number in names.NotFound())
        {
            if (number != before)
            {
                Missing(number);
            }

            before = number;
        }

        for (var number = 0UL; number < states.Count; number++)
        {
            if (states.Has(number, RecordState.Directory) && !states.Has(number, RecordState.Extent | RecordState.Unreadable))
            {
                FollowUp(number);
            }
        }
    }

    private bool HasDirectory(ulong first, ulong after)
    {
        for (var number = first; number < after; number++)
        {
            if (states.Has(number, RecordState.Directory))
            {
                return true;
            }
        }

        return false;
    }

    private void Look(ulong number, Span<byte> bytes)
    {
        if (!states.Has(number, RecordState.Directory) || states.Has(number, RecordState.Extent | RecordState.Unreadable)
            || !MftRecord.TryFix(bytes, "FILE"u8) || MftRecord.Read(bytes, number, static (_, _) => { }) is not { } directory)
        {
            return;
        }

        if (directory.Find(MftRecord.AttributeList) is not null)
        {
            directory = readJoined(number) ?? directory;
        }

        if (directory.Find(MftRecord.IndexRoot, I30) is null)
        {
            // Told where the record was looked at, or the root lies in an extension record that cannot be read.
            states.Add(number, RecordState.IndexUnknown);
            return;
        }

        _where = null;
        try
        {
            var isWhole = IndexWalk.Run(
                image,
                findings,
                directory,
                I30,
                Name(directory.Number),
                IndexRule.FileName,
                collation.Names,
                (entry, key) => Entry(directory, entry, key));
            if (!isWhole)
            {
                states.Add(number, RecordState.IndexUnknown);
            }
        }
        catch (ContentGoneException)
        {
            states.Add(number, RecordState.IndexUnknown);
            findings.Skip();
        }
    }

    private string Name(ulong directory) => _where ??= paths.Of(directory);

    private bool Entry(MftRecord directory, ReadOnlySpan<byte> entry, ReadOnlySpan<byte> key)
    {
        if (NameTable.NameIn(key) is not { } name)
        {
            findings.Tell(FindingKind.IndexDamaged, Name(directory.Number), "a name in its index is damaged");
            return false;
        }

        var reference = BinaryPrimitives.ReadUInt64LittleEndian(entry);
        var number = reference & MftRecord.NumberMask;
        if (states.IsUnknown(reference))
        {
            return true;
        }

        if (!states.Leads(reference))
        {
            // Where only the sequence is wrong, the file's name is here all the same.
            names.Find(key, number);
            findings.Tell(
                FindingKind.IndexDangling,
                Name(directory.Number),
                $"'{name}' leads to record {number}, which is free or another file's by now");
        }
        else if (!names.Find(key, number) && !states.Has(number, RecordState.NameDisputed))
        {
            states.Add(number, RecordState.NameDisputed);
            findings.Tell(
                FindingKind.IndexForeign, Name(directory.Number), $"'{name}' leads to {paths.Of(number)}, which has no such name here");
        }

        return true;
    }

    /// <summary>A file of which one name or more was in no directory.</summary>
    private void Missing(ulong number)
    {
        if (states.Has(number, RecordState.NameDisputed) || readJoined(number) is not { } record)
        {
            return;
        }

        foreach (var attribute in record.Attributes)
        {
            if (attribute.Type != MftRecord.FileName || attribute.Value is not { } value || NameTable.NameIn(value) is not { } name
                || names.WasFound(value, number))
            {
                continue;
            }

            var parent = NameTable.ParentIn(value);
            var directory = parent & MftRecord.NumberMask;
            if (states.IsUnknown(parent) || (states.Leads(parent) && states.Has(directory, RecordState.IndexUnknown)))
            {
                continue;
            }

            if (!states.Leads(parent) || !states.Has(directory, RecordState.Directory))
            {
                findings.Tell(
                    FindingKind.NameParent,
                    $"record {number}",
                    $"its name '{name}' says it lies in record {directory}, which is no directory or another by now");
            }
            else
            {
                findings.Tell(FindingKind.NameNotIndexed, paths.Of(number), $"its name '{name}' is not in the index of {paths.Of(directory)}");
            }
        }
    }

    /// <summary>From a directory up to what is known to hang below the root, or round a cycle (Floyd's two walkers).</summary>
    private void FollowUp(ulong number)
    {
        var (at, slow, isSlowToMove) = (number, number, false);
        while (!IsSettled(at))
        {
            // A parent that is no directory was told with the name.
            if (!states.Has(at, RecordState.Directory))
            {
                return;
            }

            at = states.ParentOf(at);
            slow = isSlowToMove ? states.ParentOf(slow) : slow;
            isSlowToMove = !isSlowToMove;
            if (at == slow)
            {
                TellCycle(at);
                break;
            }
        }

        for (at = number; !IsSettled(at); at = states.ParentOf(at))
        {
            states.Add(at, RecordState.ReachesRoot);
        }
    }

    private bool IsSettled(ulong directory) =>
        directory == Root || states.Has(directory, RecordState.ReachesRoot | RecordState.Unreadable | RecordState.IndexUnknown);

    private void TellCycle(ulong member)
    {
        var (first, at) = (member, member);
        do
        {
            states.Add(at, RecordState.ReachesRoot);
            first = Math.Min(first, at);
            at = states.ParentOf(at);
        }
        while (at != member);

        findings.Tell(FindingKind.DirectoryCycle, $"record {first}", "this directory lies below itself, and nowhere below the root");
    }
}
