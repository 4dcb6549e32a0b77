"""Debian packages: what a lock means on another machine, what is in a package, the same bytes from
the same inputs.  A package's life in a clean Debian is `make deb-proof`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from tools.deb import __main__ as build
from tools.deb.archive import STEPS, pack, pack_release
from tools.deb.locked import PURE, BuildError, Locked, needed
from tools.deb.targets import DEBIANS, FRAME, GATEWAY, PACKAGES, ROOT, STAFF, TAGS, Package, Target
from tools.deb.tree import SCRIPTS, lay_out, script

EPOCH = 1_700_000_000
VERSION = "0.2.0+deb13"

needs_dpkg = pytest.mark.skipif(
    shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed (not Debian)"
)


def target(package: Package, debian: int = 0, machine: str = "arm64") -> Target:
    return Target(package, DEBIANS[debian], machine)


@pytest.mark.parametrize("machine", TAGS)
@pytest.mark.parametrize("debian", range(len(DEBIANS)))
def test_a_package_brings_all_that_is_locked_for_it_there(debian: int, machine: str) -> None:
    """Every version and every hash is locked; nothing of another system, nothing that Debian
    brings."""
    gateway, staff = (needed(target(one, debian, machine)) for one in (GATEWAY, STAFF))
    assert {"bleak", "pydantic-core", "dbus-fast", "aiortc", "yalexs-ble"} <= gateway.keys()
    assert {"gunicorn", "sqlalchemy"} <= staff.keys()
    # a wheel for Debian 12's Python; Debian 13 has it built
    assert ("lgpio" in gateway) == (DEBIANS[debian].number == 12)
    for one in (*gateway.values(), *staff.values()):
        assert one.hashes and not one.name.lower().startswith(("pyobjc", "winrt"))
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in one.hashes)


def test_conditions_are_those_of_the_machine_that_it_is_for() -> None:
    """Not of the Python that builds."""
    old, new = (needed(target(GATEWAY, debian))["av"].version for debian in (0, 1))
    assert old != new


def test_locks_that_differ_are_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence."""
    versions = iter("123")
    monkeypatch.setattr(
        "tools.deb.locked.read", lambda name, _: {"bleak": Locked("bleak", next(versions), ("x",))}
    )
    with pytest.raises(BuildError, match="has another bleak than the other locks"):
        needed(target(GATEWAY))


@needs_dpkg
def test_debian_sorts_versions_as_they_came() -> None:
    """One in work is before its release, and Debian 12's before Debian 13's, so that a machine that
    is upgraded takes the other."""
    old, new = (build.version_of(one) for one in DEBIANS)
    for before, after in ((old, new), ("0.2.0~dev0+deb13", "0.2.0+deb12")):
        subprocess.run(["dpkg", "--compare-versions", before, "lt", after], check=True)


@pytest.mark.parametrize("script", sorted(SCRIPTS.iterdir()), ids=lambda path: path.name)
def test_what_dpkg_runs_is_shell_and_ends_at_a_fault(script: Path) -> None:
    assert re.search(r"^set -eu?$", script.read_text(), re.MULTILINE)
    subprocess.run(["sh", "-n", str(script)], check=True)


def wheel(folder: Path) -> Path:
    """A Tryggve of one line, as pip takes it."""
    file = folder / "tryggve-0.2.0-py3-none-any.whl"
    info = "tryggve-0.2.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("gateway/cli/__main__.py", "print('here')\n")
        archive.writestr("gateway/updates/__init__.py", "")
        archive.writestr("gateway/app/home.py", "")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tryggve\nVersion: 0.2.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return file


Built = tuple[Target, Path, list[Path]]
"""What was built: its tree, its .deb and its release."""


def built(package: Package, folder: Path) -> Built:
    """The package of that Tryggve alone, for Debian 13 on a Pi."""
    one = target(package, 1)
    root, out = folder / "root", folder / "out"
    root.mkdir(parents=True)
    lay_out(one, root, [wheel(folder)], VERSION, EPOCH)
    deb = pack(one, root, out, VERSION, EPOCH, packed=False)
    return one, root, [deb, pack_release(one, root, deb.with_suffix(".tar.xz"))]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """Each package, built once."""
    return {one.name: built(one, tmp_path_factory.mktemp(one.name)) for one in PACKAGES}


@needs_dpkg
def test_the_same_inputs_give_the_same_bytes(tmp_path: Path, both: dict[str, Built]) -> None:
    """The package and the release that signed updates bring, built in two folders; nobody's folder
    is in them.  (`make deb ARGS=--twice` does it with all that is locked.)"""
    _, _, files = both[GATEWAY.name]
    _, root, again = built(GATEWAY, tmp_path / "there" / "deeper")
    assert [sha256(f.read_bytes()).digest() for f in files] == [
        sha256(f.read_bytes()).digest() for f in again
    ]
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert str(tmp_path).encode() not in path.read_bytes(), path
        assert int(path.lstat().st_mtime) == EPOCH or path.name == "DEBIAN"


