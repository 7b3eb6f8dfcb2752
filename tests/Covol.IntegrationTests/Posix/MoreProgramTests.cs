using Covol.IntegrationTests.Fuse;
using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Posix;

/// <summary>More programs as they are, on the coordinator's node and on another one: packages and chains of images.</summary>
[Collection(nameof(PosixTests))]
public sealed class MoreProgramTests(PosixTests.World world)
{
    public static TheoryData<int> Nodes => new() { 0, 1 };

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs", "dpkg-deb", "bash")]
    [MemberData(nameof(Nodes))]
    public async Task Dpkg_deb_builds_and_unpacks_a_package(int node) =>
        (await SessionAsync(node, PackageSession)).ShouldEndWith("the same\n");

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs", "qemu-img", "qemu-io", "bash")]
    [MemberData(nameof(Nodes))]
    public async Task A_chain_of_images_is_committed_and_rebased(int node) =>
        (await SessionAsync(node, ChainSession)).ShouldEndWith("whole\n");

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs", "qemu-img", "qemu-io", "bash")]
    [MemberData(nameof(Nodes))]
    public async Task Every_command_of_qemu_img_works(int node) =>
        (await SessionAsync(node, ImageSession)).ShouldEndWith("all of them\n");

    private async Task<string> SessionAsync(int node, string session)
    {
        var root = (await world.NodesAsync()).Roots[node];
        var folder = Directory.CreateDirectory(Path.Combine(root, Guid.NewGuid().ToString("n"))).FullName;
        var said = await RealProgram.RunAsync("bash", "-ec", session, "session", folder);
        Directory.Delete(folder, recursive: true);
        return said;
    }

    private const string PackageSession = """
        cd "$1"
        mkdir -p tree/DEBIAN tree/usr/bin tree/usr/share/doc/made
        printf 'Package: made\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@b>\nDescription: made here\n' > tree/DEBIAN/control
        printf '#!/bin/sh\nexit 0\n' > tree/DEBIAN/postinst
        chmod 755 tree/DEBIAN tree/DEBIAN/postinst
        for n in $(seq 40); do head -c $((n * 999)) /dev/urandom > "tree/usr/share/doc/made/file $n"; done
        printf '#!/bin/sh\necho made\n' > tree/usr/bin/made
        chmod 4755 tree/usr/bin/made
        ln -s made tree/usr/bin/link
        ln 'tree/usr/share/doc/made/file 1' tree/usr/share/doc/made/hard
        dpkg-deb --root-owner-group -Zxz --build tree made.deb > /dev/null
        dpkg-deb --info made.deb > /dev/null
        [ "$(dpkg-deb --contents made.deb | grep -c 'doc/made/')" = 42 ]
        dpkg-deb -R made.deb out
        diff -r --no-dereference tree out
        [ "$(stat -c %a:%h:%U out/usr/bin/made)" = 4755:1:root ]
        [ "$(stat -c %h out/usr/share/doc/made/hard)" = 2 ]
        echo 'the same'
        """;

    private const string ChainSession = """
        cd "$1"
        io() { qemu-io -f qcow2 "$@" | grep -q 'verification failed' && exit 1; return 0; }
        qemu-img create -q -f qcow2 base.qcow2 64M
        io -c 'write -P 1 0 8M' base.qcow2
        qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 middle.qcow2
        io -c 'write -P 2 4M 8M' middle.qcow2
        qemu-img create -q -f qcow2 -b middle.qcow2 -F qcow2 top.qcow2
        io -c 'write -P 3 8M 1M' -c 'discard 20M 1M' top.qcow2
        look() { io -c 'read -P 1 0 4M' -c 'read -P 2 4M 4M' -c 'read -P 3 8M 1M' -c 'read -P 2 9M 3M' -c 'read -P 0 12M 52M' "$1"; }
        look top.qcow2
        [ "$(qemu-img info --backing-chain top.qcow2 | grep -c 'virtual size')" = 3 ]
        qemu-img commit -q top.qcow2
        look middle.qcow2
        look top.qcow2
        qemu-img rebase -q -b base.qcow2 -F qcow2 top.qcow2
        rm middle.qcow2
        look top.qcow2
        qemu-img rebase -q -b '' top.qcow2
        rm base.qcow2
        look top.qcow2
        qemu-img check -q top.qcow2
        echo whole
        """;

    private const string ImageSession = """
        cd "$1"
        qemu-img create -q -f qcow2 -o preallocation=metadata a.qcow2 32M
        qemu-io -f qcow2 -c 'write -P 5 1M 4M' -c 'write -z 8M 1M' a.qcow2 > /dev/null
        qemu-img info --output=json a.qcow2 | grep -q '"virtual-size": 33554432'
        qemu-img check -q a.qcow2
        qemu-img convert -f qcow2 -O raw a.qcow2 a.raw
        [ $(($(stat -c %b a.raw) / 2048)) -lt 12 ]
        qemu-img convert -f raw -O qcow2 -c a.raw packed.qcow2
        qemu-img convert -f raw -O raw -S 0 a.raw thick.raw
        [ "$(($(stat -c %b thick.raw) / 2048))" -ge 32 ]
        for other in packed.qcow2 thick.raw a.qcow2; do qemu-img compare -q "$other" a.raw; done
        qemu-img map --output=json -f raw a.raw | grep -q '"zero": true'
        qemu-img measure -O qcow2 a.raw | grep -q 'required size'
        qemu-img snapshot -c one a.qcow2
        qemu-img snapshot -l a.qcow2 | grep -q one
        qemu-io -f qcow2 -c 'write -P 6 1M 1M' a.qcow2 > /dev/null
        qemu-img snapshot -a one a.qcow2
        qemu-img snapshot -d one a.qcow2
        qemu-img compare -q a.qcow2 a.raw
        qemu-img amend -f qcow2 -o compat=0.10 a.qcow2 2> /dev/null || qemu-img amend -f qcow2 -o lazy_refcounts=on a.qcow2
        qemu-img resize -q -f qcow2 a.qcow2 48M
        qemu-img resize -q -f qcow2 --shrink a.qcow2 32M
        qemu-img resize -q -f raw a.raw +16M
        qemu-img resize -q -f raw --shrink a.raw 32M
        qemu-img compare -q a.qcow2 a.raw
        qemu-img dd -f raw -O raw bs=1M count=2 skip=1 if=a.raw of=part.raw
        cmp -n "$(stat -c %s part.raw)" -i 1048576:0 a.raw part.raw
        qemu-img bench -q -f raw -c 200 -d 8 -s 4096 -t none thick.raw > /dev/null
        qemu-img bench -q -f raw -w -c 200 -d 8 -s 4096 -o 4096 -t none --flush-interval=50 thick.raw > /dev/null
        qemu-img bitmap --add -f qcow2 a.qcow2 changes 2> /dev/null || qemu-img info a.qcow2 | grep -q 'compat: 0.10'
        qemu-img check -q a.qcow2
        echo 'all of them'
        """;
}
