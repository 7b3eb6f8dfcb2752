namespace Covol.Lab.Bench;

/// <summary>What the kernel keeps of files, on the whole machine.</summary>
internal static class MachineCaches
{
    private const string Switch = "/proc/sys/vm/drop_caches";

    /// <summary>Pages, names and inodes (Documentation/admin-guide/sysctl/vm.rst).</summary>
    private const string All = "3";

    /// <summary>Writes back what is dirty, then forgets all that is clean.</summary>
    public static void Drop()
    {
        Interop.Libc.Sync();
        try
        {
            File.WriteAllText(Switch, All);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new LabException(
                $"This machine does not let its caches be dropped ({Switch}: {failure.Message}), so nothing cold can be measured: "
                + "choose the other workloads with --only.",
                failure);
        }
    }
}
