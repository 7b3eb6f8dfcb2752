using System.Text;
using Covol.Fuse;
using Covol.Protocol.Volume;

namespace Covol.Mount;

internal sealed partial class VolumeFileSystem
{
    // linux/xattr.h: XATTR_CREATE, XATTR_REPLACE
    private const uint AttributeMustNotExist = 1;
    private const uint AttributeMustExist = 2;
    private const string Trusted = "trusted.";

    // linux/limits.h: XATTR_SIZE_MAX. The kernel refuses more by itself; with its name it fits a message.
    private const int ValueLengthMax = 64 * 1024;
    private static readonly string[] s_spaces = ["user.", Trusted, "security."];

    private async Task SetExtendedAttributeAsync(FuseRequest request)
    {
        var flags = request.SetExtendedAttribute.Flags;
        if (request.SetExtendedAttribute.Size > ValueLengthMax)
        {
            throw new VolumeException(VolumeError.NoSpace, $"An extended attribute has at most {ValueLengthMax} bytes.");
        }

        var set = new SetExtendedAttribute(
            _nodes.Resolve(request.Node),
            AttributeNameOf(request),
            request.Value[..(int)request.SetExtendedAttribute.Size].ToArray(),
            MustExist: (flags & AttributeMustExist) != 0,
            MustNotExist: (flags & AttributeMustNotExist) != 0);
        await _volume.AskAsync<Done>(set).ConfigureAwait(false);
        request.ReplyOk();
    }

    private async Task GetExtendedAttributeAsync(FuseRequest request)
    {
        var get = new GetExtendedAttribute(_nodes.Resolve(request.Node), AttributeNameOf(request));
        var value = await _volume.AskAsync<ExtendedAttributeValue>(get).ConfigureAwait(false);
        ReplySized(request, value.Value.Span);
    }

    private async Task ListExtendedAttributesAsync(FuseRequest request)
    {
        var list = new ListExtendedAttributes(_nodes.Resolve(request.Node));
        if (_volume.IsKnownPlain(list.File))
        {
            ReplySized(request, []);
            return;
        }

        var names = await _volume.AskAsync<ExtendedAttributeNames>(list).ConfigureAwait(false);
        // The kernel hides no names of its own accord; "trusted" ones are the superuser's (xattr(7)).
        var shown = names.Names.Where(name =>
            IsOfKnownSpace(name) && (request.UserId == 0 || !name.StartsWith(Trusted, StringComparison.Ordinal)));
        ReplySized(request, Encoding.UTF8.GetBytes(string.Concat(shown.Select(name => name + "\0"))));
    }

    private async Task RemoveExtendedAttributeAsync(FuseRequest request)
    {
        var remove = new RemoveExtendedAttribute(_nodes.Resolve(request.Node), AttributeNameOf(request));
        await _volume.AskAsync<Done>(remove).ConfigureAwait(false);
        request.ReplyOk();
    }

    private static void ReplySized(FuseRequest request, ReadOnlySpan<byte> value)
    {
        var room = request.GetExtendedAttribute.Size;
        if (room == 0)
        {
            request.ReplyExtendedAttributeSize(value.Length);
        }
        else if (value.Length > room)
        {
            throw new VolumeException(VolumeError.TooSmall, "The caller's buffer is too small.");
        }
        else
        {
            request.ReplyData(value);
        }
    }

    /// <summary>
    /// The spaces of xattr(7) without "system", where access control lists live: a volume keeps owner, group and mode only. What other
    /// systems keep under other names is not shown.
    /// </summary>
    private static string AttributeNameOf(FuseRequest request)
    {
        var name = NameOf(request);
        if (IsOfKnownSpace(name))
        {
            return name;
        }

        throw s_spaces.Contains(name)
            ? new VolumeException(VolumeError.InvalidArgument, $"'{name}' is a space of attributes and no attribute.")
            : new VolumeException(VolumeError.NotSupported, $"'{name}' is in no space of attributes that a volume keeps.");
    }

    private static bool IsOfKnownSpace(string name) =>
        s_spaces.Any(space => name.Length > space.Length && name.StartsWith(space, StringComparison.Ordinal));
}
