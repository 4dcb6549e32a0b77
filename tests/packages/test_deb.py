"""Debian packages: what a lock means on another machine, what is in a package, and that it runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools.deb import __main__ as build
from tools.deb.archive import SCRIPTS
from tools.deb.locked import PURE, BuildError, Locked, needed
from tools.deb.targets import DEBIANS, GATEWAY, PACKAGES, ROOT, STAFF, TAGS, VOICE, Target


def version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


EPOCH = 1_700_000_000


def target(package: object, debian: int = 0, machine: str = "arm64") -> Target:
    return Target(package, DEBIANS[debian], machine)  # type: ignore[arg-type]


@pytest.mark.parametrize("machine", TAGS)
@pytest.mark.parametrize("debian", range(len(DEBIANS)))
def test_a_package_brings_all_that_is_locked_for_it_there(debian: int, machine: str) -> None:
    """Every version and every hash is locked; nothing of another system, nothing that Debian
    brings; the addition brings only what its package lacks."""
    gateway, voice = (needed(target(one, debian, machine)) for one in (GATEWAY, VOICE))
    staff = needed(target(STAFF, debian, machine))
    assert {"bleak", "pydantic-core", "dbus-fast"} <= gateway.keys()
    assert {"gunicorn", "sqlalchemy"} <= staff.keys()
    assert "aiortc" in voice and not voice.keys() & gateway.keys()
    # a wheel for Debian 12's Python; Debian 13 has it built
    assert ("lgpio" in gateway) == (DEBIANS[debian].number == 12)
    for one in (*gateway.values(), *voice.values(), *staff.values()):
        assert one.hashes and not one.name.lower().startswith(("pyobjc", "winrt"))
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in one.hashes)


def test_conditions_are_those_of_the_machine_that_it_is_for() -> None:
    """Not of the Python that builds."""
    old, new = (needed(target(VOICE, debian))["av"].version for debian in (0, 1))
    assert old != new


def test_locks_that_differ_are_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence."""
    versions = iter("123")
    monkeypatch.setattr(
        "tools.deb.locked.read", lambda name, _: {"bleak": Locked("bleak", next(versions), ("x",))}
    )
    with pytest.raises(BuildError, match="has another bleak than the other locks"):
        needed(target(GATEWAY))


def test_debian_sorts_versions_as_they_came(monkeypatch: pytest.MonkeyPatch) -> None:
    """One in work is before its release, and Debian 12's before Debian 13's, so that a machine that
    is upgraded takes the other."""
    dpkg = shutil.which("dpkg")
    if dpkg is None:
        pytest.skip("dpkg is not installed (not Debian)")
    old, new = map(build.version_of, DEBIANS)
    for before, after in ((old, new), ("0.2.0~dev0+deb13", "0.2.0+deb12")):
        subprocess.run([dpkg, "--compare-versions", before, "lt", after], check=True)


@pytest.mark.parametrize("script", sorted(SCRIPTS.iterdir()), ids=lambda path: path.name)
def test_what_dpkg_runs_is_shell_and_ends_at_a_fault(script: Path) -> None:
    text = script.read_text()
    assert "\nset -e\n" in text
    subprocess.run(["sh", "-n", str(script)], check=True)


@pytest.mark.timeout(900)
def test_a_gateway_is_built_the_same_twice_and_runs(tmp_path: Path) -> None:
    """For this machine: the same bytes twice, nobody's folder in it, and its own Python finds every
    library; a program of another Python is not carried along."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed (not Debian)")
    here = next((one for one in DEBIANS if Path(f"/usr/bin/python{one.python}").exists()), None)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)
    if here is None or machine is None:
        pytest.skip("no Debian's Python is here")
    made = subprocess.run(
        [
            *(sys.executable, "-m", "tools.deb", "--twice", "--unpacked", "--out", str(tmp_path)),
            *("--package", GATEWAY.name, "--debian", str(here.number), "--machine", machine),
        ],
        cwd=ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    [file] = tmp_path.glob("*.deb")
    root = tmp_path / "root"
    subprocess.run(["dpkg-deb", "-x", str(file), str(root)], check=True)
    assert not [path for path in root.rglob("*.pyc")]
    assert all(int(path.lstat().st_mtime) <= EPOCH for path in root.rglob("*"))
    unit = (root / "usr/lib/systemd/system/tryggve-gateway.service").read_text()
    assert "ExecStart=/opt/tryggve-gateway/bin/tryggve gateway run" in unit
    for path in (root / "opt").rglob("*"):
        if path.is_file() and path.suffix not in (".so", ""):
            assert str(ROOT).encode() not in path.read_bytes(), path
    site = next((root / "opt/tryggve-gateway/lib").glob("python*/site-packages"))
    run = [f"/usr/bin/python{here.python}", "-I", "-S", "-c"]
    said = subprocess.run(
        [
            *run,
            f"import sys; sys.path.insert(0, {str(site)!r}); sys.argv = ['tryggve', '--version'];"
            "import gateway.app.home, drivers.lock_yale, drivers.lock_danalock, drivers.lock_nuki;"
            "from gateway.cli import main; main()",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LG_WD": str(tmp_path)},
        cwd=tmp_path,
    )
    assert said.stdout.split()[-1:] == [version()], said.stderr


def test_each_package_says_what_it_is() -> None:
    """Names, one line, and what it cannot be without."""
    assert [one.name for one in PACKAGES] == [
        "tryggve-gateway",
        "tryggve-gateway-voice",
        "tryggve-staff",
    ]
    for one in PACKAGES:
        assert len(one.summary) < 80 and one.text and one.depends
    assert {"flask-principal", "http-ece"} == PURE
