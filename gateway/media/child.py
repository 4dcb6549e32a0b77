"""The process of one call or one look: what it carries, and its own end.

`python -m gateway.media.child` reads one JSON object a line and writes one a line (`process` has
the other side).  It ends by itself: at its limit (the track has a deadline of its own, a watchdog
closes everything, and a thread ends the process should its loop hang), when the page says so or
falls silent, when no way to it is found, and when its parent is gone.

Nothing is written to a disk.  Not for: who may call or look (`gateway.media.sessions`).
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from contextlib import suppress
from typing import Any

from gateway.events import VoiceRefusal
from gateway.media.carried import Carried
from gateway.media.guarded import guard_memory
from gateway.media.limit import end_hard
from gateway.media.sight import Look

TELL_EVERY_S = 1.0
"""Seconds between two words to the parent and to the page: that this runs, and the time left."""

IDLE_S = 120.0
"""Seconds that one which was started ahead waits for its order, when nobody ends it."""

LINE_MAX_BYTES = 1 << 16
"""Of an order: an offer has some 6,000."""


def _say(state: str, **more: Any) -> None:
    sys.stdout.write(json.dumps({"say": state, **more}) + "\n")
    sys.stdout.flush()


def has_webrtc() -> bool:
    """Whether what carries sound and pictures directly is installed; loads it, so that who waits
    for a picture does not wait for that."""
    try:
        importlib.import_module("gateway.media.video")
    except ImportError:
        return False
    return True


def _begun(order: dict[str, Any], webrtc: bool) -> Carried | None:
    """What an order begins; None: it cannot be carried here."""
    if "camera" in order:
        return Look(order, _say, webrtc=webrtc)
    if not webrtc:
        return None
    from gateway.media.talk import Call  # only where it can be carried

    return Call(order, _say)


async def main() -> None:
    """One call or look."""
    locked, webrtc = guard_memory(), has_webrtc()
    reader = asyncio.StreamReader(limit=LINE_MAX_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say("ready", webrtc=webrtc, locked=locked)
    line = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(IDLE_S):
            line = await reader.readline()
    if not line:
        return
    carried = _begun(json.loads(line), webrtc)
    if carried is None:
        _say("refused", why=VoiceRefusal.NO_MEDIA.value)
        return
    end_hard(carried.limit, carried.hard_end_s)
    told = asyncio.create_task(_keep_telling(carried))
    obeyed = asyncio.create_task(_obey(carried, reader))
    try:
        await carried.run()
        carried.tell_end()
        os._exit(0)  # threads of libraries hold nothing up: what is open here is closed by that
    finally:
        told.cancel()
        obeyed.cancel()


async def _keep_telling(carried: Carried) -> None:
    while True:
        _say("alive", **carried.count())
        carried.tell()
        await asyncio.sleep(TELL_EVERY_S)


async def _obey(carried: Carried, reader: asyncio.StreamReader) -> None:
    """What the parent says, until it is gone."""
    while line := await reader.readline():
        order = json.loads(line)
        if order["do"] == "end":
            carried.end(order["why"])
        else:
            await carried.obey(order)
    carried.end("stopped")


if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)
