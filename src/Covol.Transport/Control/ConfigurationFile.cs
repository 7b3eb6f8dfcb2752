using System.Text.Json;

namespace Covol.Transport.Control;

/// <summary>
/// Reads and writes the configuration files of the roles (<see cref="Protocol.Control.CoordinatorConfiguration"/>,
/// <see cref="Protocol.Control.MountConfiguration"/>): JSON, camelCase, comments allowed.
/// </summary>
public static class ConfigurationFile
{
    private const long LengthMax = 1024 * 1024;

    /// <summary>Throws <see cref="ControlException"/> with a sentence that names the file.</summary>
    public static T Read<T>(string path)
        where T : class
    {
        try
        {
            if (new FileInfo(path).Length > LengthMax)
            {
                throw new ControlException($"The configuration file {path} is longer than {LengthMax} bytes.");
            }

            return (T?)JsonSerializer.Deserialize(File.ReadAllText(path), typeof(T), ControlJson.Default)
                ?? throw new ControlException($"The configuration file {path} is empty.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new ControlException($"The configuration file {path} cannot be used: {failure.Message}", failure);
        }
    }

    /// <summary>Writes a file beside it and renames, so that nobody reads half of it.</summary>
    public static void Write<T>(string path, T configuration)
        where T : class
    {
        var beside = path + ".new";
        File.WriteAllText(beside, JsonSerializer.Serialize(configuration, typeof(T), ControlJson.Default));
        File.Move(beside, path, overwrite: true);
    }
}
