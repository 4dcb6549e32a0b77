"""The units: systemd finds nothing wrong with them, they leave an attacker little, and they agree
with the programs that they start."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gateway.app.home import STOP_S
from gateway.config.home_file import WebSection
from gateway.config.secrets import DEFAULT_STATE, HOME_KEY
from gateway.engine.engine import PULSE_S
from tests._tree import ROOT
from web.staff.core.config import ListenConfig
from web.staff.core.secret_files import ALL, CREDENTIAL_PREFIX

UNITS = ("tryggve-gateway.service", "tryggve-staff.service")
EXPOSURE_MAX = {"tryggve-gateway.service": 2.0, "tryggve-staff.service": 1.5}
"""`systemd-analyze security` goes from 0 (best) to 10.  The goal is 3.0; 1.9 and 1.2 were reached
(systemd 252), and this is just above, so that no right comes back unnoticed."""

PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
"""prctl(2), Linux 6.3: what `MemoryDenyWriteExecute=` does, for this process."""

ANALYZE = shutil.which("systemd-analyze")
needs_analyze = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def unit(name: str) -> list[tuple[str, str, str]]:
    """Section, key and value of each setting; a key may stand several times."""
    section, found = "", []
    for line in (ROOT / "systemd" / name).read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.append((section, key, value))
    return found


def values(name: str, key: str) -> list[str]:
    return [value for _, found, value in unit(name) if found == key]


def run(*args: str) -> str:
    assert ANALYZE is not None
    done = subprocess.run([ANALYZE, *args], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def version() -> int:
    match = re.search(r"systemd (\d+)", run("--version"))
    assert match
    return int(match[1])


@needs_analyze
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong(name: str, tmp_path: Path) -> None:
    """`systemd-analyze verify` says nothing at all (with the program where it is here)."""
    program = tmp_path / "tryggve"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = (ROOT / "systemd" / name).read_text()
    (tmp_path / name).write_text(text.replace("/opt/tryggve/bin/tryggve", str(program)))
    if version() >= 254:
        drop_in = tmp_path / f"{name}.d"
        drop_in.mkdir()
        shutil.copy(ROOT / "systemd" / "restart-growing.conf", drop_in)
    assert run("verify", "--man=no", str(tmp_path / name)).strip() == ""


@needs_analyze
def test_systemd_finds_nothing_wrong_with_a_home_that_speaks(tmp_path: Path) -> None:
    """The gateway's unit with `voice.conf` laid over it, as docs/voice.md says; a word that systemd
    does not know would be told."""
    name, program = "tryggve-gateway.service", tmp_path / "tryggve"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = (ROOT / "systemd" / name).read_text()
    (tmp_path / name).write_text(text.replace("/opt/tryggve/bin/tryggve", str(program)))
    drop_in = tmp_path / f"{name}.d"
    drop_in.mkdir()
    voice = (ROOT / "systemd" / "voice.conf").read_text()
    (drop_in / "voice.conf").write_text(voice)
    assert run("verify", "--man=no", str(tmp_path / name)).strip() == ""
    (drop_in / "voice.conf").write_text(voice.replace("OOMPolicy=continue", "OOMPolicy=go_on"))
    assert "voice.conf:14: Failed" in run("verify", "--man=no", str(tmp_path / name))


def test_a_home_that_speaks_has_room_for_a_call_and_keeps_the_rest() -> None:
    """The drop-in gives the sound card and a call's memory, and takes nothing else back: what the
    gateway may reach on the network stays (lists are added to), and a call that takes too much ends
    alone."""
    gateway = "tryggve-gateway.service"
    given = {key for _, key, _ in unit("voice.conf")}
    assert given == {
        *("SupplementaryGroups", "DeviceAllow", "RestrictAddressFamilies"),
        *("MemoryDenyWriteExecute", "MemoryHigh", "MemoryMax", "OOMPolicy"),
    }
    assert values("voice.conf", "SupplementaryGroups") == ["audio"]
    assert values("voice.conf", "DeviceAllow") == ["char-alsa rw"]
    assert values("voice.conf", "OOMPolicy") == ["continue"]
    for key in ("RestrictAddressFamilies", "SupplementaryGroups", "DeviceAllow"):
        assert "" not in values("voice.conf", key), "an empty value would clear the unit's list"
        assert "none" not in values("voice.conf", key)
    more = [_mib(values("voice.conf", key)[0]) for key in ("MemoryHigh", "MemoryMax")]
    bare = [_mib(values(gateway, key)[0]) for key in ("MemoryHigh", "MemoryMax")]
    assert bare < more
    assert more[0] - bare[0] >= CALL_MIB
    assert more[0] < more[1]


CALL_MIB = 100
"""What the libraries of a call weigh, as `voice.conf` says."""


def _mib(value: str) -> int:
    return int(value.removesuffix("M"))


@needs_analyze
@pytest.mark.parametrize("name", UNITS)
def test_the_exposure_stays_low(name: str) -> None:
    """What a broken-into program could still do, as systemd rates it."""
    told = run("security", "--offline=yes", "--no-pager", str(ROOT / "systemd" / name))
    match = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert match, told
    assert float(match[1]) <= EXPOSURE_MAX[name]


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_again_for_ever_and_is_watched(name: str) -> None:
    """Restarts are never given up, and a program that hangs is killed and started again."""
    assert values(name, "Type") == ["notify"]
    assert values(name, "Restart") == ["always"]
    assert values(name, "StartLimitIntervalSec") == ["0"]
    assert values(name, "WatchdogSec")


def test_the_watchdog_is_slower_than_the_gateway_s_pulse() -> None:
    """Several pulses may be late before systemd kills a gateway that works."""
    watchdog_s = int(values("tryggve-gateway.service", "WatchdogSec")[0])
    assert watchdog_s >= 4 * PULSE_S
    assert int(values("tryggve-gateway.service", "TimeoutStopSec")[0]) > STOP_S


def test_the_gateway_keeps_its_state_where_it_looks_for_it() -> None:
    """The unit's state folder is the program's default; lgpio may write its FIFO in a folder of the
    unit's own in memory, which no card takes away."""
    name = "tryggve-gateway.service"
    assert f"/var/lib/{values(name, 'StateDirectory')[0]}" == str(DEFAULT_STATE)
    runtime = values(name, "RuntimeDirectory")
    assert runtime == ["tryggve"]
    assert f"LG_WD=%t/{runtime[0]}" in values(name, "Environment")[0].split()


