using System.Runtime.InteropServices;
using Covol.Daemon;

using var ending = new CancellationTokenSource();
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
return await Roles.RunAsync(args, ending.Token);

void End(PosixSignalContext signal)
{
    signal.Cancel = true;
    ending.Cancel();
}
