namespace Covol.Transport;

/// <summary>Who gave a frame away to be written. Called on the writer's thread.</summary>
internal interface IFrameOwner
{
    /// <summary>False: it is not wanted any more; its memory may be in use by others already.</summary>
    bool BeginWrite();

    /// <summary>The frame's memory is not read any more, whether it was sent or not.</summary>
    void EndWrite();
}
