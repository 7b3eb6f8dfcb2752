namespace Covol.Protocol.Wire;

/// <summary>What a frame may hold (DESIGN 6). Both ends refuse more.</summary>
public static class WireLimits
{
    /// <summary>
    /// Bytes of protobuf fields in a frame: the largest extended attribute (64 KiB, xattr(7)) with its name and all that goes with it.
    /// </summary>
    public const int FieldsLengthMax = 65 * 1024;

    /// <summary>Bytes of redirected data in a frame.</summary>
    public const int DataLengthMax = 1024 * 1024;

    /// <summary>Slots of a session together with its reserved ones.</summary>
    public const int SlotsMax = 256 + 32;

    /// <summary>Nodes of a volume; node ids run from 1 to this.</summary>
    public const int NodesMax = 64;
}
