using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Covol.Cluster.Store;
using Covol.Protocol.Control;
using Microsoft.Extensions.Logging;

namespace Covol.Cluster.Etcd;

/// <summary>
/// The etcd process of one node. It outlives the control plane that started it: the next one finds it by its process id file. It
/// is ended by its process id, never by name.
/// </summary>
public sealed class EtcdProcess : IDisposable
{
    private static readonly TimeSpan s_healthInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_stopLimit = TimeSpan.FromSeconds(5);

    private readonly EtcdMember _member;
    private readonly TimeProvider _time;
    private readonly ILogger<EtcdProcess> _log;
    private readonly HttpClient _http;
    private Process? _process;

    public EtcdProcess(EtcdMember member, TimeProvider time, ILogger<EtcdProcess> log)
    {
        _member = member;
        _time = time;
        _log = log;
        var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false };
        if (member.Tls is { } tls)
        {
            handler.SslOptions = EtcdGateway.ClientOptions(tls);
        }

        _http = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(1) };
    }

    public int? ProcessId => _process is { HasExited: false } running ? running.Id : null;

    /// <summary>Starts the member, or takes over the process that runs on its data already. Does not wait until it serves.</summary>
    public void Start()
    {
        if (ProcessId is not null)
        {
            return;
        }

        _process?.Dispose();
        _process = Find() ?? Launch();
    }

    /// <summary>Waits until the member answers as part of a cluster with a leader. All members must have been started.</summary>
    public async Task WaitUntilHealthyAsync(TimeSpan limit, CancellationToken cancellation)
    {
        var since = _time.GetTimestamp();
        while (!await IsHealthyAsync(cancellation).ConfigureAwait(false))
        {
            if (_process is { HasExited: true } ended)
            {
                throw new StoreUnavailableException(
                    $"etcd {_member.Name} ended with status {Status(ended)} while starting. Its log is {_member.LogFile}.");
            }

            if (_time.GetElapsedTime(since) > limit)
            {
                throw new StoreUnavailableException(
                    $"etcd {_member.Name} did not become healthy within {limit.TotalSeconds:0} s. Its log is {_member.LogFile}.");
            }

            await Task.Delay(s_healthInterval, _time, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>The member answers and its cluster has a leader.</summary>
    public async Task<bool> IsHealthyAsync(CancellationToken cancellation)
    {
        try
        {
            var answer = await _http.GetStringAsync(new Uri(_member.ClientUrl, "health"), cancellation).ConfigureAwait(false);
            return answer.Contains("\"true\"", StringComparison.Ordinal);
        }
        catch (Exception failure) when (EtcdGateway.IsNoAnswer(failure, cancellation))
        {
            return false;
        }
    }

    /// <summary>Ends the process and waits for its end. The data stays; <see cref="Start"/> goes on with it.</summary>
    public async Task StopAsync(CancellationToken cancellation)
    {
        if (_process is not { } process)
        {
            return;
        }

        if (!process.HasExited)
        {
            // ESRCH: it ended by itself in between.
            _ = Interop.LibC.Kill(process.Id, Interop.LibC.SIGTERM);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(s_stopLimit);
            try
            {
                await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                process.Kill();
                await process.WaitForExitAsync(cancellation).ConfigureAwait(false);
            }
        }

        EtcdLog.Ended(_log, _member.Name, Status(process));
        process.Dispose();
        _process = null;
        File.Delete(_member.ProcessIdFile);
    }

    /// <summary>Forgets the process without ending it.</summary>
    public void Dispose()
    {
        _process?.Dispose();
        _http.Dispose();
    }

    /// <summary>The status of a process that another control plane started is known to nobody.</summary>
    private static int Status(Process ended)
    {
        try
        {
            return ended.ExitCode;
        }
        catch (InvalidOperationException)
        {
            return -1;
        }
    }

    private Process? Find()
    {
        if (!File.Exists(_member.ProcessIdFile)
            || !int.TryParse(File.ReadAllText(_member.ProcessIdFile), CultureInfo.InvariantCulture, out var id))
        {
            return null;
        }

        // The number may belong to another program by now: only one that was started on our data is ours.
        try
        {
            var arguments = File.ReadAllText($"/proc/{id}/cmdline").Split('\0');
            return arguments.Contains(_member.DataFolder, StringComparer.Ordinal) ? Process.GetProcessById(id) : null;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    private Process Launch()
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new PlatformNotSupportedException("Covol runs on Linux only.");
        }

        // etcd warns about anything wider than 0700.
        Directory.CreateDirectory(
            _member.DataFolder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var start = new ProcessStartInfo(_member.Program) { UseShellExecute = false, RedirectStandardInput = true };
        foreach (var argument in Arguments())
        {
            start.ArgumentList.Add(argument);
        }

        Process process;
        try
        {
            process = Process.Start(start) ?? throw new StoreUnavailableException($"{_member.Program} did not start.");
        }
        catch (Win32Exception failure)
        {
            throw new StoreUnavailableException(
                $"{_member.Program} could not be started: {failure.Message}. Install the package 'etcd-server'.", failure);
        }

        process.StandardInput.Close();
        File.WriteAllText(_member.ProcessIdFile, process.Id.ToString(CultureInfo.InvariantCulture));
        EtcdLog.Started(_log, _member.Name, process.Id, _member.DataFolder);
        return process;
    }

    private string[] Arguments() =>
    [
        "--name", _member.Name,
        "--data-dir", _member.DataFolder,
        "--listen-client-urls", Plain(_member.ClientUrl),
        "--advertise-client-urls", Plain(_member.ClientUrl),
        "--listen-peer-urls", Plain(_member.PeerUrl),
        "--initial-advertise-peer-urls", Plain(_member.PeerUrl),
        "--initial-cluster", string.Join(',', _member.InitialCluster.Select(peer => $"{peer.Key}={Plain(peer.Value)}")),
        "--initial-cluster-token", _member.ClusterToken,
        "--initial-cluster-state", "new",
        "--heartbeat-interval", Milliseconds(_member.Heartbeat),
        "--election-timeout", Milliseconds(_member.Election),
        "--auto-compaction-mode", "revision",
        "--auto-compaction-retention", _member.HistoryRevisions.ToString(CultureInfo.InvariantCulture),
        "--logger", "zap",
        "--log-outputs", _member.LogFile,
        .. _member.Tls is { } tls ? Secured(tls) : [],
    ];

    /// <summary>Both ways, on both ports: without a certificate of the cluster nobody reads, writes or joins.</summary>
    private static string[] Secured(TlsFiles tls) =>
    [
        "--cert-file", tls.Certificate,
        "--key-file", tls.Key,
        "--trusted-ca-file", tls.Authority,
        "--client-cert-auth",
        "--peer-cert-file", tls.Certificate,
        "--peer-key-file", tls.Key,
        "--peer-trusted-ca-file", tls.Authority,
        "--peer-client-cert-auth",
    ];

    private static string Plain(Uri url) => url.GetLeftPart(UriPartial.Authority);

    private static string Milliseconds(TimeSpan time) => ((int)time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
}
