using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Protocol.Sessions;

/// <summary>What became of an <see cref="OpenSession"/>. The set is closed.</summary>
public abstract record SessionOutcome
{
    private protected SessionOutcome()
    {
    }
}

/// <summary>
/// A session is there. Commit what was written (nothing, where it was there already), call
/// <see cref="SessionTable.ConfirmOpened"/>, then answer.
/// </summary>
/// <param name="Session">Which.</param>
/// <param name="IsNew">It was not there before.</param>
/// <param name="Replaced">
/// The session of an earlier life of the same mount: the client does not know its slots any more, so it ends. Its end is in the
/// same bytes; its opens, locks and layouts go after the commit, its key is fenced before its layouts' clusters are free.
/// </param>
public sealed record SessionReady(Session Session, bool IsNew, SessionId? Replaced) : SessionOutcome;

/// <summary>Answer <see cref="Refused"/> with this.</summary>
public sealed record SessionRefused(VolumeError Error, string Why) : SessionOutcome;
