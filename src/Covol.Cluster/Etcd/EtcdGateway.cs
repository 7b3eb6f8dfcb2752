using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Covol.Cluster.Store;
using Covol.Protocol.Control;

namespace Covol.Cluster.Etcd;

/// <summary>
/// Calls to etcd's JSON gateway: asks the member that answered last, and the next one when it does not answer in time or has no
/// leader. Any thread.
/// </summary>
internal sealed class EtcdGateway : IDisposable
{
    /// <summary>etcd takes requests of 1.5 MiB and answers ranges of any size; ours are small.</summary>
    private const int AnswerLengthMax = 16 << 20;

    private readonly EtcdOptions _options;
    private readonly HttpClient _http;
    private volatile int _preferred;

    public EtcdGateway(EtcdOptions options)
    {
        if (options.Endpoints.Count == 0)
        {
            throw new ArgumentException("No etcd endpoint is configured.", nameof(options));
        }

        _options = options;
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = options.ConnectLimit,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
            UseProxy = false,
            AllowAutoRedirect = false,
        };
        if (options.Tls is { } tls)
        {
            handler.SslOptions = ClientOptions(tls);
        }

        _http = new HttpClient(handler)
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = AnswerLengthMax,
        };
    }

    /// <summary>The member that is asked first.</summary>
    public Uri Preferred => _options.Endpoints[_preferred];

    /// <summary>One call to whichever member answers.</summary>
    public async Task<TAnswer> CallAsync<TRequest, TAnswer>(
        string path,
        TRequest request,
        JsonTypeInfo<TRequest> requestType,
        JsonTypeInfo<TAnswer> answerType,
        CancellationToken cancellation)
    {
        Exception? last = null;
        for (var attempt = 0; attempt < _options.Endpoints.Count * _options.RoundsMax; attempt++)
        {
            var member = _preferred;
            try
            {
                return await CallAsync(_options.Endpoints[member], path, request, requestType, answerType, cancellation)
                    .ConfigureAwait(false);
            }
            catch (StoreUnavailableException unavailable)
            {
                last = unavailable;
                Avoid(member);
            }
        }

        throw new StoreUnavailableException(
            $"No etcd member of {string.Join(", ", _options.Endpoints)} answered: {last?.Message}", last!);
    }

    /// <summary>One call to this member.</summary>
    public async Task<TAnswer> CallAsync<TRequest, TAnswer>(
        Uri member,
        string path,
        TRequest request,
        JsonTypeInfo<TRequest> requestType,
        JsonTypeInfo<TAnswer> answerType,
        CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_options.RequestLimit);
        try
        {
            using var message = Message(member, path, request, requestType);
            using var answer = await _http.SendAsync(message, limit.Token).ConfigureAwait(false);
            var bytes = await answer.Content.ReadAsByteArrayAsync(limit.Token).ConfigureAwait(false);
            ThrowIfFailed(answer.StatusCode, bytes, member);
            return JsonSerializer.Deserialize(bytes, answerType) ?? throw new JsonException("It is empty.");
        }
        catch (Exception failure) when (IsNoAnswer(failure, cancellation))
        {
            throw new StoreUnavailableException($"The etcd member at {member} does not answer: {failure.Message}", failure);
        }
        catch (JsonException failure)
        {
            throw new StoreRefusedException($"The etcd member at {member} answered what is not its JSON: {failure.Message}", failure);
        }
    }

    /// <summary>Opens a stream of lines. The member drops it when it loses its leader. The caller disposes both.</summary>
    public async Task<(HttpResponseMessage Answer, Stream Lines)> OpenStreamAsync<TRequest>(
        Uri member, string path, TRequest request, JsonTypeInfo<TRequest> requestType, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_options.RequestLimit);
        HttpResponseMessage? answer = null;
        try
        {
            using var message = Message(member, path, request, requestType);
            message.Headers.Add("Grpc-Metadata-hasleader", "true");
            answer = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                ThrowIfFailed(
                    answer.StatusCode, await answer.Content.ReadAsByteArrayAsync(limit.Token).ConfigureAwait(false), member);
            }

            var lines = await answer.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
            var opened = (answer, lines);
            answer = null;
            return opened;
        }
        catch (Exception failure) when (IsNoAnswer(failure, cancellation))
        {
            throw new StoreUnavailableException($"The etcd member at {member} does not answer: {failure.Message}", failure);
        }
        finally
        {
            answer?.Dispose();
        }
    }

    /// <summary>This member failed: the next one is asked first, unless another caller moved on already.</summary>
    public void Avoid(Uri member)
    {
        var index = _preferred;
        if (_options.Endpoints[index] == member)
        {
            Avoid(index);
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>A lost connection, a time limit, a broken stream: whether the request was carried out is not known.</summary>
    public static bool IsNoAnswer(Exception failure, CancellationToken cancellation) =>
        !cancellation.IsCancellationRequested
        && failure is HttpRequestException or OperationCanceledException or IOException and not StoreRefusedException
            and not StoreUnavailableException;

    private void Avoid(int member) => Interlocked.CompareExchange(ref _preferred, (member + 1) % _options.Endpoints.Count, member);

    private static HttpRequestMessage Message<TRequest>(
        Uri member, string path, TRequest request, JsonTypeInfo<TRequest> requestType) => new(HttpMethod.Post, new Uri(member, path))
        {
            Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(request, requestType)),
            Version = HttpVersion.Version11,
        };

    private static void ThrowIfFailed(HttpStatusCode status, byte[] answer, Uri member)
    {
        if (status == HttpStatusCode.OK)
        {
            return;
        }

        string sentence;
        try
        {
            sentence = JsonSerializer.Deserialize(answer, EtcdJsonContext.Default.EtcdFailure)?.Sentence ?? status.ToString();
        }
        catch (JsonException)
        {
            // A proxy or a wrong port answers HTML or nothing; the status says what there is to say.
            sentence = status.ToString();
        }

        throw (int)status >= 500
            ? new StoreUnavailableException($"The etcd member at {member} cannot serve now: {sentence}.")
            : new StoreRefusedException($"etcd at {member} refused a request: {sentence}.");
    }

    /// <summary>
    /// Who we are, and whom we believe: a node of the cluster, whatever its address. Any member may answer, so any node's certificate will do.
    /// </summary>
    public static SslClientAuthenticationOptions ClientOptions(TlsFiles tls)
    {
        // Through PKCS#12, because a key that exists in memory only is not offered to TLS on all platforms.
        using var pem = X509Certificate2.CreateFromPemFile(tls.Certificate, tls.Key);
        var certificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
        var trust = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        trust.CustomTrustStore.ImportFromPemFile(tls.Authority);
        return new SslClientAuthenticationOptions
        {
            ClientCertificates = [certificate],
            CertificateChainPolicy = trust,
            EnabledSslProtocols = SslProtocols.None,
            RemoteCertificateValidationCallback = (_, remote, _, errors) =>
                (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None
                && remote is X509Certificate2 shown
                && shown.GetNameInfo(X509NameType.SimpleName, forIssuer: false).StartsWith("node", StringComparison.Ordinal),
        };
    }
}
