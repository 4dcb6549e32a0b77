"""Root's half of an hour of SSH: opens it for one key, and ends it by itself.

Run when the gateway asks (`tryggve-ssh.path`), and for as long as SSH is open.  What it is given is
a stranger's: a regular file of a bounded size, by no link, of this run of the machine, with one
public key and nothing else.
Whatever the gateway asks, SSH is open for an hour at the most since it was opened, by a clock that
nobody sets; for one key at a time; for a user who is not root and has no password; and with a host
key of this hour alone.  When it ends, whoever is signed in is cut off.

What is so stands in `state.json`, which all may read.  Not for: who may ask (the staff server), or
when (`gateway.services.ssh_hour`).
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

from .ssh_key import KeyWrong, read

HOUR_S = 3600.0
LOOK_S = 2.0
"""Seconds between two looks at whether somebody ends it."""

REQUEST_MAX_BYTES = 4_000
MAKE_S = 60.0
"""Seconds that making a host key may take."""

END_S = 10.0
LISTEN_S = 20.0
"""Seconds until sshd listens, on a Pi that has much to do."""

ID = re.compile(r"[A-Za-z0-9._:/~-]{1,128}")
BOOT_CHARS = 8
"""Of the kernel's name for a run of the machine: so many say which."""

SUBREAPER = 36
"""`PR_SET_CHILD_SUBREAPER` (`linux/prctl.h`)."""