def test_the_units_hand_over_every_secret_under_its_own_name() -> None:
    """`LoadCredential=` and the programs agree on names; none of them holds a value."""
    assert values("tryggve-gateway.service", "LoadCredential") == [HOME_KEY]
    assert sorted(values("tryggve-staff.service", "LoadCredential")) == sorted(
        f"{CREDENTIAL_PREFIX}{name}" for name in ALL
    )
    for name in UNITS:
        assert not values(name, "SetCredential")


def test_the_gateway_reaches_pins_and_spi_and_no_other_device() -> None:
    """Bluetooth is reached over D-Bus; a camera or a sound card by a drop-in of its own."""
    name = "tryggve-gateway.service"
    assert values(name, "DevicePolicy") == ["closed"]
    assert sorted(values(name, "DeviceAllow")) == ["char-gpiochip rw", "char-spi rw"]
    assert values("tryggve-staff.service", "PrivateDevices") == ["yes"]


@pytest.mark.parametrize("name", UNITS)
def test_no_right_of_root_is_left(name: str) -> None:
    """No capability, a user of its own, nothing written but its state."""
    assert values(name, "CapabilityBoundingSet") == [""]
    assert values(name, "ProtectSystem") == ["strict"]
    assert not values(name, "ReadWritePaths")
    user = values(name, "User")[0]
    assert re.search(
        rf"^u {user} ", (ROOT / "systemd" / "tryggve.sysusers").read_text(), re.MULTILINE
    )


def test_the_clock_can_be_asked_and_not_set() -> None:
    """adjtimex, which the C library makes clock_adjtime, tells whether the clock is right; allowed
    after everything privileged is taken away, and without the capability that setting needs."""
    filters = values("tryggve-gateway.service", "SystemCallFilter")
    assert filters[-1].split() == ["adjtimex", "clock_adjtime", "clock_adjtime64"]
    assert "~@privileged @resources" in filters[:-1]


