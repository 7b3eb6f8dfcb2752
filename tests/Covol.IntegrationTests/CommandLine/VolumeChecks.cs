using System.Text.Json;
using Covol.IntegrationTests.Lab;
using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.CommandLine;

/// <summary><c>covol volume check</c>, in use and offline.</summary>
[Collection(CommandLabCollection.Name)]
public sealed class VolumeChecks
{
    private const int Damaged = 3;
    private readonly CommandLab _lab;

    public VolumeChecks(CommandLab lab) => _lab = lab;

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task A_volume_in_use_is_checked_by_whichever_node_coordinates_it()
    {
        Directory.CreateDirectory($"{_lab.OnNode(2, "Volume1")}/checked");
        File.WriteAllText($"{_lab.OnNode(2, "Volume1")}/checked/file", "content");
        foreach (var node in (string[])["node1", "node2"])
        {
            var view = await Shell.JsonAsync(_lab.Path, "volume", "check", "Volume1", "--node", node);

            view.GetProperty("volume").GetString().ShouldBe("Volume1");
            view.GetProperty("isSound").GetBoolean().ShouldBeTrue(view.ToString());
            view.GetProperty("files").GetInt64().ShouldBeGreaterThan(0);
        }

        (await Shell.RunAsync(_lab.Path, "volume", "check", "Volume1")).ShouldStartWith("Volume1 is sound: ");
        (await Shell.RefusedAsync(_lab.Path, "volume", "check", "None")).ShouldContain("There is no volume None");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task A_LUN_is_checked_when_no_node_uses_it_any_more_and_damage_has_a_status_of_its_own()
    {
        var lun = _lab.NewLun("to-check", 64L << 20);
        await Shell.RunAsync(_lab.Path, "volume", "add", "Checked", "--lun", $"file:{lun}", "--format");
        (await Shell.RefusedAsync(_lab.Path, "volume", "check", "--lun", $"file:{lun}")).ShouldContain("is in use by a node");
        await Shell.RunAsync(_lab.Path, "volume", "remove", "Checked");

        (await Shell.RunAsync(_lab.Path, "volume", "check", "--lun", $"file:{lun}")).ShouldStartWith($"file:{lun} is sound: ");

        using (var file = new FileStream(lun, FileMode.Open))
        {
            var boot = new byte[512];
            file.ReadExactly(boot);
            file.Position = (BitConverter.ToInt64(boot, 40) * 512) + 100;
            file.WriteByte(0xEE);
        }

        var (status, output, _) = await CovolCommand.TryAsync(_lab.Path, "volume", "check", "--lun", $"file:{lun}", "-o", "json");
        status.ShouldBe(Damaged);
        using var view = JsonDocument.Parse(output);
        view.RootElement.GetProperty("isSound").GetBoolean().ShouldBeFalse();
        view.RootElement.GetProperty("findings")[0].GetProperty("code").GetString().ShouldBe("boot-copy-differs");
    }
}
