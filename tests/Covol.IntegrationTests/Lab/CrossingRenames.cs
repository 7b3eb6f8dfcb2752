using System.Runtime.InteropServices;
using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Lab;

/// <summary>Folders are moved into each other from two nodes at once: each kernel knows its own tree only, so the coordinator checks.</summary>
[Collection(LabCollection.Name)]
public sealed partial class CrossingRenames
{
    private const int Folders = 5;
    private const int Rounds = 250;
    private const int NoSuchEntry = 2;
    private const int InvalidArgument = 22;
    private const int NotEmpty = 39;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);
    private readonly LabFixture _lab;

    public CrossingRenames(LabFixture lab) => _lab = lab;

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "ntfsfix")]
    public async Task Folders_moved_into_each_other_from_two_nodes_make_no_cycle_and_none_is_lost()
    {
        await _lab.MendAsync();
        var tree = Directory.CreateDirectory($"{_lab.Volume(1)}/crossing").FullName;
        for (var folder = 0; folder < Folders; folder++)
        {
            Directory.CreateDirectory($"{tree}/d{folder}");
            File.WriteAllText($"{tree}/d{folder}/mark-{folder}", $"{folder}");
        }

        using var together = new Barrier(2);
        var movers = ((int[])[1, 2]).Select(node => new Mover($"{_lab.Volume(node)}/crossing", node, together)).ToArray();
        foreach (var mover in movers)
        {
            mover.Join();
        }

        movers.ShouldAllBe(mover => mover.Failure == null);
        movers.ShouldAllBe(mover => mover.Moved > Rounds / 20);
        movers.Sum(mover => mover.Refused).ShouldBeGreaterThan(0);
        ShouldBeWhole($"{_lab.Volume(3)}/crossing");
        ShouldBeWhole($"{_lab.Volume(1)}/crossing");
        await _lab.CheckOfflineAsync();
        ShouldBeWhole($"{_lab.Volume(2)}/crossing");
        Directory.Delete($"{_lab.Volume(3)}/crossing", recursive: true);
    }

    /// <summary>Each folder is reached from the top, once, with what is in it.</summary>
    private static void ShouldBeWhole(string top)
    {
        var found = Directory.EnumerateDirectories(top, "d*", SearchOption.AllDirectories).ToArray();
        found.Select(Path.GetFileName).Order().ShouldBe(Enumerable.Range(0, Folders).Select(folder => $"d{folder}"));
        foreach (var folder in found)
        {
            var number = Path.GetFileName(folder)[1..];
            File.ReadAllText($"{folder}/mark-{number}").ShouldBe(number);
        }
    }

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(string from, string to);

    /// <summary>Moves folders on one node, at the same moments as the other one does.</summary>
    private sealed class Mover
    {
        private readonly string _top;
        private readonly Random _random;
        private readonly Barrier _together;
        private readonly Thread _thread;

        public Mover(string top, int seed, Barrier together)
        {
            _top = top;
            _random = new Random(seed);
            _together = together;
            _thread = new Thread(Run) { Name = $"mover-{seed}", IsBackground = true };
            _thread.Start();
        }

        public int Moved { get; private set; }

        /// <summary>Would have made a cycle, or the other node was faster.</summary>
        public int Refused { get; private set; }

        public string? Failure { get; private set; }

        public void Join() => _thread.Join(s_limit).ShouldBeTrue($"A rename below {_top} hangs.");

        private void Run()
        {
            try
            {
                for (var round = 0; round < Rounds && Failure is null; round++)
                {
                    var (from, to) = Choose();
                    if (!_together.SignalAndWait(s_limit))
                    {
                        Failure = "The other node's mover does not come.";
                        return;
                    }

                    Move(from, to);
                }
            }
            finally
            {
                _together.RemoveParticipant();
            }
        }

        /// <summary>Some folder into some other, as this node sees the tree now. The other node changes it while we look.</summary>
        private (string From, string To) Choose()
        {
            var all = new List<string>();
            Walk(_top, all);
            var from = all[_random.Next(all.Count)];
            var into = _random.Next(4) == 0 ? _top : all[_random.Next(all.Count)];
            return (from, $"{into}/{Path.GetFileName(from)}");
        }

        private static void Walk(string folder, List<string> all)
        {
            try
            {
                foreach (var below in Directory.GetDirectories(folder, "d*"))
                {
                    all.Add(below);
                    Walk(below, all);
                }
            }
            catch (DirectoryNotFoundException)
            {
                // Moved away by the other node; it is found where it is now, or in the next round.
            }
        }

        private void Move(string from, string to)
        {
            if (Rename(from, to) == 0)
            {
                Moved++;
                return;
            }

            var error = Marshal.GetLastPInvokeError();
            if (error is NoSuchEntry or InvalidArgument or NotEmpty)
            {
                Refused++;
                return;
            }

            Failure = $"rename {from} {to}: {Marshal.GetPInvokeErrorMessage(error)}";
        }
    }
}
