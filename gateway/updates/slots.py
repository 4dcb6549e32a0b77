"""Which of a home's unpacked releases runs, and the way back from a new one.

The small thing that an update never replaces: the package brings a copy of this file, which runs by
the system's Python, as root, with nothing of a release (docs/updates.md).  A release lies whole in
`a` or in `b`; the link `current` names the one in force, and where it names none that can run, what
the package brought runs.  A new one is on trial: each start is counted, and it has minutes from its
first start to prove itself.  Else the one before is put back, and `last.json` says why.

    slots.py boot     before each start of the gateway: count it, finish what a power cut cut
    slots.py run …    become the gateway of the release in force
    slots.py watch    while a release is on trial: hold it when it has proved itself, or go back
    slots.py take     have a release taken in (`gateway.updates.install`): by the one in force, or
                      by what the package brought where that one cannot
    slots.py show     say what is there

Each change is one rename, written to the disk before the next begins, so that after a power cut at
any moment one release is in force, and is whole.  Not for: what is in a release, or whom to trust.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path("/opt/tryggve-gateway/releases")
PROVED = Path("/var/lib/tryggve/updates/proved.json")
"""Where the gateway of a release on trial says that it has proved itself."""

PLACES = ("a", "b")
PACKAGE = "package"
"""Not a place: what the package brought, beside the places' folder."""

TAKEN = "taken.new"
"""What is being made of a release that came; on no place until it is whole."""

CALLED_OFF = "called_off"
"""Why a release was gone back from that was never started; told to nobody."""

STARTS = 4
"""Starts that a release on trial has, the first included: one crash or power cut may be chance,
four within minutes are not."""

TRIAL_S = 600.0
"""Seconds that it has from its first start, counted anew after the machine was started: a mobile
line may take some minutes to come up, and the test alarm has its own time."""

READ_MAX_BYTES = 4_000
"""Of each of the small files here, and of the gateway's."""

LOOK_S = 1.0
"""Seconds between two looks of `watch`."""

LOCK_S = 10.0
"""Seconds that a start of the gateway waits for whoever changes something here; a package that is
installed on a Pi may take minutes.  Such a start is not counted."""

TURN_S = 600.0
"""Seconds that a release which came waits for its turn."""

ASK_S = 0.1
"""Seconds between two looks at whether it is free."""

RESTART = ("systemctl", "restart", "--no-block", "tryggve-gateway.service")


class Slots:
    """The places under `root`.  One program at a time changes them (`locked`)."""

    def __init__(self, root: Path, proved: Path = PROVED) -> None:
        self.root, self._proved = root, proved
        self.link = root / "current"
        self._trial, self._last = root / "trial.json", root / "last.json"

    # --- what is there

    def folder(self, name: str) -> Path:
        """Of a place, or of the package."""
        return self.root.parent / PACKAGE if name == PACKAGE else self.root / name

    def runs(self, name: str) -> bool:
        """Whether what lies there can be started: an upgraded Debian may have lost its Python."""
        return os.access(self.folder(name) / "bin" / "python3", os.X_OK)

    def linked(self) -> str:
        """Where the link points: a place, or the package where there is none."""
        try:
            name = self.link.readlink().name
        except OSError:
            return PACKAGE
        return name if name in PLACES else PACKAGE

    def current(self) -> str:
        """What is started next."""
        name = self.linked()
        return name if self.runs(name) else PACKAGE

    def free(self) -> str:
        """The place that the next release is written to: not the one in force."""
        return next(name for name in PLACES if name != self.linked())

    def release(self, name: str) -> dict[str, Any]:
        """What the release there says of itself (`release.json`); empty: nothing."""
        return _read(self.folder(name) / "release.json") or {}

    def trial(self) -> dict[str, Any] | None:
        """The release on trial; None: there is none."""
        return _read(self._trial)

    def last(self) -> dict[str, Any] | None:
        """What came of the last trial or request: its `id`, `outcome` (`held`, `returned`,
        `refused`), `why`, …"""
        return _read(self._last)

    @contextmanager
    def locked(self, within_s: float | None = None) -> Iterator[None]:
        """Nobody else changes anything meanwhile.  Raises `TimeoutError` when somebody still does
        after so long (None: `LOCK_S`)."""
        until_s = time.monotonic() + (LOCK_S if within_s is None else within_s)
        with (self.root / ".lock").open("a") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until_s:
                        raise TimeoutError("another update is at work") from None
                time.sleep(ASK_S)
            yield

    # --- a new release

    def clear(self) -> Path:
        """The folder in which a release is made that is on no place yet: new and empty."""
        new = self.root / TAKEN
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o755)
        return new

    def settle(self) -> str:
        """What was made in `clear`'s folder, and is on the disk, has a place from now on: its
        name."""
        name = self.free()
        place, old = self.root / name, self.root / f"{name}.old"
        shutil.rmtree(old, ignore_errors=True)
        if place.exists():
            place.rename(old)
        (self.root / TAKEN).rename(place)
        sync(self.root)
        shutil.rmtree(old, ignore_errors=True)
        return name

    def begin(self, name: str, trial: str, **about: Any) -> None:
        """Put what lies in this place in force, on trial; it runs from the next start on.  `about`
        is kept with it and told with what came of it."""
        kept = {**about, "id": trial, "place": name, "before": self.current(), "left": STARTS}
        _write(self._trial, kept)
        self._point(name)

    def _point(self, name: str) -> None:
        if name == PACKAGE:
            self.link.unlink(missing_ok=True)
        else:
            new = self.root / "current.new"
            new.unlink(missing_ok=True)
            new.symlink_to(name)
            new.replace(self.link)
        sync(self.root)

    # --- the trial

    def boot(self, machine: str, now_s: float) -> None:
        """Before each start: `machine` names this run of the machine, `now_s` counts since then."""
        trial = self._pending()
        if trial is None or self._is_proved(trial):
            return  # what has proved itself is held by `look`
        if not self.runs(trial["place"]):
            self.back(trial, "cannot_start")
        elif trial["left"] < 1:
            self.back(trial, "stopped")
        else:
            if trial.get("machine") != machine:
                trial.update(machine=machine, began_s=now_s)
            trial["left"] -= 1
            try:
                _write(self._trial, trial)
            except OSError:  # starts that cannot be counted would have no end
                self.back(trial, "stopped")

    def look(self, machine: str, now_s: float) -> str | None:
        """What comes of the trial now: `held`, `returned` (start the gateway anew), None: not yet
        decided; "" where there is none (any more)."""
        trial = self._pending()
        if trial is None:
            return ""
        if self._is_proved(trial):
            self.tell({**trial, "outcome": "held", "why": ""})
            self._forget()
            return "held"
        began = trial.get("machine") == machine
        if began and now_s - float(trial.get("began_s", now_s)) > TRIAL_S:
            self.back(trial, "not_proved")
            return "returned"
        return None

    def withdraw(self, plan: int) -> None:
        """What this plan put in force and nobody has started is not in force any more."""
        trial = self._pending()
        if trial is not None and trial.get("plan") == plan and "machine" not in trial:
            self.back(trial, CALLED_OFF)

    def _pending(self) -> dict[str, Any] | None:
        """The trial that goes on, once what a power cut left half done is done."""
        trial = self.trial()
        if trial is None or not trial.keys() >= {"id", "place", "before", "left"}:
            self._trial.unlink(missing_ok=True)
            return None
        if (self.last() or {}).get("id") == trial["id"]:
            self._forget()  # it is decided
            return None
        if "why" in trial:
            self.back(trial, trial["why"])
            return None
        if self.linked() != trial["place"]:
            self._forget()  # cut before it was put in force, or a package has come since
            return None
        return trial

    def back(self, trial: dict[str, Any], why: str) -> None:
        """Put what was there before in force again; on a disk that takes nothing more too, though
        nobody is told then."""
        with suppress(OSError):
            _write(self._trial, {**trial, "why": why})
        before = trial["before"]
        self._point(before if before == PACKAGE or self.runs(before) else PACKAGE)
        with suppress(OSError):
            self.tell({**trial, "outcome": "returned", "why": why})
        self._forget()

    def _is_proved(self, trial: dict[str, Any]) -> bool:
        return bool((_read(self._proved) or {}).get("id") == trial["id"])

    def tell(self, last: dict[str, Any]) -> None:
        """What came of a request or a trial, for the gateway."""
        _write(self._last, last)

    def _forget(self) -> None:
        self._trial.unlink(missing_ok=True)
        sync(self.root)


