namespace Covol.Protocol.Control;

/// <summary>How far a coordinator process is. It never goes back.</summary>
public enum CoordinatorPhase
{
    Starting,

    /// <summary>Its key is registered on the LUN; it writes nothing and waits for <see cref="ActivateCoordinator"/>.</summary>
    Standby,
    Fencing,
    Recovering,

    /// <summary>Reclaims are taken; new locks, layouts and frees wait.</summary>
    Grace,
    Serving,
    HandingOver,

    /// <summary>It ended on its own; the reason says why.</summary>
    Failed,
}
