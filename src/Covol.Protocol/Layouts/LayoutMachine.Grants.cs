using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Layouts;

/// <summary>Layouts that are asked for, reclaimed, given back.</summary>
public sealed partial class LayoutMachine
{
    private LayoutEffect Ask(Moment now, LayoutInput.Ask ask)
    {
        if (!_sessions.TryGetValue(ask.Session, out var holder) || holder.Fence != Fence.None)
        {
            return new LayoutEffect.Denied(_times.AskAgain, "The session's data key is fenced.");
        }

        if (_recalls.Exists(recall => recall.File == ask.File))
        {
            return new LayoutEffect.Denied(_times.AskAgain, "The file's layouts are being recalled.");
        }

        if (ask.Access == LayoutAccess.ReadWrite && _hot.TryGetValue(ask.File, out var heat) && now < heat.RedirectedUntil)
        {
            return new LayoutEffect.Denied(heat.RedirectedUntil - now, "Parts of its blocks are written from several places.");
        }

        var grants = Grants(ask.File);
        grants.RemoveAll(grant => grant.Session == ask.Session);
        if (holder.Files.Count >= LayoutsPerSessionMax && !holder.Files.Contains(ask.File))
        {
            Forget(ask.File);
            return new LayoutEffect.Denied(_times.Lease, $"The session holds {LayoutsPerSessionMax} layouts already.");
        }

        _lastGeneration++;
        var generation = new LayoutGeneration(_lastGeneration);
        grants.Add(new Grant(ask.Session, generation, ask.Access));
        holder.Files.Add(ask.File);
        return new LayoutEffect.Granted(generation);
    }

    private LayoutEffect Reclaim(LayoutInput.Reclaim reclaim)
    {
        if (!_sessions.TryGetValue(reclaim.Session, out var holder) || holder.Fence != Fence.None || !holder.MayHoldUnknown)
        {
            return new LayoutEffect.Denied(_times.AskAgain, "The time to reclaim layouts is over for this session.");
        }

        if (reclaim.Generation.Value > _lastGeneration)
        {
            return new LayoutEffect.Denied(_times.AskAgain, "No coordinator granted this layout.");
        }

        var grants = Grants(reclaim.File);
        grants.RemoveAll(grant => grant.Session == reclaim.Session);
        grants.Add(new Grant(reclaim.Session, reclaim.Generation, reclaim.Access));
        holder.Files.Add(reclaim.File);
        return new LayoutEffect.Granted(reclaim.Generation);
    }

    private void Return(LayoutInput.Return returned)
    {
        if (!_sessions.TryGetValue(returned.Session, out var holder) || !_files.TryGetValue(returned.File, out var grants))
        {
            return;
        }

        // An older generation's return says nothing about the newer grant.
        if (grants.RemoveAll(grant => grant.Session == returned.Session && grant.Generation == returned.Generation) > 0)
        {
            holder.Files.Remove(returned.File);
            Forget(returned.File);
        }
    }

    private List<Grant> Grants(FileId file)
    {
        if (!_files.TryGetValue(file, out var grants))
        {
            _files.Add(file, grants = []);
        }

        return grants;
    }

    private void Drop(SessionId session)
    {
        if (!_sessions.TryGetValue(session, out var holder))
        {
            return;
        }

        foreach (var file in holder.Files)
        {
            _files[file].RemoveAll(grant => grant.Session == session);
            Forget(file);
        }

        holder.Files.Clear();
        holder.MayHoldUnknown = false;
    }

    private void Forget(FileId file)
    {
        if (_files.TryGetValue(file, out var grants) && grants.Count == 0)
        {
            _files.Remove(file);
        }
    }
}
