"""The life of both packages in a clean Debian, step by step: each step is shell that must end well.

Not for: making the Debian (`proof`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tools.deb.locked import BuildError
from tools.deb.targets import GATEWAY, STAFF, Package

PORT = 18787
"""The server's in the chroot, which shares the machine's network."""

HOME_TOML = f"""\
[home]
id = "hem-12"

[staff]
url = "http://127.0.0.1:{PORT}"

[web]
port = {PORT + 1}

[gpio]
factory = "mock"

[devices.bed]
driver = "mat_gpio"
role = "bed"
room = "bedroom"
pin = 17
"""

READY_S = 120
"""Seconds within which a program does what it is waited for, on a slow machine."""

ENVIRONMENT = (
    *("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "LG_WD=/tmp"),
    "DEBIAN_FRONTEND=noninteractive",
)


@dataclass(slots=True)
class Files:
    """Package to its file in the chroot, of this version and of the one before; Debian's Python."""

    python: str
    now: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)


class Inside:
    """Commands in a chroot; with `enter`, in what these words lead into."""

    def __init__(
        self, root: Path, run: Callable[[list[str]], str], enter: Sequence[str] = ()
    ) -> None:
        self.root = root
        self._run = run
        self._command = [*(enter or ("chroot", str(root))), "env", "-i", *ENVIRONMENT]

    def run(self, command: str) -> str:
        """Have the shell there do it; what it printed.  Raises `BuildError`."""
        return self._run([*self._command, "sh", "-ec", f"cd /tmp\n{command}"])

    def step(self, what: str, *commands: str) -> None:
        """The same, and say that it went."""
        self.run("\n".join(commands))
        print(f"  {what}", flush=True)

    def until(self, what: str, command: str) -> None:
        """The same, as soon as it ends well."""
        until = time.monotonic() + READY_S
        while True:
            try:
                return self.step(what, command)
            except BuildError:
                if time.monotonic() > until:
                    raise
            time.sleep(1)

    @contextmanager
    def going(self, user: str, words: str, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        """A program of the chroot runs, as the unit would run it."""
        process = subprocess.Popen(
            [
                *self._command,
                *("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"),
                *words.split(),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(READY_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def live(inside: Inside, files: Files) -> None:
    """All of it.  Raises `BuildError` at the first step that goes wrong."""
    inside.run("apt-get update -qq")
    _installed(inside, files)
    _begun(inside)
    log_file = inside.root / "tmp/programs.log"
    with log_file.open("ab") as log:
        try:
            _upgraded(inside, files, log)
            _back(inside)
            _removed_and_again(inside, files, log)
            _access_point(inside)
        except BuildError as error:
            end = log_file.read_text(errors="replace")[-1500:]
            raise BuildError(f"{error}\nthe programs said:\n{end}") from error
    _purged(inside)


def _installed(inside: Inside, files: Files) -> None:
    inside.step(
        "the version before installed, with what it needs",
        f"apt-get install -y --no-install-recommends {' '.join(files.before.values())}",
    )
    inside.step(
        "no compiler came with it", "! command -v cc && ! command -v gcc", "! command -v swig"
    )
    for package in (GATEWAY, STAFF):
        state = f"/var/lib/{package.user}"
        inside.step(
            f"{package.name} runs; its user is there, its folder is its own",
            f"{package.name} --help >/dev/null",
            f"tryggve {package.word} --help >/dev/null",
            f"[ $(stat -c %U:%a {state}) = {package.user}:700 ]",
            f"[ $(/usr/lib/{package.name}/release current) = a ]",
            f"[ $(systemctl is-enabled {package.units[0]}) = enabled ]",
        )
    inside.step(
        "/etc/tryggve is root's", "[ $(stat -c %U:%G:%a /etc/tryggve) = root:tryggve-staff:1775 ]"
    )
    if files.python == "3.11":  # for 3.13 Raspberry Pi OS has it, and Debian itself has not
        inside.step(
            "the pins' library loads in the release in force",
            "/opt/tryggve-gateway/releases/current/bin/python3 -I -c 'import lgpio; lgpio.tx_pwm'",
        )
    inside.step(
        "systemd finds nothing wrong with the units",
        *(f"systemd-analyze verify --man=no {' '.join(one.units)}" for one in (GATEWAY, STAFF)),
    )


def _as(package: Package, words: str) -> str:
    return f"setpriv --reuid={package.user} --regid={package.user} --init-groups tryggve {words}"


def _begun(inside: Inside) -> None:
    inside.step(
        "the server is given its configuration, secrets, database and a home",
        _as(
            STAFF,
            f"staff init --public-url http://127.0.0.1:{PORT} --plain-http --no-second-factor"
            f" --database sqlite:////var/lib/tryggve-staff/staff.db",
        ),
        _as(STAFF, "staff home add hem-12 --label 'Hem 12' --org norra --org-name Norra"),
    )
    (inside.root / "etc/tryggve/home.toml").write_text(HOME_TOML)


SERVER = f"tryggve staff run --port {PORT}"
HOME = "tryggve gateway run"


def _heard(inside: Inside, starts: int) -> None:
    """The home has started so often, and the server has all of it."""
    inside.until(
        f"the home's log holds, with {starts} starts",
        f"{_as(GATEWAY, 'gateway log verify')}\n"
        f"[ $({_as(GATEWAY, 'gateway log tail -n 10000 --json')}"
        f" | grep -c '\"gateway.started\"') = {starts} ]",
    )
    inside.until("the server has it", f"{_as(STAFF, 'staff check')} | grep '^home:hem-12.*holds'")


def _upgraded(inside: Inside, files: Files, log: IO[bytes]) -> None:
    with inside.going("tryggve-staff", SERVER, log) as server:
        inside.until("the server is ready", f"{PYTHON} '{ASK}'")
        inside.step(
            "the home is enrolled with a code of the server",
            f"{_as(STAFF, 'staff enroll-code hem-12')} | head -n 1 >/tmp/code",
            _as(GATEWAY, f'gateway enroll http://127.0.0.1:{PORT} "$(cat /tmp/code)"'),
        )
        with inside.going("tryggve", HOME, log) as home:
            _heard(inside, 1)
            inside.step("what is kept is noted", f"{KEPT} >/tmp/kept")
            inside.step(
                "this version installed over it, while both run",
                f"apt-get install -y --no-install-recommends {' '.join(files.now.values())}",
                "! ls /opt/tryggve-*/package/lib/python3*/site-packages/only_in_the_older.py",
            )
            late = "lib/python3*/site-packages/only_in_the_older.py"
            for package, process in ((GATEWAY, home), (STAFF, server)):
                place = f"/opt/{package.name}/releases"
                if process.poll() is not None:
                    raise BuildError(f"{package.name} ended while it was upgraded")
                inside.step(
                    f"{package.name} went on in the folder of its own version; the new is in force",
                    f"[ $(/usr/lib/{package.name}/release current) = b ]",
                    f"ls {place}/a/{late}",
                    f"tr '\\0' ' ' </proc/{process.pid}/cmdline | grep {place}/a/",
                    f"find {place}/b -name '*.pyc' | grep -q .",
                    f"[ -z \"$(find /opt/{package.name}/package -name '*.pyc')\" ]",
                )
    with inside.going("tryggve-staff", SERVER, log), inside.going("tryggve", HOME, log):
        _heard(inside, 2)
    inside.step("keys, secrets and configuration are as they were", f"{KEPT} | diff /tmp/kept -")


PYTHON = "/opt/tryggve-staff/releases/current/bin/python3 -I -c"
ASK = f'import urllib.request as u; u.urlopen("http://127.0.0.1:{PORT}/healthz", timeout=5)'

KEPT = (
    "sha256sum /etc/tryggve/*.toml /etc/tryggve/secrets/* $(find /var/lib/tryggve/secrets -type f)"
)
"""What nothing that is installed or removed may change."""


def _back(inside: Inside) -> None:
    inside.step(
        "back to the version before by one word, and forward again",
        f"{RELEASE} back && [ $({RELEASE} current) = a ] && tryggve-gateway --help >/dev/null",
        f"{RELEASE} back && [ $({RELEASE} current) = b ] && tryggve-gateway --help >/dev/null",
    )
    inside.step(
        "a release that cannot run is refused, and the one in force stays",
        "mkdir -p /tmp/bad/bin && cp -a /opt/tryggve-gateway/package/bin/. /tmp/bad/bin/",
        f"! {RELEASE} take /tmp/bad && [ $({RELEASE} current) = b ]",
        "tryggve-gateway --help >/dev/null",
    )
    inside.step(
        "without a release in force the package's own runs",
        "mv /opt/tryggve-gateway/releases/b /opt/tryggve-gateway/releases/lost",
        "tryggve-gateway --help >/dev/null",
        "mv /opt/tryggve-gateway/releases/lost /opt/tryggve-gateway/releases/b",
    )


RELEASE = "/usr/lib/tryggve-gateway/release"


def _removed_and_again(inside: Inside, files: Files, log: IO[bytes]) -> None:
    names = " ".join(files.now)
    inside.step(
        "a database that cannot be brought up leaves the server as it was, and says so",
        "mv /var/lib/tryggve-staff/staff.db /var/lib/tryggve-staff/kept.db",
        "mkdir /var/lib/tryggve-staff/staff.db",
        f"! dpkg -i {files.now['tryggve-staff']} >/tmp/said 2>&1",
        "grep 'the server goes on as it was' /tmp/said",
        "[ $(/usr/lib/tryggve-staff/release current) = b ]",
        "rmdir /var/lib/tryggve-staff/staff.db",
        "mv /var/lib/tryggve-staff/kept.db /var/lib/tryggve-staff/staff.db",
        "dpkg --configure -a && [ $(/usr/lib/tryggve-staff/release current) = a ]",
    )
    inside.step(
        "removed: what was written and configured stays, the programs are gone",
        f"apt-get remove -y {names}",
        "[ ! -e /opt/tryggve-gateway ] && [ ! -e /opt/tryggve-staff ]",
        "! command -v tryggve && ! command -v tryggve-gateway && ! command -v tryggve-staff",
        f"{KEPT} | diff /tmp/kept -",
        "[ -s /var/lib/tryggve/events.sqlite ] && [ -s /var/lib/tryggve-staff/staff.db ]",
    )
    inside.step(
        "installed again",
        f"apt-get install -y --no-install-recommends {' '.join(files.now.values())}",
        f"{KEPT} | diff /tmp/kept -",
    )
    with inside.going("tryggve-staff", SERVER, log), inside.going("tryggve", HOME, log):
        _heard(inside, 3)


NETWORK = "/etc/NetworkManager/system-connections/tryggve-install.nmconnection"


def _access_point(inside: Inside) -> None:
    inside.step(
        "without NetworkManager the network for who installs is a sentence, and no file",
        '! tryggve-gateway access-point "$(cat /tmp/code)" 2>/tmp/said',
        f"grep 'apt install network-manager' /tmp/said && [ ! -e {NETWORK} ]",
    )
    never = "/usr/sbin/policy-rc.d"  # a chroot has this machine's network: nothing is to keep it
    inside.step(
        "asked for it is there, root's alone; NetworkManager reads it, and none that is wrong",
        f"printf '#!/bin/sh\\nexit 101\\n' >{never} && chmod 755 {never}",
        "apt-get install -y --no-install-recommends network-manager",
        f"rm {never}",
        "! tryggve-gateway access-point 00000-00000-00000000",
        'tryggve-gateway access-point "$(cat /tmp/code)"',
        f"[ $(stat -c %U:%a {NETWORK}) = root:600 ]",
        f"{OFFLINE} <{NETWORK} >/tmp/read && grep -x mode=ap /tmp/read",
        'grep -ix "psk=$(cat /tmp/code)" /tmp/read && grep -x method=shared /tmp/read',
        f"! sed s/mode=ap/mode=anything/ {NETWORK} | {OFFLINE}",
    )


OFFLINE = "nmcli --offline connection modify connection.id x"
"""NetworkManager's own reader, without NetworkManager: it fails for what it would not take."""


def _purged(inside: Inside) -> None:
    said = inside.run(f"apt-get purge -y {GATEWAY.name} {STAFF.name}")
    left = [line for line in said.splitlines() if " is left in " in line]
    for line in left:
        print(f"    {line}", flush=True)
    if len(left) != 3:
        raise BuildError(f"purged without saying what is left:\n{said[-1500:]}")
    inside.step(
        "purged: the configuration is gone; log, database and keys stay, as was said",
        "[ ! -e /etc/tryggve/home.toml ] && [ ! -e /etc/tryggve/staff.toml ]",
        "[ ! -e /opt/tryggve-gateway ] && [ ! -e /opt/tryggve-staff ]",
        f"[ ! -e {NETWORK} ]",
        "[ -s /var/lib/tryggve/events.sqlite ] && [ -s /var/lib/tryggve-staff/staff.db ]",
        "ls /etc/tryggve/secrets/*",
    )
