using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Leases;
using Covol.Protocol.Volume;
using Covol.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

public sealed class AttributeCacheTests
{
    private static readonly TimeSpan s_length = TimeSpan.FromSeconds(1.5);
    private static readonly FileId s_directory = new(new FileReference(64, 1), 1);
    private static readonly FileId s_file = new(new FileReference(65, 1), 1);
    private static readonly FileId s_new = new(new FileReference(66, 1), 1);

    private readonly FakeClock _clock = new();
    private readonly LeaseClock _lease;
    private readonly AttributeCache _cache;

    public AttributeCacheTests()
    {
        _lease = new LeaseClock(_clock);
        _lease.Renewed(_clock.Now, s_length);
        _cache = new AttributeCache(_lease, 100);
    }

    [Fact]
    public void What_may_be_kept_is_shown_until_the_lease_ends()
    {
        Keep(_cache.Now).Seen.Valid.ShouldBe(s_length);
        _clock.Advance(TimeSpan.FromSeconds(1));

        _cache.TryGet(s_directory, "a", out var seen).ShouldBeTrue();

        seen.Attributes.File.ShouldBe(s_file);
        seen.Valid.ShouldBe(TimeSpan.FromSeconds(0.5));
        seen.NameValid.ShouldBe(TimeSpan.FromSeconds(0.5));
        _clock.Advance(TimeSpan.FromSeconds(0.5));
        _cache.TryGet(s_directory, "a", out _).ShouldBeFalse();
        _cache.TryGet(s_file, out _).ShouldBeFalse();
        _cache.NameOf(s_directory, "a").ShouldBeNull();
    }

    [Fact]
    public void A_lease_that_began_anew_does_not_show_what_was_kept_before()
    {
        Keep(_cache.Now);
        _clock.Advance(s_length);
        _lease.Renewed(_clock.Now, s_length);

        _cache.TryGet(s_file, out _).ShouldBeFalse();
        _cache.NameOf(s_directory, "a").ShouldBeNull();
    }

    [Fact]
    public void What_may_not_be_kept_is_not()
    {
        var since = _cache.Now;
        _cache.Keep(new Entry(Attributes(1)), since, (s_directory, "a")).Seen.Valid.ShouldBe(TimeSpan.Zero);

        _cache.TryGet(s_file, out _).ShouldBeFalse();
    }

    [Fact]
    public void An_answer_that_a_recall_overtook_is_not_kept()
    {
        var since = _cache.Now;
        _cache.Recalled([s_file]);

        var kept = Keep(since).Seen;

        kept.Valid.ShouldBe(TimeSpan.Zero);
        kept.NameValid.ShouldBe(s_length);
        _cache.TryGet(s_file, out _).ShouldBeFalse();
    }

    [Fact]
    public void A_recall_of_a_directory_takes_its_names_and_not_its_files()
    {
        Keep(_cache.Now);
        _cache.Recalled([s_directory]);

        _cache.TryGet(s_directory, "a", out _).ShouldBeFalse();
        _cache.TryGet(s_file, out _).ShouldBeTrue();
    }

    [Fact]
    public void Nothing_is_kept_of_a_file_while_this_node_changes_it_nor_of_what_was_asked_for_meanwhile()
    {
        Keep(_cache.Now);
        var (outdated, change) = _cache.BeginChange([s_file]);
        outdated.ShouldBe([s_file]);
        _cache.TryGet(s_file, out _).ShouldBeFalse();
        var meanwhile = _cache.Now;
        Keep(meanwhile).Seen.Valid.ShouldBe(TimeSpan.Zero);

        _cache.EndChange(change, Done.Instance);

        Keep(meanwhile).Seen.Valid.ShouldBe(TimeSpan.Zero);
        Keep(_cache.Now).Seen.Valid.ShouldBe(s_length);
    }

