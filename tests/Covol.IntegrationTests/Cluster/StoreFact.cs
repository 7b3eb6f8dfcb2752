using Covol.IntegrationTests.Support;
using Xunit;

namespace Covol.Tests.Cluster;

/// <summary>A test of the store's contract against a real etcd; skipped with a sentence where there is none.</summary>
public sealed class StoreFact : FactAttribute
{
    public StoreFact() => Skip = Machine.Missing("etcd");
}
