"""The group `looks`: fifty looks that go wrong and when the camera is closed, how soon a picture is
there, what looks leave in the gateway's memory, and a night of five hundred homes.

The home's half is real, each look with its own process and camera; the other end is an aiortc peer,
and so is the plain reference: two of them in one process, from the offer to the first picture.  The
page's own share (a browser, its cover over a picture that stands still, TURN) is `look_pages`.

Not for: a Pi's camera, shutter or encoder, which only a Pi can show.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.media.process import MediaProcess
from tests.bench import look_pages
from tests.bench.figure import Figure
from tests.load.night import nights
from tests.media.look_faults import Seen, apart, fifty, load

AT_ONCE = 8
"""Looks that go on at once, each in a home of its own."""

PICTURES = 20
"""Looks whose first picture is timed, by turns with the reference."""

MEMORY_LOOKS = 100
WARM_LOOKS = 5
"""Looks after which the gateway has loaded what it needs, before its memory is noted first."""

HOMES = 500
"""Homes of the night, with four checks each."""


def measure() -> Iterator[Figure]:
    """All figures of the group."""
    yield from _closed()
    yield from _first_pictures()
    yield _memory()
    yield _night()
    yield from look_pages.measure()


def _closed() -> Iterator[Figure]:
    with load(os.cpu_count() or 1):
        seen = asyncio.run(apart(len(fifty()), AT_ONCE))
    usual = [one for one in seen if not one.case.extended]
    longer = [one for one in seen if one.case.extended]
    yield Figure("camera_closed_max_s", _longest(usual), "s", 30.5, note=_told(usual))
    yield Figure("camera_closed_extended_max_s", _longest(longer), "s", 60.5, note=_told(longer))


def _longest(seen: list[Seen]) -> float | None:
    """None where one look was not measured: no verdict is better than one on the rest."""
    times = [one.open_s for one in seen if one.open_s is not None]
    return max(times) if len(times) == len(seen) else None


def _told(seen: list[Seen]) -> str:
    worst: dict[str, list[float]] = {}
    for one in seen:
        worst.setdefault(one.case.fault, []).append(one.open_s or float("nan"))
    return "; ".join(f"{fault} ×{len(each)} {max(each):.2f}" for fault, each in worst.items())


# --- how soon -------------------------------------------------------------------------------------


def _first_pictures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        ours, bare = asyncio.run(_turns(Path(name)))
    ours_ms, bare_ms = sorted(1000 * one for one in ours), sorted(1000 * one for one in bare)
    note = f"{PICTURES} looks whose panel was open; reference: a bare aiortc pair by turns"
    middle = statistics.median(bare_ms)
    yield Figure("first_picture_p50_ms", statistics.median(ours_ms), "ms", 600, middle, note=note)
    late = int(len(ours_ms) * 0.95)
    yield Figure("first_picture_p95_ms", ours_ms[late], "ms", 1500, bare_ms[late], note=note)


async def _turns(folder: Path) -> tuple[list[float], list[float]]:
    """Seconds from the click to the first picture: of a look, and of a bare pair, by turns."""
    ours, bare = [], []
    for number in range(PICTURES):
        place = folder / str(number)
        place.mkdir()
        ours.append(await _look_s(place))
        bare.append(await _bare_s())
    return ours, bare


async def _look_s(folder: Path) -> float:
    from gateway.wire import LookOrder
    from tests.media.home_parts import until
    from tests.media.look_parts import LookHome, Page

    home, page = LookHome(folder), Page("VP8")
    try:
        home.say(LookOrder(what="prepare"))
        await until(lambda: bool(home.children), 60)
        await asyncio.sleep(4)  # whoever opens the panel reads it first; a Pi loads for three
        clicked_s = time.monotonic()
        home.order(home.permit(), sdp=await page.offer())
        await page.take((await home.said("answered", 60)).sdp)
        await until(lambda: bool(page.frames), 60)
        return time.monotonic() - clicked_s
    finally:
        await home.looks.close()
        await page.close()


async def _bare_s() -> float:
    """Two peers that are there already, and a track that is ready."""
    from aiortc import RTCConfiguration, RTCPeerConnection, VideoStreamTrack

    from tests.media.look_parts import Page

    page, sender = Page("VP8"), RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        from aiortc import RTCSessionDescription

        clicked_s = time.monotonic()
        await sender.setRemoteDescription(RTCSessionDescription(await page.offer(), "offer"))
        sender.addTrack(VideoStreamTrack())
        await sender.setLocalDescription(await sender.createAnswer())
        await page.take(sender.localDescription.sdp)
        async with asyncio.timeout(60):
            while not page.frames:
                await asyncio.sleep(0.005)
        return time.monotonic() - clicked_s
    finally:
        await sender.close()
        await page.close()


# --- memory ---------------------------------------------------------------------------------------


def _memory() -> Figure:
    """In a process of its own, which has no viewer: sealed pictures, so that no codec of ours is in
    it."""
    asked = [sys.executable, "-m", "tests.bench.looks", str(MEMORY_LOOKS)]
    answer = subprocess.run(asked, capture_output=True, text=True, timeout=3600, check=False)
    grown = float(answer.stdout) if answer.returncode == 0 else None
    note = f"grown by {MEMORY_LOOKS} looks, each with a picture"
    return Figure("memory_after_100_looks_mb", grown, "MB", 5.0, note=note)


async def _grown_mb(count: int) -> float:
    from tests.media.home_parts import until
    from tests.media.look_parts import BlindPage, LookHome
    from tests.media.test_look_relay import WITHOUT

    with tempfile.TemporaryDirectory() as name:
        home = LookHome(Path(name))
        home.driver.note = ""
        home.start = lambda: MediaProcess.start((sys.executable, "-c", WITHOUT))
        before = 0.0
        for number in range(count + WARM_LOOKS):
            if number == WARM_LOOKS:
                before = _rss_mb()
            look = f"l{number}"
            home.taken.clear()
            home.order(home.permit(look), key=BlindPage(look).key)
            await until(lambda: bool(home.taken), 120)
            await home.looks.close()
            await home.settled()
            _forget(home)
        return _rss_mb() - before


def _forget(home: Any) -> None:
    """What the test's home keeps and a real one has on its disk."""
    home.events.clear()
    home.done.clear()
    home.children.clear()
    while not home.signals.empty():
        home.signals.get_nowait()
    gc.collect()


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# --- a night --------------------------------------------------------------------------------------


def _night() -> Figure:
    wrong, slots, notes = 0, 0, []
    for night, found in nights(HOMES):
        wrong, slots = wrong + len(found.wrong), slots + found.slots
        notes.append(f"{night.name}: {dict(sorted(found.kinds.items()))}")
    note = f"{slots} slots of {HOMES} homes, the server away for two hours; {'; '.join(notes)}"
    return Figure("slots_without_exactly_one_outcome", float(wrong), "", 0, note=note)


if __name__ == "__main__":
    print(asyncio.run(_grown_mb(int(sys.argv[1]))))
