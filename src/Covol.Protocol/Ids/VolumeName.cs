using System.Diagnostics.CodeAnalysis;

namespace Covol.Protocol.Ids;

/// <summary>
/// A cluster shared volume's name: the folder's name below <c>/ClusterStorage</c>. 1 to 32 letters, digits, '-' or '_',
/// beginning with a letter.
/// </summary>
public readonly record struct VolumeName
{
    public const int LengthMax = 32;

    private readonly string? _value;

    private VolumeName(string value) => _value = value;

    public string Value => _value ?? throw new InvalidOperationException("A volume name was used before it was set.");

    public static VolumeName Parse(string text) => TryParse(text, out var name)
        ? name
        : throw new FormatException(
            $"'{text}' is not a volume name: 1 to {LengthMax} letters, digits, '-' or '_', beginning with a letter.");

    public static bool TryParse([NotNullWhen(true)] string? text, out VolumeName name)
    {
        name = default;
        if (text is null || text.Length is 0 or > LengthMax || !char.IsAsciiLetter(text[0]))
        {
            return false;
        }

        foreach (var character in text)
        {
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('-' or '_'))
            {
                return false;
            }
        }

        name = new VolumeName(text);
        return true;
    }

    public override string ToString() => Value;
}
