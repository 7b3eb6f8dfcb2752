using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Posix;

/// <summary>
/// What programs may rely on: each case is carried out on the local file system and on a volume, on the coordinator's node and on
/// another one, and every call has to bring the same result.
/// </summary>
[Collection(nameof(PosixTests))]
public sealed class PosixTests
{
    private readonly World _world;

    public PosixTests(World world) => _world = world;

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (var one in PosixCase.All)
        {
            cases.Add(one.Sentence, "coordinator");
            cases.Add(one.Sentence, "other node");
        }

        return cases;
    }

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs")]
    [MemberData(nameof(Cases))]
    public async Task A_volume_behaves_as_the_local_file_system_does(string sentence, string node)
    {
        var one = PosixCase.All.Single(known => known.Sentence == sentence);
        var nodes = await _world.NodesAsync();
        var local = Directory.CreateDirectory(Path.Combine(nodes.Local, Guid.NewGuid().ToString("n"))).FullName;
        var root = nodes.Roots[node == "coordinator" ? 0 : 1];
        var shared = Directory.CreateDirectory(Path.Combine(root, Guid.NewGuid().ToString("n"))).FullName;

        var expected = Caller.Tell(local, one.Calls);
        var told = Caller.Tell(shared, one.Calls);

        told.ShouldBe(expected, nodes.Loggers.Told);
        expected.ShouldNotContain("The case failed");
        Directory.Delete(shared, recursive: true);
    }

    /// <summary>Made at the first case, so that a machine without FUSE skips them all in peace.</summary>
    public sealed class World : IAsyncLifetime
    {
        private readonly Lazy<Task<TwoNodes>> _nodes = new(() => TwoNodes.CreateAsync());

        public Task InitializeAsync() => Task.CompletedTask;

        public async Task DisposeAsync()
        {
            if (_nodes.IsValueCreated)
            {
                await (await _nodes.Value).DisposeAsync();
            }
        }

        internal Task<TwoNodes> NodesAsync() => _nodes.Value;
    }
}
