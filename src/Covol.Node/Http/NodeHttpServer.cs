using System.Net;
using System.Security.Cryptography.X509Certificates;
using Covol.Api;
using Covol.Api.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Covol.Node.Http;

/// <summary>
/// Serves the API on a Unix socket that only root opens, and to the other members over mutual TLS. Nothing listens without one
/// of the two: whoever may call it may start QEMU.
/// </summary>
internal sealed class NodeHttpServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private NodeHttpServer(WebApplication app) => _app = app;

    public static async Task<NodeHttpServer> StartAsync(
        NodeConfiguration configuration,
        NodeCertificates certificates,
        ILoggerFactory logs,
        Action<IEndpointRouteBuilder> map,
        CancellationToken cancellation)
    {
        var self = configuration.Members.FirstOrDefault(member => member.Node == configuration.Node)
            ?? throw new NodeException($"The configuration's members do not name node{configuration.Node} itself.");
        File.Delete(configuration.ApiSocket);
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [] });
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(logs);
        builder.Services.ConfigureHttpJsonOptions(options => options.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJson.Default));

        // So that a request that cannot be read gets a sentence as every other failure does.
        builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = 1 << 20;
            kestrel.ListenUnixSocket(configuration.ApiSocket);
            kestrel.Listen(IPAddress.Parse(self.Address), self.ApiPort, listen => listen.UseHttps(https =>
            {
                https.ServerCertificate = certificates.Own;
                https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
                https.ClientCertificateValidation = (certificate, _, _) => IsMember(configuration, certificates, certificate);
            }));
        });
        var app = builder.Build();
        NodeApi.UseSentences(app);
        NodeApi.UseSentencesForStatus(app);
        map(app);
        try
        {
            await app.StartAsync(cancellation).ConfigureAwait(false);
        }
        catch (IOException failure)
        {
            await app.DisposeAsync().ConfigureAwait(false);
            throw new NodeException(
                $"The API cannot listen on {configuration.ApiSocket} and {self.Address}:{self.ApiPort}: {failure.Message} "
                + "Is another covold node running, or another program on that port?",
                failure);
        }

        File.SetUnixFileMode(configuration.ApiSocket, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return new NodeHttpServer(app);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync().ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
    }

    private static bool IsMember(NodeConfiguration configuration, NodeCertificates certificates, X509Certificate2 certificate) =>
        certificates.NodeOf(certificate) is { } node && configuration.Members.Any(member => member.Node == node);
}
