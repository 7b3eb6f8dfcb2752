namespace Covol.Growth;

/// <summary>A measurement could not be made, or would have been of something that did not happen.</summary>
internal sealed class GrowthException(string message) : Exception(message);
