using Xunit;

namespace Covol.Tests.Cluster;

/// <summary>A test of the store's contract. The memory store needs nothing of the machine.</summary>
public sealed class StoreFact : FactAttribute;
