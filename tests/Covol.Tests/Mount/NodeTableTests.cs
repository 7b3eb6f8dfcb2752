using Covol.Mount;
using Covol.Protocol.Ids;
using Shouldly;
using Xunit;

namespace Covol.Tests.Mount;

/// <summary>Which inodes the kernel has: only of those may it keep attributes, because of those it can be told to let go.</summary>
public sealed class NodeTableTests
{
    private static readonly FileId s_root = new(new FileReference(5, 5), 1);
    private static readonly FileId s_file = new(new FileReference(70, 1), 7);
    private readonly NodeTable _nodes = new(s_root);

    [Fact]
    public void The_kernel_has_what_it_was_told_of_once_the_thread_that_was_told_asks_again()
    {
        _nodes.LookedUp(s_file, thread: 40);

        _nodes.IsKnown(s_file, thread: 41).ShouldBeFalse("Thread 40 may not have taken the answer in yet.");
        _nodes.IsKnown(s_file, thread: 0).ShouldBeFalse();
        _nodes.IsKnown(s_file, thread: 40).ShouldBeTrue();
    }

    [Fact]
    public void The_kernel_has_what_a_request_names()
    {
        _nodes.LookedUp(s_file, thread: 40);

        _nodes.Resolve(s_file.Reference.Value).ShouldBe(s_file);

        _nodes.IsKnown(s_file, thread: 41).ShouldBeTrue();
        _nodes.LookedUp(s_file, thread: 42);
        _nodes.IsKnown(s_file, thread: 41).ShouldBeTrue();
    }

    [Fact]
    public void What_was_told_to_an_unknown_thread_waits_for_a_request_that_names_it()
    {
        _nodes.LookedUp(s_file, thread: 0);

        _nodes.IsKnown(s_file, thread: 0).ShouldBeFalse();
        _nodes.Resolve(s_file.Reference.Value);
        _nodes.IsKnown(s_file, thread: 0).ShouldBeTrue();
    }

    [Fact]
    public void Another_life_of_the_record_is_another_file()
    {
        var later = s_file with { Birth = 8 };
        _nodes.LookedUp(s_file, thread: 40);
        _nodes.Resolve(s_file.Reference.Value);

        _nodes.LookedUp(later, thread: 40);

        _nodes.IsKnown(s_file, thread: 40).ShouldBeFalse();
        _nodes.IsKnown(later, thread: 41).ShouldBeFalse();
        _nodes.Resolve(s_file.Reference.Value).ShouldBe(later);
    }

    [Fact]
    public void What_was_told_of_is_forgotten_as_often()
    {
        _nodes.LookedUp(s_file, thread: 40);
        _nodes.LookedUp(s_file, thread: 41);

        _nodes.Forgotten(s_file.Reference.Value, 1);
        _nodes.Count.ShouldBe(1);
        _nodes.Forgotten(s_file.Reference.Value, 1);

        _nodes.Count.ShouldBe(0);
        _nodes.TryResolve(s_file.Reference.Value, out _).ShouldBeFalse();
        _nodes.IsKnown(s_root, thread: 0).ShouldBeTrue();
    }
}
