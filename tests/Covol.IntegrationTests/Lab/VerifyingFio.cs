using System.Diagnostics;
using Shouldly;

namespace Covol.IntegrationTests.Lab;

/// <summary>
/// fio on one node's namespace: random writes at depth, direct, then every block is read and its checksum verified. Writes go at a limited
/// rate, so that it lasts some ten seconds and can be watched.
/// </summary>
internal sealed class VerifyingFio : IDisposable
{
    private const int BlocksPerSecond = 600;
    private const int Mebibytes = 32;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    private readonly Process _process;
    private readonly Task<string> _output;
    private readonly Task<string> _error;
    private readonly string _file;

    public VerifyingFio(string file)
    {
        _file = file;
        _process = Process.Start(new ProcessStartInfo(
            "fio",
            [
                "--name=verify", $"--filename={file}", $"--size={Mebibytes}M", "--rw=randwrite", "--bs=4k", "--iodepth=16", "--ioengine=io_uring",
                "--direct=1", "--verify=crc32c", "--verify_fatal=1", "--do_verify=1", "--verify_state_save=0",
                $"--rate_iops=20000,{BlocksPerSecond}",
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        }) ?? throw new InvalidOperationException("fio could not be started.");
        _output = _process.StandardOutput.ReadToEndAsync();
        _error = _process.StandardError.ReadToEndAsync();
    }

    public bool HasEnded => _process.HasExited;

    /// <summary>Waits until its file is laid out whole and it has begun.</summary>
    public Task BegunAsync() => Until.TrueAsync(
        $"fio has begun on {_file}", () => HasEnded || (File.Exists(_file) && new FileInfo(_file).Length == (long)Mebibytes << 20));

    /// <summary>Ended well: every block it wrote was read back as it was written.</summary>
    public async Task VerifiedAsync()
    {
        using var deadline = new CancellationTokenSource(s_limit);
        await _process.WaitForExitAsync(deadline.Token);
        _process.ExitCode.ShouldBe(0, await _output + await _error);
        (await _output).ShouldContain("err= 0");
        (await _error).ShouldBeEmpty();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit(s_limit);
        }

        _process.Dispose();
    }
}
