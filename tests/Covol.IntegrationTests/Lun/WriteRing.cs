using System.ComponentModel;
using System.Runtime.InteropServices;
using Covol.Lun;

namespace Covol.IntegrationTests.Lun;

/// <summary>
/// The smallest io_uring that leaves writes in flight when its process dies: the data path's own ring is tested elsewhere.
/// Layouts: linux/io_uring.h.
/// </summary>
internal sealed unsafe partial class WriteRing : IDisposable
{
    private const nint SetupCall = 425;
    private const nint EnterCall = 426;
    private const byte WriteOperation = 23;
    private const long EntriesAt = 0x1000_0000;
    private const uint GetEvents = 1;

    private readonly int _ring;
    private readonly byte* _rings;
    private readonly byte* _entries;
    private readonly Parameters _parameters;
    private uint _queued;

    public WriteRing(int depth)
    {
        var parameters = default(Parameters);
        _ring = (int)SysCall(SetupCall, depth, (nint)(&parameters), 0, 0, 0, 0);
        ThrowIf(_ring < 0);
        _parameters = parameters;
        var length = Math.Max(
            parameters.SubmissionArray + (parameters.SubmissionEntries * 4),
            parameters.CompletionEntriesAt + (parameters.CompletionEntries * 16));
        _rings = Map(length, 0);
        _entries = Map(parameters.SubmissionEntries * 64, EntriesAt);
    }

    public void Queue(int file, long at, AlignedBuffer data, int tag)
    {
        var tail = *(uint*)(_rings + _parameters.SubmissionTail);
        var index = tail & (_parameters.SubmissionEntries - 1);
        var entry = _entries + (index * 64);
        NativeMemory.Clear(entry, 64);
        entry[0] = WriteOperation;
        *(int*)(entry + 4) = file;
        *(long*)(entry + 8) = at;
        *(nint*)(entry + 16) = data.Address;
        *(int*)(entry + 24) = data.Length;
        *(long*)(entry + 32) = tag;
        ((uint*)(_rings + _parameters.SubmissionArray))[index] = index;
        Volatile.Write(ref *(uint*)(_rings + _parameters.SubmissionTail), tail + 1);
        _queued++;
    }

    public void Submit(int waitFor)
    {
        var done = SysCall(EnterCall, _ring, (nint)_queued, waitFor, waitFor > 0 ? (nint)GetEvents : 0, 0, 0);
        ThrowIf(done < 0);
        _queued -= (uint)done;
    }

    public bool TryTakeCompleted(out int tag)
    {
        ref var head = ref *(uint*)(_rings + _parameters.CompletionHead);
        if (head == Volatile.Read(ref *(uint*)(_rings + _parameters.CompletionTail)))
        {
            tag = 0;
            return false;
        }

        var completed = _rings + _parameters.CompletionEntriesAt + ((head & (_parameters.CompletionEntries - 1)) * 16);
        tag = (int)*(long*)completed;
        var result = *(int*)(completed + 8);
        Volatile.Write(ref head, head + 1);
        return result > 0 ? true : throw new IOException($"A write of the flood failed with errno {-result}.");
    }

    public void Dispose() => _ = Close(_ring);

    private static void ThrowIf(bool failed)
    {
        if (failed)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    private byte* Map(uint length, long at)
    {
        var mapped = MMap(0, length, 3, 1, _ring, at);
        ThrowIf(mapped == -1);
        return (byte*)mapped;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SysCall(nint number, nint a, nint b, nint c, nint d, nint e, nint f);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MMap(nint address, nuint length, int protection, int flags, int file, long at);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);

    /// <summary>struct io_uring_params.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 120)]
    private struct Parameters
    {
        [FieldOffset(0)]
        public uint SubmissionEntries;

        [FieldOffset(4)]
        public uint CompletionEntries;

        [FieldOffset(44)]
        public uint SubmissionTail;

        [FieldOffset(64)]
        public uint SubmissionArray;

        [FieldOffset(80)]
        public uint CompletionHead;

        [FieldOffset(84)]
        public uint CompletionTail;

        [FieldOffset(100)]
        public uint CompletionEntriesAt;
    }
}
