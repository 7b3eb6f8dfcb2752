using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Covol.Cli;

/// <summary>Writes a contract as indented JSON.</summary>
internal static class Json
{
    public static void Write<T>(TextWriter output, T value, JsonTypeInfo<T> type) =>
        output.WriteLine(JsonSerializer.Serialize(value, type));
}
