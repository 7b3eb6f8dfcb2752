namespace Covol.Protocol.Leases;

/// <summary>
/// What a session may keep of an answer until it is recalled or its lease of attributes ends: attributes, and in the directory that was
/// looked in the name.
/// </summary>
[Flags]
public enum AttributeLeases
{
    None = 0,

    /// <summary>The attributes that the answer carries.</summary>
    Attributes = 1,

    /// <summary>That the name leads to this file.</summary>
    Name = 2,
}
