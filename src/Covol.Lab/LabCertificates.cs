using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Covol.Lab;

/// <summary>A certificate authority for one lab and a certificate for each of its nodes (common name <c>node&lt;n&gt;</c>).</summary>
internal static class LabCertificates
{
    private static readonly TimeSpan s_life = TimeSpan.FromDays(3650);

    public static string Authority(string folder) => $"{folder}/ca.pem";

    public static string Certificate(string folder, int node) => $"{folder}/node{node}.pem";

    public static string Key(string folder, int node) => $"{folder}/node{node}.key";

    /// <summary>Writes <c>ca.pem</c> and a certificate and key a node. The authority's key is forgotten: a lab does not grow.</summary>
    public static void Write(string folder, IReadOnlyList<int> nodes, TimeProvider time)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var from = time.GetUtcNow() - TimeSpan.FromHours(1);
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Covol lab", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        using var authority = request.CreateSelfSigned(from, from + s_life);
        File.WriteAllText(Authority(folder), authority.ExportCertificatePem());

        foreach (var node in nodes)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            using var certificate = Sign(authority, key, node, from);
            File.WriteAllText(Certificate(folder, node), certificate.ExportCertificatePem());
            WriteSecret(Key(folder, node), key.ExportPkcs8PrivateKeyPem());
        }
    }

    private static X509Certificate2 Sign(X509Certificate2 authority, ECDsa key, int node, DateTimeOffset from)
    {
        var request = new CertificateRequest($"CN=node{node}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName($"node{node}");
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, true, false));
        // The signature must not outlive the authority by the clock ticks between the two.
        return request.Create(authority, from, from + s_life - TimeSpan.FromDays(1), RandomNumberGenerator.GetBytes(16));
    }

    private static void WriteSecret(string path, string text)
    {
        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        file.Write(System.Text.Encoding.ASCII.GetBytes(text));
    }
}
