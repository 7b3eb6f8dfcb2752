using System.Text.Json;
using Covol.IntegrationTests.Support;
using Covol.IntegrationTests.VirtualMachines;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Lab;

/// <summary>The main job, as a user runs it.</summary>
[Collection(nameof(QemuTests))]
public sealed class DemoRuns
{
    [NeedsFact(
        Machine.Root, Machine.Fuse, "etcd", "mkntfs", "ntfsfix", "ntfsresize", "ntfs-3g", "qemu-img", "qemu-system-x86_64", "gcc", "busybox")]
    public async Task The_demo_loses_nothing_and_writes_down_what_it_measured()
    {
        var folder = $"/tmp/covol-demo-{Environment.ProcessId}";
        var file = $"{folder}.json";
        try
        {
            await CovolCommand.RunAsync(folder, "demo", "--dir", folder, "--json", file);
            using var report = JsonDocument.Parse(await File.ReadAllTextAsync(file));
            var root = report.RootElement;

            root.GetProperty("ok").GetBoolean().ShouldBeTrue();
            var migrations = root.GetProperty("migrations").EnumerateArray().ToArray();
            migrations.Length.ShouldBeGreaterThanOrEqualTo(3);
            migrations.Select(migration => (migration.GetProperty("from").GetString(), migration.GetProperty("to").GetString())).Take(2)
                .ShouldBe([("node1", "node2"), ("node2", "node3")]);
            foreach (var migration in migrations)
            {
                Numbers(migration, "totalMs", "downtimeMs", "blackoutMs").ShouldAllBe(number => number >= 0);
            }

            Numbers(root.GetProperty("coordinatorKill"), "detectMs", "takeoverMs", "guestPauseMs", "metadataPauseMs")
                .ShouldAllBe(number => number > 0);
            var guest = root.GetProperty("guest");
            Numbers(guest, "writes", "maxPauseMs").ShouldAllBe(number => number > 0);
            Numbers(guest, "lostWrites", "badChecksums", "ioErrors").ShouldAllBe(number => number == 0);
            var volume = root.GetProperty("volume");
            Numbers(volume, "directBytes").ShouldAllBe(number => number > 0);
            Numbers(volume, "redirectedBytes").ShouldAllBe(number => number >= 0);
            Numbers(volume, "checkErrors").ShouldBe([0]);
            volume.GetProperty("externalToolsOk").GetBoolean().ShouldBeTrue();
            Directory.Exists(folder).ShouldBeFalse("The demo takes its lab away again.");
            LabLeftovers.Processes(folder).ShouldBeEmpty();
            LabLeftovers.Mounts(folder).ShouldBeEmpty();
        }
        finally
        {
            File.Delete(file);
            if (Directory.Exists(folder))
            {
                await CovolCommand.TryAsync(folder, "lab", "down");
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private static IEnumerable<long> Numbers(JsonElement of, params string[] names) => names.Select(name => of.GetProperty(name).GetInt64());
}
