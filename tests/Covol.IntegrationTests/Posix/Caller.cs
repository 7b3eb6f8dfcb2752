using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Covol.IntegrationTests.Posix;

/// <summary>
/// A program that works in one folder and tells what came of each call: "ok", a value, or the name of the errno. Two file systems that
/// behave the same bring the same telling. On a thread of its own, because user and file mode mask are a thread's.
/// </summary>
internal sealed unsafe partial class Caller
{
    private const uint StatusMask = 0xFFF;
    private const int BufferLength = 1 << 17;

    private readonly StringBuilder _told = new();
    private readonly List<int> _open = [];
    private readonly string _folder;

    private Caller(string folder) => _folder = folder;

    /// <summary>Runs a case in a folder that is empty and comes back with what it told.</summary>
    public static string Tell(string folder, Action<Caller> work)
    {
        var caller = new Caller(folder);
        var thread = new Thread(() => caller.Run(work)) { Name = "posix case" };
        thread.Start();
        thread.Join();
        return caller._told.ToString();
    }

    /// <summary>For what a case works out itself.</summary>
    public void Say(string what, object? value) => _told.AppendLine(CultureInfo.InvariantCulture, $"{what} = {value}");

    [SuppressMessage("Performance", "CA1822", Justification = "What a case does it does through its caller.")]
    public void Mask(uint mask) => _ = Libc.SetMask(mask);

    /// <summary>From here on as an ordinary user. There is no way back.</summary>
    [SuppressMessage("Performance", "CA1822", Justification = "What a case does it does through its caller.")]
    public void ActAs(uint user, uint group) => Libc.ActAs(user, group);

    public string PathOf(string name) => name.Length == 0 ? _folder : $"{_folder}/{name}";

    public int Open(string name, int flags, uint mode = 0x1A4) =>
        Kept($"open {Short(name)} {flags:x}", Libc.Open(PathOf(name), flags | Libc.CloseOnExec, mode));

    public int OpenAt(int folder, string name, int flags, uint mode = 0x1A4) =>
        Kept($"openat {Short(name)} {flags:x}", Libc.OpenAt(folder, name, flags | Libc.CloseOnExec, mode));

    public void Close(int descriptor)
    {
        _open.Remove(descriptor);
        Told("close", Libc.Close(descriptor));
    }

    /// <summary>A file with some content.</summary>
    public void Make(string name, string content = "content", uint mode = 0x1A4)
    {
        var descriptor = Open(name, Libc.WriteOnly | Libc.Create | Libc.Exclusive, mode);
        Write(descriptor, 0, content);
        Close(descriptor);
    }

    public void MakeDirectory(string name, uint mode = 0x1ED) => Told($"mkdir {Short(name)}", Libc.MakeDirectory(PathOf(name), mode));

    public void RemoveDirectory(string name) => Told($"rmdir {Short(name)}", Libc.RemoveDirectory(PathOf(name)));

    public void Unlink(string name) => Told($"unlink {Short(name)}", Libc.Unlink(PathOf(name)));

    public void Link(string from, string to) => Told($"link {from} {to}", Libc.LinkAt(Libc.Here, PathOf(from), Libc.Here, PathOf(to), 0));

    /// <summary>Gives an open file a name.</summary>
    public void LinkOpen(int descriptor, string to) => Told(
        $"link open file {to}", Libc.LinkAt(Libc.Here, $"/proc/self/fd/{descriptor}", Libc.Here, PathOf(to), Libc.SymlinkFollow));

    public void Symlink(string target, string name) => Told($"symlink {Short(target)} {Short(name)}", Libc.Symlink(target, PathOf(name)));

    public void ReadLink(string name)
    {
        var target = stackalloc byte[8192];
        var length = Libc.ReadLink(PathOf(name), target, 8192);
        Told($"readlink {name}", length, () => Short(Encoding.UTF8.GetString(target, (int)length)));
    }

    public void Rename(string from, string to, uint flags = 0) =>
        Told($"rename {from} {to} {flags}", Libc.Rename(Libc.Here, PathOf(from), Libc.Here, PathOf(to), flags));

    public void MakeNode(string name, uint mode, uint major = 0, uint minor = 0) =>
        Told($"mknod {name} {mode:x}", Libc.MakeNode(PathOf(name), mode, (minor & 0xFF) | (major << 8) | ((minor & ~0xFFul) << 12)));

    public void ChangeMode(string name, uint mode) =>
        Told($"chmod {name} {Convert.ToString(mode, 8)}", Libc.ChangeMode(PathOf(name), mode));

    public void ChangeOwner(string name, uint owner, uint group, bool follow = true) =>
        Told($"chown {name} {owner} {group}", Libc.ChangeOwner(Libc.Here, PathOf(name), owner, group, follow ? 0 : Libc.SymlinkNoFollow));

    public void Truncate(string name, long length) => Told($"truncate {name} {length}", Libc.Truncate(PathOf(name), length));

    public void Truncate(int descriptor, long length) => Told($"ftruncate {length}", Libc.TruncateOpen(descriptor, length));

    public void Allocate(int descriptor, int mode, long offset, long length) =>
        Told($"fallocate {mode:x} {offset} {length}", Libc.Allocate(descriptor, mode, offset, length));

