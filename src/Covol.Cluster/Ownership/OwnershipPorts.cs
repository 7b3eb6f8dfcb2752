using Covol.Cluster.Records;
using Covol.Cluster.Store;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;
using Microsoft.Extensions.Logging;

namespace Covol.Cluster.Ownership;

/// <summary>What the ownership drivers of a node share.</summary>
public sealed record OwnershipPorts(
    NodeId Self,
    IClusterStore Store,
    StoreKeys Keys,
    KeyAllocator Allocator,
    ICoordinatorProcesses Processes,
    IVolumeAttachments Attachments,
    OwnershipSettings Settings,
    TimeProvider Time,
    ILoggerFactory Logs);
