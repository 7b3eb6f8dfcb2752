using System.Text.Json.Serialization;
using Covol.Protocol.Control;

namespace Covol.Transport.Control;

/// <summary>The answer to a <see cref="ControlRequest"/>.</summary>
/// <param name="Ok">It was done.</param>
/// <param name="Error">Else why not, as a sentence.</param>
/// <param name="MountedVolumes">Answer to <see cref="QueryMountedVolumes"/>.</param>
/// <param name="CoordinatorState">Answer to <see cref="QueryCoordinator"/>.</param>
/// <param name="Check">Answer to <see cref="CheckVolume"/>.</param>
public sealed record ControlAnswer(
    bool Ok,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Error = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<MountedVolume>? MountedVolumes = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] CoordinatorState? CoordinatorState = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] CheckResult? Check = null)
{
    public static ControlAnswer Done { get; } = new(true);

    public static ControlAnswer Refused(string sentence) => new(false, sentence);
}