@pytest.mark.parametrize("module", ["gateway.app.home", "web.staff.runtime.serve"])
def test_the_programs_load_where_memory_is_never_written_and_run(module: str) -> None:
    """`MemoryDenyWriteExecute=` breaks some libraries' callbacks: not ours."""
    code = (
        "import ctypes, sys\n"
        f"denied = ctypes.CDLL(None).prctl({PR_SET_MDWE}, {PR_MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0)\n"
        "if denied != 0: sys.exit(77)\n"
        "ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 0)()\n"
        "import nacl.secret, argon2\n"
        "nacl.secret.SecretBox(bytes(32)).encrypt(b'x')\n"
        f"import {module}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode == 77:
        pytest.skip("this kernel is older than 6.3 and cannot refuse it for one process")
    assert done.returncode == 0, done.stderr


def test_the_drop_in_says_only_what_older_systemd_does_not_know() -> None:
    """Growing pauses are for systemd 254 and newer; the units stay clean on Debian 12."""
    drop_in = configparser.ConfigParser()
    drop_in.read(ROOT / "systemd" / "restart-growing.conf")
    assert set(drop_in["Service"]) == {"restartsteps", "restartmaxdelaysec"}
    for name in UNITS:
        assert not values(name, "RestartSteps")


# --- installing -----------------------------------------------------------------------------------


def script(name: str) -> str:
    return (ROOT / "tools" / name).read_text()


@pytest.mark.parametrize(
    "words", [["install.sh", "home"], ["install.sh", "staff"], ["setup.sh", "demo"]]
)
def test_a_32_bit_system_is_told_so_before_anything_else(tmp_path: Path, words: list[str]) -> None:
    """One sentence and nothing done, also on a 64-bit kernel; whoever asks need not be root."""
    asked = tmp_path / "getconf"
    asked.write_text("#!/bin/sh\necho 32\n")
    asked.chmod(0o755)
    name, *given = words
    done = subprocess.run(
        ["sh", str(ROOT / "tools" / name), *given],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "APT": "no"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert "64-bit" in sentence and "32-bit" in sentence and "Raspberry Pi OS (64-bit)" in sentence
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["home", "mutate"], "beside home there is only: danalock voice yale"),
        (["staff", "yale"], "beside home there is only: danalock voice yale"),
        (["home", "voice", "yale"], "run it with sudo"),
    ],
)
def test_what_is_installed_beside_a_home_is_something_of_a_home(
    tmp_path: Path, words: list[str], said: str
) -> None:
    """What changes or tests the code is nothing for a Pi; nothing is done before that is judged,
    and nothing without root."""
    for name, answer in (("getconf", "64"), ("id", "1000"), ("python3", "0.0")):
        stub = tmp_path / name
        stub.write_text(f"#!/bin/sh\necho {answer}\n")
        stub.chmod(0o755)
    done = subprocess.run(
        ["sh", str(ROOT / "tools" / "install.sh"), *words],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "APT": "no"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.strip().endswith(said)


def test_every_folder_that_the_steps_write_in_is_made_by_the_script() -> None:
    """docs/install.md writes into no folder that is not there yet, and the units' users own what
    they write in."""
    steps = "".join(re.findall(r"```\n(.*?)```", (ROOT / "docs/install.md").read_text(), re.DOTALL))
    folders = set(re.findall(r"/(?:var/lib|etc)/tryggve(?:-staff)?\b", steps))
    folders |= {f"/var/lib/{state}" for unit_ in UNITS for state in values(unit_, "StateDirectory")}
    assert len(folders) >= 2
    made = script("install.sh")
    for folder in folders | {"/etc/tryggve"}:
        assert re.search(rf"install -d [^\n]*{folder}$", made, re.MULTILINE), folder
    # the server's user makes its files in /etc/tryggve and takes away nobody else's
    assert "chgrp tryggve-staff /etc/tryggve && chmod 1775 /etc/tryggve" in made


def test_the_version_to_get_is_this_one() -> None:
    """The tag in docs/install.md is that of the version that the page belongs to; between two
    releases it is the last one's."""
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    released = tomllib.loads((ROOT / "tests/golden/RELEASES.toml").read_text())["releases"]
    wanted = list(released)[-1] if ".dev" in version else version
    text = (ROOT / "docs/install.md").read_text()
    assert re.findall(r"git clone --branch (\S+) ", text) == [f"v{wanted}"]


def test_both_programs_on_one_machine_do_not_want_the_same_port() -> None:
    """By default they would; docs/install.md says which to change, to what."""
    text = (ROOT / "docs/install.md").read_text().split("**Both on one machine**")[1]
    (port,) = re.findall(r"`port = (\d+)` under `\[web\]`", text)
    home = WebSection(port=int(port))
    assert home.port != ListenConfig().port == WebSection().port
