using Covol.IntegrationTests.Support;
using Covol.VirtualMachines;
using Shouldly;

namespace Covol.IntegrationTests.VirtualMachines;

public sealed class QemuUserTests
{
    [NeedsFact("root", "setpriv")]
    public async Task A_device_that_only_root_may_open_is_not_taken_for_one_that_QEMU_can_use()
    {
        var nobody = HostSettings.FindUser(await File.ReadAllLinesAsync("/etc/passwd"), "nobody").ShouldNotBeNull();
        var folder = Directory.CreateTempSubdirectory("covol-device-");
        try
        {
            const UnixFileMode owners = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            File.SetUnixFileMode(folder.FullName, owners | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
            var device = Path.Combine(folder.FullName, "kvm");
            await File.WriteAllTextAsync(device, "");
            File.SetUnixFileMode(device, owners);

            HostSettings.CanOpen(nobody, device).ShouldBeFalse();

            File.SetUnixFileMode(device, owners | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
            HostSettings.CanOpen(nobody, device).ShouldBeFalse();
            HostSettings.CanOpen(nobody with { KvmGroup = 0 }, device).ShouldBeTrue();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