# --- files ----------------------------------------------------------------------------------------


def sync(path: Path) -> None:
    """Return when the disk has this file or folder."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, what: dict[str, Any]) -> None:
    """The whole of it or nothing, and on the disk."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(what))
    new.chmod(0o644)
    sync(new)
    new.replace(path)
    sync(path.parent)


def _read(path: Path) -> dict[str, Any] | None:
    """What stands there; None: nothing that can be read.  Another user's file is not followed
    elsewhere, and not waited for."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            said = json.loads(file.read(READ_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


# --- the program ----------------------------------------------------------------------------------


def main(argv: list[str]) -> int:
    """`slots.py [--root FOLDER] [--proved FILE] boot | run … | watch [RESTART …] | take | show`"""
    given = {"--root": str(ROOT), "--proved": str(PROVED)}
    while argv and argv[0] in given:
        given[argv[0]] = argv[1]
        argv = argv[2:]
    slots = Slots(Path(given["--root"]), Path(given["--proved"]))
    word, *rest = argv or ["show"]
    if word == "run":
        return _become(slots, rest)
    if word == "take":
        return _take(slots, rest)
    machine = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    if word == "boot":
        try:
            with slots.locked():
                slots.boot(machine, _now_s())
        except TimeoutError as error:
            print(f"this start is not counted: {error}", file=sys.stderr)  # noqa: T201 - a command
    elif word == "watch":
        _watch(slots, machine, rest or list(RESTART))
    elif word == "show":
        said = {"current": slots.current(), "trial": slots.trial(), "last": slots.last()}
        print(json.dumps(said, indent=1))  # noqa: T201 - a command
    else:
        print(main.__doc__, file=sys.stderr)  # noqa: T201 - as above
        return 2
    return 0


def _now_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _words(slots: Slots, name: str, module: str, rest: list[str]) -> list[str]:
    """The link is read once: a program that runs never sees it change."""
    python = slots.folder(name).resolve() / "bin" / "python3"
    return [str(python), "-I", "-u", "-m", module, *rest]


def _become(slots: Slots, rest: list[str]) -> int:
    words = _words(slots, slots.current(), "gateway.cli", rest)
    os.execv(words[0], words)  # noqa: S606 - as meant


def _take(slots: Slots, rest: list[str]) -> int:
    """A release whose root's half does not run could never be replaced from afar."""
    for name in dict.fromkeys((slots.current(), PACKAGE)):
        words = _words(slots, name, "gateway.updates.install", rest)
        with suppress(OSError):
            if subprocess.run(words, check=False).returncode == 0:
                return 0
    return 1


def _watch(slots: Slots, machine: str, restart: list[str]) -> None:
    while True:
        outcome: str | None = None
        with suppress(TimeoutError), slots.locked():
            outcome = slots.look(machine, _now_s())
        if outcome == "returned":
            subprocess.run(restart, check=False, timeout=60)
        if outcome is not None:
            return
        time.sleep(LOOK_S)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
