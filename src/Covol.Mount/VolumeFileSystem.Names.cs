using System.Text;
using Covol.Fuse;
using Covol.Protocol.Files;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Mount;

internal sealed partial class VolumeFileSystem
{
    // fs.h: RENAME_NOREPLACE, RENAME_EXCHANGE
    private const uint RenameNoReplace = 1;
    private const uint RenameExchange = 2;

    private async Task LookupAsync(FuseRequest request)
    {
        var seen = await _volume.LookupAsync(_nodes.Resolve(request.Node), NameOf(request)).ConfigureAwait(false);

        // An inode that the kernel does not have yet cannot be recalled from it: its attributes are asked for once more.
        var valid = _nodes.IsKnown(seen.Attributes.File) ? KernelMay(seen.Valid) : TimeSpan.Zero;
        request.ReplyEntry(EntryOf(seen.Attributes, valid, KernelMay(seen.NameValid)));
    }

    private async Task GetAttributesAsync(FuseRequest request)
    {
        var seen = await _volume.LookAtAsync(_nodes.Resolve(request.Node)).ConfigureAwait(false);
        request.ReplyAttributes(FuseShapes.Attributes(seen.Attributes, request.Node), KernelMay(seen.Valid));
    }

    /// <summary>As GETATTR, and the time of birth.</summary>
    private async Task ExtendedStatusAsync(FuseRequest request)
    {
        var seen = await _volume.LookAtAsync(_nodes.Resolve(request.Node)).ConfigureAwait(false);
        var born = new FileTime(seen.Attributes.File.Birth);
        request.ReplyExtendedStatus(
            FuseShapes.Attributes(seen.Attributes, request.Node), born.UnixSeconds, born.UnixNanoseconds, KernelMay(seen.Valid));
    }

    private async Task SetAttributesAsync(FuseRequest request)
    {
        var body = request.SetAttributes;
        var node = request.Node;
        var file = _nodes.Resolve(node);
        InodeAttributes? after = null;
        if (body.Valid.HasFlag(FuseAttributeChange.Size))
        {
            var handle = body.Valid.HasFlag(FuseAttributeChange.Handle) && _files.TryGetValue(body.Handle, out var open) ? open : null;
            after = await _volume.SetSizeAsync(file, handle, new ByteCount(checked((long)body.Size))).ConfigureAwait(false);
        }

        const FuseAttributeChange others = FuseAttributeChange.Mode | FuseAttributeChange.UserId | FuseAttributeChange.GroupId
            | FuseAttributeChange.AccessTime | FuseAttributeChange.ModifyTime | FuseAttributeChange.ChangeTime;
        if ((body.Valid & others) != 0)
        {
            after = await _volume.SetAttributesAsync(file, ChangeOf(body)).ConfigureAwait(false);
        }

        after ??= await _volume.GetAttributesAsync(file).ConfigureAwait(false);
        request.ReplyAttributes(FuseShapes.Attributes(after, node));
    }

    private static AttributeChange ChangeOf(in Fuse.Wire.SetAttributesBody body) => new()
    {
        Mode = body.Valid.HasFlag(FuseAttributeChange.Mode) ? FuseShapes.Permissions(body.Mode) : null,
        Owner = body.Valid.HasFlag(FuseAttributeChange.UserId) ? body.UserId : null,
        Group = body.Valid.HasFlag(FuseAttributeChange.GroupId) ? body.GroupId : null,
        Accessed = body.Valid.HasFlag(FuseAttributeChange.AccessTime)
            ? FuseShapes.Time(body.AccessSeconds, body.AccessNanoseconds)
            : null,
        Modified = body.Valid.HasFlag(FuseAttributeChange.ModifyTime)
            ? FuseShapes.Time(body.ModifySeconds, body.ModifyNanoseconds)
            : null,
        Changed = body.Valid.HasFlag(FuseAttributeChange.ChangeTime)
            ? FuseShapes.Time(body.ChangeSeconds, body.ChangeNanoseconds)
            : null,
    };

