namespace Covol.Coordinator.Driver;

/// <summary>How an operation uses a file's data. Each allows all that the ones before it allow.</summary>
internal enum GateMode
{
    /// <summary>Reads and whole-block writes inside valid length, and giving out layouts. Any number at once.</summary>
    Shared,

    /// <summary>Changes what lies at and past valid length: one at a time, beside any number of <see cref="Shared"/>.</summary>
    Extend,

    /// <summary>Takes clusters away or changes parts of blocks inside valid length: alone.</summary>
    Exclusive,
}
