"""What a package does with releases on a machine: taken whole, switched in one step, a way back;
and what installing, upgrading, removing and purging leave.  The scripts are run as dpkg runs them,
in a root of their own."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.deb.targets import DEBIANS, GATEWAY, PACKAGES, STAFF, Package, Target
from tools.deb.tree import environment, script, users

HERE = next((one for one in DEBIANS if Path(f"/usr/bin/python{one.python}").exists()), None)
"""The Debian whose Python this machine has."""

DPKG = ("systemd-sysusers", "systemd-tmpfiles", "update-alternatives", "deb-systemd-helper")
pytestmark = pytest.mark.skipif(HERE is None, reason="no Debian's Python is here")
needs_dpkg = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, DPKG)),
    reason=f"root and {', '.join(DPKG)} are needed",
)

PROGRAM = """\
import sys, time
print("tryggve", {version!r}, *sys.argv[1:], flush=True)
if sys.argv[1:] == ["gateway", "run"]:
    sys.stdin.read()
    import gateway.late
    print(gateway.late.VERSION, gateway.late.__file__, flush=True)
"""


class Machine:
    """A root with one of the packages unpacked in it, of a version that says which it is."""

    def __init__(self, root: Path, package: Package = GATEWAY) -> None:
        assert HERE is not None
        self.root, self.target = root, Target(package, HERE, "amd64")
        self.releases = root / package.folder / "releases"
        self.said, self.more = "", dict[str, str]()
        for folder in ("etc", "usr/bin", "var/lib/dpkg/alternatives", "etc/alternatives"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        # what the whole machine has to write is not waited for here
        (root / "usr/bin/sync").write_text("#!/bin/sh\n")
        (root / "usr/bin/sync").chmod(0o755)

    def unpack(self, version: str) -> None:
        """As dpkg does it: files are replaced, and not changed."""
        folder = self.root / self.target.package.release
        shutil.rmtree(folder, ignore_errors=True)
        code = folder / self.target.site / "gateway"
        (code / "cli").mkdir(parents=True)
        (code.parent / f"tryggve-{version}.dist-info").mkdir()
        (code / "cli/__main__.py").write_text(PROGRAM.format(version=version))
        (code / "late.py").write_text(f"VERSION = {version!r}\n")
        environment(self.target, folder, version)
        users(self.target, self.root)
        programs = self.root / "usr/lib" / self.target.package.name
        programs.mkdir(parents=True, exist_ok=True)
        for name in ("tryggve", "release", *self.target.package.programs):
            (programs / name).write_text(script(self.target, name, version))
            (programs / name).chmod(0o755)

    def __call__(
        self, name: str, *words: str, version: str = "1.0", without: tuple[str, ...] = ()
    ) -> int:
        """Run one of its scripts, `without` some of its text; the exit status.  What it said is
        kept."""
        text = script(self.target, name, version)
        for part in without:
            assert text.count(part) == 1, part
            text = text.replace(part, "")
        file = self.root / f"{name}.sh"
        file.write_text(text)
        done = subprocess.run(
            ["sh", str(file), *words],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        self.said = done.stdout + done.stderr
        return done.returncode

    @property
    def environ(self) -> dict[str, str]:
        return {
            "DPKG_ROOT": str(self.root),
            "DPKG_MAINTSCRIPT_PACKAGE": self.target.package.name,
            "PATH": f"{self.root}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            **self.more,
        }

    def runs(self) -> str:
        """The version that a start runs now."""
        assert self("tryggve", "--version") == 0, self.said
        return self.said.split()[1]

    @property
    def in_force(self) -> str:
        return str((self.releases / "current").readlink())

    def installed(self, version: str, before: str = "") -> int:
        """Unpack it and have postinst configure it."""
        self.unpack(version)
        return self("postinst", "configure", before, version=version)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """With the folder that systemd-tmpfiles makes, and version 1.0 unpacked."""
    made = Machine(tmp_path)
    made.unpack("1.0")
    made.releases.mkdir()
    return made


def take(machine: Machine) -> str:
    assert machine("release", "take", str(machine.root / machine.target.package.release)) == 0
    return machine.said.strip()


def test_a_release_is_taken_whole_and_switched_in_one_step(machine: Machine) -> None:
    """Into the place that is free; compiled there, and never in the package's own folder; the other
    one is the way back."""
    assert machine("release", "current") == 0 and machine.said == ""
    assert machine.runs() == "1.0"  # the package's own
    assert take(machine) == "a" and machine("release", "use", "a") == 0
    machine.unpack("2.0")
    assert machine.runs() == "1.0"
    assert take(machine) == "b" and machine.in_force == "a"
    assert machine("release", "use", "b") == 0
    assert (machine.in_force, machine.runs()) == ("b", "2.0")
    assert list((machine.releases / "b").rglob("*.pyc"))
    assert not list((machine.root / machine.target.package.release).rglob("*.pyc"))
    assert machine("release", "back") == 0
    assert (machine.in_force, machine.runs()) == ("a", "1.0")


def test_a_release_for_a_card_of_another_machine_is_compiled_later(machine: Machine) -> None:
    """By a quicker processor (`make image`); it is taken and runs all the same."""
    machine.more = {"TRYGGVE_COMPILE": "no"}
    assert take(machine) == "a" and machine("release", "use", "a") == 0
    assert machine.runs() == "1.0" and not list((machine.releases / "a").rglob("late.*.pyc"))


def test_a_program_that_runs_goes_on_in_its_own_release(machine: Machine) -> None:
    """What it loads late is of its own version, whatever was unpacked and switched meanwhile."""
    machine("release", "use", take(machine))
    (machine.root / "launch").write_text(script(machine.target, "tryggve", "1.0"))
    with subprocess.Popen(
        ["sh", str(machine.root / "launch"), "gateway", "run"],
        env=machine.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline().split()[:2] == ["tryggve", "1.0"]
        machine.unpack("2.0")
        machine("release", "use", take(machine))
        said, _ = running.communicate("", timeout=60)
    assert said.split()[0] == "1.0"
    assert f"{machine.releases}/a/" in said
    assert machine.runs() == "2.0"


def test_what_a_program_prints_is_heard_while_it_runs(machine: Machine) -> None:
    """The first administrator's code is in the journal at once, and not when the server ends."""
    site = machine.root / machine.target.package.release / machine.target.site
    (site / "gateway/cli/__main__.py").write_text("import sys\nprint('code')\nsys.stdin.read()\n")
    machine("release", "use", take(machine))
    (machine.root / "launch").write_text(script(machine.target, "tryggve", "1.0"))
    with subprocess.Popen(
        ["sh", str(machine.root / "launch"), "staff", "run"],
        env=machine.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        heard, _, _ = select.select([running.stdout], [], [], 30)
        running.communicate(b"\n", timeout=60)
    assert heard


def test_what_cannot_run_never_comes_into_force(machine: Machine) -> None:
    """It is refused in one sentence, and nothing of it is left."""
    machine("release", "use", take(machine))
    machine.unpack("2.0")
    folder = machine.root / machine.target.package.release
    (folder / machine.target.site / "gateway/cli/__main__.py").write_text("import nothing_of_it\n")
    assert machine("release", "take", str(folder)) == 1
    assert "the one in force stays" in machine.said.splitlines()[-1]
    assert sorted(path.name for path in machine.releases.iterdir()) == [".lock", "a", "current"]
    assert machine("release", "use", "b") == 1 and machine.runs() == "1.0"


def test_one_whose_python_is_gone_gives_way_to_the_package_s(machine: Machine) -> None:
    """As after Debian itself was upgraded."""
    machine("release", "use", take(machine))
    machine.unpack("2.0")
    python = machine.releases / "a/bin/python3"
    python.unlink()
    python.symlink_to("/usr/bin/python3.0")
    assert machine.runs() == "2.0"


CHANGES = ("rm", "mv", "cp", "ln", "sync")
"""What the script changes the disk by."""


def test_a_power_cut_while_a_release_is_taken_leaves_one_that_starts(machine: Machine) -> None:
    """Ended before each of its steps that change the disk: the one in force runs, a folder of a
    place's name is whole, and the next try goes through."""
    machine("release", "use", take(machine))
    machine.unpack("2.0")
    machine("release", "use", take(machine))
    machine.unpack("3.0")
    seen = []
    for calls in range(20):
        with _copied(machine) as cut:
            whole = _cut_after(cut, calls)
            seen.append(cut.runs())
            for place in ("a", "b"):
                folder = cut.releases / place
                if folder.exists():
                    assert (folder / "release.json").exists()
                    assert (folder / cut.target.site / "gateway/late.py").exists()
            if whole:
                break
            cut("release", "use", take(cut))
            assert cut.runs() == "3.0"
    assert len(seen) > len(CHANGES) and seen == sorted(seen)
    assert set(seen) == {"2.0", "3.0"}, "either the one before, or the new one"


@contextmanager
def _copied(machine: Machine) -> Iterator[Machine]:
    """The same machine once more."""
    root = machine.root.with_name("cut")
    shutil.copytree(machine.root, root, symlinks=True)
    yield Machine(root)
    shutil.rmtree(root)


def _cut_after(machine: Machine, calls: int) -> bool:
    """Have the next release taken and used; whatever changes the disk after so many calls does not
    come to be.  Whether all of it was done."""
    stubs, count = machine.root / "stubs", machine.root / "count"
    stubs.mkdir()
    for name in CHANGES:
        stub = stubs / name
        stub.write_text(
            f"#!/bin/sh\necho >>{count}\n"
            f'[ "$(wc -l <{count})" -le {calls} ] || exec kill -9 $PPID\n'
            f'[ {name} = sync ] || exec /bin/{name} "$@"\n'
        )
        stub.chmod(0o755)
    file = machine.root / "cut.sh"
    file.write_text(script(machine.target, "release", "3.0"))
    folder = machine.root / machine.target.package.release
    for words in (("take", str(folder)), ("use", "b" if machine.in_force == "a" else "a")):
        done = subprocess.run(
            ["sh", str(file), *words],
            env={**machine.environ, "PATH": f"{stubs}:{machine.environ['PATH']}"},
            capture_output=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            return False
    return True


# --- what is called by hand -----------------------------------------------------------------------

ENROLS = """\
import sys
if "WRONG" in sys.argv:
    sys.exit("no")
print(*sys.argv[1:])
"""


def by_hand(machine: Machine, *words: str, user: int = 0) -> int:
    """Call the package's command as this user; who went on as whom is noted."""
    for name, text in (
        ("id", f"echo {user}"),
        ("runuser", f'echo "$2" >>{machine.root}/became; shift 3; exec "$@"'),
    ):
        stub = machine.root / "usr/bin" / name
        stub.write_text(f"#!/bin/sh\n{text}\n")
        stub.chmod(0o755)
    site = machine.root / machine.target.package.release / machine.target.site
    (site / "gateway/cli/__main__.py").write_text(ENROLS)
    return machine("command", *words)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda one: one.name)
def test_by_hand_a_program_runs_as_its_own_user(tmp_path: Path, package: Package) -> None:
    """Where root calls it, so that nothing that it makes is root's; else as whoever calls."""
    machine = Machine(tmp_path, package)
    machine.unpack("1.0")
    assert by_hand(machine, "check", "a b") == 0, machine.said
    assert machine.said == f"{package.word} check a b\n"
    assert (tmp_path / "became").read_text() == f"{package.user}\n"
    assert by_hand(machine, "check", user=1000) == 0
    assert (tmp_path / "became").read_text() == f"{package.user}\n"


def test_whoever_enrols_a_home_without_a_file_has_one(machine: Machine) -> None:
    """What the gateway prints, readable by all; a file that is there stays, and nothing is written
    where the code was refused."""
    file = machine.root / "etc/tryggve/home.toml"
    file.parent.mkdir()
    assert by_hand(machine, "enroll", "https://trygg.example", "WRONG") == 1
    assert list(file.parent.iterdir()) == []
    assert by_hand(machine, "enroll", "https://trygg.example", "CODE") == 0, machine.said
    assert file.read_text() == "gateway file\n"
    assert file.stat().st_mode & 0o777 == 0o644
    file.write_text("mine\n")
    assert by_hand(machine, "enroll", "https://trygg.example", "CODE") == 0
    assert file.read_text() == "mine\n"


# --- what dpkg runs -------------------------------------------------------------------------------


@needs_dpkg
def test_installed_upgraded_removed_and_purged(tmp_path: Path) -> None:
    """The program of each version runs after it; what was written and configured stays through all,
    and purging names what it leaves: the log and the keys."""
    machine = Machine(tmp_path)
    assert machine.installed("1.0") == 0, machine.said
    assert machine.runs() == "1.0"
    state, config = tmp_path / "var/lib/tryggve", tmp_path / "etc/tryggve/home.toml"
    assert state.stat().st_mode & 0o777 == 0o700
    (state / "events.sqlite").write_text("what happened")
    config.write_text("[home]\n")
    assert machine.installed("2.0", "1.0") == 0, machine.said
    assert (machine.runs(), machine.in_force) == ("2.0", "b")
    assert machine.installed("1.5", "2.0") == 0  # one that somebody wants back
    assert machine.runs() == "1.5"
    assert machine("prerm", "remove") == 0
    assert not machine.releases.exists()
    assert machine("postrm", "remove") == 0
    assert machine.installed("2.0", "1.5") == 0 and machine.runs() == "2.0"
    machine("prerm", "remove")
    assert machine("postrm", "purge") == 0, machine.said
    [left] = machine.said.splitlines()
    assert left == (
        "tryggve-gateway: the home's log with its key is left in /var/lib/tryggve; where nobody"
        " needs it any more: rm -r /var/lib/tryggve"
    )
    assert (state / "events.sqlite").read_text() == "what happened"
    assert not config.exists()


@needs_dpkg
@pytest.mark.parametrize("takes", [True, False])
def test_the_tables_are_brought_up_before_the_server_is_switched(
    tmp_path: Path, takes: bool
) -> None:
    """By the newer release, while the older one is in force; where the database does not take it,
    that one stays, and dpkg is told so.  (In a root that is not the machine's nothing is migrated:
    that line is left out here.)"""
    machine = Machine(tmp_path, STAFF)
    assert machine.installed("1.0") == 0, machine.said
    (tmp_path / "etc/tryggve/staff.toml").write_text("")
    asked = tmp_path / "asked"
    stub = tmp_path / "usr/bin/runuser"
    stub.write_text(
        f'#!/bin/sh\necho "$(readlink {machine.releases}/current) $*" >>{asked}\nexit {1 - takes}\n'
    )
    stub.chmod(0o755)
    machine.unpack("2.0")
    anyhow = (' || [ -n "$root" ]',)
    told = machine("postinst", "configure", "1.0", version="2.0", without=anyhow)
    newer = f"-u tryggve-staff -- /{STAFF.folder}/releases/b/bin/tryggve staff migrate"
    assert asked.read_text() == f"a {newer}\n"
    assert (told == 0) is takes
    assert ("the server goes on as it was" in machine.said) is not takes
    assert machine.runs() == ("2.0" if takes else "1.0")


@needs_dpkg
def test_a_newer_release_that_came_by_itself_stays(tmp_path: Path) -> None:
    """A package that is older than what a signed update brought does not take a home back; a newer
    one goes on from there."""
    machine = Machine(tmp_path)
    machine.installed("1.0")
    update = Machine(tmp_path / "elsewhere")
    update.unpack("3.0")
    machine("release", "take", str(update.root / update.target.package.release))
    machine("release", "use", machine.said.strip())
    assert machine.installed("2.0", "1.0") == 0 and machine.runs() == "3.0"
    assert machine.installed("4.0", "2.0") == 0 and machine.runs() == "4.0"


@needs_dpkg
@pytest.mark.parametrize("first", [0, 1])
def test_both_packages_on_one_machine(tmp_path: Path, first: int) -> None:
    """In either order: /etc/tryggve is root's, the server's user makes its files there and takes
    nobody else's away; one command finds both programs."""
    for package in (PACKAGES[first], PACKAGES[1 - first]):
        machine = Machine(tmp_path, package)
        assert machine.installed("1.0") == 0, machine.said
    etc = (tmp_path / "etc/tryggve").stat()
    groups = (tmp_path / "etc/group").read_text().splitlines()
    [gid] = [int(line.split(":")[2]) for line in groups if line.startswith("tryggve-staff:")]
    assert (etc.st_uid, etc.st_gid, etc.st_mode & 0o7777) == (0, gid, 0o1775)
    assert (tmp_path / "etc/alternatives/tryggve").is_symlink()


@needs_dpkg
def test_a_server_s_purge_keeps_the_database_and_the_secrets(tmp_path: Path) -> None:
    """Each is named with its folder; folders with nothing in them go."""
    machine = Machine(tmp_path, STAFF)
    machine.installed("1.0")
    (tmp_path / "var/lib/tryggve-staff/staff.db").write_text("people's")
    (tmp_path / "etc/tryggve/secrets").mkdir()
    (tmp_path / "etc/tryggve/secrets/signing_key").write_text("x")
    machine("prerm", "remove")
    assert machine("postrm", "purge") == 0
    assert [line.split(" is left in ")[1].split(";")[0] for line in machine.said.splitlines()] == [
        "/var/lib/tryggve-staff",
        "/etc/tryggve/secrets",
    ]
    assert (tmp_path / "var/lib/tryggve-staff/staff.db").exists()
