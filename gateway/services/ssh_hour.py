"""SSH for an hour: the gateway's half.  It asks root's half, and tells what came of it.

The server says that somebody wants it (`ssh.wanted`).  The gateway may open nothing by itself: it
leaves a request on the disk, and root's half (`tools/image/card/ssh_hour.py`) opens SSH, counts the
hour and ends it, whatever becomes of the gateway meanwhile.  What is so stands in a file of root's.

A wish is good for minutes, not for when a home that was away comes back: nobody waits for it then.
Not for: who may want it (the server), or what is a key (`gateway.access.ssh_key`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any

from gateway.access.ssh_key import KeyWrong, SshKey, read
from gateway.clock import Clock
from gateway.envelope import Event
from gateway.events import (
    Data,
    SshCalledOff,
    SshClosed,
    SshEnd,
    SshOpened,
    SshRefusal,
    SshRefused,
    SshWanted,
)
from gateway.services.key_offers import Background

log = logging.getLogger(__name__)

ROOT = Path("/run/tryggve-ssh")
"""Where root's half says what is so; it is there from the start of a machine that has one."""

FOLDER = "ssh"
"""In the gateway's state folder."""

LATE = timedelta(minutes=10)
"""How old a wish may be: whoever pressed is still at the page."""

LOOK_S = 2.0
"""Seconds between two looks at what root's half says, while something is asked or open."""

ANSWER_S = 90.0
"""Seconds that it may take: a Pi starts a program and makes a key."""

END_LATE_S = 180.0
"""Seconds after an hour's end by which systemd has ended what did not end by itself."""

HOUR_S = 3600.0
"""Seconds that root's half counts; what it says of longer is not believed."""

SAID_MAX_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class Said:
    """What root's half says: of request `id` that SSH is `open`, `closed` or `refused`."""

    id: str
    state: str
    why: str
    host_key: str
    until_s: float
    """Seconds since the machine was started."""


@dataclass(frozen=True, slots=True)
class Wish:
    """An `ssh.wanted` that nobody answered yet."""

    ref: str
    at: datetime
    key: str


