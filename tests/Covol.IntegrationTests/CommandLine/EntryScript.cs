using Covol.IntegrationTests.Lab;
using Covol.IntegrationTests.Support;
using Shouldly;

namespace Covol.IntegrationTests.CommandLine;

/// <summary>
/// The script that a newcomer runs first, on machines that lack something: one sentence, and nothing is built or installed. It runs in a
/// mount namespace of its own on an empty checkout <c>$T/covol</c>; <c>$T/bin</c> stands for /usr/bin there.
/// </summary>
public sealed class EntryScript
{
    private const string Nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups ";

    private const string Prepare = """
        set -e
        mkdir -p $T/covol/src $T/covol/tests $T/real $T/bin $T/stubs
        cp $SCRIPT $T/covol/covol
        for file in Directory.Build.props Directory.Packages.props global.json .editorconfig BannedSymbols.txt Covol.slnx; do
            : >$T/covol/$file
        done
        mount --bind /usr/bin $T/real
        cp -rs $T/real/. $T/bin/
        stub() { rm -f $T/bin/$1; printf '#!/bin/sh\n%s\n' "$2" >$T/bin/$1; chmod 755 $T/bin/$1; }
        hide() { mount --bind $T/bin /usr/bin; mount -t tmpfs none /usr/sbin; }
        chmod 755 $T
        cd $T/covol
        """;

    [NeedsFact(Machine.Root, "unshare", "setpriv", "rsync")]
    public async Task What_the_machine_lacks_is_one_sentence_and_nothing_is_built()
    {
        foreach (var (what, run, says) in ((string, string, string)[])
        [
            ("no SDK", "rm $T/bin/dotnet; hide; ./covol --version", "The .NET 10 SDK is missing ('dotnet' is not on the PATH)"),
            (
                "an old SDK",
                "stub dotnet 'echo \"9.0.100 [/usr]\"'; hide; ./covol --version",
                "Covol needs the .NET 10 SDK, which /usr/bin/dotnet does not have"),
            (
                "no root and a package missing",
                $"rm $T/bin/rsync; hide; {Nobody}./covol demo",
                "These Debian packages are missing; install them as root: apt-get install --no-install-recommends rsync"),
            (
                "no network for Debian's packages",
                "rm $T/bin/rsync; stub apt-get 'echo \"E: Failed to fetch http://deb.example/ no route\"; exit 100'; hide; TMPDIR=$T ./covol demo",
                "apt-get could not install rsync (Failed to fetch http://deb.example/ no route); is there a network?"),
            (
                "no network for NuGet's packages",
                "stub dotnet 'case $1 in --list-sdks) echo 10.0.100;; *) echo \"error NU1301: no route\"; exit 1;; esac'; hide; ./covol --version",
                "The NuGet packages could not be fetched; is there a network?"),
            (
                "a checkout that cannot be written",
                $"stub dotnet 'echo 10.0.100'; hide; {Nobody}./covol --version",
                "cannot be written: copy the checkout to a folder of yours"),
        ])
        {
            var folder = Directory.CreateTempSubdirectory("covol-entry").FullName;
            try
            {
                var script = Path.GetFullPath($"{Shell.Folder("Covol.Cli")}/../../../../covol");
                var (status, output, error) = await CovolCommand.ProgramAsync(
                    "unshare", ["-m", "bash", "-c", $"T={folder}; SCRIPT={script}; {Prepare}\n{run}"]);

                status.ShouldBe(1, $"{what}: {output}{error}");
                output.ShouldBeEmpty(what);
                error.TrimEnd().Split('\n')[^1].ShouldStartWith("covol: ", customMessage: what);
                error.ShouldContain(says, customMessage: what);
                File.Exists($"{folder}/covol/artifacts/built").ShouldBeFalse(what);
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }
}
