using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Covol.Fuse.Wire;

namespace Covol.Fuse;

internal sealed partial class FuseWorker
{
    private unsafe void Negotiate(FuseRequest request, int length)
    {
        var offered = default(InitBody);
        var given = Math.Min(length - sizeof(RequestHeader), sizeof(InitBody));
        Unsafe.CopyBlock(&offered, (byte*)request.ReceiveAddress + sizeof(RequestHeader), (uint)given);

        var (answer, negotiation) = Negotiation.Answer(offered, _options);
        var reply = default(InitReply);
        reply.Header.Unique = request.Unique;
        reply.Header.Length = (uint)sizeof(ReplyHeader);
        if (offered.Major != Negotiation.Major || negotiation is null)
        {
            // A newer major version asks again once it knows ours; anything else the kernel offers too little.
            reply.Header.Error = offered.Major > Negotiation.Major ? 0 : -Interop.Libc.EPROTO;
            FuseLog.Refused(_logger, _options.Name, Negotiation.Missing(offered), Hex(offered.AllFlags));
        }

        if (reply.Header.Error == 0)
        {
            reply.Header.Length = (uint)sizeof(InitReply);
            reply.Answer = answer;
        }

        var bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<InitReply>(in reply))[..(int)reply.Header.Length];
        var errno = -FuseDevice.Write(_device, bytes);
        if (errno != 0)
        {
            FuseLog.AnswerRefused(_logger, _options.Name, request.Opcode, request.Unique, errno);
        }
        else if (negotiation is not null && reply.Header.Error == 0)
        {
            Agreed(negotiation);
        }

        Release(request);
    }

    private void Agreed(FuseNegotiation negotiation)
    {
        _negotiation = negotiation;
        FuseLog.Negotiated(_logger, _options.Name, negotiation.Minor, Hex(negotiation.Flags));
        try
        {
            _handler.Negotiated(negotiation);
        }
        catch (Exception failure)
        {
            ReportFailure(FuseOpcode.Initialize, 0, failure);
        }
    }

    /// <summary>What the server before this one took and did not answer comes again, before anything new is read.</summary>
    private void TakeOver(FuseNegotiation negotiation)
    {
        const int resend = 7;
        Agreed(negotiation);
        if (!negotiation.CanResend)
        {
            return;
        }

        FuseLog.TakenOver(_logger, _options.Name);
        var notice = new ReplyHeader { Length = (uint)Unsafe.SizeOf<ReplyHeader>(), Error = resend };
        var errno = -FuseDevice.Write(_device, MemoryMarshal.AsBytes(new ReadOnlySpan<ReplyHeader>(in notice)));
        if (errno is not (0 or Interop.Libc.ENODEV or Interop.Libc.ENOTCONN or Interop.Libc.ECONNABORTED))
        {
            throw new FuseException("The kernel does not send requests in flight again", errno);
        }
    }

    private static string Hex(ulong flags) => flags.ToString("x", CultureInfo.InvariantCulture);
}
