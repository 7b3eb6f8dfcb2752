using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Covol.IntegrationTests.Mount;

/// <summary>Collects what roles say at Warning and above, so that a failing test shows it.</summary>
internal sealed class ToldLoggers : ILoggerFactory
{
    private readonly ConcurrentQueue<string> _told = new();

    public string Told => string.Join('\n', _told);

    public ILogger CreateLogger(string categoryName) => new Teller(_told, categoryName);

    public void AddProvider(ILoggerProvider provider) => throw new InvalidOperationException("A test's loggers take no providers.");

    public void Dispose()
    {
        // Nothing is held.
    }

    private sealed class Teller(ConcurrentQueue<string> told, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                told.Enqueue($"{logLevel} {category} {eventId.Id}: {formatter(state, exception)} {exception}");
            }
        }
    }
}
