using System.Collections.Immutable;
using Covol.Lun;
using Covol.Ntfs.Journal;
using Covol.Protocol.Units;

namespace Covol.Simulation.Model;

/// <summary>
/// What the records of a model's journal hold of clusters: pages of metadata, and data of small files, which is put in its place some
/// commits later, at the latest when the lap ends. Of the process that serves the volume; gone with it.
/// </summary>
internal sealed class ModelPages(IBlockDevice device, JournalControls controls)
{
    public static ImmutableDictionary<int, byte[]> None { get; } = ImmutableDictionary<int, byte[]>.Empty;

    /// <summary>Few, so that a lap often ends before the others are in their places.</summary>
    private const int WriteBackFrom = 6;

    /// <summary>What a page of metadata holds.</summary>
    private const byte Metadata = 0xA5;

    private static readonly byte[] s_metadata = [.. Enumerable.Repeat(Metadata, ModelDisk.ClusterSize)];

    /// <summary>In records of this lap.</summary>
    private ImmutableDictionary<int, byte[]> _journalled = None;

    /// <summary>Of those, data that is not in its place yet.</summary>
    private ImmutableSortedDictionary<int, byte[]> _notInPlace = ImmutableSortedDictionary<int, byte[]>.Empty;

    /// <summary>In the next record.</summary>
    private ImmutableDictionary<int, byte[]> _pending = None;

    /// <summary>Free from the next record on, so that nothing of it needs a place.</summary>
    private ImmutableHashSet<int> _freed = [];

    /// <summary>As a directory's index block that is free again in the same group.</summary>
    public void HoldMetadata(int cluster) => _pending = _pending.SetItem(cluster, s_metadata);

    /// <summary>A cluster is nobody's any more.</summary>
    public void Free(int cluster)
    {
        _freed = _freed.Add(cluster);
        _pending = _pending.Remove(cluster);
    }

    public void Write(int cluster, int within, ReadOnlySpan<byte> data)
    {
        var page = new byte[ModelDisk.ClusterSize];
        Read(cluster, 0, page);
        data.CopyTo(page.AsSpan(within));
        _pending = _pending.SetItem(cluster, page);
    }

    public void Read(int cluster, int within, Span<byte> target)
    {
        if (_pending.TryGetValue(cluster, out var page) || _notInPlace.TryGetValue(cluster, out page))
        {
            page.AsSpan(within, target.Length).CopyTo(target);
            return;
        }

        var whole = new byte[ModelDisk.ClusterSize];
        device.Read(new LunByteOffset(ModelDisk.ClusterAt(cluster)), whole);
        whole.AsSpan(within, target.Length).CopyTo(target);
    }

    public bool Holds(int cluster) => _pending.ContainsKey(cluster) || _journalled.ContainsKey(cluster);

    public bool HoldsAny(int first, int count) => Enumerable.Range(first, count).Any(Holds);

    /// <summary>What the lap's records hold with the next one: later pages of a cluster replace earlier ones.</summary>
    public ImmutableDictionary<int, byte[]> OfLap() => _journalled.SetItems(_pending);

    /// <summary>The record is stable.</summary>
    public void Committed()
    {
        _journalled = OfLap();
        _notInPlace = _notInPlace.RemoveRange(_freed).RemoveRange(_pending.Keys)
            .SetItems(_pending.Where(static page => page.Value != s_metadata));
        _pending = None;
        _freed = [];
    }

    /// <summary>Puts one in its place where many wait. True: more than that wait still.</summary>
    public bool WriteBackStep()
    {
        if (_notInPlace.Count >= WriteBackFrom)
        {
            PutFirst();
        }

        return _notInPlace.Count >= WriteBackFrom;
    }

    /// <summary>All is put in its place; what was not committed goes into the next lap.</summary>
    public void EndLap()
    {
        while (controls.WriteBackBeforeLap && !_notInPlace.IsEmpty)
        {
            PutFirst();
        }

        _notInPlace = _notInPlace.Clear();
        _journalled = None;
    }

    private void PutFirst()
    {
        var (cluster, page) = _notInPlace.First();
        device.Write(new LunByteOffset(ModelDisk.ClusterAt(cluster)), page);
        _notInPlace = _notInPlace.Remove(cluster);
    }
}
