using System.Globalization;
using Covol.IntegrationTests.Fuse;
using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Posix;

/// <summary>
/// A PostgreSQL server whose data directory is on a volume: pgbench, the loss of all its processes, recovery, and the same database on the
/// other node. All that was acknowledged is there, and the balances agree.
/// </summary>
[Collection(nameof(PosixTests))]
public sealed class PostgresTests(PosixTests.World world)
{
    private const string Programs = "/usr/lib/postgresql/15/bin";

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs", "bash", "setpriv", "pgrep", $"{Programs}/pgbench")]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Postgres_keeps_what_it_acknowledged_when_it_is_killed_and_goes_on_at_another_node(int node)
    {
        var nodes = await world.NodesAsync();
        var name = $"postgres-{Guid.NewGuid():N}";
        var here = Directory.CreateDirectory(Path.Combine(nodes.Roots[node], name)).FullName;
        var there = Path.Combine(nodes.Roots[1 - node], name);

        // A socket's path has at most 107 characters.
        var local = Directory.CreateDirectory(Path.Combine(nodes.Folder, $"pg{node}")).FullName;
        try
        {
            var said = await RealProgram.RunAsync("bash", "-ec", Session, "postgres", here, there, local, Programs);

            said.ShouldBe("kept all that was acknowledged\n");
        }
        finally
        {
            EndServer(Path.Combine(here, "data", "postmaster.pid"));
        }

        Directory.Delete(here, recursive: true);
        Directory.Delete(local, recursive: true);
    }

    /// <summary>The session ends its server, unless it was ended itself.</summary>
    private static void EndServer(string pidFile)
    {
        if (File.Exists(pidFile))
        {
            var pid = int.Parse(File.ReadLines(pidFile).First(), CultureInfo.InvariantCulture);
            using var server = System.Diagnostics.Process.GetProcessById(pid);
            server.Kill(entireProcessTree: true);
            server.WaitForExit();
        }
    }

    private const string Session = """
        here=$1 there=$2 local=$3 bin=$4
        as() { setpriv --reuid=nobody --regid=nogroup --clear-groups -- "$@"; }
        sql() { as "$bin/psql" -h "$local" -U nobody -d postgres -qAtX -v ON_ERROR_STOP=1 "$@"; }
        settings="-c listen_addresses= -c unix_socket_directories=$local -c max_wal_size=64MB"
        start() { as "$bin/pg_ctl" -D "$1/data" -w -t 50 -l "$local/log" -o "$settings" start > /dev/null; }
        balances() {
            sql -c "select (select sum(abalance) from pgbench_accounts) = sum(delta) and (select sum(bbalance) from pgbench_branches) = sum(delta)
                and (select sum(tbalance) from pgbench_tellers) = sum(delta) from pgbench_history"
        }
        finish() {
            status=$?
            [ $status = 0 ] || tail -n 30 "$local/log" >&2
            [ ! -e "$here/data/postmaster.pid" ] || as "$bin/pg_ctl" -D "$here/data" -m immediate stop > /dev/null 2>&1
            exit $status
        }
        trap finish EXIT
        chown nobody:nogroup "$local"
        mkdir "$here/data"
        chown nobody:nogroup "$here/data"
        cd "$local"
        as "$bin/initdb" -D "$here/data" -U nobody -A trust -E UTF8 --locale=C --data-checksums > "$local/initdb"
        start "$here"
        as "$bin/pgbench" -h "$local" -U nobody -i -s 1 -q postgres 2> "$local/init"
        as "$bin/pgbench" -h "$local" -U nobody -n -c 4 -j 2 -t 100 postgres > "$local/first" 2>&1
        [ "$(sql -c 'select count(*) from pgbench_history')" = 400 ]
        as "$bin/pgbench" -h "$local" -U nobody -n -c 4 -j 2 -T 600 -l --log-prefix="$local/acknowledged" postgres > "$local/second" 2>&1 &
        until [ "$(sql -c 'select count(*) from pgbench_history')" -ge 800 ]; do :; done
        server=$(head -1 "$here/data/postmaster.pid")
        workers=$(pgrep -P "$server")
        kill -9 "$server" $workers || true
        wait || true
        for process in $server $workers; do while [ -e "/proc/$process" ]; do sleep 0.02; done; done
        acknowledged=$(cat "$local"/acknowledged* | wc -l)
        start "$here"
        kept=$(sql -c 'select count(*) - 400 from pgbench_history')
        [ "$(balances)" = t ]
        [ "$kept" -ge "$acknowledged" ] && [ "$kept" -le $((acknowledged + 4)) ]
        as "$bin/pgbench" -h "$local" -U nobody -n -c 4 -j 2 -t 50 postgres > "$local/third" 2>&1
        as "$bin/pg_ctl" -D "$here/data" -m fast stop > /dev/null
        as "$bin/pg_checksums" -D "$there/data" --check > /dev/null
        here=$there
        start "$here"
        [ "$(sql -c 'select count(*) from pgbench_history')" = $((400 + kept + 200)) ]
        [ "$(balances)" = t ]
        sql -c 'vacuum full pgbench_accounts' -c 'reindex database postgres'
        as "$bin/pg_ctl" -D "$here/data" -m fast stop > /dev/null
        echo "kept all that was acknowledged"
        """;
}
