using Xunit;

namespace Covol.IntegrationTests.Support;

/// <summary>A test that needs something of the machine. Where it is missing the test is skipped with one sentence that says so.</summary>
public sealed class NeedsFact : FactAttribute
{
    public NeedsFact(params string[] needs)
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
