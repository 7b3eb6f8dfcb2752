using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

public sealed partial class NodeVolume
{
    private sealed class SessionEvents(NodeVolume volume) : ISessionEvents
    {
        public void Noticed(VolumeNotice notice)
        {
            switch (notice)
            {
                case RecallLayout recall:
                    volume.Recalled(recall.File, recall.Generation);
                    break;
                case RecallAttributes recall:
                    volume.Recalled(recall);
                    break;
                case ReportTail asked:
                    volume.TailAsked(asked);
                    break;
                case LockResolved resolved:
                    volume._tickets.Resolved(resolved);
                    break;
                case SessionEnded _ when volume.IsGivingUp:
                    // As asked for. A link that ended now would bring CloseSession over the next one, under a new session.
                    break;
                case SessionEnded ended:
                    // The keeper learns it from its next request; what is open here must not go on until then.
                    volume._keeper.Link?.Retire(ended.Reason);
                    break;
                default:
                    throw new VolumeException(VolumeError.BadRequest, $"The coordinator sent an unknown {notice.GetType().Name}.");
            }
        }

        public IReadOnlyList<ReclaimHandle> BeginReclaim(Epoch epoch)
        {
            lock (volume._gate)
            {
                volume._life++;
                volume._tickets.NewEpoch();
                var reclaims = new List<ReclaimHandle>();
                foreach (var file in volume._files.Values)
                {
                    lock (file.Gate)
                    {
                        // The file's layout goes with its first handle, also when this node was fenced: its I/O may still run.
                        var layout = file.Reclaimable()?.ToReclaim(volume._settings.ReclaimedPlacesMax);
                        foreach (var handle in file.Handles.Values.Where(handle => !handle.IsDead))
                        {
                            reclaims.AddRange(ReclaimParts.Of(
                                new ReclaimHandle(file.Id, handle.Id, handle.Access, file.Locks.Of(handle.Id), layout)));
                            layout = null;
                        }
                    }
                }

                return reclaims;
            }
        }

        public void ReclaimRefused(FileId file, HandleId handle, bool layoutOnly)
        {
            if (!volume._files.TryGetValue(file, out var known))
            {
                return;
            }

            volume.DropLayout(known);
            if (layoutOnly)
            {
                return;
            }

            lock (known.Gate)
            {
                if (known.Handles.TryGetValue(handle, out var open))
                {
                    open.Die();
                    known.Locks.HandleClosed(handle);
                }
            }
        }

        public Task OldIoEndedAsync(IReadOnlySet<LayoutGeneration> reclaimed) => volume.DrainedAsync(reclaimed);

        public void SessionEnded(string reason)
        {
            lock (volume._gate)
            {
                volume._life++;
                volume._tickets.NewEpoch();
                volume.UnpinLateWrites();
                foreach (var file in volume._files.Values)
                {
                    lock (file.Gate)
                    {
                        // What was not told by now never will be valid, and a new session's fsync must not say that all is well.
                        if (file.LoseTails())
                        {
                            VolumeClientLog.TailLost(volume._log, volume._settings.Volume, file.Id.ToString(), reason);
                        }

                        if (file.Unpublish() is { } layout)
                        {
                            volume._work.TryStart(() => DrainAsync(file, layout));
                        }

                        foreach (var handle in file.Handles.Values)
                        {
                            handle.Die();
                            file.Locks.HandleClosed(handle.Id);
                        }
                    }
                }
            }
        }

        public void Fenced(string reason) => volume.Fenced(reason);

        public void LeaseRenewed(ReservationKey key)
        {
            volume.LeaseRenewed(key);
            volume.TellTailsNow();
        }

        public void ForgetAttributes() => volume.ForgetAttributes();

        public void LeaseLapsed()
        {
            if (volume.DropLayouts() is > 0 and var layouts)
            {
                VolumeClientLog.LeaseLapsed(volume._log, volume._settings.Volume, layouts);
            }
        }

        private static async Task DrainAsync(ClientFile file, LayoutSnapshot layout)
        {
            await layout.Drained.ConfigureAwait(false);
            file.Ended(layout);
        }
    }
}
