using Xunit;

namespace Covol.IntegrationTests.VirtualMachines;

/// <summary>Tests that run QEMU run one after the other: under translation each guest wants a processor for itself.</summary>
[CollectionDefinition(nameof(QemuTests), DisableParallelization = true)]
public sealed class QemuTests;
