using System.Globalization;

namespace Covol.IntegrationTests.Posix;

/// <summary>Names of the errnos that the cases meet (asm-generic/errno.h).</summary>
internal static class ErrorNames
{
    private static readonly Dictionary<int, string> s_names = new (int Number, string Name)[]
    {
        (1, "EPERM"), (2, "ENOENT"), (4, "EINTR"), (5, "EIO"), (6, "ENXIO"), (9, "EBADF"), (11, "EAGAIN"), (12, "ENOMEM"),
        (13, "EACCES"), (16, "EBUSY"), (17, "EEXIST"), (18, "EXDEV"), (19, "ENODEV"), (20, "ENOTDIR"), (21, "EISDIR"),
        (22, "EINVAL"), (25, "ENOTTY"), (26, "ETXTBSY"), (27, "EFBIG"), (28, "ENOSPC"), (29, "ESPIPE"), (30, "EROFS"),
        (31, "EMLINK"), (34, "ERANGE"), (35, "EDEADLK"), (36, "ENAMETOOLONG"), (38, "ENOSYS"), (39, "ENOTEMPTY"), (40, "ELOOP"),
        (61, "ENODATA"), (75, "EOVERFLOW"), (84, "EILSEQ"), (95, "EOPNOTSUPP"), (107, "ENOTCONN"), (116, "ESTALE"),
    }.ToDictionary(one => one.Number, one => one.Name);

    public static string Of(int errno) => s_names.TryGetValue(errno, out var name) ? name : errno.ToString(CultureInfo.InvariantCulture);
}
