using System.Globalization;
using Covol.Lun;
using Covol.Lun.Reservations;
using Covol.Protocol.Ids;
using Microsoft.Extensions.Logging.Abstractions;

namespace Covol.IntegrationTests.Lun;

/// <summary>
/// The test program's own Main: a node that tests may stop and kill. <c>MODE LUN KEY</c>; it says what it did, a word a line, and
/// lives until its standard input ends.
/// </summary>
internal static class LunChildProgram
{
    public const string Idle = "idle";
    public const string Holding = "holding";
    public const string Polite = "polite";
    public const string Flooding = "flooding";
    public const string Changing = "changing";
    public const string Ready = "ready";
    public const string Refused = "refused";

    /// <summary>What a flooding child writes, all over the LUN.</summary>
    public const byte Flood = 0xAA;

    public static int Main(string[] arguments)
    {
        if (arguments is not [var mode, var path, var key])
        {
            Console.Error.WriteLine("This program is run by 'dotnet test'.");
            return 2;
        }

        using var lun = FileLun.Open(path, NullLogger.Instance);
        lun.Register(new ReservationKey(ulong.Parse(key, CultureInfo.InvariantCulture)));
        switch (mode)
        {
            case Idle:
                return RunIdle(lun);
            case Holding:
                Say(lun.TryEnter() ? Ready : Refused);
                Console.In.ReadToEnd();
                return 0;
            case Polite:
                return RunPolite(lun);
            case Flooding:
                return RunFlood(lun);
            case Changing:
                return RunChange(path);
            default:
                Console.Error.WriteLine($"'{mode}' is not a mode of this program.");
                return 2;
        }
    }

    /// <summary>Does nothing, and for each line it reads tries to begin one I/O.</summary>
    private static int RunIdle(FileLun lun)
    {
        Say(Ready);
        while (Console.In.ReadLine() is not null)
        {
            if (lun.TryEnter())
            {
                lun.Leave();
                Say(Ready);
            }
            else
            {
                Say(Refused);
            }
        }

        return 0;
    }

    /// <summary>Counts I/O in and out until its key is taken away.</summary>
    private static int RunPolite(FileLun lun)
    {
        Say(Ready);
        while (lun.TryEnter())
        {
            lun.Leave();
        }

        Say(Refused);
        Console.In.ReadToEnd();
        return 0;
    }

    /// <summary>Keeps every part of the LUN under write through an io_uring, until it is killed.</summary>
    private static int RunFlood(FileLun lun)
    {
        const int Piece = 4 << 20;
        var pieces = (int)(lun.Size.Value / Piece);
        using var data = new AlignedBuffer(Piece);
        data.GetSpan().Fill(Flood);
        using var ring = new WriteRing(pieces);
        for (var piece = 0; piece < pieces; piece++)
        {
            lun.TryEnter();
            ring.Queue(lun.Descriptor, (long)piece * Piece, data, piece);
        }

        ring.Submit(waitFor: 0);
        Say(Ready);
        while (true)
        {
            ring.Submit(waitFor: 1);
            while (ring.TryTakeCompleted(out var piece))
            {
                lun.Leave();
                if (lun.TryEnter())
                {
                    ring.Queue(lun.Descriptor, (long)piece * Piece, data, piece);
                }
            }
        }
    }

    /// <summary>Stays in the middle of a change of the table.</summary>
    private static int RunChange(string path)
    {
        var tablePath = ReservationTable.PathFor(path);
        using var file = Interop.Libc.Open(tablePath, Interop.Libc.O_RDWR | Interop.Libc.O_CLOEXEC, 0);
        using var changing = TableLock.Take(file, null, tablePath, TimeSpan.FromSeconds(10));
        Say(Ready);
        Console.In.ReadToEnd();
        return 0;
    }

    private static void Say(string word)
    {
        Console.Out.WriteLine(word);
        Console.Out.Flush();
    }
}
