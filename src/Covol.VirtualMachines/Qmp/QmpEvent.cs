using System.Text.Json;

namespace Covol.VirtualMachines.Qmp;

/// <summary>An event of QEMU. <see cref="At"/> is the time of the host QEMU runs on, taken by QEMU.</summary>
public sealed record QmpEvent(string Name, DateTimeOffset At, JsonElement Data)
{
    /// <summary>A field of the event's data as text, or null.</summary>
    public string? Text(string field) =>
        Data.ValueKind == JsonValueKind.Object && Data.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