@needs_dpkg
def test_a_release_alone_is_the_package_s(both: dict[str, Built]) -> None:
    """The same files; what it says of itself first; nobody's, and no link that leaves it but to
    Debian's Python and to the pins' library."""
    one, root, files = both[GATEWAY.name]
    folder = root / one.package.release
    with tarfile.open(files[1]) as archive:
        members = archive.getmembers()
        told = json.loads(archive.extractfile(members[0]).read())  # type: ignore[union-attr]
    assert told == {
        "package": "tryggve-gateway",
        "version": VERSION,
        "release": "0.2.0",
        "debian": 13,
        "python": "3.13",
        "machine": "arm64",
        "frame": FRAME,
    }
    assert {member.name for member in members} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*")
    }
    assert all((m.uid, m.gid, m.mtime) == (0, 0, EPOCH) for m in members)
    assert all(m.isdir() or m.issym() or m.mode in (0o644, 0o755) for m in members)
    assert {m.linkname for m in members if not (m.isdir() or m.isreg())} == {
        "/usr/bin/python3.13",
        "/usr/lib/python3/dist-packages/lgpio.py",
        "/usr/lib/python3/dist-packages/_lgpio.cpython-313-aarch64-linux-gnu.so",
    }


@needs_dpkg
@pytest.mark.parametrize("package", PACKAGES, ids=lambda one: one.name)
def test_a_package_has_its_unit_user_and_folders(both: dict[str, Built], package: Package) -> None:
    """And what dpkg runs; every name that the scripts leave open is filled in."""
    one, root, _ = both[package.name]
    name = one.package.name
    unit = (root / f"usr/lib/systemd/system/{name}.service").read_text()
    assert f"ExecStart=/usr/lib/{name}/tryggve {one.package.word} run" in unit
    assert (root / f"usr/lib/systemd/system/{name}.service.d/restart-growing.conf").exists()
    assert f"u {one.package.user} " in (root / f"usr/lib/sysusers.d/{name}.conf").read_text()
    folders = (root / f"usr/lib/tmpfiles.d/{name}.conf").read_text()
    assert f"d /var/lib/{one.package.user} 0700 " in folders
    assert (root / "usr/lib/udev/rules.d/60-tryggve-gateway.rules").exists() == (
        one.package is GATEWAY
    )
    control = (root / "DEBIAN/control").read_text()
    assert ("python3-lgpio" in control) == (one.package is GATEWAY)
    assert "python3 (>= 3.13), python3 (<< 3.14~)" in control
    for step in (*STEPS, *(f"../usr/lib/{name}/{x}" for x in ("tryggve", "release"))):
        text = (root / "DEBIAN" / step).read_text()
        assert not re.search(r"@[A-Z_]+@", text), step


def test_what_waits_for_an_update_waits_once_the_package_is_there() -> None:
    """Not from the machine's next start on: until then no update would be taken, and none gone back
    from.  Removed, nothing waits any more, and no network is open for who installs."""
    waits = {name for name in GATEWAY.units if name.endswith(".path")}
    assert waits == {path.name for path in (ROOT / "systemd").glob("tryggve-update*.path")} != set()
    begun, ended = (script(target(GATEWAY), name, VERSION) for name in ("postinst", "prerm"))
    [started] = re.findall(r"for waits in (.*); do systemctl --system start", begun)
    [stopped] = re.findall(r"deb-systemd-invoke stop (.*) >/dev/null", ended)
    assert set(started.split()) == waits
    assert set(stopped.split()) == waits | {"tryggve-access-point.service", GATEWAY.units[0]}
    assert stopped.split()[-1] == GATEWAY.units[0]


@needs_dpkg
def test_what_the_machine_s_start_begins(both: dict[str, Built]) -> None:
    """Of a home's: what waits for updates, and what looks whether a network for who installs was
    asked for; each unit is there, and nothing of the server's."""
    begun = {}
    for name, (_, root, _) in both.items():
        units = root / "usr/lib/systemd/system"
        wanted = sorted(units.glob("multi-user.target.wants/*"))
        assert all(link.resolve() == (units / link.name).resolve() for link in wanted)
        assert all((units / link.name).is_file() for link in wanted)
        begun[name] = {link.name for link in wanted}
    assert begun == {
        GATEWAY.name: {
            *("tryggve-update.path", "tryggve-update-watch.path"),
            "tryggve-access-point.service",
        },
        STAFF.name: set(),
    }


@needs_dpkg
def test_no_home_s_network_is_taken_over_by_what_the_package_brings(
    both: dict[str, Built],
) -> None:
    """NetworkManager would take over a network that something else keeps: it is suggested, and not
    installed with the package; what gives phones addresses runs nothing by itself."""
    _, root, _ = both[GATEWAY.name]
    control = (root / "DEBIAN/control").read_text()
    fields = dict(line.split(": ", 1) for line in control.splitlines() if ": " in line)
    brought = re.split(r"[,|] ?", f"{fields['Depends']}, {fields['Recommends']}")
    assert "dnsmasq-base" in brought and fields["Suggests"] == "network-manager"
    assert not {"network-manager", "dnsmasq", "hostapd"} & set(brought)


def test_each_package_says_what_it_is() -> None:
    """Names, one line, and what it cannot be without; what is built here is Python alone."""
    assert [one.name for one in PACKAGES] == ["tryggve-gateway", "tryggve-staff"]
    for one in PACKAGES:
        assert len(one.summary) < 80 and one.text and one.depends
        assert all((ROOT / "systemd" / unit).exists() for unit in one.units)
    assert {"flask-principal", "http-ece"} == PURE
