using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Covol.Cli.Contracts;

/// <summary>The JSON of what only the command line knows; the rest is <see cref="Api.ApiJson"/>.</summary>
[JsonSerializable(typeof(OrderView))]
[JsonSerializable(typeof(LabView))]
[JsonSerializable(typeof(DiskView))]
internal sealed partial class CliJson : JsonSerializerContext
{
    public static CliJson Indented { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,

        // A terminal or a program reads this, never a web page: an apostrophe stays one.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
