using System.Buffers.Binary;
using System.Text;

namespace Covol.IntegrationTests.Posix;

/// <content>Directories, extended attributes, memory maps.</content>
internal sealed unsafe partial class Caller
{
    /// <summary>One entry as getdents64 gives it.</summary>
    public readonly record struct Listed(string Name, ulong Inode, int Kind, long Next);

    /// <summary>One call of getdents64; empty at the end or after an error, which is told.</summary>
    public List<Listed> List(int directory, int room = 32 << 10)
    {
        var bytes = new byte[room];
        int length;
        fixed (byte* target = bytes)
        {
            length = Libc.DirectoryEntries(directory, target, room);
        }

        if (length < 0)
        {
            Told("getdents64", length);
        }

        // struct linux_dirent64: inode, position after it, length, kind, name.
        var entries = new List<Listed>();
        for (var at = 0; at < length;)
        {
            var entry = bytes.AsSpan(at);
            var size = BinaryPrimitives.ReadUInt16LittleEndian(entry[16..]);
            var name = entry[19..size];
            entries.Add(new Listed(
                Encoding.UTF8.GetString(name[..name.IndexOf((byte)0)]),
                BinaryPrimitives.ReadUInt64LittleEndian(entry),
                entry[18],
                BinaryPrimitives.ReadInt64LittleEndian(entry[8..])));
            at += size;
        }

        return entries;
    }

    /// <summary>All of a directory.</summary>
    public List<Listed> ListAll(string name)
    {
        var directory = Open(name, Libc.ReadOnly | Libc.Directory);
        var all = new List<Listed>();
        while (List(directory) is { Count: > 0 } some)
        {
            all.AddRange(some);
        }

        Close(directory);
        return all;
    }

    public void SetAttribute(string name, string attribute, ReadOnlySpan<byte> value, int flags = 0)
    {
        fixed (byte* source = value)
        {
            var result = Libc.SetAttribute(PathOf(name), attribute, source, (nuint)value.Length, flags);
            Told($"setxattr {name} {Short(attribute)} {value.Length}", result);
        }
    }

    public void GetAttribute(string name, string attribute, int room = 1 << 16)
    {
        var value = new byte[room];
        nint length;
        fixed (byte* target = value)
        {
            length = Libc.GetAttribute(PathOf(name), attribute, target, (nuint)room);
        }

        Told(
            $"getxattr {name} {Short(attribute)} {room}",
            length,
            () => room == 0 ? $"{length} bytes"
                : length > 100 ? $"{length} bytes, {value.AsSpan(0, (int)length).Count(value[0])} alike"
                : Shown(value.AsSpan(0, (int)length)));
    }

    /// <summary>Those of a file's own: what a security module adds is left out.</summary>
    public void ListAttributes(string name)
    {
        var names = new byte[1 << 16];
        nint length;
        fixed (byte* target = names)
        {
            length = Libc.ListAttributes(PathOf(name), target, (nuint)names.Length);
        }

        Told($"listxattr {name}", length, () => string.Join(' ', Encoding.UTF8.GetString(names, 0, (int)length)
            .Split('\0', StringSplitOptions.RemoveEmptyEntries).Where(one => one != "security.selinux").Order(StringComparer.Ordinal)));
    }

    public void RemoveAttribute(string name, string attribute) =>
        Told($"removexattr {name} {Short(attribute)}", Libc.RemoveAttribute(PathOf(name), attribute));

    /// <summary>Changes a shared map of the first page and makes it stable.</summary>
    public void WriteThroughMap(int descriptor, int offset, string text)
    {
        const int page = 4096;
        var map = Libc.Map(0, page, 3, 1, descriptor, 0);
        Told("mmap", map == -1 ? -1 : 0);
        if (map != -1)
        {
            Encoding.UTF8.GetBytes(text, new Span<byte>((byte*)map + offset, page - offset));
            Told("msync", Libc.SynchronizeMap(map, page, 4));
            Told("munmap", Libc.Unmap(map, page));
        }
    }

    public void FileSystemStatus()
    {
        // struct statfs: the longest name at the ninth word.
        var status = stackalloc long[16];
        Told("statfs", Libc.FileSystemStatus(_folder, status), () => $"names of {status[8]}");
    }
}
