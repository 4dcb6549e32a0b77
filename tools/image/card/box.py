"""The machine that the card is in: what is there, and what is done to it.

The boot partition is not mounted but for the moment that it is read or wiped, so that no power cut
finds it half written at any other time.  Not for: what is done when (`taking`).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .given import FILE_MAX_BYTES, Given, Wifi, Wrong, given, taken

NAMES = ("tryggve.txt", "tryggve.txt.txt", "tryggve")
"""How the file may be called, in any case: Windows hides endings, and adds them again."""

AUTHORITY = "tryggve-ca.pem"
"""Beside it: whom the server's certificate is signed by, where that is nobody whom all know."""

BOOT_LABEL = "TRYGGVE"
ENROLL_S = 90.0
"""Seconds that an enrolment may take: 30 on the line, and the start of Python on a Pi."""
COMMAND_S = 60.0
READ_MAX_BYTES = 65_536


class Trouble(Exception):
    """The machine did not do what it was told; a word for a technician."""


@dataclass(frozen=True, slots=True)
class Home:
    """What this machine is enrolled as."""

    id: str
    server: str


@dataclass(frozen=True, slots=True)
class Answer:
    """How an enrolment ended: `refused` needs another code, else it is tried again."""

    good: bool
    refused: bool = False
    said: str = ""


@dataclass(slots=True)
class Box:
    """Real where nothing else is given (tests give folders)."""

    configured: Path = Path("/etc/tryggve")
    state: Path = Path("/var/lib/tryggve")
    place: Path = Path("/run/tryggve-card/boot")
    partition: str | None = f"LABEL={BOOT_LABEL}"
    user: str = "tryggve"
    program: tuple[str, ...] = ("/usr/lib/tryggve-gateway/tryggve", "gateway", "enroll")
    systemctl: str = "systemctl"

    # --- the boot partition

    @contextmanager
    def boot(self, *, write: bool = False) -> Iterator[Path]:
        """Its folder, as long as it is needed.  Raises `Trouble`."""
        if self.partition is None:
            yield self.place
            return
        self.place.mkdir(parents=True, exist_ok=True)
        options = "nosuid,nodev,noexec,umask=077," + ("rw,sync" if write else "ro")
        self._run("mount", "-t", "vfat", "-o", options, self.partition, str(self.place))
        try:
            yield self.place
        finally:
            self._run("umount", str(self.place))

    def read(self) -> Given:
        """What the person wrote; empty: nothing.  Raises `Wrong`, `Trouble`."""
        with self.boot() as folder:
            found = [(path, what) for path in _files(folder) if (what := _said(path)).anything]
            if len(found) > 1:
                names = " och ".join(path.name for path, _ in found)
                raise Wrong(
                    f"Det finns två filer, {names}; låt bara den rätta vara kvar.",
                    f"There are two files, {names.replace(' och ', ' and ')}; leave the right one.",
                )
            authority = folder / AUTHORITY
            if found and authority.is_file():
                _write(self.configured / AUTHORITY, _bytes(authority), 0o644)
        return found[0][1] if found else Given()

    def wipe(self, home: str) -> None:
        """Take what was read away: over its own bytes first, then the rest.  Raises `Trouble`."""
        with self.boot(write=True) as folder:
            try:
                for path in _files(folder):
                    with path.open("r+b") as file:
                        file.write(b" " * path.stat().st_size)
                        file.flush()
                        os.fsync(file.fileno())
                        file.seek(0)
                        file.truncate()
                        file.write(taken(home).encode("utf-8-sig").replace(b"\n", b"\r\n"))
                        file.flush()
                        os.fsync(file.fileno())
            except OSError as error:
                raise Trouble(f"the boot partition is not written: {error.strerror}") from error

    # --- the network

    def join(self, wifi: Wifi) -> bool:
        """Have the radio join it from now on; whether that is news.  Raises `Trouble`."""
        file, text = self.configured / "wifi.conf", network(wifi)
        if file.exists() and _bytes(file) == text.encode():
            return False
        _write(file, text.encode(), 0o600)
        self._run(self.systemctl, "restart", "--no-block", "wpa_supplicant@wlan0.service")
        return True

    # --- the home

    def home(self) -> Home | None:
        """What this machine is enrolled as; None: nothing."""
        try:
            said = json.loads(_bytes(self.state / "server.json"))
            home, server = said["home"], said["url"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        good = re.fullmatch(r"[A-Za-z0-9._-]{1,64}", str(home)) and str(server).isprintable()
        return Home(str(home), str(server)) if good else None

    def enroll(self, server: str, code: str) -> Answer:
        """Ask the server, as the home's own user."""
        command = [*self.program, server, code]
        if self.user:
            command = [*become(self.user, "--init-groups"), *command]
        if (self.configured / AUTHORITY).is_file():
            command += ["--ca-file", str(self.configured / AUTHORITY)]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                timeout=ENROLL_S,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return Answer(False, False, f"{type(error).__name__}")
        lines = done.stderr.strip().splitlines()
        said = lines[-1].removeprefix("tryggve: ")[:400] if lines else ""
        return Answer(done.returncode == 0, done.returncode == 2, said)

    def settle(self, home: Home) -> None:
        """Write the home's file where there is none: the rest of it comes from the server."""
        file = self.configured / "home.toml"
        if not file.exists():
            _write(file, home_toml(home).encode(), 0o644)

    def start(self) -> None:
        """Start the gateway.  Raises `Trouble`."""
        self._run(self.systemctl, "start", "--no-block", "tryggve-gateway.service")

    def _run(self, *command: str) -> None:
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=COMMAND_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Trouble(f"{command[0]}: {type(error).__name__}") from error
        if done.returncode:
            raise Trouble(f"{command[0]}: {done.stderr.strip()[:200] or done.returncode}")


def become(user: str, *groups: str) -> list[str]:
    """What makes a command that user's, for ever; without PAM, which wants more rights than the
    unit has."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", *groups, "--no-new-privs", "--"]


def home_toml(home: Home) -> str:
    """What a home's file says on a card: who it is, its server, its page and the pins."""
    return (
        f"# Written from the card (tryggve.txt); what the home consists of comes from the server.\n"
        f"[home]\nid = {json.dumps(home.id)}\n\n"
        f"[staff]\nurl = {json.dumps(home.server)}\n\n"
        f'[web]\nhost = "0.0.0.0"\n\n[gpio]\nfactory = "lgpio"\n'
    )


def network(wifi: Wifi) -> str:
    """wpa_supplicant's file.  The name in hexadecimal and the key, not the password: nothing that a
    person wrote is read as anything else."""
    key = "key_mgmt=NONE" if wifi.key is None else f"key_mgmt=WPA-PSK\n  psk={wifi.key}"
    name = wifi.name.encode().hex()
    return f"country={wifi.country}\nnetwork={{\n  ssid={name}\n  scan_ssid=1\n  {key}\n}}\n"


def _files(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.name.lower() in NAMES and path.is_file()
    )


def _said(path: Path) -> Given:
    with path.open("rb") as file:
        return given(file.read(FILE_MAX_BYTES + 1))


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(READ_MAX_BYTES)


def _write(path: Path, data: bytes, mode: int) -> None:
    """The whole of it or nothing, and on the disk."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