    public void Seek(int descriptor, long offset, int whence)
    {
        var position = Libc.Seek(descriptor, offset, whence);
        Told($"lseek {offset} {whence}", position, () => position.ToString(CultureInfo.InvariantCulture));
    }

    public void Write(int descriptor, long offset, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        fixed (byte* source = bytes)
        {
            var written = Libc.Write(descriptor, source, (nuint)bytes.Length, offset);
            Told($"pwrite {offset}", written, () => written.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Bytes that are not printable are told as their number; many zeroes as how many.</summary>
    public void Read(int descriptor, long offset, int length)
    {
        var bytes = new byte[length];
        nint read;
        fixed (byte* target = bytes)
        {
            read = Libc.Read(descriptor, target, (nuint)length, offset);
        }

        Told($"pread {offset} {length}", read, () => Shown(bytes.AsSpan(0, (int)read)));
    }

    public void ReadAll(string name)
    {
        var descriptor = Open(name, Libc.ReadOnly);
        Read(descriptor, 0, BufferLength);
        Close(descriptor);
    }

    public void Copy(int from, long fromOffset, int to, long toOffset, int length)
    {
        var copied = Libc.Copy(from, &fromOffset, to, &toOffset, (nuint)length, 0);
        Told("copy_file_range", copied, () => copied.ToString(CultureInfo.InvariantCulture));
    }

    public void Access(string name, int mode) =>
        Told($"access {name} {mode}", Libc.Access(Libc.Here, PathOf(name), mode, Libc.EffectiveAccess));

    public void Synchronize(int descriptor) => Told("fsync", Libc.Synchronize(descriptor));

    public void SynchronizeFileSystem(int descriptor) => Told("syncfs", Libc.SynchronizeFileSystem(descriptor));

    /// <summary>Access and modification time; seconds null: left as it is.</summary>
    public void SetTimes(
        string name, (long? Seconds, long Nanoseconds) accessed, (long? Seconds, long Nanoseconds) modified, bool follow = true)
    {
        var times = stackalloc long[4]
        {
            accessed.Seconds ?? 0, accessed.Seconds is null ? Libc.TimeOmit : accessed.Nanoseconds,
            modified.Seconds ?? 0, modified.Seconds is null ? Libc.TimeOmit : modified.Nanoseconds,
        };
        Told($"utimensat {name}", Libc.SetTimes(Libc.Here, PathOf(name), times, follow ? 0 : Libc.SymlinkNoFollow));
    }

    /// <summary>Null: it failed, which is told.</summary>
    public Libc.Statx? StatusOf(string name, bool follow = false)
    {
        Libc.Statx status;
        var result = Libc.Status(Libc.Here, PathOf(name), follow ? 0 : Libc.SymlinkNoFollow, StatusMask, &status);
        if (result != 0)
        {
            Told($"statx {Short(name)}", result);
        }

        return result == 0 ? status : null;
    }

    public Libc.Statx? StatusOf(int descriptor)
    {
        Libc.Statx status;
        var result = Libc.Status(descriptor, "", Libc.EmptyPath, StatusMask, &status);
        if (result != 0)
        {
            Told("statx", result);
        }

        return result == 0 ? status : null;
    }

    public void Status(string name, bool follow = false)
    {
        if (StatusOf(name, follow) is { } status)
        {
            Say($"statx {Short(name)}", Shown(status));
        }
    }

    public void Status(int descriptor)
    {
        if (StatusOf(descriptor) is { } status)
        {
            Say("statx", Shown(status));
        }
    }

    private void Run(Action<Caller> work)
    {
        try
        {
            // Each thread of .NET shares the process's mask until it says otherwise.
            Told("unshare", Libc.HaveOwnMask());
            _ = Libc.SetMask(0x12);
            work(this);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            Say("The case failed", failure);
        }
        finally
        {
            _open.ForEach(descriptor => Libc.Close(descriptor));
        }
    }

    private int Kept(string what, int descriptor)
    {
        Told(what, descriptor);
        if (descriptor >= 0)
        {
            _open.Add(descriptor);
        }

        return descriptor;
    }

    private void Told(string what, long result, Func<string>? value = null) =>
        Say(what, result < 0 ? ErrorNames.Of(Marshal.GetLastPInvokeError()) : value?.Invoke() ?? "ok");

    /// <summary>Sizes and link counts of directories are every file system's own.</summary>
    private static string Shown(in Libc.Statx status)
    {
        var isDirectory = (status.Mode & 0xF000) == 0x4000;
        var rest = isDirectory ? "" : $" links {status.Links} size {status.Size}";
        var device = (status.Mode & 0xF000) is 0x2000 or 0x6000 ? $" device {status.DeviceMajor}:{status.DeviceMinor}" : "";
        return $"{Convert.ToString(status.Mode, 8)} owner {status.Owner}:{status.Group}{rest}{device}";
    }

    private static string Shown(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        for (var at = 0; at < bytes.Length;)
        {
            var zeroes = bytes[at..].IndexOfAnyExcept((byte)0);
            zeroes = zeroes < 0 ? bytes.Length - at : zeroes;
            if (zeroes > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"[{zeroes} zeroes]");
                at += zeroes;
            }
            else
            {
                text.Append((char)bytes[at++]);
            }
        }

        return $"'{text}'";
    }

    private static string Short(string text) => text.Length <= 60 ? text : $"{text[..20]}...({Encoding.UTF8.GetByteCount(text)} bytes)";
}
