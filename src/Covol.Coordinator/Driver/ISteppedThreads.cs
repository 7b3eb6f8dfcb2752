using Covol.Protocol.Units;

namespace Covol.Coordinator.Driver;

/// <summary>
/// For the simulation: carries out, one at a time on one thread, what a coordinator's own threads do elsewhere.
/// </summary>
internal interface ISteppedThreads
{
    /// <summary>A step of the coordinator's thread, after those posted before it.</summary>
    void Post(Action step);

    /// <summary>A step of the coordinator's thread at a time of its clock, or a little later.</summary>
    void PostAt(Moment moment, Action step);

    /// <summary>A job that blocks on the LUN, of a pool of so many threads.</summary>
    void PostBlocking(string pool, int threads, Action job);
}
