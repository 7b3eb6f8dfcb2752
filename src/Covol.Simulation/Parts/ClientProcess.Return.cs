using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;

namespace Covol.Simulation.Parts;

/// <summary>Back to direct I/O as a new incarnation, as ReturnToDirect of the mount does it (SAFETY 1, 4).</summary>
internal sealed partial class ClientProcess
{
    /// <summary>Incarnations that one life of a process may use up; the next life's begin behind them.</summary>
    private const int KeysOfLife = 64;

    private static readonly TimeSpan s_resumeLimit = TimeSpan.FromSeconds(60);

    private async Task ReturnToDirectAsync()
    {
        for (var number = 1; number < KeysOfLife; number++)
        {
            await Volume.RedirectedAsync(CancellationToken.None).ConfigureAwait(false);
            await Task.Delay(_world.Milliseconds(200, 4_000), Process.Clock).ConfigureAwait(false);
            await Volume.OldIoEndedAsync(CancellationToken.None).ConfigureAwait(false);
            var nexus = _lun.Open(Process);
            nexus.HangsUntil = _nexus.HangsUntil;
            var key = KeyLayout.DataKey(1, new NodeId(Process.Node), KeyLayout.Incarnation(Key) + 1);
            nexus.Register(key);
            _nexus = nexus;
            Key = key;
            try
            {
                using var limit = new CancellationTokenSource(s_resumeLimit, Process.Clock);
                await Volume.ComeBackAsync(key, limit.Token).ConfigureAwait(false);
                _world.Trace(Process.Name, $"is direct again with {key}");
            }
            catch (OperationCanceledException)
            {
                _world.Trace(Process.Name, $"did not come back with {key}");
            }
            catch (InvariantBrokenException broken)
            {
                _world.Break("I3", $"{Process.Name}: {broken.Message}");
            }
        }
    }
}