@dataclass(slots=True)
class Hour:
    """Real where nothing else is given (tests give folders, a port and a user)."""

    asked: Path = Path("/var/lib/tryggve/ssh")
    place: Path = Path("/run/tryggve-ssh")
    sshd: tuple[str, ...] = ("/usr/sbin/sshd", "-f", "/usr/lib/tryggve-card/sshd_config")
    hour_s: float = HOUR_S
    look_s: float = LOOK_S
    process: subprocess.Popen[bytes] | None = None
    id: str = ""
    until_s: float = 0.0

    def run(self) -> None:
        """Answer what is asked; return when SSH is closed, also where it is asked for anew: systemd
        counts this run's time, and a new hour is a new run.  One runs at a time."""
        alone = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(alone)
            return
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)  # who signs in stays below this program
        try:
            while True:
                self.answer()
                if self.process is None:
                    return
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(max(0.01, min(self.look_s, self.until_s - now_s())))
                    self.end("failed")
                if self.process is not None and now_s() >= self.until_s:
                    self.end("time")
        finally:
            self.end("failed")
            self.forget()
            os.close(alone)

    # --- what is asked

    def answer(self) -> None:
        """Take the request away, and do what it says."""
        if self.process is not None and self.asks_anew():
            self.end("asked")
            return
        request = self.take()
        if request is None:
            return
        which, key = request
        if not key:
            if which == self.id:
                self.end("asked")
            return
        if which in (self.id, self.answered()):
            return  # an hour is an hour, however often it is asked for, or a card keeps that
        found = read(key)
        if isinstance(found, KeyWrong):
            self.tell(which, "refused", why=found.value)
            return
        try:
            self.open(which, found.line)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"SSH could not be opened: {error}", file=sys.stderr)
            self.forget()
            self.tell(which, "refused", why="failed")

    def answered(self) -> str:
        """Which request was answered last, in this run of the machine."""
        try:
            return str(json.loads((self.place / "state.json").read_bytes())["id"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def asks_anew(self) -> bool:
        """Whether another hour is asked for, by a request that is left where it is."""
        request = self.take(leave=True)
        return request is not None and request[0] != self.id and request[1] != ""

    def take(self, *, leave: bool = False) -> tuple[str, str] | None:
        """Which request, and its key (empty: SSH is to end); None: nothing that can be read.  The
        file is gone afterwards, whatever stood in it, unless it is to stay."""
        try:
            folder = os.open(self.asked, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            said = json.loads(_strange(folder, "request.json"))
        except (OSError, ValueError, RecursionError):
            said = None
        finally:
            if not leave:
                _unlink(folder, "request.json")
            os.close(folder)
        if not isinstance(said, dict) or set(said) != {"id", "key", "boot"}:
            return None
        if not all(isinstance(one, str) for one in said.values()):
            return None
        which, key, boot = said["id"], said["key"], said["boot"]
        of_now = len(boot) >= BOOT_CHARS and boot_id().startswith(boot)
        if not of_now or not ID.fullmatch(which):
            return None  # one of before a power cut waits for nobody any more
        return which, key

    # --- what is done

    def open(self, which: str, line: str) -> None:
        """Let that key in, from now on for an hour.  Raises `OSError`, `SubprocessError`."""
        self.forget()
        self.id, self.until_s = which, now_s() + self.hour_s
        host = self.place / "host_key"
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(host)]
        subprocess.run(made, check=True, timeout=MAKE_S, stdin=subprocess.DEVNULL)
        _write(self.place / "authorized_keys", f"restrict,pty {line}\n".encode())
        self.process = subprocess.Popen(
            [*self.sshd, "-D", "-e"], stdin=subprocess.DEVNULL, start_new_session=True
        )
        if not self.listens(self.process):
            self.stop()
            raise OSError("sshd does not listen")
        public = (self.place / "host_key.pub").read_text().strip()
        self.tell(which, "open", until_s=round(self.until_s, 1), host_key=public)

    def listens(self, process: subprocess.Popen[bytes]) -> bool:
        """Once it does, sshd writes its number."""
        until_s = now_s() + LISTEN_S
        while process.poll() is None and now_s() < until_s:
            if (self.place / "sshd.pid").exists():
                return True
            time.sleep(0.05)
        return False

    def end(self, why: str) -> None:
        """Nobody is let in any more, and who is in is cut off."""
        if self.process is None:
            return
        self.stop()
        self.forget()
        self.tell(self.id, "closed", why=why)

    def stop(self) -> None:
        """sshd, and all that it began."""
        process, self.process = self.process, None
        if process is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is not None:
                break
            process.send_signal(how)
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
        cut_off()

    def forget(self) -> None:
        """No key of this hour is left."""
        for name in ("authorized_keys", "host_key", "host_key.pub", "sshd.pid"):
            (self.place / name).unlink(missing_ok=True)

    def tell(self, which: str, what: str, **more: Any) -> None:
        """What is so, for the gateway."""
        said = {"id": which, "state": what, "boot": boot_id(), **more}
        _write(self.place / "state.json", json.dumps(said).encode())


def now_s() -> float:
    """Seconds since the machine was started: nobody sets it, and no time server."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def cut_off() -> None:
    """End all that sshd left: whatever runs below this program, by whatever way it came there."""
    for _ in range(100):  # what was about to start another one did so
        below = _below(os.getpid())
        for number in below:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not below:
            return
        time.sleep(0.02)


def _below(program: int) -> list[int]:
    """All that runs below it, and has not ended."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError, ValueError, IndexError):
                # its name, in brackets, may hold anything
                state, parent = (entry / "stat").read_text("latin-1").rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    parents[int(entry.name)] = int(parent)
    found: set[int] = {program}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {program})


def _strange(folder: int, name: str) -> bytes:
    """A regular file of somebody else, by no link of theirs, and not endless.  Raises `OSError`."""
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(handle, "rb") as file:
        if not S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{name} is no file")
        data = file.read(REQUEST_MAX_BYTES + 1)
    if len(data) > REQUEST_MAX_BYTES:
        raise OSError(f"{name} is too large")
    return data


def _unlink(folder: int, name: str) -> None:
    """Also where it is a folder: what stays would start this unit again and again."""
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        with suppress(OSError):
            os.rename(name, f"{name}.not", src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        pass


def _write(path: Path, data: bytes) -> None:
    """The whole of it or nothing; for all to read."""
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    new.chmod(0o644)
    new.replace(path)


def after(hour: Hour) -> None:
    """After a run, however it ended: what was open is not, and no key is left."""
    try:
        said = json.loads((hour.place / "state.json").read_bytes())
    except (OSError, ValueError):
        said = {}
    hour.forget()
    if said.get("state") == "open":
        hour.tell(said["id"], "closed", why="failed")


def main(argv: list[str] | None = None) -> int:
    """`python3 -m card.ssh_hour`; with `after`: when that has ended."""
    hour = Hour()
    if "after" in (sys.argv[1:] if argv is None else argv):
        after(hour)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    hour.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
