namespace Covol.Fuse;

/// <summary>
/// What kernel and server agreed on when the mount was made. There is no second INIT, so whoever keeps the descriptor keeps this
/// too, for the server's successor.
/// </summary>
/// <param name="Minor">Minor version of protocol 7 that both speak.</param>
/// <param name="Flags">FUSE_* flags that both set, flags2 in the upper half.</param>
/// <param name="WriteMax">Largest WRITE in bytes.</param>
/// <param name="BackgroundMax">Requests the kernel keeps in flight for asynchronous I/O.</param>
public sealed record FuseNegotiation(int Minor, ulong Flags, int WriteMax, int BackgroundMax)
{
    /// <summary>The kernel sends requests in flight again when the successor asks for it.</summary>
    public bool CanResend => (Flags & Wire.InitFlags.HasResend) != 0;
}
