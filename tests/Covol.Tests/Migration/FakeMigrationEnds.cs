using System.Threading.Channels;
using Covol.Protocol.Migration;
using Covol.VirtualMachines;
using Covol.VirtualMachines.Migration;

namespace Covol.Tests.Migration;

/// <summary>Both ends of a migration that behave like QEMU, with places where a test can make them fail.</summary>
internal sealed class FakeMigrationEnds : IMigrationOwnership
{
    private static readonly DateTimeOffset s_start = DateTimeOffset.FromUnixTimeSeconds(1_000_000);

    public FakeMigrationEnds()
    {
        Source = new FakeSource(this);
        Destination = new FakeDestination(this);
    }

    public FakeSource Source { get; }

    public FakeDestination Destination { get; }

    public List<string> Calls { get; } = [];

    public Action AtContinue { get; set; } = () => { };

    public string? RefuseMigrate { get; set; }

    public int QuitFailures { get; set; }

    public Task MoveAsync(CancellationToken cancellation) => Record("ownership: move");

    public Task KeepAsync(CancellationToken cancellation) => Record("ownership: keep");

    private Task Record(string call)
    {
        lock (Calls)
        {
            Calls.Add(call);
        }

        return Task.CompletedTask;
    }

    internal sealed class FakeSource(FakeMigrationEnds ends) : IMigrationSource
    {
        private readonly Channel<MigrationReport> _reports = Channel.CreateUnbounded<MigrationReport>();

        public void Say(MigrationSignal signal, double atMs = 0) =>
            _reports.Writer.TryWrite(new MigrationReport(signal, s_start.AddMilliseconds(atMs), ""));

        public IAsyncEnumerable<MigrationReport> ReportsAsync(CancellationToken cancellation) => _reports.Reader.ReadAllAsync(cancellation);

        public Task PrepareAsync(MigrationSettings settings, CancellationToken cancellation) => ends.Record("source: prepare");

        public Task MigrateAsync(string address, CancellationToken cancellation)
        {
            if (ends.RefuseMigrate is { } reason)
            {
                throw new VirtualMachineException(reason);
            }

            Say(MigrationSignal.Active);
            Say(MigrationSignal.Stopped, 100);
            Say(MigrationSignal.PreSwitchover, 101);
            return ends.Record($"source: migrate to {address}");
        }

        public Task<long?> TransferredAsync(CancellationToken cancellation) => Task.FromResult<long?>(null);

        public Task ContinueAsync(CancellationToken cancellation)
        {
            ends.AtContinue();
            return ends.Record("source: continue");
        }

        public Task CancelAsync(CancellationToken cancellation)
        {
            Say(MigrationSignal.Cancelled);
            Say(MigrationSignal.Resumed);
            return ends.Record("source: cancel");
        }

        public async Task<SourceFarewell> QuitAsync(CancellationToken cancellation)
        {
            await ends.Record("source: quit");
            if (ends.QuitFailures-- > 0)
            {
                throw new IOException("The connection to node1 broke.");
            }

            Say(MigrationSignal.Gone);
            return new SourceFarewell(TimeSpan.FromMilliseconds(12), 1 << 20, s_start.AddMilliseconds(95));
        }
    }

    internal sealed class FakeDestination(FakeMigrationEnds ends) : IMigrationDestination
    {
        private readonly Channel<MigrationReport> _reports = Channel.CreateUnbounded<MigrationReport>();

        public void Say(MigrationSignal signal, double atMs = 0) =>
            _reports.Writer.TryWrite(new MigrationReport(signal, s_start.AddMilliseconds(atMs), ""));

        public IAsyncEnumerable<MigrationReport> ReportsAsync(CancellationToken cancellation) => _reports.Reader.ReadAllAsync(cancellation);

        public async Task<string> PrepareAsync(CancellationToken cancellation)
        {
            await ends.Record("destination: prepare");
            return "tcp:10.0.0.2:49152";
        }

        public Task<DateTimeOffset?> FirstOutputAsync(TimeSpan patience, CancellationToken cancellation) =>
            Task.FromResult<DateTimeOffset?>(s_start.AddMilliseconds(160));

        public Task KillAsync(CancellationToken cancellation)
        {
            Say(MigrationSignal.Gone);
            return ends.Record("destination: kill");
        }
    }
}
