"""A machine with a home's gateway as its package installs it, without a Pi and without systemd.

Folders, programs and files are the real ones, under a folder of the test's: `opt/package`,
`opt/releases/a` and `b`, the gateway as a process by the launcher, root's half and the watch as
processes of their own.  `tick` does what the units do (systemd/tryggve-update*): it starts the
gateway anew, counts its start before, and starts the others when their file is there.  `cut` kills
all of it at once.  A release is this checkout's gateway under another version number, in a hurry:
what takes a minute at a home takes a second here.

Not for: root's rights and the units' walls (`tests/test_systemd.py`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from gateway.updates.exchange import Inbox
from gateway.updates.slots import PACKAGE, TAKEN, TRIAL_S, Slots
from tests._tree import ROOT
from tests.processes import tell_group
from tests.updates.signed import PYTHON, about

HURRY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "gateway/updates/keeper.py": (
        ("LOOK_S = 20.0", "LOOK_S = 0.2"),
        ("QUIET_S = 60.0", "QUIET_S = 0.5"),
        ("AGAIN_S = 900.0", "AGAIN_S = 1.0"),
    ),
    "gateway/updates/slots.py": (("LOOK_S = 1.0", "LOOK_S = 0.1"),),
    "gateway/updates/fetch.py": (
        ("from gateway.wire import UPDATE_PIECE_BYTES", "UPDATE_PIECE_BYTES = 32 * 1024"),
    ),
}
"""Smaller pieces, for a release is small here: a download takes as many as at a home.  A trial has
its ten minutes here too, so that none ends for a busy machine: `Box.time_is_up`."""

LEFT_OUT = {
    "gateway": shutil.ignore_patterns("__pycache__", "demo", "docs.py"),
    "drivers": shutil.ignore_patterns(
        *("__pycache__", "lock*", "camera*", "pictures", "virtual", "radio", "bthome*")
    ),
}
"""What the gateway of a home with a mat does not load."""

SWITCHING = ("a.old", "b.old", "trial.json.new", "current.new")
"""What lies beside the places while a release that is whole gets one, and is put in force."""

SAID_LINES = 6

END_S = 60.0
HOME_TOML = """
[home]
id = "h1"
resident = "r1"
[staff]
url = "{url}"
[gpio]
factory = "mock"
[web]
enabled = false
[chain]
answer_s = 10
[devices.bed]
driver = "mat_gpio"
role = "bed"
pin = 17
"""

Break = Callable[[Path], None]
"""Spoils a release: given its `site-packages`."""


def release(folder: Path, version: str, root: bytes, spoil: Break | None = None) -> Path:
    """This checkout's gateway as the release `version`."""
    shutil.rmtree(folder, ignore_errors=True)
    site = folder / "lib" / f"python{PYTHON}" / "site-packages"
    site.mkdir(parents=True)
    for name, left_out in LEFT_OUT.items():
        shutil.copytree(ROOT / name, site / name, ignore=left_out)
    for file, changes in HURRY.items():
        text = (site / file).read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        (site / file).write_text(text)
    (site / "gateway/updates/root.json").write_bytes(root)
    told = site / f"tryggve-{version}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tryggve\nVersion: {version}\n")
    libraries = [one for one in sys.path if one.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries))
    python = Path(sys.executable).resolve()
    (folder / "pyvenv.cfg").write_text(f"home = {python.parent}\n")
    (folder / "bin").mkdir()
    start = folder / "bin" / "python3"  # a link to Debian's at a home; here it may be any Python
    start.write_text(f'#!/bin/bash\nexec -a "$0" {python} "$@"\n')
    start.chmod(0o755)
    (folder / "release.json").write_text(json.dumps(about(version)))
    if spoil is not None:
        spoil(site)
    return folder


def ends_at_once(site: Path) -> None:
    """A release that does not start."""
    (site / "gateway/app/home.py").write_text("raise SystemExit('broken')\n")


def is_deaf(site: Path) -> None:
    """A release that runs, and whose test alarm never comes back."""
    file = site / "gateway/second_path/chain_test.py"
    text = file.read_text()
    told = "self._answer, self.broken = data, data.broken"
    assert told in text
    file.write_text(text.replace(told, "return"))


def takes_none(site: Path) -> None:
    """A release that runs, and whose root's half does not."""
    (site / "gateway/updates/install.py").write_text("raise SystemExit('broken')\n")


def reads_none(site: Path) -> None:
    """A release that runs, and cannot read a list of releases."""
    file = site / "gateway/updates/trust.py"
    text = file.read_text()
    told = "    from tuf.api import exceptions as told\n"
    assert told in text
    file.write_text(text.replace(told, "    import there_is_none\n" + told))


