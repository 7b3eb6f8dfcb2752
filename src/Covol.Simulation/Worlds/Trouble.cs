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

    /// <summary>Nodes lose every network and go on reading by themselves, while others cut and fill the files that they read.</summary>
    DeafReaders,

    /// <summary>Nodes without a path of their own write through a coordinator whose LUN hangs; some die of it.</summary>
    LostPaths,

    /// <summary>Nodes die and are evicted while what they had submitted is still on its way, and a fence takes its time.</summary>
    DyingWriters,

    /// <summary>The node that makes files longer by itself sleeps, and others cut those files for so long that they give it up.</summary>
    SleepingTails,

    /// <summary>Coordinators freeze and are overtaken, and one node, which has no path, hears of it only after they woke.</summary>
    LateNews,
}
