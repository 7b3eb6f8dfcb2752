using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Covol.Node.Http;

/// <summary>
/// Reads the JSON of a request. A name the node does not know is refused: it is a typing mistake, or asks for something that this
/// version cannot do, and to do half of what was asked would be a surprise. (Answers are read the other way: a newer node may say more.)
/// </summary>
internal static class RequestBody
{
    /// <exception cref="BadHttpRequestException">One sentence that names what is wrong.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
    {
        JsonDocument document;
        try
        {
            document = await JsonDocument.ParseAsync(context.Request.Body, default, context.RequestAborted).ConfigureAwait(false);
        }
        catch (JsonException failure)
        {
            throw new BadHttpRequestException($"The request's body is not JSON: {failure.Message}", StatusCodes.Status400BadRequest, failure);
        }

        using (document)
        {
            return Read(document.RootElement, type);
        }
    }

    private static T Read<T>(JsonElement body, JsonTypeInfo<T> type)
    {
        var known = type.Properties.Select(property => property.Name).ToArray();
        if (body.ValueKind != JsonValueKind.Object)
        {
            throw new BadHttpRequestException($"The request's body is not a JSON object; it has the names {string.Join(", ", known)}.");
        }

        var given = body.EnumerateObject().Select(property => property.Name).ToArray();
        if (given.Except(known).ToArray() is { Length: > 0 } unknown)
        {
            throw new BadHttpRequestException(
                $"The request has the unknown name{(unknown.Length == 1 ? "" : "s")} {Quoted(unknown)}; known here are {Quoted(known)}. "
                + "Nothing was done.");
        }

        if (given.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new BadHttpRequestException($"The request has the name '{twice.Key}' twice. Nothing was done.");
        }

        var missing = type.Properties.Where(property => IsNeeded(property) && !HasValue(body, property.Name))
            .Select(property => property.Name).ToArray();
        if (missing.Length > 0)
        {
            throw new BadHttpRequestException($"The request lacks {Quoted(missing)}. Nothing was done.");
        }

        try
        {
            return body.Deserialize(type) ?? throw new BadHttpRequestException("The request's body is null.");
        }
        catch (JsonException failure)
        {
            throw new BadHttpRequestException(
                $"The request's value at {failure.Path} is not what it should be. Nothing was done.", StatusCodes.Status400BadRequest, failure);
        }
    }

    /// <summary>A constructor parameter without default that may not be null.</summary>
    private static bool IsNeeded(JsonPropertyInfo property) =>
        property.AssociatedParameter is { HasDefaultValue: false } && !property.IsSetNullable;

    private static bool HasValue(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;

    private static string Quoted(IEnumerable<string> names) => string.Join(", ", names.Select(name => $"'{name}'"));
}
