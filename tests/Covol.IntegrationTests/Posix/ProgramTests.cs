using System.Security.Cryptography;
using Covol.IntegrationTests.Fuse;
using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Posix;

/// <summary>Programs as they are, on the coordinator's node and on another one.</summary>
[Collection(nameof(PosixTests))]
public sealed class ProgramTests
{
    private readonly PosixTests.World _world;

    public ProgramTests(PosixTests.World world) => _world = world;

    public static TheoryData<int> Nodes => new() { 0, 1 };

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs", "cp", "rsync", "setfattr", "getfattr")]
    [MemberData(nameof(Nodes))]
    public async Task Cp_copies_a_tree_with_all_that_belongs_to_it(int node)
    {
        var (tree, target) = await TreeAsync(node);

        await RealProgram.RunAsync("cp", "-a", tree, target);

        (await DifferencesAsync(tree, Path.Combine(target, "tree"))).ShouldBeEmpty();
    }

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs", "tar", "rsync", "setfattr", "getfattr")]
    [MemberData(nameof(Nodes))]
    public async Task Tar_packs_and_unpacks_a_tree_with_all_that_belongs_to_it(int node)
    {
        var (tree, target) = await TreeAsync(node);
        var archive = Path.Combine(target, "tree.tar");

        string[] attributes = ["--xattrs", "--xattrs-include=user.*"];
        await RealProgram.RunAsync("tar", [.. attributes, "-C", Path.GetDirectoryName(tree)!, "-cf", archive, "tree"]);
        await RealProgram.RunAsync("tar", [.. attributes, "-C", target, "-xpf", archive]);

        (await DifferencesAsync(tree, Path.Combine(target, "tree"))).ShouldBeEmpty();
    }

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs", "rsync", "setfattr", "getfattr")]
    [MemberData(nameof(Nodes))]
    public async Task Rsync_copies_a_tree_and_then_only_what_changed(int node)
    {
        var (tree, target) = await TreeAsync(node);
        var copy = Path.Combine(target, "tree");

        await RealProgram.RunAsync("rsync", "-aHX", $"{tree}/", copy);
        (await DifferencesAsync(tree, copy)).ShouldBeEmpty();

        await File.AppendAllTextAsync(Path.Combine(tree, "folder0", "file0"), "more");
        File.Delete(Path.Combine(tree, "folder1", "file1"));
        await RealProgram.RunAsync("rsync", "-aHX", "--delete", "--inplace", $"{tree}/", copy);
        (await DifferencesAsync(tree, copy)).ShouldBeEmpty();

        // And from the volume back.
        var back = Path.Combine(Path.GetDirectoryName(tree)!, "back");
        await RealProgram.RunAsync("rsync", "-aHX", $"{copy}/", back);
        (await DifferencesAsync(tree, back)).ShouldBeEmpty();
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "git", "bash")]
    public async Task Git_keeps_clones_and_packs_a_history()
    {
        var target = await TargetAsync(node: 1);

        var said = await RealProgram.RunAsync("bash", "-ec", GitSession, "git", target);

        said.ShouldContain("clean and whole");
    }

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs", "sqlite3", "bash")]
    [MemberData(nameof(Nodes))]
    public async Task Sqlite_keeps_a_database_in_both_of_its_journal_modes(int node)
    {
        var target = await TargetAsync(node);

        var said = await RealProgram.RunAsync("bash", "-ec", SqliteSession, "sqlite", target);

        said.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .ShouldBe(["delete", "300", "ok", "wal", "600", "ok", "600"]);
    }

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs", "qemu-img", "qemu-io")]
    [MemberData(nameof(Nodes))]
    public async Task Qemu_img_makes_converts_and_checks_images(int node)
    {
        var target = await TargetAsync(node);
        var raw = Path.Combine(target, "disk.raw");
        var packed = Path.Combine(target, "disk.qcow2");
        var fixedSize = Path.Combine(target, "disk.vhd");

        await RealProgram.RunAsync("qemu-img", "create", "-q", "-f", "raw", "-o", "preallocation=falloc", raw, "16M");
        await RealProgram.RunAsync(
            "qemu-io", "-f", "raw", "-n", "-t", "none", "-c", "write -P 7 1M 3M", "-c", "write -P 9 9000k 8k", raw);
        await RealProgram.RunAsync("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-t", "none", "-T", "none", raw, packed);
        await RealProgram.RunAsync("qemu-img", "check", "-q", packed);
        await RealProgram.RunAsync("qemu-img", "snapshot", "-c", "before", packed);
        await RealProgram.RunAsync("qemu-io", "-f", "qcow2", "-c", "write -P 1 0 64k", "-c", "flush", packed);
        await RealProgram.RunAsync("qemu-img", "snapshot", "-a", "before", packed);
        await RealProgram.RunAsync("qemu-img", "resize", "-q", packed, "24M");
        await RealProgram.RunAsync("qemu-img", "resize", "-q", "--shrink", packed, "16M");
        await RealProgram.RunAsync(
            "qemu-img", "convert", "-f", "qcow2", "-O", "vpc", "-o", "subformat=fixed,force_size=on", packed, fixedSize);

        (await RealProgram.RunAsync("qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw, packed)).ShouldContain("identical");
        (await RealProgram.RunAsync("qemu-img", "compare", "-f", "raw", "-F", "vpc", raw, fixedSize)).ShouldContain("identical");
        (await RealProgram.RunAsync("qemu-img", "info", packed)).ShouldContain("virtual size: 16 MiB");
    }

    private async Task<string> TargetAsync(int node) =>
        Directory.CreateDirectory(Path.Combine((await _world.NodesAsync()).Roots[node], Guid.NewGuid().ToString("n"))).FullName;

    /// <summary>A tree on the local file system with what a copy may lose: links, owners, modes, times, attributes, special files.</summary>
    private async Task<(string Tree, string Target)> TreeAsync(int node)
    {
        var target = await TargetAsync(node);
        var local = Path.Combine((await _world.NodesAsync()).Local, Guid.NewGuid().ToString("n"));
        var tree = Directory.CreateDirectory(Path.Combine(local, "tree")).FullName;
        for (var number = 0; number < 20; number++)
        {
            var folder = Directory.CreateDirectory(Path.Combine(tree, $"folder{number % 3}")).FullName;
            await File.WriteAllBytesAsync(Path.Combine(folder, $"file{number}"), RandomNumberGenerator.GetBytes(number * 1_117));
        }

        await RealProgram.RunAsync("bash", "-ec", TreeDetails, "tree", tree);
        return (tree, target);
    }

    /// <summary>Itemized: content by checksum, owner, group, mode, times, hard links, extended attributes, special files.</summary>
    private static Task<string> DifferencesAsync(string tree, string copy) =>
        RealProgram.RunAsync("rsync", "-aHXnic", "--delete", $"{tree}/", $"{copy}/");

    private const string TreeDetails = """
        cd "$1"
        mkdir 'with space' empty
        printf 'text' > 'with space/ünïcode 日本'
        ln folder0/file0 folder1/hard
        ln -s ../folder0/file0 folder1/soft
        ln -s /nowhere/at/all dangling
        mkfifo pipe
        mknod device c 1 3
        chmod 4755 folder0/file3
        chmod 2775 folder2
        chmod 1777 empty
        chown 1001:1002 folder2/file2
        setfattr -n user.comment -v 'kept' folder0/file0
        setfattr -n user.folder -v 'kept too' folder1
        touch -d '1999-12-31 23:59:59.1234567' folder2/file5
        truncate -s 3M sparse
        touch -d '2001-02-03 04:05:06.7654321' folder0 folder1 folder2 empty .
        """;

    private const string GitSession = """
        export HOME="$1" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        cd "$1"
        git init -q first
        cd first
        for n in 1 2 3 4; do
            mkdir -p "d$n"
            for m in 1 2 3 4 5; do echo "$n $m" > "d$n/f$m"; done
            git add . && git commit -qm "commit $n"
        done
        git checkout -q -b side HEAD~1
        git mv d1 moved
        git commit -qm moved
        git gc -q
        cd ..
        git clone -q first second
        cd second
        git fsck --full --strict
        [ -z "$(git status --porcelain)" ]
        [ "$(git log --oneline | wc -l)" = 4 ]
        echo 'clean and whole'
        """;

    private const string SqliteSession = """
        cd "$1"
        numbers='WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)'
        fill="$numbers INSERT INTO t SELECT i, hex(randomblob(200)) FROM n"
        check='SELECT count(*) FROM t; PRAGMA integrity_check'
        sqlite3 db "PRAGMA journal_mode=delete; CREATE TABLE t (i INTEGER, s TEXT); BEGIN; $fill; COMMIT; $check"
        sqlite3 db "PRAGMA journal_mode=wal; BEGIN; $fill; COMMIT; $check"
        sqlite3 db 'SELECT count(*) FROM t'
        """;
}