    [Fact]
    public void What_a_change_left_is_kept()
    {
        Keep(_cache.Now);
        var (_, change) = _cache.BeginChange([s_directory], (s_directory, "b"));

        var added = _cache.EndChange(change, Created(), (s_directory, "b", null));

        added.Seen.NameValid.ShouldBe(s_length);
        _cache.TryGet(s_directory, out _).ShouldBeTrue();
        _cache.NameOf(s_directory, "b").ShouldBe(s_new);
        _cache.NameOf(s_directory, "a").ShouldBe(s_file);
    }

    [Fact]
    public void What_a_change_left_is_not_kept_when_it_was_recalled_meanwhile()
    {
        var (_, change) = _cache.BeginChange([s_directory], (s_directory, "b"));
        _cache.Recalled([s_directory]);

        _cache.EndChange(change, Created(), (s_directory, "b", null)).Seen.NameValid.ShouldBe(TimeSpan.Zero);

        _cache.TryGet(s_directory, out _).ShouldBeFalse();
        _cache.NameOf(s_directory, "b").ShouldBeNull();
    }

    [Fact]
    public void What_two_changes_at_once_left_is_not_kept_whichever_is_answered_first()
    {
        var (_, first) = _cache.BeginChange([s_directory], (s_directory, "b"));
        var (_, second) = _cache.BeginChange([s_directory], (s_directory, "c"));

        _cache.EndChange(second, Created(), (s_directory, "c", null));
        _cache.TryGet(s_directory, out _).ShouldBeFalse();
        _cache.EndChange(first, Created(), (s_directory, "b", null));

        _cache.TryGet(s_directory, out _).ShouldBeFalse();
        _cache.NameOf(s_directory, "b").ShouldBeNull();
        _cache.NameOf(s_directory, "c").ShouldBeNull();
    }

