"""Fifty looks that go wrong: when the camera is closed, whatever happens to whom.

Each look is a home's own (`look_parts.LookHome`) with its own child process and a page of aiortc;
many go on at once, beside processes that do nothing but compute.  Closed is when the process that
had the camera is gone, the longest that it can be open.

Not for: the server (what it does to a look is to say nothing any more), or a real browser.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from gateway.errors import LinkDown
from gateway.events import LookEnded
from tests.media.home_parts import NOW
from tests.media.look_parts import LookHome, Page, gone_at

WITHIN_S = 120.0
"""Seconds in which a look must have begun, or else it counts as not measured."""

TRIES = 5
"""Times that a look is begun anew where no way was found: what is asked is when it ends."""

LATEST_S = 75.0
"""Seconds from the camera's opening after which it counts as never closed."""


class Fault(StrEnum):
    """What happens to a look."""

    NONE = "none"
    """Nothing: it runs into its limit."""
    BROWSER = "browser killed"
    """The page's process is killed: not a word, not a packet."""
    SERVER = "server killed"
    """No word reaches the server any more, and none comes."""
    NETWORK = "network cut"
    """Whatever either end sends is lost; both go on sending."""
    STOPPED = "media process stopped"
    """SIGSTOP: it can do nothing at all, neither end itself nor close the camera."""
    AHEAD = "clock set an hour ahead"
    BACK = "clock set an hour back"


@dataclass(frozen=True, slots=True)
class Case:
    """A look: what goes wrong, after how long, and whether it is made longer."""

    fault: Fault
    after_s: float = 2.0
    extended: bool = False


def fifty() -> tuple[Case, ...]:
    """The table's fifty: half of the faults early in a look, half of them just before its end."""
    early = [Case(fault) for fault in Fault for _ in range(3)]
    late = [Case(fault, 27.5) for fault in Fault for _ in range(2)]
    longer = [Case(fault, 32.0, extended=True) for fault in Fault for _ in range(2)]
    more = (Case(Fault.STOPPED, 29.0), Case(Fault.NONE, extended=True))
    return (*early, *late, *longer[:13], *more)


@dataclass(frozen=True, slots=True)
class Seen:
    """How long the camera was open (None: it was not opened, or never closed), and why it ended as
    the home's log has it."""

    case: Case
    open_s: float | None
    why: str
    first_picture_s: float | None = None


class _Home(LookHome):
    """Its server may be gone."""

    server_gone = False

    async def _signal(self, signal: Any) -> None:
        if self.server_gone:
            raise LinkDown("gone")
        await super()._signal(signal)

    def spawn(self, work: Any) -> asyncio.Task[None]:
        return super().spawn(_quietly(work))


async def _quietly(work: Any) -> None:
    """A home's link notes what it cannot send, and goes on."""
    try:
        await work
    except LinkDown:
        return


def cut(page: Page, *, killed: bool = False) -> None:
    """Nothing gets from this page to the home or back.  Killed, its sockets are closed too."""
    page.fall_silent()
    transport: Any = page.peer.sctp
    ice = transport.transport.transport
    for protocol in ice._connection._protocols:
        sending: Any = getattr(protocol, "transport", None)
        if sending is None:
            continue
        if killed:
            sending.abort()
        else:
            sending.sendto = lambda *_args: None
            protocol.datagram_received = lambda *_args: None


async def look(case: Case, folder: Path, limit_s: int, one_by_one: asyncio.Lock) -> Seen:
    """One look from its order to the end of its process; they begin one after the other, for a
    process that loads its libraries among twenty others is given up for stuck."""
    home = _Home(folder)
    try:
        for number in range(TRIES):
            page = Page("VP8")
            try:
                async with one_by_one:
                    first_s = await _begun(home, page, f"l{number}", limit_s)
                if first_s is not None:
                    return await _to_its_end(case, home, page, f"l{number}", limit_s, first_s)
            finally:
                await _close(page)
        return Seen(case, None, "not measured")
    finally:
        await home.looks.close()


