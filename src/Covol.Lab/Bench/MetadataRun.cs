using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Covol.Lab.Bench;

/// <summary>
/// Threads that do one operation on names again and again, by the system calls that its name says and no others: .NET's own way to open a
/// file also locks it, which is a request to the coordinator and one more to let go.
/// </summary>
internal static class MetadataRun
{
    private const int Files = 100;
    private const int FileBytes = 4096;

    /// <summary>rw-r--r--.</summary>
    private const int Mode = 0x1A4;

    private const int Interrupted = 4;

    /// <summary>Blocks for <paramref name="seconds"/>; what it makes below the target's folders is removed again.</summary>
    public static BenchFigures Measure(MetadataCase workload, BenchTarget target, int seconds)
    {
        var here = $"{target.Folder}/{Place}";
        Directory.CreateDirectory(here);
        try
        {
            for (var file = 0; file < Files; file++)
            {
                File.WriteAllBytes($"{here}/{file}", []);
            }

            return Run(workload, target, seconds);
        }
        finally
        {
            Directory.Delete(here, recursive: true);
        }
    }

    private static string Place => "covol-bench-names";

    private static BenchFigures Run(MetadataCase workload, BenchTarget target, int seconds)
    {
        var latencies = new ConcurrentBag<List<double>>();
        var failures = new ConcurrentBag<Exception>();
        var folders = new string[workload.InFlight];
        for (var number = 0; number < folders.Length; number++)
        {
            folders[number] = $"{target.FolderOf(number)}/{Place}/" + (workload.HasOwnDirectories ? $"thread{number}" : "threads");
            Directory.CreateDirectory(folders[number]);
        }

        var start = Stopwatch.GetTimestamp();
        var threads = Enumerable.Range(0, workload.InFlight).Select(number => new Thread(() =>
        {
            var mine = new List<double>();
            try
            {
                for (var turn = 0; Stopwatch.GetElapsedTime(start).TotalSeconds < seconds; turn++)
                {
                    var begin = Stopwatch.GetTimestamp();
                    if (workload.Operation == MetadataOperation.Stat)
                    {
                        // Fails where there is no such file.
                        _ = File.GetUnixFileMode($"{target.FolderOf(number)}/{Place}/{turn % Files}");
                    }
                    else
                    {
                        CreateWriteDelete($"{folders[number]}/{number}-{turn}");
                    }

                    mine.Add(Stopwatch.GetElapsedTime(begin).TotalMicroseconds);
                }
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                failures.Add(failure);
            }

            latencies.Add(mine);
        })).ToArray();
        foreach (var thread in threads)
        {
            thread.Start();
        }

        foreach (var thread in threads)
        {
            thread.Join();
        }

        var took = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (!failures.IsEmpty)
        {
            throw new LabException($"{workload.Name} failed in {target.Folder}: {failures.First().Message}");
        }

        return folders.Distinct().FirstOrDefault(folder => Directory.EnumerateFileSystemEntries(folder).Any()) is { } left
            ? throw new LabException($"{workload.Name} deleted all its files, but {left} is not empty.")
            : BenchFigures.Of(workload.Name, latencies.SelectMany(each => each), took);
    }

    private static void CreateWriteDelete(string name)
    {
        var file = Expect(Interop.Libc.Open(name, Interop.Libc.NewFileForWriting, Mode), name);
        var written = Interop.Libc.Write(file, new byte[FileBytes], FileBytes);
        var error = Marshal.GetLastPInvokeError();

        // EINTR closes it all the same (close(2)).
        if (Interop.Libc.Close(file) != 0 && Marshal.GetLastPInvokeError() is var reason and not Interrupted)
        {
            throw new IOException($"{name} could not be closed: {Marshal.GetPInvokeErrorMessage(reason)}");
        }

        if (written != FileBytes)
        {
            throw new IOException(written < 0
                ? $"{name} could not be written: {Marshal.GetPInvokeErrorMessage(error)}"
                : $"{name} took {written} of {FileBytes} bytes.");
        }

        Expect(Interop.Libc.Unlink(name), name);
    }

    private static int Expect(int result, string name) => result >= 0
        ? result
        : throw new IOException($"{name}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
}
