namespace Covol.Api.Contracts;

/// <summary>What a node's mount process, which serves all its volumes, has used since it was started.</summary>
/// <param name="Collections">Garbage collections; I/O alone causes none.</param>
/// <param name="ProcessorUs">Microseconds of processor time of all its threads.</param>
public sealed record DataPathView(int Collections, long ProcessorUs);