class Box:
    """`started` is called with the version of each gateway that is started."""

    def __init__(self, folder: Path, url: str, clock: Path, state: Path) -> None:
        self.folder, self.state, self._clock = folder, state, clock
        folder.mkdir()
        (folder / "opt" / "releases").mkdir(parents=True)
        self.slots = Slots(folder / "opt" / "releases", state / "updates" / "proved.json")
        self._toml = folder / "home.toml"
        self._toml.write_text(HOME_TOML.format(url=url))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._restart = folder / "restart"
        self._log = folder / "box.log"
        self._cut_at = 0.0

    def install(self, version: str, root: bytes) -> None:
        """What the package brings: a release, and the small thing."""
        release(self.slots.folder(PACKAGE), version, root)
        text = (ROOT / "gateway/updates/slots.py").read_text()
        for old, new in HURRY["gateway/updates/slots.py"]:
            text = text.replace(old, new)
        (self.folder / "slots.py").write_text(text)

    # --- what the units do

    def tick(self) -> None:
        """Start what is to run and does not."""
        for name, process in list(self._processes.items()):
            if process.poll() is not None:
                del self._processes[name]
        if self._restart.exists():
            self._restart.unlink()
            self._kill("gateway", signal.SIGTERM)
        if "gateway" not in self._processes:
            self._start("boot", "boot").wait(END_S)
            self._processes.pop("boot", None)
            run = ("gateway", "run", "--config", str(self._toml), "--state", str(self.state))
            self._start("gateway", "run", *run, "--clock", str(self._clock))
        if (self.state / "updates" / "request.json").exists() and "take" not in self._processes:
            self._start("take", "take", str(self.state))
        if (self.slots.root / "trial.json").exists() and "watch" not in self._processes:
            self._start("watch", "watch", "touch", str(self._restart))

    def _start(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        where = ("--root", str(self.slots.root), "--proved", str(self.slots._proved))
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        with self._log.open("a") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-I", "-S", str(self.folder / "slots.py"), *where, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        return self._processes[name]

    def _kill(self, name: str, number: int) -> None:
        process = self._processes.get(name)
        if process is None:
            return
        tell_group(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_S)

    def cut(self) -> None:
        """The power goes: nothing of the machine runs any more."""
        for process in self._processes.values():
            tell_group(process.pid)
        for process in self._processes.values():
            process.wait(END_S)
        self._processes.clear()
        self._restart.unlink(missing_ok=True)
        self._cut_at = time.time()

    def until(self, done: Callable[[], bool], what: str, within_s: float = 90.0) -> float:
        """Let it run until something holds; how long it took.  Raises `TimeoutError`."""
        began = time.monotonic()
        while not done():
            if time.monotonic() - began > within_s:
                raise TimeoutError(f"{what} did not come within {within_s:.0f} s: {self.said()}")
            self.tick()
            time.sleep(0.02)
        return time.monotonic() - began

    def time_is_up(self) -> None:
        """The trial that goes on has had its ten minutes."""
        with self.slots.locked():
            trial = self.slots.trial()
            assert trial is not None
            new = self.slots.root / "test.new"
            new.write_text(json.dumps({**trial, "began_s": trial["began_s"] - TRIAL_S - 1}))
            new.replace(self.slots.root / "trial.json")

    # --- what is there

    def lacks(self) -> str:
        """What the release that runs on trial still lacks, as it says; empty: none is, or does."""
        trial = self.slots.trial()
        return "" if trial is None else Inbox(self.state).lacked(trial["id"])

    def phase(self, plan: int) -> str:
        """How far this plan's update is, by what lies on the disk (`Unit.phase`)."""
        inbox, trial, last = Inbox(self.state), self.slots.trial(), self.slots.last()
        if trial is not None and (trial["plan"], trial["place"]) == (plan, self.slots.linked()):
            return "trial" if "machine" in trial else "switched"
        if last is not None and last.get("plan") == plan:
            return "over"
        if inbox.request_file.exists():
            if self._is_new(TAKEN):
                return "unpacking"
            is_next = trial is not None and trial["plan"] == plan
            return "switching" if is_next or any(map(self._is_new, SWITCHING)) else "checking"
        return "fetching" if inbox.artefact.exists() else "wanted"

    def _is_new(self, name: str) -> bool:
        """Whether this lies beside the places, and no cut left it there."""
        try:
            return (self.slots.root / name).lstat().st_ctime > self._cut_at
        except OSError:
            return False

    def said(self) -> str:
        """The end of what its programs said, in one line."""
        lines = self._log.read_text(errors="replace").split("\n") if self._log.exists() else []
        return " / ".join(line.strip() for line in lines[-SAID_LINES:] if line.strip())

    def running(self) -> str | None:
        """The version of the gateway that runs, by its own process; None: none runs.  Raises
        `AssertionError` where it is a mixture: its Python of one place and its code of another."""
        process = self._processes.get("gateway")
        if process is None or process.poll() is not None:
            return None
        try:
            words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return None
        start = Path(words[0].decode())
        if b"gateway.cli" not in words or start.name != "python3":
            return None  # the launcher still, or the shell in `release`'s start
        return version_of(start.parents[1])

    def is_whole(self, made: Mapping[str, Path]) -> bool:
        """Whether what is in force is one release, byte for byte (`made` has them by version)."""
        place = self.slots.folder(self.slots.current())
        return contents(place) == contents(made[version_of(place)])


def version_of(place: Path) -> str:
    """What a place's own metadata says: all of it the same."""
    said = json.loads((place / "release.json").read_text())["release"]
    [told] = place.glob("lib/*/site-packages/tryggve-*.dist-info")
    found = re.fullmatch(r"tryggve-(.+)\.dist-info", told.name)
    assert found is not None and found[1] == said, (told.name, said)
    return str(said)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but what was compiled."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
