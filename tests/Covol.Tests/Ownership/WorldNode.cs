using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Units;

namespace Covol.Tests.Ownership;

/// <summary>A node of the world: a control plane with its machine, and at most a few coordinator processes.</summary>
internal sealed class WorldNode(OwnershipWorld world, NodeId id)
{
    private readonly List<WorldCoordinator> _processes = [];
    private OwnershipMachine? _machine;
    private int _life;

    public NodeId Id { get; } = id;

    public long FrozenUntil { get; private set; }

    public bool ReachesStore { get; set; } = true;

    public bool IsUp => _machine is not null;

    public OwnershipMachine? Machine => _machine;

    public WorldCoordinator? Running => _processes.FirstOrDefault(process => !process.HasEnded && process.Key == _machine?.Key);

    /// <summary>The control plane starts. Processes that an earlier one left are found.</summary>
    public void Start()
    {
        if (IsUp)
        {
            return;
        }

        _life++;
        _machine = new OwnershipMachine(OwnershipWorld.Volume, Id, new OwnershipSettings());
        var left = _processes.LastOrDefault(process => !process.HasEnded);
        Take(left is null ? Started.WithoutCoordinator : new Started(left.Key, left.Phase, [left.Endpoint]));
        world.Introduce(this);
    }

    /// <summary>Only the control plane ends.</summary>
    public void StopControlPlane() => _machine = null;

    public void Crash()
    {
        _machine = null;
        foreach (var process in _processes.ToArray())
        {
            process.End("the node crashed");
        }
    }

    public void CrashCoordinator() => Running?.End("crashed");

    public void Freeze(long until) => FrozenUntil = Math.Max(FrozenUntil, until);

    public void Thaw() => FrozenUntil = Math.Min(FrozenUntil, world.Now);

    /// <summary>
    /// Hands over an input after a while; a frozen node takes it when it wakes, another life of it never. Connections to the store
    /// take longer than all else to come back.
    /// </summary>
    public void Deliver(long delay, OwnershipInput input)
    {
        var life = _life;
        world.At(world.Now + delay, Arrive);

        void Arrive()
        {
            if (life != _life || !IsUp)
            {
                return;
            }

            if (FrozenUntil > world.Now)
            {
                world.At(FrozenUntil + world.Between(0, input is RecordSeen or MoveOrderSeen or WriteAnswered ? 1500 : 20), Arrive);
            }
            else
            {
                Take(input);
            }
        }
    }

    public void ProcessReported(WorldCoordinator process) =>
        Deliver(world.Between(0, 10), new CoordinatorReported(process.Key, process.Phase, [process.Endpoint]));

    public void ProcessEnded(WorldCoordinator process, string reason)
    {
        _processes.Remove(process);
        Deliver(world.Between(0, 10), new CoordinatorEnded(process.Key, reason));
    }

    private void Take(OwnershipInput input)
    {
        var effects = new List<OwnershipEffect>();
        _machine!.Step(new Moment(world.Now), input, effects);
        foreach (var effect in effects)
        {
            CarryOut(effect);
        }
    }

    private void CarryOut(OwnershipEffect effect)
    {
        switch (effect)
        {
            case AllocateKey:
                Deliver(world.Between(2, 60), new KeyAllocated(ReachesStore ? world.NextKey(Id) : null));
                break;
            case StartStandby start:
                _processes.Add(new WorldCoordinator(world, this, start.Key));
                break;
            case WriteRecord write:
                world.Write(this, write);
                break;
            case DeleteMoveOrder:
                world.Order(null);
                break;
            case Activate activate:
                Process(activate.Key)?.Activate(activate.Epoch, activate.KeysToFence);
                break;
            case HandOver handOver:
                Process(handOver.Key)?.HandOver();
                break;
            case StopCoordinator stop:
                Process(stop.Key)?.End("stopped");
                break;
            case SetTimer timer:
                Deliver(Math.Max(0, timer.At.Nanoseconds - world.Now), new TimerFired());
                break;
            case TellEviction told:
                var arrives = !world.Chance(0.2) && Process(told.Key) is not null;
                if (arrives)
                {
                    Process(told.Key)!.Evicted[told.Node] = told.Incarnation;
                }

                Deliver(
                    world.Between(1, 50),
                    new EvictionTold(told.Key, told.Node, told.Incarnation, arrives || !world.Guards.AdmitsUntoldEvictions));
                break;
            case Attach or Detach:
                break;
            case Report report:
                world.Trace(report.Sentence);
                break;
            default:
                throw new InvalidOperationException($"{effect.GetType().Name} is not carried out.");
        }
    }

    private WorldCoordinator? Process(ReservationKey key) => _processes.FirstOrDefault(process => process.Key == key);
}
