using Covol.Protocol.Ids;

namespace Covol.Simulation.Disk;

/// <summary>For whom a write is, as its sender says: the checkers compare it with whose clusters it lands in.</summary>
/// <param name="File">The file whose data it is; null for metadata, and where the coordinator writes for somebody.</param>
/// <param name="Process">Who sent it.</param>
internal readonly record struct LunWriter(FileId? File, string Process);
