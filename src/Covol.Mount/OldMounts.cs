using Covol.Fuse;
using Covol.Mount.Holding;
using Microsoft.Extensions.Logging;

namespace Covol.Mount;

/// <summary>
/// Mounts that an earlier mount process left behind: ended, so that programs that still use them get errors and never wrong data,
/// before anything is mounted afresh.
/// </summary>
internal static class OldMounts
{
    public const string Subtype = "covol";
    private const string Type = "fuse." + Subtype;

    public static async Task EndAsync(string namespaceRoot, HolderClient holder, TimeProvider time, ILogger log, CancellationToken cancellation)
    {
        foreach (var (path, connection) in Below(Path.GetFullPath(namespaceRoot)))
        {
            await EndOneAsync(path, connection, time, log, cancellation).ConfigureAwait(false);
        }

        try
        {
            foreach (var kept in holder.List())
            {
                // Its connection was aborted above, or its mount has been gone before; the descriptor is of no use any more.
                if (Path.GetFullPath(kept.Path).StartsWith(Path.GetFullPath(namespaceRoot) + "/", StringComparison.Ordinal))
                {
                    FuseConnection.Abort(kept.Connection);
                    holder.Drop(kept.Volume);
                }
            }
        }
        catch (IOException failure)
        {
            MountLog.NoHolder(log, namespaceRoot, failure.Message);
        }
    }

    /// <summary>Ends one mount, whoever serves it or does not any more.</summary>
    public static async Task EndOneAsync(string path, int connection, TimeProvider time, ILogger log, CancellationToken cancellation)
    {
        FuseConnection.Abort(connection);
        await FuseSession.UnmountAsync(path, time, cancellation).ConfigureAwait(false);
        MountLog.OldMountEnded(log, path);
    }

    /// <summary>Our mounts below a folder, deepest last mounted first, read without touching any of them.</summary>
    public static IReadOnlyList<(string Path, int Connection)> Below(string folder)
    {
        var found = new List<(string, int)>();
        foreach (var line in File.ReadLines("/proc/self/mountinfo"))
        {
            // proc(5): id parent major:minor root mountpoint options optional... - type source options
            var fields = line.Split(' ');
            var dash = Array.IndexOf(fields, "-");
            if (dash < 6 || fields[dash + 1] != Type)
            {
                continue;
            }

            var path = fields[4].Replace("\\040", " ", StringComparison.Ordinal).Replace("\\134", "\\", StringComparison.Ordinal);
            var number = fields[2].AsSpan(fields[2].IndexOf(':') + 1);
            if (path.StartsWith(folder + "/", StringComparison.Ordinal))
            {
                found.Add((path, int.Parse(number, System.Globalization.CultureInfo.InvariantCulture)));
            }
        }

        found.Reverse();
        return found;
    }
}
