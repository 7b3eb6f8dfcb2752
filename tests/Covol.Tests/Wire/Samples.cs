using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;

namespace Covol.Tests.Wire;

/// <summary>
/// Makes instances of any record by reflection, so that a record added tomorrow is tested too, and writes them out for comparison
/// (records compare lists and memory by reference).
/// </summary>
internal static class Samples
{
    /// <summary>All concrete records below an abstract one.</summary>
    public static IEnumerable<Type> KindsOf(Type root) =>
        root.Assembly.GetTypes().Where(type => type.IsSubclassOf(root) && !type.IsAbstract).OrderBy(type => type.Name);

    /// <summary>With <paramref name="full"/> every optional value is there; else none is, and lists are empty.</summary>
    public static object Make(Type type, Random random, bool full)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return full ? Make(underlying, random, full) : null!;
        }

        if (Scalar(type, random) is { } scalar)
        {
            return scalar;
        }

        if (type == typeof(ReadOnlyMemory<byte>))
        {
            var bytes = new byte[full ? 300 : 0];
            random.NextBytes(bytes);
            return (ReadOnlyMemory<byte>)bytes;
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            var element = type.GetGenericArguments()[0];
            var list = Array.CreateInstance(element, full ? 3 : 0);
            for (var index = 0; index < list.Length; index++)
            {
                list.SetValue(Make(element, random, full), index);
            }

            return list;
        }

        var constructor = type.GetConstructors().OrderByDescending(candidate => candidate.GetParameters().Length)
            .First(candidate => !IsFromParts(type, candidate));
        var made = constructor.Invoke([.. constructor.GetParameters().Select(parameter => Argument(parameter, random, full))]);
        if (constructor.GetParameters().Length == 0 && full)
        {
            foreach (var property in type.GetProperties().Where(property => property.CanWrite))
            {
                property.SetValue(made, Make(property.PropertyType, random, full));
            }
        }

        return made;
    }

    public static string Text(object? value)
    {
        var text = new StringBuilder();
        Write(value, text);
        return text.ToString();
    }

    // FileReference(record, sequence) beside FileReference(value): the same value from parts.
    private static bool IsFromParts(Type type, ConstructorInfo constructor) =>
        type.IsValueType && constructor.GetParameters().Any(parameter => type.GetProperty(Capital(parameter.Name!))?.CanWrite != true);

    private static string Capital(string name) => char.ToUpperInvariant(name[0]) + name[1..];

    private static object? Argument(ParameterInfo parameter, Random random, bool full)
    {
        var isOptional = new NullabilityInfoContext().Create(parameter).WriteState == NullabilityState.Nullable;
        return isOptional && !full ? null : parameter.Name switch
        {
            "Mode" when parameter.ParameterType == typeof(int) => random.Next(0x1000),
            "Node" => new Protocol.Ids.NodeId(random.Next(1, 65)),
            "First" => random.NextInt64(1000),
            "Last" => 1000 + random.NextInt64(1000),
            _ => Make(parameter.ParameterType, random, full),
        };
    }

    private static object? Scalar(Type type, Random random) => type switch
    {
        _ when type == typeof(string) => $"näme-{random.Next()}-文",
        _ when type == typeof(bool) => random.Next(2) == 0,
        _ when type == typeof(int) => random.Next(0x1000),
        _ when type == typeof(uint) => (uint)random.NextInt64(uint.MaxValue),
        _ when type == typeof(long) => 1 + random.NextInt64(long.MaxValue / 4),
        _ when type == typeof(ulong) => (ulong)random.NextInt64(long.MaxValue),
        _ when type == typeof(Guid) => new Guid(random.Next(), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
        _ when type == typeof(TimeSpan) => TimeSpan.FromTicks(random.NextInt64(1_000_000_000)),
        _ when type.IsEnum => type.GetEnumValues().GetValue(random.Next(type.GetEnumValues().Length)),
        _ => null,
    };

    private static void Write(object? value, StringBuilder text)
    {
        switch (value)
        {
            case null:
                text.Append("null");
                break;
            case string or Enum or bool or Guid or TimeSpan or IFormattable:
                text.Append(CultureInfo.InvariantCulture, $"{value}");
                break;
            case ReadOnlyMemory<byte> bytes:
                text.Append(Convert.ToHexString(bytes.Span));
                break;
            case IEnumerable list:
                text.Append('[');
                foreach (var element in list)
                {
                    Write(element, text);
                    text.Append(", ");
                }

                text.Append(']');
                break;
            default:
                text.Append(value.GetType().Name).Append('(');
                foreach (var property in value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
                {
                    if (property.CanWrite)
                    {
                        text.Append(property.Name).Append('=');
                        Write(property.GetValue(value), text);
                        text.Append(' ');
                    }
                }

                text.Append(')');
                break;
        }
    }
}
