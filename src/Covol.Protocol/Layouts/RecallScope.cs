namespace Covol.Protocol.Layouts;

/// <summary>Which layouts of a file have to go.</summary>
public enum RecallScope
{
    /// <summary>Those that allow writes: before the coordinator changes part of a block itself (SAFETY 10).</summary>
    Writes = 1,

    /// <summary>All: before clusters stop being this file's, or stop holding what a reader may see (SAFETY 7, 22).</summary>
    All = 2,
}
