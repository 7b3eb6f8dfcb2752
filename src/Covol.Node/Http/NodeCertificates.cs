using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Covol.Api.Configuration;

namespace Covol.Node.Http;

/// <summary>This node's certificate and the only authority whose signature counts.</summary>
internal sealed class NodeCertificates : IDisposable
{
    private readonly X509Certificate2 _authority;

    public NodeCertificates(NodeConfiguration configuration)
    {
        _authority = X509CertificateLoader.LoadCertificateFromFile(configuration.Authority);
        using var pem = X509Certificate2.CreateFromPemFile(configuration.Certificate, configuration.Key);
        // SslStream wants the key in a form that a PEM pair does not give.
        Own = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
    }

    public X509Certificate2 Own { get; }

    /// <summary>The node that a certificate names; null when the cluster's authority did not sign it or it names none.</summary>
    public int? NodeOf(X509Certificate2? certificate)
    {
        if (certificate is null)
        {
            return null;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        if (!chain.Build(certificate))
        {
            return null;
        }

        var name = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        return name.StartsWith("node", StringComparison.Ordinal)
            && int.TryParse(name["node".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var node)
                ? node
                : null;
    }

    public void Dispose()
    {
        _authority.Dispose();
        Own.Dispose();
    }
}
