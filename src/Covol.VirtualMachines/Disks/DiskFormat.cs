namespace Covol.VirtualMachines.Disks;

/// <summary>Formats of disk files that a virtual machine can run from and be live migrated with.</summary>
public enum DiskFormat
{
    /// <summary>The file is the disk.</summary>
    Raw,

    Qcow2,

    /// <summary>A VHD of fixed size: the disk, then a footer of 512 bytes. QEMU gets it as raw, cut before the footer, because
    /// its
    /// own VHD driver does not support live migration.</summary>
    FixedVhd,
}
