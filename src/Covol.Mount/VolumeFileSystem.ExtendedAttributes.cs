using System.Text;
using Covol.Fuse;
using Covol.Protocol.Volume;

namespace Covol.Mount;

internal sealed partial class VolumeFileSystem
{
    // linux/xattr.h: XATTR_CREATE, XATTR_REPLACE
    private const uint AttributeMustNotExist = 1;
    private const uint AttributeMustExist = 2;

    private async Task SetExtendedAttributeAsync(FuseRequest request)
    {
        var flags = request.SetExtendedAttribute.Flags;
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
        var names = await _volume.AskAsync<ExtendedAttributeNames>(new ListExtendedAttributes(_nodes.Resolve(request.Node)))
            .ConfigureAwait(false);
        ReplySized(request, Encoding.UTF8.GetBytes(string.Concat(names.Names.Select(name => name + "\0"))));
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

    /// <summary>Access control lists live in the kernel's "system" space; a volume keeps owner, group and mode only.</summary>
    private static string AttributeNameOf(FuseRequest request) => NameOf(request) is var name && !name.StartsWith("system.", StringComparison.Ordinal)
        ? name
        : throw new VolumeException(VolumeError.NotSupported, "System attributes are not kept.");
}
