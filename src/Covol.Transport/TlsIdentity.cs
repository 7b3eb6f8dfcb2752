using System.Globalization;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Wire;

namespace Covol.Transport;

/// <summary>
/// Who this node is towards other nodes: mutual TLS 1.3 with one CA a cluster, pinned from its file; system CAs count for
/// nothing. A certificate's common name <c>node&lt;n&gt;</c> says which node it is; host names play no part. Any thread.
/// </summary>
public sealed class TlsIdentity : IDisposable
{
    private const string NamePrefix = "node";

    private readonly X509Certificate2 _authority;
    private readonly X509Certificate2 _certificate;

    private TlsIdentity(X509Certificate2 authority, X509Certificate2 certificate, NodeId node) =>
        (_authority, _certificate, Node) = (authority, certificate, node);

    /// <summary>The node that the own certificate names.</summary>
    public NodeId Node { get; }

    /// <summary>Reads the PEM files. Throws <see cref="AuthenticationException"/> with a sentence when they do not fit together.</summary>
    public static TlsIdentity Load(TlsFiles files)
    {
        X509Certificate2? authority = null;
        X509Certificate2? certificate = null;
        try
        {
            authority = X509Certificate2.CreateFromPem(File.ReadAllText(files.Authority));
            certificate = X509Certificate2.CreateFromPemFile(files.Certificate, files.Key);
            var node = NodeOf(certificate)
                ?? throw new AuthenticationException(
                    $"{files.Certificate} is for '{certificate.Subject}'; a node's certificate has the common name node<n>.");
            return new TlsIdentity(authority, certificate, node);
        }
        catch (Exception failure)
        {
            authority?.Dispose();
            certificate?.Dispose();
            throw failure is AuthenticationException
                ? failure
                : new AuthenticationException($"The node's certificate files cannot be used: {failure.Message}", failure);
        }
    }

    public void Dispose()
    {
        _authority.Dispose();
        _certificate.Dispose();
    }

    /// <summary>Serving side of the handshake. Throws <see cref="AuthenticationException"/>. Owns the stream it is given.</summary>
    internal async Task<(SslStream Stream, NodeId Peer)> AcceptAsync(Stream inner, CancellationToken cancellation)
    {
        var stream = new SslStream(inner, leaveInnerStreamOpen: false);
        try
        {
            await stream.AuthenticateAsServerAsync(
                new SslServerAuthenticationOptions
                {
                    ServerCertificate = _certificate,
                    ClientCertificateRequired = true,
                    EnabledSslProtocols = SslProtocols.Tls13,
                    CertificateChainPolicy = ChainPolicy(),
                    RemoteCertificateValidationCallback = IsNode,
                    AllowTlsResume = false,
                },
                cancellation).ConfigureAwait(false);
            return (stream, PeerOf(stream));
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Asking side of the handshake. A server that refuses this node's certificate ends the connection afterwards (TLS 1.3).</summary>
    internal async Task<(SslStream Stream, NodeId Peer)> ConnectAsync(Stream inner, CancellationToken cancellation)
    {
        var stream = new SslStream(inner, leaveInnerStreamOpen: false);
        try
        {
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = string.Empty,
                    ClientCertificates = [_certificate],
                    LocalCertificateSelectionCallback = (_, _, _, _, _) => _certificate,
                    EnabledSslProtocols = SslProtocols.Tls13,
                    CertificateChainPolicy = ChainPolicy(),
                    RemoteCertificateValidationCallback = IsNode,
                    AllowTlsResume = false,
                },
                cancellation).ConfigureAwait(false);
            return (stream, PeerOf(stream));
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static bool IsNode(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
        (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None
        && certificate is X509Certificate2 presented
        && NodeOf(presented) is not null;

    private static NodeId PeerOf(SslStream stream) =>
        stream.RemoteCertificate is X509Certificate2 certificate && NodeOf(certificate) is { } node
            ? node
            : throw new AuthenticationException("The peer's certificate names no node.");

    /// <summary>The node of <c>node&lt;n&gt;</c>; null: it is no node's name.</summary>
    internal static NodeId? NodeNamed(string name) =>
        name.StartsWith(NamePrefix, StringComparison.Ordinal)
        && int.TryParse(name.AsSpan(NamePrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && number is >= 1 and <= WireLimits.NodesMax
            ? new NodeId(number)
            : null;

    private static NodeId? NodeOf(X509Certificate2 certificate) =>
        NodeNamed(certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false));

    private X509ChainPolicy ChainPolicy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.Add(_authority);
        return policy;
    }
}
