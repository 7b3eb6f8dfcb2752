namespace Covol.Protocol.Migration;

/// <summary>How far a migration has come; see the picture in <see cref="MigrationMachine"/>.</summary>
public enum MigrationPhase
{
    Preparing,
    Copying,
    PreSwitchover,
    HandingOver,
    AwaitingResume,
    RollingBack,
    Finished,
}
