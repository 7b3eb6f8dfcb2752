using Xunit;

namespace Covol.IntegrationTests.Support;

/// <summary>Like <see cref="NeedsFact"/>, for a test that runs once a case.</summary>
public sealed class NeedsTheory : TheoryAttribute
{
    public NeedsTheory(params string[] needs)
    {
        foreach (var need in needs)
        {
            if (Machine.Missing(need) is { } sentence)
            {
                Skip = sentence;
                return;
            }
        }
    }
}
