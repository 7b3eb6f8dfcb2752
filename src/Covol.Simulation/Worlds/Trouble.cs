namespace Covol.Simulation.Worlds;

/// <summary>Which faults a world sees most.</summary>
internal enum Trouble
{
    /// <summary>Each kind now and then.</summary>
    Everything,

    /// <summary>Nodes' LUN paths hang while coordinators change.</summary>
    HungNodes,

    /// <summary>Coordinators freeze, are overtaken, wake.</summary>
    DeposedCoordinators,

    /// <summary>The coordinator's LUN path hangs.</summary>
    HungCoordinators,

    /// <summary>Nodes freeze and die.</summary>
    LostNodes,

    /// <summary>Connections break, networks part.</summary>
    BrokenNetwork,

    /// <summary>Nodes sleep for longer than their lease while others cut and fill the files that they read.</summary>
    SleepingReaders,
}
