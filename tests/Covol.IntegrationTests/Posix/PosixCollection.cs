using Xunit;

namespace Covol.IntegrationTests.Posix;

/// <summary>All that is tried of one volume on two nodes, one after the other.</summary>
[CollectionDefinition(nameof(PosixTests))]
public sealed class PosixCollection : ICollectionFixture<PosixTests.World>;