class SshHour:
    """`apply` folds every event, `see_live` is shown those of this run, `run` until cancelled."""

    def __init__(
        self,
        state_dir: Path,
        *,
        clock: Clock,
        sure_of_time: Callable[[], bool],
        boot: str,
        record: Callable[[Data], None],
        root: Path | None = None,
        look_s: float = LOOK_S,
        boottime: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        background: Background = lambda do: do(),
    ) -> None:
        """`boot` is this machine's run, as the kernel names it; `root` None: `ROOT`; `background`
        writes beside the loop, for SSH is asked for where a disk hangs, too."""
        self._folder, self._root = state_dir / FOLDER, root or ROOT
        self._request = self._folder / "request.json"
        self._clock, self._sure_of_time, self._boot = clock, sure_of_time, boot
        self._record, self._look_s, self._boottime = record, look_s, boottime
        self._background = background
        self._news = asyncio.Event()
        self._asked: dict[str, float] = {}
        self._stray = False
        self.forget()

    # --- events -----------------------------------------------------------------------------------

    def forget(self) -> None:
        """The events are about to be told anew."""
        self._wanted: Wish | None = None
        self._off = ""
        self._over: set[str] = set()
        self.opened: SshOpened | None = None
        """SSH is open; None: it is not."""

    def apply(self, event: Event) -> None:
        """Fold one event."""
        data = event.data
        if isinstance(data, SshWanted):
            if event.origin.startswith("staff:"):
                self._wanted = Wish(event.ref, event.at, data.key)
        elif isinstance(data, SshCalledOff):
            self._off = data.request
        elif isinstance(data, SshOpened):
            if data.request not in self._over:  # told, and over before the log had it
                self.opened = data
            self._answered(data.request)
        elif isinstance(data, SshClosed | SshRefused):
            self._ended(data.request)
            self._answered(data.request)

    def _answered(self, request: str) -> None:
        if self._wanted is not None and self._wanted.ref == request:
            self._wanted = None

    def _ended(self, request: str) -> None:
        self._over.add(request)
        if self.opened is not None and self.opened.request == request:
            self.opened = None

    def see_live(self, event: Event) -> None:
        """Something happened in this run, and is folded."""
        if isinstance(event.data, SshWanted | SshCalledOff):
            self._news.set()

    # --- running ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """See to it; sleeps while nobody wants anything."""
        while True:
            self._news.clear()
            try:
                self.round()
            except OSError:  # the disk: the next round tries again
                log.exception("SSH could not be asked for")
            idle = self._wanted is None and self.opened is None and not self._stray
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), None if idle else self._look_s)

    def round(self) -> None:
        """Look once, and do what is to be done."""
        said = self._said()
        if self.opened is not None:
            self._while_open(self.opened, said)
        if self._wanted is not None:
            self._while_wanted(self._wanted, said)
        self._stray = self._is_stray(said)
        if self._stray and said is not None:
            self._ask(said.id, "")

    def _is_stray(self, said: Said | None) -> bool:
        """SSH is open, and nobody wants it: it came after it was given up.  Where another is wanted
        that one takes its place, and nothing else may stand in the place of what asks for it."""
        if said is None or said.state != "open" or self._is_past(said):
            return False
        return self._wanted is None and (self.opened is None or self.opened.request != said.id)

    def _is_past(self, said: Said) -> bool:
        return self._boottime() > said.until_s + END_LATE_S

    def _while_open(self, opened: SshOpened, said: Said | None) -> None:
        mine = said is not None and said.id == opened.request
        if said is not None and mine and said.state == "open" and self._is_past(said):
            self._tell(SshClosed(request=opened.request, why=SshEnd.FAILED))
            return
        if said is None or (mine and said.state == "open"):
            if said is None:  # the machine was started anew, and with it SSH closed
                self._tell(SshClosed(request=opened.request, why=SshEnd.RESTARTED))
            elif self._off == opened.request:
                self._ask(opened.request, "")
            return
        why = said.why if mine else "asked"
        self._tell(SshClosed(request=opened.request, why=_coded(SshEnd, why, SshEnd.FAILED)))

    def _while_wanted(self, wanted: Wish, said: Said | None) -> None:
        ref = wanted.ref
        if said is not None and said.id == ref:
            self._drop_request()
            self._came_of_it(wanted, said)
        elif ref in self._asked:
            if self._boottime() - self._asked[ref] > ANSWER_S:
                self._ask(ref, "")  # it may have been taken, and be opened yet
                self._tell(SshRefused(request=ref, why=SshRefusal.FAILED))
        else:
            refusal, key = self._judged(wanted)
            if refusal is not None or key is None:
                self._drop_request()  # of an earlier run of this program
                self._tell(SshRefused(request=ref, why=refusal or SshRefusal.BAD_KEY))
                return
            self._asked[ref] = self._boottime()
            self._ask(ref, key.line)

    def _judged(self, wanted: Wish) -> tuple[SshRefusal | None, SshKey | None]:
        if self._off == wanted.ref:
            return SshRefusal.CALLED_OFF, None
        if not self._root.is_dir():
            return SshRefusal.NO_UNIT, None
        key = read(wanted.key)
        if isinstance(key, KeyWrong):
            return SshRefusal.BAD_KEY, None
        if not self._sure_of_time():
            return SshRefusal.TIME_UNKNOWN, None
        if abs(self._clock.now() - wanted.at) > LATE * max(self._clock.rate(), 1.0):
            return SshRefusal.TOO_LATE, None
        return None, key

    def _came_of_it(self, wanted: Wish, said: Said) -> None:
        key = read(wanted.key)
        if said.state == "open" and isinstance(key, SshKey):
            left_s = min(max(said.until_s - self._boottime(), 0.0), HOUR_S)
            opened = SshOpened(
                request=wanted.ref,
                fingerprint=key.fingerprint,
                host_key=host.line if isinstance(host := read(said.host_key), SshKey) else "",
                until=self._clock.now() + timedelta(seconds=left_s * self._clock.rate()),
            )
            self._tell(opened)
        elif said.state == "closed":  # it was open while this program was not there
            why = _coded(SshEnd, said.why, SshEnd.FAILED)
            self._tell(SshClosed(request=wanted.ref, why=why))
        else:
            bad = said.why in {one.value for one in KeyWrong}
            why_not = SshRefusal.BAD_KEY if bad else SshRefusal.FAILED
            self._tell(SshRefused(request=wanted.ref, why=why_not))

    def _tell(self, data: SshOpened | SshClosed | SshRefused) -> None:
        """Known at once, also before the log has it: nothing is told twice."""
        if isinstance(data, SshOpened):
            self.opened = data
        else:
            self._ended(data.request)
        self._answered(data.request)
        self._record(data)

    # --- the disk ---------------------------------------------------------------------------------

    def _ask(self, ref: str, key: str) -> None:
        """In the place of what root's half has not taken yet."""
        text = json.dumps({"id": ref, "key": key, "boot": self._boot})
        self._background(lambda: self._write(text))

    def _write(self, text: str) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        new = self._request.with_suffix(".new")
        new.write_text(text)
        new.replace(self._request)

    def _drop_request(self) -> None:
        self._background(lambda: self._request.unlink(missing_ok=True))

    def _said(self) -> Said | None:
        """What root's half says in this run of the machine; None: nothing that can be read."""
        try:
            handle = os.open(self._root / "state.json", os.O_RDONLY | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                said = json.loads(file.read(SAID_MAX_BYTES))
            if not str(said["boot"]).startswith(self._boot):
                return None
            until_s = float(said.get("until_s", 0))
            if not isfinite(until_s):
                return None
            which, state, why, host_key = (
                str(said.get(name, "")) for name in ("id", "state", "why", "host_key")
            )
            return Said(which, state, why, host_key, until_s)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None


def _coded(enum: Any, word: str, other: Any) -> Any:
    """The member that a word of root's half names; `other` where it is none."""
    return next((one for one in enum.offered() if one.value == word), other)
