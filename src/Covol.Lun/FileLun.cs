using System.Globalization;
using System.Runtime.InteropServices;
using Covol.Lun.Reservations;
using Covol.Protocol.Units;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Covol.Lun;

/// <summary>
/// A LUN that is a file, for nodes that are processes of one machine, or a block device of the kernel's. Direct I/O on an open
/// file description of its own, which is never passed on: reservations and drains hang on it
/// (docs/decisions/0002-file-lun-reservations.md). Any thread.
/// <para>
/// Writes, zeroes, discards and flushes are refused (<see cref="LunError.ReservationConflict"/>) once our key was preempted, and
/// without a key while a reservation is held. Reads always pass, as on an array: they are the business of leases (SAFETY 7).
/// </para>
/// <para>
/// A block device has the same fences within one machine, whose table lies in <c>/run/covol/luns</c>. Between machines it has none:
/// no fencing, so a cluster takes such a LUN only when its administrator says so.
/// </para>
/// </summary>
public sealed unsafe partial class FileLun : ILun
{
    private const int BlockSizeMax = 4096;

    /// <summary>Where the tables of block devices are; of this boot, like what they tell.</summary>
    private const string TablesOfDevices = "/run/covol/luns";

    /// <summary>
    /// Longest piece of <see cref="WriteZeroes"/> and <see cref="Discard"/> counted as one I/O, so that a fence can end it.
    /// </summary>
    private const long PieceMax = 1L << 30;

    private static readonly AlignedBuffer s_zeroes = new(BouncePool.BufferLength);

    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly ReservationTable _table;
    private readonly ILogger _log;
    private readonly BouncePool _bounce = new();
    private readonly int _memoryAlignment;
    private readonly bool _isDevice;
    private readonly Lock _flushing = new();
    private readonly string _claimPath = "";
    private readonly bool _claims;
    private BlockDeviceClaim? _claim;
    private volatile bool _zeroRangeRefused;
    private volatile bool _punchHoleRefused;
    private long _flushesFailed;

    private FileLun(SafeFileHandle file, string path, ILogger log)
    {
        _file = file;
        _path = path;
        _log = log;
        var status = Status(file, path);
        if ((status.Mode & Interop.Libc.S_IFMT) != Interop.Libc.S_IFREG)
        {
            throw new LunException(LunError.NotFound, $"'{path}' is not a regular file, so it cannot be a file: LUN.");
        }

        (BlockSize, _memoryAlignment) = Alignment(file, status);
        Size = new ByteCount((long)status.Size & -BlockSize);
        CheckSize();
        _table = ReservationTable.Open(
            file, path, ((ulong)status.DeviceMajor << 32) | status.DeviceMinor, status.Inode);
    }

