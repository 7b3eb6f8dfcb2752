using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Covol.IntegrationTests.Fuse;
using Microsoft.Win32.SafeHandles;
using Shouldly;

namespace Covol.IntegrationTests.Lab;

/// <summary>
/// Writes into a folder of its own until the folder's volume is gone, fsyncs each step, and remembers here, outside the volume, what was
/// acknowledged: numbered records with checksums, aligned blocks written O_SYNC, files that take another's name, files that are removed.
/// </summary>
internal sealed partial class DurableWriter
{
    private const int RecordBytes = 200;
    private const int BlockBytes = 4096;
    private const int HashBytes = SHA256.HashSizeInBytes;
    private const int NamesMax = 8;
    private const int Keep = 10;
    private const int DirectoryOnly = 0x10000;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private readonly string _folder;
    private readonly Thread _thread;
    private readonly int[] _replaced = new int[NamesMax];
    private int _records;
    private int _blocks;
    private int _lastMade;
    private int _lastRemoved;
    private int _rounds;
    private volatile string? _ended;

    /// <summary>Begins at once, on a thread of its own: its calls block while a coordinator is replaced.</summary>
    public DurableWriter(string folder)
    {
        _folder = folder;
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder);
        _thread = new Thread(Write) { Name = "durable-writer", IsBackground = true };
        _thread.Start();
    }

    public int Rounds => Volatile.Read(ref _rounds);

    /// <summary>Why it ended; null while it writes.</summary>
    public string? Ended => _ended;

    /// <summary>Waits until its volume is gone under it.</summary>
    public void Join() => _thread.Join(s_limit).ShouldBeTrue($"A call into {_folder} hangs though its node was killed.");

    /// <summary>Everything that was acknowledged is there, seen through another folder of the same content.</summary>
    public void Verify(string folder)
    {
        var records = File.ReadAllBytes($"{folder}/records");
        for (var n = 0; n < _records; n++)
        {
            records.Length.ShouldBeGreaterThanOrEqualTo((n + 1) * RecordBytes, $"record {n} of {_records} in {folder}");
            NumberOf(records.AsSpan(n * RecordBytes, RecordBytes)).ShouldBe(n, $"record {n} of {_records} in {folder}");
        }

        var blocks = File.ReadAllBytes($"{folder}/blocks");
        for (var n = 0; n < _blocks; n++)
        {
            NumberOf(blocks.AsSpan(n * BlockBytes, BlockBytes)).ShouldBe(n, $"block {n} of {_blocks} in {folder}");
        }

        for (var name = 0; name < NamesMax; name++)
        {
            if (_replaced[name] is > 0 and var acknowledged)
            {
                NumberOf(File.ReadAllBytes($"{folder}/replaced-{name}")).ShouldBeGreaterThanOrEqualTo(acknowledged, $"replaced-{name} in {folder}");
            }
        }

        // The one after the last may be gone already: its removal was not acknowledged yet.
        for (var made = _lastRemoved + 2; made <= _lastMade; made++)
        {
            NumberOf(File.ReadAllBytes($"{folder}/made-{made}")).ShouldBe(made, $"made-{made} in {folder}");
        }

        for (var removed = 1; removed <= _lastRemoved; removed++)
        {
            File.Exists($"{folder}/made-{removed}").ShouldBeFalse($"made-{removed} in {folder} was removed");
        }
    }

    /// <summary>The content's number, or -1 when its checksum is wrong.</summary>
    private static long NumberOf(ReadOnlySpan<byte> content) =>
        SHA256.HashData(content[..^HashBytes]).AsSpan().SequenceEqual(content[^HashBytes..])
            ? long.Parse(Encoding.ASCII.GetString(content[..16]), CultureInfo.InvariantCulture)
            : -1;

    private static byte[] Content(int number, int length)
    {
        var content = RandomNumberGenerator.GetBytes(length);
        Encoding.ASCII.GetBytes(number.ToString("D16", CultureInfo.InvariantCulture)).CopyTo(content, 0);
        SHA256.HashData(content.AsSpan(0, length - HashBytes)).CopyTo(content, length - HashBytes);
        return content;
    }

    private void Write()
    {
        try
        {
            using var records = File.OpenHandle($"{_folder}/records", FileMode.CreateNew, FileAccess.Write);
            using var blocks = File.OpenHandle($"{_folder}/blocks", FileMode.CreateNew, FileAccess.Write, options: FileOptions.WriteThrough);
            SynchronizeFolder();
            for (var round = 1; ; round++)
            {
                RandomAccess.Write(records, Content(_records, RecordBytes), (long)_records * RecordBytes);
                RandomAccess.FlushToDisk(records);
                _records++;
                RandomAccess.Write(blocks, Content(_blocks, BlockBytes), (long)_blocks * BlockBytes);
                _blocks++;
                if (round % 2 == 0)
                {
                    Replace(round);
                }
                else
                {
                    MakeAndRemove();
                }

                Volatile.Write(ref _rounds, round);
            }
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            _ended = gone.Message;
        }
    }

    private void Replace(int round)
    {
        var name = round / 2 % NamesMax;
        WriteFile($"{_folder}/new", round);
        File.Move($"{_folder}/new", $"{_folder}/replaced-{name}", overwrite: true);
        SynchronizeFolder();
        _replaced[name] = round;
    }

    private void MakeAndRemove()
    {
        WriteFile($"{_folder}/made-{_lastMade + 1}", _lastMade + 1);
        SynchronizeFolder();
        _lastMade++;
        if (_lastMade - _lastRemoved > Keep)
        {
            File.Delete($"{_folder}/made-{_lastRemoved + 1}");
            SynchronizeFolder();
            _lastRemoved++;
        }
    }

    private static void WriteFile(string path, int number)
    {
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        RandomAccess.Write(file, Content(number, 1000 + (number % 20_000)), 0);
        RandomAccess.FlushToDisk(file);
    }

    private void SynchronizeFolder()
    {
        using var folder = Native.Open(_folder, DirectoryOnly | Native.CloseOnExec, 0);
        if (folder.IsInvalid || Synchronize(folder) != 0)
        {
            throw new IOException($"{_folder} could not be synchronized: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Synchronize(SafeFileHandle file);
}