    private async Task ReadLinkAsync(FuseRequest request)
    {
        var target = await _volume.AskAsync<LinkTarget>(new ReadLink(_nodes.Resolve(request.Node))).ConfigureAwait(false);
        request.ReplyData(Encoding.UTF8.GetBytes(target.Target));
    }

    private Task SymbolicLinkAsync(FuseRequest request)
    {
        if (!request.TryGetNames(out var name, out var target))
        {
            throw new VolumeException(VolumeError.InvalidName, "A link's name or target is not valid UTF-8.");
        }

        return MakeAsync(request, name, new NewInode(FileKind.SymbolicLink, 0x1FF, request.UserId, request.GroupId, Target: target));
    }

    private Task MakeNodeAsync(FuseRequest request)
    {
        var body = request.MakeNode;
        return MakeAsync(
            request,
            NameOf(request),
            new NewInode(
                FuseShapes.KindOf(body.Mode), FuseShapes.Permissions(body.Mode), request.UserId, request.GroupId, body.Device));
    }

    private Task MakeDirectoryAsync(FuseRequest request) =>
        MakeAsync(
            request,
            NameOf(request),
            new NewInode(
                FileKind.Directory, FuseShapes.Permissions(request.MakeDirectory.Mode), request.UserId, request.GroupId));

    private async Task MakeAsync(FuseRequest request, string name, NewInode inode)
    {
        // As with a look-up: the kernel does not know the inode yet.
        var seen = await _volume.MakeAsync(_nodes.Resolve(request.Node), name, inode).ConfigureAwait(false);
        request.ReplyEntry(EntryOf(seen.Attributes, nameValid: KernelMay(seen.NameValid)));
    }

    private async Task UnlinkAsync(FuseRequest request, bool isDirectory)
    {
        await _volume.UnlinkAsync(_nodes.Resolve(request.Node), NameOf(request), isDirectory).ConfigureAwait(false);
        request.ReplyOk();
    }

    private async Task RenameAsync(FuseRequest request)
    {
        if (!request.TryGetNames(out var from, out var to))
        {
            throw new VolumeException(VolumeError.InvalidName, "A name is not valid UTF-8.");
        }

        var mode = request.Rename.Flags switch
        {
            0 => RenameMode.Replace,
            RenameNoReplace => RenameMode.NoReplace,
            RenameExchange => RenameMode.Exchange,
            var flags => throw new VolumeException(VolumeError.InvalidArgument, $"Rename flags {flags:x} are not carried out."),
        };
        var rename = new Rename(_nodes.Resolve(request.Node), from, _nodes.Resolve(request.Rename.NewParent), to, mode);
        await _volume.AskAsync<Done>(rename).ConfigureAwait(false);
        request.ReplyOk();
    }

    private async Task LinkAsync(FuseRequest request)
    {
        var link = new Link(_nodes.Resolve(request.Link.OldNode), _nodes.Resolve(request.Node), NameOf(request));
        var entry = await _volume.AskAsync<Entry>(link).ConfigureAwait(false);
        request.ReplyEntry(EntryOf(entry.Attributes));
    }

    private async Task FileSystemStatusAsync(FuseRequest request)
    {
        var space = await _volume.AskAsync<VolumeSpace>(new GetSpace()).ConfigureAwait(false);
        var cluster = (ulong)space.ClusterSize;
        request.ReplyFileSystemStatus(new FuseFileSystemStatus
        {
            Blocks = (ulong)space.Total.Value / cluster,
            FreeBlocks = (ulong)space.Free.Value / cluster,
            AvailableBlocks = (ulong)space.Free.Value / cluster,
            Inodes = (ulong)space.TotalInodes,
            FreeInodes = (ulong)space.FreeInodes,
            BlockSize = (uint)cluster,
            FragmentSize = (uint)cluster,
            NameLengthMax = 255,
        });
    }
}