async def _close(page: Page) -> None:
    with suppress(TimeoutError):  # one that was cut may wait long for its own good-bye
        async with asyncio.timeout(5):
            await page.close()


async def _begun(home: _Home, page: Page, look: str, limit_s: int) -> float | None:
    """Seconds from the click to the first picture; None: no way was found in time, as on a machine
    that is busy beyond measure, and there was no look."""
    clicked_s = time.monotonic()
    home.order(replace(home.permit(look), limit_s=limit_s), sdp=await page.offer())
    async with asyncio.timeout(WITHIN_S):
        while not page.frames:
            while not home.signals.empty():
                signal = home.signals.get_nowait()
                if signal.state in ("ended", "refused"):
                    await home.settled(WITHIN_S)
                    return None
                if signal.state == "answered":
                    await page.take(signal.sdp)
            await asyncio.sleep(0.01)
    return time.monotonic() - clicked_s


async def _to_its_end(
    case: Case, home: _Home, page: Page, look: str, limit_s: int, first_s: float
) -> Seen:
    began_s = [at for word, _, at in home.noted() if word == "opened"][-1]
    process = home.children[-1].process
    # in a thread of its own: a loop with a dozen pages in it would notice late
    gone = asyncio.create_task(asyncio.to_thread(gone_at, process.pid))
    if case.extended:
        home.order(replace(home.permit(look), id="longer", limit_s=limit_s), "extend")
    await asyncio.sleep(max(0.0, began_s + case.after_s - time.monotonic()))
    _happen(case.fault, home, page, process.pid)
    try:
        async with asyncio.timeout(LATEST_S):
            gone_s = await gone
        await home.settled()
    except TimeoutError:
        return Seen(case, None, "never closed", first_s)
    ended = home.data(LookEnded)[-1]
    return Seen(case, gone_s - began_s, ended.why.value, first_s)


def _happen(fault: Fault, home: _Home, page: Page, child: int) -> None:
    match fault:
        case Fault.BROWSER:
            cut(page, killed=True)
        case Fault.NETWORK:
            cut(page)
        case Fault.SERVER:
            home.server_gone = True
        case Fault.STOPPED:
            os.kill(child, signal.SIGSTOP)
        case Fault.AHEAD:
            home.now = NOW + timedelta(hours=1)
        case Fault.BACK:
            home.now = NOW - timedelta(hours=1)


@contextmanager
def load(processes: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    busy = [sys.executable, "-c", "while True: pass"]
    running = [subprocess.Popen(busy) for _ in range(processes)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


async def looks(cases: Sequence[Case], folder: Path, at_once: int, limit_s: int = 30) -> list[Seen]:
    """All of them, so many at once, in the order of `cases`."""
    room, one_by_one = asyncio.Semaphore(at_once), asyncio.Lock()

    async def one(number: int, case: Case) -> Seen:
        async with room:
            place = folder / str(number)
            place.mkdir()
            return await look(case, place, limit_s, one_by_one)

    return await asyncio.gather(*(one(n, case) for n, case in enumerate(cases)))


async def apart(count: int, at_once: int) -> list[Seen]:
    """The first so many of the fifty, each home with its page in a process of its own, as a gateway
    is: a loop with a dozen pages in it would be late itself."""
    room = asyncio.Semaphore(at_once)

    async def one(number: int) -> Seen:
        async with room:
            command = (sys.executable, "-m", "tests.media.look_faults", str(number))
            asked = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            said, _ = await asked.communicate()
        open_s, why, first_s = json.loads(said) if asked.returncode == 0 else (None, "died", None)
        return Seen(fifty()[number], open_s, why, first_s)

    return await asyncio.gather(*(one(number) for number in range(count)))


def main() -> None:
    """The look of this number, as JSON."""
    with tempfile.TemporaryDirectory() as name:
        [seen] = asyncio.run(looks([fifty()[int(sys.argv[1])]], Path(name), 1))
    print(json.dumps([seen.open_s, seen.why, seen.first_picture_s]))


if __name__ == "__main__":
    main()
