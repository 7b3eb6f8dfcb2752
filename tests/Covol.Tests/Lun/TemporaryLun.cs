using System.Security.Cryptography;
using Covol.Lun;
using Covol.Protocol.Units;
using Microsoft.Extensions.Logging.Abstractions;

namespace Covol.Tests.Lun;

/// <summary>A file LUN in a folder of its own, gone after the test.</summary>
internal sealed class TemporaryLun : IDisposable
{
    private readonly List<FileLun> _opened = [];

    public TemporaryLun(long size = 16 << 20)
    {
        Folder = Directory.CreateTempSubdirectory("covol-lun-").FullName;
        Path = System.IO.Path.Combine(Folder, "lun1.img");
        FileLun.CreateBacking(Path, new ByteCount(size));
    }

    public string Folder { get; }

    public string Path { get; }

    public FileLun Open()
    {
        var lun = FileLun.Open(Path, NullLogger.Instance);
        _opened.Add(lun);
        return lun;
    }

    public static byte[] RandomBytes(int length) => RandomNumberGenerator.GetBytes(length);

    public void Dispose()
    {
        _opened.ForEach(lun => lun.Dispose());
        Directory.Delete(Folder, recursive: true);
    }
}
