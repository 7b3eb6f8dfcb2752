namespace Covol.Api.Contracts;

/// <summary>A finished live migration.</summary>
/// <param name="From">The node it left.</param>
/// <param name="To">The node it runs on now.</param>
/// <param name="TotalMs">From the first command to the destination running.</param>
/// <param name="DowntimeMs">What QEMU reports.</param>
/// <param name="BlackoutMs">Seen from outside: last sign of life at the source to the first at the destination.</param>
public sealed record MigrationView(string From, string To, long TotalMs, long DowntimeMs, long BlackoutMs);
