using System.Buffers;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>Which names a volume takes. libntfs-3g takes any, even <c>..</c>, and counts the length in one byte.</summary>
internal static class FileNames
{
    public const string Journal = "$CovolJournal";
    public const string Orphans = "$CovolOrphans";

    /// <summary>In UTF-16 units.</summary>
    public const int LengthMax = 255;

    private static readonly SearchValues<char> s_windowsCharacters = SearchValues.Create("\"*:<>?\\|");

    private static readonly HashSet<string> s_rootNames = new(StringComparer.OrdinalIgnoreCase)
    {
        "$MFT", "$MFTMirr", "$LogFile", "$Volume", "$AttrDef", "$Bitmap", "$Boot", "$BadClus", "$Secure", "$UpCase", "$Extend",
        Journal, Orphans,
    };

    private static readonly HashSet<string> s_windowsDevices = new(
        ["CON", "PRN", "AUX", "NUL", .. Enumerable.Range(1, 9).SelectMany(n => new[] { $"COM{n}", $"LPT{n}" })],
        StringComparer.OrdinalIgnoreCase);

    /// <summary>NTFS's own names in the root, and ours: nobody sees, makes or removes them.</summary>
    public static bool IsHidden(string name, bool inRoot) => inRoot && s_rootNames.Contains(name);

    /// <summary>Throws InvalidName or NameTooLong for a name that must not be stored.</summary>
    public static void Check(string name, bool inRoot, bool windowsNames)
    {
        if (name.Length > LengthMax)
        {
            throw new VolumeException(
                VolumeError.NameTooLong, $"A name has at most {LengthMax} UTF-16 units on NTFS, this one has {name.Length}.");
        }

        if (name.Length == 0 || name is "." or ".." || name.AsSpan().ContainsAny('/', '\0') || !IsWholeUtf16(name))
        {
            throw new VolumeException(
                VolumeError.InvalidName, "The name is empty, '.', '..', contains '/' or NUL, or is not valid Unicode.");
        }

        if (IsHidden(name, inRoot))
        {
            throw new VolumeException(VolumeError.InvalidName, $"'{name}' is the name of one of the file system's own files.");
        }

        if (windowsNames && !IsWindowsName(name))
        {
            throw new VolumeException(
                VolumeError.InvalidName, $"'{name}' is a name that Windows cannot open, and this volume refuses those.");
        }
    }

    private static bool IsWholeUtf16(string name)
    {
        for (var index = 0; index < name.Length; index++)
        {
            if (char.IsHighSurrogate(name[index]) && index + 1 < name.Length && char.IsLowSurrogate(name[index + 1]))
            {
                index++;
            }
            else if (char.IsSurrogate(name[index]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsWindowsName(string name)
    {
        var stem = name.Split('.', 2)[0].TrimEnd(' ');
        return !name.AsSpan().ContainsAny(s_windowsCharacters) && !name.Any(character => character < ' ') && name[^1] is not ('.' or ' ')
            && !s_windowsDevices.Contains(stem);
    }
}
