"""Two Debians that are booted with a wire between them, and the packages laid beside: the ground of
`scene`, which plays on it.

Not for: what is done there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tools.deb.authority import certify
from tools.deb.booted import Booted, booted, wire
from tools.deb.browser import Away
from tools.deb.life import Inside
from tools.deb.locked import BuildError
from tools.deb.proof import clean, run
from tools.deb.targets import ROOT, Debian
from tools.deb.workplace import workplace

T = TypeVar("T")

NAME = "trygg.kommun.example"
"""As in README.md and in the example of nginx."""

SERVER, HOME = "trygg", "hem"
"""What both machines are called."""

ADDRESSES = ("10.99.0.1", "10.99.0.2")

BESIDE = ("systemd-sysv", "dbus", "sudo")
"""What a Debian that boots has, beside apt."""

APT = 'APT::Get::Assume-Yes "true";\nAPT::Install-Recommends "false";\n'
"""The yes that a person types; and what is only recommended is not there, so that nothing of it is
needed."""

PACKAGES = "srv"
"""Where the packages lie: whoever installs stands there."""

LOOK_S = 1.0
WAIT_S = 300.0
"""Seconds until what was done is seen, on a slow machine."""


def readme_lines() -> tuple[list[str], list[str]]:
    """What README.md has typed on the server, and in the home.  Raises `BuildError`."""
    section = (ROOT / "README.md").read_text().split("\n## Install it\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```\n(.*?)```", section, re.DOTALL)
    if len(blocks) != 2:
        raise BuildError("README.md has not one block of lines for the server and one for a home")
    server, home = ([line for line in block.splitlines() if line] for block in blocks)
    return server, home


class Steps:
    """What was done, each with its seconds."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say what is done within, and how long it took."""
        began = time.monotonic()
        yield
        self.say(f"{what} ({time.monotonic() - began:.1f} s)")

    def say(self, what: str) -> None:
        """One line, with the time since the beginning."""
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        print(f"{minutes:3d}:{seconds:02d}  {what}", flush=True)


def until(look: Callable[[], T], what: str, within_s: float = WAIT_S) -> T:
    """What `look` finds, as soon as it finds anything.  Raises `BuildError`.  That nobody answers
    is said once, and waited out as long: on a machine that has no time for it a server's watchdog
    starts it anew."""
    end = time.monotonic() + within_s
    away: Away | None = None
    while True:
        found = None
        try:
            found = look()
        except Away as error:
            if away is None:
                print(f"        {error}", flush=True)
            away = error
        if found:
            return found
        if time.monotonic() > end:
            raise BuildError(f"{what} did not come within {within_s:.0f} s") from away
        time.sleep(LOOK_S)


class Machine:
    """One of both, which runs."""

    def __init__(self, running: Booted) -> None:
        self.booted = running
        self._inside = Inside(running.root, run, running.enter)

    def run(self, line: str) -> str:
        """Have it typed there, beside the packages; what it printed.  Raises `BuildError`."""
        return self._inside.run(f"cd /{PACKAGES}\n{line}")

    def journal(self) -> str:
        """The end of what its programs said."""
        lines = "journalctl --no-pager -n 40 -o cat -u 'tryggve-*'"
        words = [*self.booted.enter, *lines.replace("'", "").split()]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout


@dataclass(frozen=True, slots=True)
class Ground:
    """The folders of both, prepared; `authority` is whom the home and the browser believe."""

    server: Path
    home: Path
    authority: Path

    @contextmanager
    def running(self, root: Path) -> Iterator[Machine]:
        """One of them runs, until its power is cut."""
        with booted(root, SERVER if root == self.server else HOME) as machine:
            yield Machine(machine)

    def connect(self, server: Machine, home: Machine) -> None:
        """The wire between them."""
        wire(server.booted, home.booted, ADDRESSES)


@contextmanager
def ground(debian: Debian, staff: Path, gateway: Path) -> Iterator[Ground]:
    """Clean Debians, and these packages beside with what they need from Debian (fetched, and not
    installed: the machines have no other network)."""
    with clean(debian) as server, workplace("home-", server.parent) as work:
        home = work / "home"
        (server / "etc/apt/apt.conf.d/90proof").write_text(APT)
        chroot = Inside(server, run)
        chroot.run(f"apt-get update -qq\napt-get install -qq {' '.join(BESIDE)}")
        run(["cp", "-ax", str(server), str(home)])
        run(["mount", "--bind", "/proc", str(home / "proc")])
        try:
            for root, package, more in ((server, staff, " nginx"), (home, gateway, "")):
                shutil.copy(package, root / PACKAGES)
                fetched = f"cd /{PACKAGES}\napt-get install --download-only ./{package.name}{more}"
                Inside(root, run).run(fetched)
                hosts = f"127.0.0.1 localhost {SERVER} {HOME}\n{ADDRESSES[0]} {NAME}\n"
                (root / "etc/hosts").write_text(hosts)
        finally:
            run(["umount", str(home / "proc")])
        authority = home / "usr/local/share/ca-certificates/kommun.crt"
        folder = server / "etc/ssl/tryggve"
        certify(NAME, authority, folder / "fullchain.pem", folder / "privkey.pem")
        yield Ground(server, home, authority)
