using Covol.IntegrationTests.Lab;
using Covol.IntegrationTests.Support;
using Shouldly;

namespace Covol.IntegrationTests.CommandLine;

/// <summary>What the machine lacks or another program has: a sentence, and nothing begun.</summary>
public sealed class MachineRefusals
{
    private static readonly string s_covol = $"dotnet {Shell.Folder("Covol.Cli")}/covol.dll";

    /// <summary>How to hide something from one command: in a mount namespace of its own.</summary>
    private static readonly (string What, string Hide, string Says)[] s_lacks =
    [
        (
            "no /dev/fuse",
            "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9",
            "This machine has no /dev/fuse"),
        ("another device at /dev/fuse", "mount --bind /dev/null /dev/fuse", "/dev/fuse is there but is not the FUSE device"),
        (
            "no etcd",
            "mkdir $T/real $T/view && mount --bind /usr/bin $T/real && cp -rs $T/real/. $T/view/ && rm $T/view/etcd"
            + " && mount --bind $T/view /usr/bin",
            "etcd is not installed"),
        (
            "no mkntfs",
            "mkdir $T/real $T/view && mount --bind /usr/sbin $T/real && cp -rs $T/real/. $T/view/ && rm -f $T/view/mkntfs"
            + " && mount --bind $T/view /usr/sbin",
            "The program mkntfs is not installed"),
    ];

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "unshare", "setpriv")]
    public async Task A_lab_or_demo_that_the_machine_cannot_run_leaves_nothing_and_can_be_made_later()
    {
        var lab = $"/tmp/covol-none-{Environment.ProcessId}";
        foreach (var (what, hide, says) in s_lacks)
        {
            foreach (var command in (string[])["lab up --nodes 1 --size 256M", "demo"])
            {
                var scratch = Directory.CreateTempSubdirectory("covol-hide").FullName;
                var end = await CovolCommand.ProgramAsync(
                    "unshare", ["-m", "sh", "-c", $"T={scratch}; ({hide}) 1>&2 && exec {s_covol} {command} --dir {lab}"], lab);
                Directory.Delete(scratch, recursive: true);

                Shell.Sentence(what, end).ShouldStartWith(says);
                Directory.Exists(lab).ShouldBeFalse(what);
            }
        }

        (await NobodyAsync(lab, $"lab up --dir {lab}")).ShouldStartWith("A lab mounts file systems and starts daemons: run covol as root");
        (await NobodyAsync(lab, $"demo --dir {lab}")).ShouldStartWith("A lab mounts file systems and starts daemons: run covol as root");
        Directory.Exists(lab).ShouldBeFalse();

        await Shell.RunAsync(lab, "lab", "up", "--nodes", "1", "--size", "256M");
        try
        {
            (await NobodyAsync(lab, "volume list")).ShouldContain("answers root only: run covol as root");
            (await NobodyAsync(lab, "lab down")).ShouldContain("run covol as root");
            (await NobodyAsync(lab, "lab kill node1")).ShouldContain("run covol as root");

            // Somebody else's lab is not the demo's to end.
            (await Shell.RefusedAsync(lab, "demo", "--dir", lab)).ShouldStartWith($"There is a lab in {lab} already.");
            (await Shell.RefusedAsync(lab, "lab", "up", "--dir", lab)).ShouldStartWith($"There is a lab in {lab} already.");
            (await Shell.RunAsync(lab, "volume", "state")).ShouldContain("Direct");
        }
        finally
        {
            await Shell.RunAsync(lab, "lab", "down");
        }

        Directory.Exists(lab).ShouldBeFalse();
        (await Shell.RefusedAsync(lab, "lab", "down")).ShouldBe($"There is no lab in {lab}.");
        (await Shell.RefusedAsync(lab, "lab", "status")).ShouldContain("Run 'covol lab up");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task A_folder_that_cannot_hold_a_lab_is_refused_as_it_was()
    {
        var folder = Directory.CreateTempSubdirectory("covol-full");
        await File.WriteAllTextAsync($"{folder.FullName}/mine", "text");

        (await Shell.RefusedAsync("", "lab", "up", "--dir", folder.FullName)).ShouldContain("is not empty and holds no lab");
        (await Shell.RefusedAsync("", "lab", "up", "--dir", $"{folder.FullName}/mine")).ShouldContain("is a file");
        (await Shell.RefusedAsync("", "lab", "up", "--dir", "/proc/lab")).ShouldContain("/proc/lab");
        (await Shell.RefusedAsync("", "lab", "up", "--dir", $"/tmp/{new string('x', 80)}")).ShouldContain("Choose a shorter --dir");
        (await Shell.RefusedAsync("", "lab", "up", "--nodes", "99")).ShouldContain("1 to 16 nodes");
        (await Shell.RefusedAsync("", "lab", "up", "--size", "1M")).ShouldContain("at least 256M");
        (await Shell.RefusedAsync("", "lab", "up", "--size", "many")).ShouldContain("'many' is not a size");
        (await Shell.RefusedAsync("", "demo", "--json", "/proc/none")).ShouldContain("/proc/none");

        (await File.ReadAllTextAsync($"{folder.FullName}/mine")).ShouldBe("text");
        folder.Delete(recursive: true);
    }

    /// <summary>Runs a copy of covol, which everybody may read, as a user without any right.</summary>
    private static async Task<string> NobodyAsync(string lab, string command)
    {
        var copy = Directory.CreateTempSubdirectory("covol-nobody").FullName;
        try
        {
            var end = await CovolCommand.ProgramAsync(
                "sh",
                [
                    "-c",
                    $"cp -r {Shell.Folder("Covol.Cli")}/. {copy} && chmod -R a+rX {copy} && "
                    + $"HOME=/tmp exec setpriv --reuid 65534 --regid 65534 --clear-groups dotnet {copy}/covol.dll {command}",
                ],
                lab);
            return Shell.Sentence(command, end);
        }
        finally
        {
            Directory.Delete(copy, recursive: true);
        }
    }
}
