namespace Covol.Protocol.Layouts;

/// <summary>What a node may do by itself inside a layout.</summary>
public enum LayoutAccess
{
    Read = 1,
    ReadWrite = 2,
}