    private FileLun(SafeFileHandle file, string path, string tables, bool claims, ILogger log)
    {
        _file = file;
        _path = path;
        _log = log;
        _isDevice = true;
        var status = Status(file, path);
        if ((status.Mode & Interop.Libc.S_IFMT) != Interop.Libc.S_IFBLK)
        {
            throw new LunException(LunError.NotFound, $"'{path}' is not a block device, so it cannot be a block: LUN.");
        }

        var (bytes, block) = (0UL, 0);
        if (Interop.Libc.IoCtl(file, Interop.Libc.BLKGETSIZE64, &bytes) != 0 || Interop.Libc.IoCtl(file, Interop.Libc.BLKSSZGET, &block) != 0)
        {
            throw Interop.Errno.Failure(Marshal.GetLastPInvokeError(), $"Asking '{path}' for its size");
        }

        BlockSize = block is >= 512 and <= BlockSizeMax && (block & (block - 1)) == 0
            ? block
            : throw new LunException(LunError.NotFound, $"'{path}' has blocks of {block} bytes; Covol takes 512 to {BlockSizeMax}.");
        _memoryAlignment = BlockSize;
        Size = new ByteCount((long)bytes & -BlockSize);
        CheckSize();

        // By number, not by name: one device has several names.
        var number = string.Create(CultureInfo.InvariantCulture, $"{status.NodeMajor}-{status.NodeMinor}");
        Directory.CreateDirectory(tables, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        _claimPath = $"{tables}/{number}.claim";
        _claims = claims;
        _claim = claims ? BlockDeviceClaim.TryTake(path, _claimPath) : null;
        try
        {
            _table = ReservationTable.Open(
                file, path, $"{tables}/{number}.reservations", 0, ((ulong)status.NodeMajor << 32) | status.NodeMinor);
        }
        catch
        {
            _claim?.Dispose();
            throw;
        }
    }

    /// <summary>Fixed when the LUN was opened.</summary>
    public ByteCount Size { get; }

    public int BlockSize { get; }

    public long FlushesFailed => Interlocked.Read(ref _flushesFailed);

    public int Descriptor => (int)_file.DangerousGetHandle();

    public long DescriptorOffset => 0;

    /// <summary>
    /// Opens the file and its reservation table, which is made beside it if there is none. Throws
    /// <see cref="LunException"/> (<see cref="LunError.NotFound"/>) with a sentence when it cannot be used as a LUN.
    /// </summary>
    public static FileLun Open(string path, ILogger logger) =>
        OpenWith(path, (file, real) => new FileLun(file, real, logger));

    /// <summary>
    /// Opens a block device and claims it for Covol on this machine. Throws <see cref="LunException"/>
    /// (<see cref="LunError.NotFound"/>) with a sentence when it is none, or another program uses it.
    /// </summary>
    public static FileLun OpenDevice(string path, ILogger logger) => OpenDevice(path, TablesOfDevices, logger);

    /// <summary>The same with reservation tables elsewhere, for tests; and without the claim, for the one that shows what it is good for.</summary>
    internal static FileLun OpenDevice(string path, string tables, ILogger logger, bool claims = true) =>
        OpenWith(path, (file, real) => new FileLun(file, real, tables, claims, logger));

    private static FileLun OpenWith(string path, Func<SafeFileHandle, string, FileLun> make)
    {
        var file = Interop.Libc.Open(path, Interop.Libc.O_RDWR | Interop.Libc.O_DIRECT | Interop.Libc.O_CLOEXEC, 0);
        try
        {
            if (file.IsInvalid)
            {
                var errno = Marshal.GetLastPInvokeError();
                throw errno == Interop.Errno.EINVAL
                    ? new LunException(
                        LunError.NotFound, $"The file system of '{path}' has no direct I/O. Put the LUN on ext4 or XFS.")
                    : Interop.Errno.Failure(errno, $"Opening the LUN '{path}'");
            }

            // The table lies beside the file itself, not beside a symbolic link to it: all must find the same one.
            var real = File.ResolveLinkTarget($"/proc/self/fd/{file.DangerousGetHandle()}", returnFinalTarget: false)!.FullName;
            return make(file, real);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Makes an empty, sparse file to be used as a LUN, and forgets a reservation table that an earlier one of that name left
    /// behind. An existing file is never touched: it is refused.
    /// </summary>
    public static void CreateBacking(string path, ByteCount size)
    {
        if (size.Value <= 0 || size.Value % BlockSizeMax != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(size), size, $"A LUN has whole blocks of {BlockSizeMax} bytes.");
        }

        using var file = Interop.Libc.Open(
            path, Interop.Libc.O_RDWR | Interop.Libc.O_CREAT | Interop.Libc.O_EXCL | Interop.Libc.O_CLOEXEC, 0x180);
        if (file.IsInvalid)
        {
            var errno = Marshal.GetLastPInvokeError();
            throw errno == Interop.Errno.EEXIST
                ? new LunException(
                    LunError.NotFound, $"'{path}' exists already; it is not overwritten. Remove it or name another.")
                : Interop.Errno.Failure(errno, $"Making the LUN '{path}'");
        }

        if (Interop.Libc.FTruncate(file, size.Value) != 0 || Interop.Libc.FSync(file) != 0)
        {
            var failure = Interop.Errno.Failure(Marshal.GetLastPInvokeError(), $"Giving the LUN '{path}' {size}");
            File.Delete(path);
            throw failure;
        }

        File.Delete(ReservationTable.PathFor(path));
    }

    public void Read(LunByteOffset from, Span<byte> target)
    {
        BlockRange.Check(this, from, target.Length);
        fixed (byte* memory = target)
        {
            if (IsAligned(memory))
            {
                ReadFully(from.Value, memory, target.Length);
                return;
            }

            var buffer = _bounce.Take();
            try
            {
                for (var done = 0; done < target.Length;)
                {
                    var part = Math.Min(target.Length - done, buffer.Length);
                    ReadFully(from.Value + done, (byte*)buffer.Address, part);
                    buffer.GetSpan(0, part).CopyTo(target[done..]);
                    done += part;
                }
            }
            finally
            {
                _bounce.GiveBack(buffer);
            }
        }
    }

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source)
    {
        BlockRange.Check(this, at, source.Length);
        var counted = BeginChange();
        try
        {
            fixed (byte* memory = source)
            {
                if (IsAligned(memory))
                {
                    WriteFully(at.Value, memory, source.Length);
                }
                else
                {
                    WriteUnaligned(at.Value, source);
                }
            }
        }
        finally
        {
            EndChange(counted);
        }
    }

    public void Flush()
    {
        // One after the other: the kernel tells one of two that flush together of a failure, and the other one has to see that it was counted.
        lock (_flushing)
        {
            try
            {
                FlushAlone();
            }
            catch
            {
                Interlocked.Increment(ref _flushesFailed);
                throw;
            }
        }
    }

    private void FlushAlone()
    {
        var counted = BeginChange();
        try
        {
            while (Interop.Libc.FDataSync(_file) != 0)
            {
                var errno = Marshal.GetLastPInvokeError();
                if (errno != Interop.Errno.EINTR)
                {
                    throw Interop.Errno.Failure(errno, $"Flushing '{_path}'");
                }
            }
        }
        finally
        {
            EndChange(counted);
        }
    }

    public void WriteZeroes(LunByteOffset at, ByteCount length)
    {
        BlockRange.Check(this, at, length.Value);
        var end = at.Value + length.Value;
        for (var position = at.Value; position < end;)
        {
            // Only whole pages go to the file system; it would zero the rest of a page through its cache.
            var pageStart = (position + BlockSizeMax - 1) & -BlockSizeMax;
            var pages = Math.Min(end - pageStart, PieceMax) & -BlockSizeMax;
            if (position == pageStart && pages > 0 && !_zeroRangeRefused)
            {
                _zeroRangeRefused = !TryAllocate(
                    Interop.Libc.FALLOC_FL_ZERO_RANGE | Interop.Libc.FALLOC_FL_KEEP_SIZE, position, pages);
                position += _zeroRangeRefused ? 0 : pages;
                continue;
            }

            var edge = position < pageStart && !_zeroRangeRefused ? Math.Min(pageStart, end) : end;
            var part = (int)Math.Min(edge - position, s_zeroes.Length);
            Write(new LunByteOffset(position), s_zeroes.GetSpan(0, part));
            position += part;
        }
    }

    public void Discard(LunByteOffset at, ByteCount length)
    {
        BlockRange.Check(this, at, length.Value);
        var end = (at.Value + length.Value) & -BlockSizeMax;
        var position = (at.Value + BlockSizeMax - 1) & -BlockSizeMax;
        if (position >= end || _punchHoleRefused)
        {
            // Nothing to give back, but a device that may not write learns of it here too.
            EndChange(BeginChange());
            return;
        }

        while (position < end && !_punchHoleRefused)
        {
            var part = Math.Min(end - position, PieceMax);
            _punchHoleRefused = !TryAllocate(
                Interop.Libc.FALLOC_FL_PUNCH_HOLE | Interop.Libc.FALLOC_FL_KEEP_SIZE, position, part);
            position += part;
        }
    }

    /// <summary>
    /// Closes the descriptor; I/O of other threads ends first. A key stays registered, as after a lost nexus, until
    /// <see cref="Unregister"/> was called or another node preempts it.
    /// </summary>
    public void Dispose()
    {
        _file.Dispose();
        _table.Dispose();
        _bounce.Dispose();
        _claim?.Dispose();
    }

    public override string ToString() => $"LUN {(_isDevice ? "block" : "file")}:{_path}";

    private void CheckSize()
    {
        if (Size.Value == 0)
        {
            throw new LunException(
                LunError.NotFound, $"'{_path}' has no whole block of {BlockSize} bytes, so it cannot be a LUN.");
        }
    }

    private static Interop.Libc.StatXResult Status(SafeFileHandle file, string path)
    {
        var status = default(Interop.Libc.StatXResult);
        var wanted = Interop.Libc.STATX_TYPE | Interop.Libc.STATX_INO | Interop.Libc.STATX_SIZE | Interop.Libc.STATX_DIOALIGN;
        return Interop.Libc.StatX(file, "", Interop.Libc.AT_EMPTY_PATH, wanted, &status) == 0
            ? status
            : throw Interop.Errno.Failure(Marshal.GetLastPInvokeError(), $"Looking at the LUN '{path}'");
    }

    /// <summary>What direct I/O asks of offsets and of memory, in bytes: told by the kernel since 6.1, else tried.</summary>
    private static (int Offset, int Memory) Alignment(SafeFileHandle file, in Interop.Libc.StatXResult status)
    {
        if ((status.Mask & Interop.Libc.STATX_DIOALIGN) != 0 && status.DirectOffsetAlignment is > 0 and <= BlockSizeMax)
        {
            return ((int)Math.Max(status.DirectOffsetAlignment, 512), (int)Math.Max(status.DirectMemoryAlignment, 1));
        }

        using var buffer = new AlignedBuffer(512);
        var fine = Interop.Libc.PRead(file, (byte*)buffer.Address, 512, 512) >= 0;
        return fine ? (512, 512) : (BlockSizeMax, BlockSizeMax);
    }

    private bool IsAligned(byte* memory) => ((nint)memory & (_memoryAlignment - 1)) == 0;

    private void WriteUnaligned(long at, ReadOnlySpan<byte> source)
    {
        var buffer = _bounce.Take();
        try
        {
            while (!source.IsEmpty)
            {
                var part = source[..Math.Min(source.Length, buffer.Length)];
                part.CopyTo(buffer.GetSpan());
                WriteFully(at, (byte*)buffer.Address, part.Length);
                at += part.Length;
                source = source[part.Length..];
            }
        }
        finally
        {
            _bounce.GiveBack(buffer);
        }
    }

    private void ReadFully(long at, byte* target, int length)
    {
        for (var done = 0; done < length;)
        {
            var moved = (int)Interop.Libc.PRead(_file, target + done, (nuint)(length - done), at + done);
            done += Progress(moved, isWrite: false, at + done, length - done);
        }
    }

    private void WriteFully(long at, byte* source, int length)
    {
        for (var done = 0; done < length;)
        {
            var moved = (int)Interop.Libc.PWrite(_file, source + done, (nuint)(length - done), at + done);
            done += Progress(moved, isWrite: true, at + done, length - done);
        }
    }

    /// <summary>Bytes to count as done: whole blocks, since direct I/O must go on at a block.</summary>
    private int Progress(int moved, bool isWrite, long at, int length)
    {
        var what = isWrite ? "Writing" : "Reading";
        if (moved > 0)
        {
            var whole = moved & -BlockSize;
            return whole > 0
                ? whole
                : throw new LunException(LunError.MediaFailed, $"{what} '{_path}' at {at} moved only {moved} bytes of a block.");
        }

        if (moved == 0)
        {
            throw new LunException(LunError.OutOfRange, $"'{_path}' has become shorter: it ends before {at + length}.");
        }

        var errno = Marshal.GetLastPInvokeError();
        return errno == Interop.Errno.EINTR
            ? 0
            : throw Interop.Errno.FailedWrite(errno, $"{what} {length} bytes of '{_path}' at {at}", isWrite && !FailedWritesAreOver);
    }

    /// <summary>False: the file system cannot do that.</summary>
    private bool TryAllocate(int mode, long at, long length)
    {
        var counted = BeginChange();
        try
        {
            while (Interop.Libc.FAllocate(_file, mode, at, length) != 0)
            {
                var errno = Marshal.GetLastPInvokeError();
                if (errno is Interop.Errno.EOPNOTSUPP or Interop.Errno.ENOSYS or Interop.Errno.EINVAL)
                {
                    return false;
                }

                if (errno != Interop.Errno.EINTR)
                {
                    throw Interop.Errno.FailedWrite(
                        errno, $"Zeroing or discarding {length} bytes of '{_path}' at {at}", !FailedWritesAreOver);
                }
            }

            return true;
        }
        finally
        {
            EndChange(counted);
        }
    }
}
