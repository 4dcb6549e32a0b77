"""A card's root's half of an hour of SSH, run by hand: its folders, its `sshd_config`, OpenSSH's
own server and client.

As on the card but for: the folders, the port, the user (who runs the tests), and `StrictModes`,
for the folder of a test lies below one that all may write.  Not for: what is asserted of it.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.ports import free_port

SSHD = "/usr/sbin/sshd"
ME = pwd.getpwuid(os.getuid()).pw_name
BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
WAIT_S = 60.0

RUN = """
import json, signal, sys, time
from pathlib import Path
from card import ssh_hour as s
given = json.loads(sys.argv[1])
hour = s.Hour(Path(given["asked"]), Path(given["place"]), tuple(given["sshd"]), given["s"], 0.05)
if given["clock"]:
    real, turn = time.time, [0]
    def jumping():
        turn[0] += 1
        return real() + (3600 if turn[0] % 2 else -3600)
    time.time = jumping
    gettime = time.clock_gettime
    time.clock_gettime = lambda c: jumping() if c == time.CLOCK_REALTIME else gettime(c)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
s.after(hour) if given["after"] else hour.run()
"""


class Card:
    """A machine's folders, and its unit, run by hand."""

    def __init__(self, folder: Path, program: Path) -> None:
        self.asked, self.place = folder / "asked", folder / "run"
        self.asked.mkdir()
        self.place.mkdir()
        self.program, self.port = program, free_port()
        self.request = self.asked / "request.json"
        self.folder, self.running = folder, list[subprocess.Popen[bytes]]()
        for name in ("key", "wrong"):
            self.key(name)

    def key(self, name: str) -> None:
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
        subprocess.run(made, check=True, timeout=WAIT_S)

    def sshd(self) -> list[str]:
        text = (self.program / "sshd_config").read_text()
        root = os.getuid() == 0
        for old, new in (
            ("/run/tryggve-ssh/", f"{self.place}/"),
            ("AllowUsers technician", f"AllowUsers {ME}"),
            ("PermitRootLogin no", f"PermitRootLogin {'prohibit-password' if root else 'no'}"),
        ):
            assert old in text
            text = text.replace(old, new)
        config = self.folder / "sshd_config"
        config.write_text(f"{text}Port {self.port}\nListenAddress 127.0.0.1\nStrictModes no\n")
        own_run = "mount -t tmpfs none /run && mkdir /run/sshd && exec /usr/sbin/sshd "
        around = ["unshare", "-m", "sh", "-c", own_run + '"$@"', "sshd"] if root else [SSHD]
        return [*around, "-f", str(config)]

    def start(self, *, hour_s: float = 600, clock: bool = False) -> subprocess.Popen[bytes]:
        self.running.append(self._run(hour_s, clock=clock))
        return self.running[-1]

    def after(self) -> None:
        assert self._run(1, after=True).wait(WAIT_S) == 0

    def _run(self, s: float, *, clock: bool = False, after: bool = False) -> Any:
        given: dict[str, Any] = {
            "asked": str(self.asked),
            "place": str(self.place),
            "sshd": self.sshd(),
        }
        given |= {"s": s, "clock": clock, "after": after}
        command = [sys.executable, "-sE", "-S", "-c", RUN, json.dumps(given)]
        return subprocess.Popen(command, cwd=self.program.parent / "tryggve-card")

    def ask(self, which: str = "staff:h1/1", key: str | None = None, **more: str) -> None:
        line = (self.folder / "key.pub").read_text() if key is None else key
        new = self.asked / "new"
        new.write_text(json.dumps({"id": which, "key": line, "boot": BOOT[:8]} | more))
        new.replace(self.request)

    def said(self) -> dict[str, Any]:
        with suppress(FileNotFoundError):
            return dict(json.loads((self.place / "state.json").read_text()))
        return {}

    def until(self, state: str, which: str = "staff:h1/1") -> dict[str, Any]:
        wait_for(lambda: (self.said().get("state"), self.said().get("id")) == (state, which))
        return self.said()

    def enter(self, command: str, *options: str, key: str = "key") -> subprocess.CompletedProcess:  # type: ignore[type-arg]
        return subprocess.run(
            self.client(command, *options, key=key),
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def client(self, command: str, *options: str, key: str = "key") -> list[str]:
        known = self.folder / "known"
        if public := self.said().get("host_key"):
            known.write_text(f"[127.0.0.1]:{self.port} {public}\n")
        return [
            *("ssh", "-F", "none", "-i", str(self.folder / key), "-p", str(self.port)),
            *("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=20"),
            *("-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes"),
            *(*options, f"{ME}@127.0.0.1", command),
        ]

    def listens(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def is_shut(self) -> None:
        """Nothing listens, and no key is left."""
        assert not self.listens()
        assert {one.name for one in self.place.iterdir()} <= {"state.json"}


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