    [Fact]
    public void What_was_looked_at_while_a_change_ran_is_not_kept_after_it()
    {
        var (_, change) = _cache.BeginChange([s_directory]);
        var meanwhile = _cache.Now;
        _cache.EndChange(change, Created());

        _cache.Keep(new Entry(Attributes(1) with { File = s_directory }) { Leases = AttributeLeases.Attributes }, meanwhile)
            .Seen.Valid.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public void A_name_that_this_node_takes_away_is_not_shown_from_then_on()
    {
        Keep(_cache.Now);

        _cache.BeginChange([s_directory], (s_directory, "a"));

        _cache.NameOf(s_directory, "a").ShouldBeNull();
        _cache.TryGet(s_directory, "a", out _).ShouldBeFalse();
    }

    [Fact]
    public void A_directory_that_was_just_made_is_known_to_be_empty_until_a_name_is_made()
    {
        Made(s_directory);
        _cache.IsAbsent(s_directory, "b").ShouldBeTrue();
        var (_, change) = _cache.BeginChange([s_directory], (s_directory, "b"));
        _cache.IsAbsent(s_directory, "c").ShouldBeFalse();

        _cache.EndChange(change, Created(), (s_directory, "b", null));

        _cache.IsAbsent(s_directory, "b").ShouldBeFalse();
        _cache.IsAbsent(s_directory, "c").ShouldBeTrue();
    }

    [Fact]
    public void After_a_recall_or_a_change_beside_another_nobody_is_said_to_be_absent()
    {
        Made(s_directory);
        var (_, first) = _cache.BeginChange([s_directory], (s_directory, "b"));
        var (_, second) = _cache.BeginChange([s_directory], (s_directory, "c"));
        _cache.EndChange(second, Created(), (s_directory, "c", null));
        _cache.EndChange(first, Created(), (s_directory, "b", null));
        _cache.IsAbsent(s_directory, "d").ShouldBeFalse();

        Made(s_new);
        _cache.Recalled([s_new]);

        _cache.IsAbsent(s_new, "a").ShouldBeFalse();
    }

    [Fact]
    public void A_change_that_was_refused_or_made_a_name_that_is_not_known_leaves_the_directory_in_doubt()
    {
        Made(s_directory);
        var (_, refused) = _cache.BeginChange([s_directory], (s_directory, "b"));
        _cache.EndChange(refused, new Refused(VolumeError.Exists, ""), (s_directory, "b", null));
        _cache.IsAbsent(s_directory, "b").ShouldBeFalse();

        Made(s_new);
        var (_, moved) = _cache.BeginChange([s_new], (s_new, "a"));
        _cache.EndChange(moved, new Done { Changed = [Attributes(1) with { File = s_new }] }, (s_new, "a", null));

        _cache.IsAbsent(s_new, "a").ShouldBeFalse();
    }

    [Fact]
    public void Names_that_were_exchanged_are_not_absent()
    {
        Made(s_directory);
        var (_, made) = _cache.BeginChange([s_directory], (s_directory, "a"));
        _cache.EndChange(made, Created(), (s_directory, "a", null));
        var (_, exchanged) = _cache.BeginChange([s_directory], (s_directory, "a"), (s_directory, "b"));

        _cache.EndChange(exchanged, new Done { Changed = Created().Changed }, (s_directory, "b", s_new), (s_directory, "a", null));

        _cache.IsAbsent(s_directory, "a").ShouldBeFalse();
        _cache.NameOf(s_directory, "b").ShouldBe(s_new);
    }

    [Fact]
    public void What_was_moved_is_known_under_its_new_name()
    {
        Made(s_directory);
        var (_, made) = _cache.BeginChange([s_directory], (s_directory, "a"));
        _cache.EndChange(made, Created(), (s_directory, "a", null));
        var (_, moved) = _cache.BeginChange([s_directory], (s_directory, "a"), (s_directory, "b"));

        _cache.EndChange(moved, new Done { Changed = Created().Changed }, (s_directory, "b", s_new));

        _cache.NameOf(s_directory, "b").ShouldBe(s_new);
        _cache.IsAbsent(s_directory, "a").ShouldBeTrue();
    }

    [Fact]
    public void Who_let_go_of_all_keeps_nothing_until_that_was_heard()
    {
        Keep(_cache.Now);
        _cache.DropAll(suspend: true).ShouldBe([s_file, s_directory], ignoreOrder: true);
        var meanwhile = _cache.Now;
        Keep(meanwhile).Seen.Valid.ShouldBe(TimeSpan.Zero);

        _cache.Resume();

        Keep(meanwhile).Seen.Valid.ShouldBe(TimeSpan.Zero);
        Keep(_cache.Now).Seen.Valid.ShouldBe(s_length);
    }

    [Fact]
    public void A_full_cache_says_so()
    {
        var isFull = false;
        for (var file = 0; file < 60; file++)
        {
            var entry = new Entry(Attributes(1) with { File = new FileId(new FileReference((ulong)file + 100, 1), 1) })
            {
                Leases = AttributeLeases.Attributes | AttributeLeases.Name,
            };
            isFull = _cache.Keep(entry, _cache.Now, (s_directory, $"{file}")).IsFull;
        }

        isFull.ShouldBeTrue();
        _cache.DropAll();
        Keep(_cache.Now).IsFull.ShouldBeFalse();
    }

    private (Seen Seen, bool IsFull) Keep((long Change, long Life) since) => _cache.Keep(
        new Entry(Attributes(1)) { Leases = AttributeLeases.Attributes | AttributeLeases.Name }, since, (s_directory, "a"));

    private void Made(FileId directory)
    {
        var parent = new FileId(new FileReference(5, 1), 1);
        var made = new Entry(Attributes(1) with { File = directory, Kind = FileKind.Directory }) { Leases = AttributeLeases.Attributes };
        _cache.Recalled([directory]);
        var (_, change) = _cache.BeginChange([parent], (parent, "new"));
        _cache.EndChange(change, made, (parent, "new", null));
    }

    /// <summary>The answer to a Create in the directory, with all that may be kept.</summary>
    private static Entry Created() => new(Attributes(1) with { File = s_new })
    {
        Leases = AttributeLeases.Attributes | AttributeLeases.Name,
        Changed = [Attributes(1) with { File = s_directory }],
    };

    private static InodeAttributes Attributes(int links) => new(
        s_file, FileKind.Regular, 0x1A4, 0, 0, links, default, default, 0, default, default, default);
}
