using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Covol.Protocol.Control;

namespace Covol.Tests.Transport;

/// <summary>A certificate authority of a cluster, and PEM files of its nodes, in a folder of its own.</summary>
internal sealed class Certificates : IDisposable
{
    private static readonly DateTimeOffset s_from = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset s_until = new(2120, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("covol-ca-");
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _authority;

    public Certificates()
    {
        var request = new CertificateRequest("CN=cluster", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _authority = request.CreateSelfSigned(s_from, s_until);
        File.WriteAllText(PathOf("ca.pem"), _authority.ExportCertificatePem());
    }

    public TlsFiles Of(string commonName)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={commonName}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(_authority, s_from, s_until, RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(PathOf($"{commonName}.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(PathOf($"{commonName}.key"), key.ExportPkcs8PrivateKeyPem());
        return new TlsFiles(PathOf("ca.pem"), PathOf($"{commonName}.pem"), PathOf($"{commonName}.key"));
    }

    public void Dispose()
    {
        _authority.Dispose();
        _key.Dispose();
        _folder.Delete(recursive: true);
    }

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);
}
