using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Covol.Protocol;

/// <summary>
/// Checks that stay on in production. A broken invariant ends the process: a stopped coordinator is replaced, a second writer
/// cannot be undone.
/// </summary>
public static class Invariant
{
    /// <summary>Throws <see cref="InvariantBrokenException"/>, which every role lets end its process.</summary>
    [StackTraceHidden]
    public static void Holds([DoesNotReturnIf(false)] bool condition, string whatBroke)
    {
        if (!condition)
        {
            throw new InvariantBrokenException(whatBroke);
        }
    }
}
