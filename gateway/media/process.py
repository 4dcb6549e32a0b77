"""The process of a call or a look as its parent sees it: told, heard, and killed in time.

Not for: what it does (`gateway.media.child`), or who may call or look (`calls`, `looks`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-B", "-m", "gateway.media.child")
"""It writes nothing, its own byte code neither."""

LINE_MAX_BYTES = 1 << 18
"""Of a line from the child: an answer has some 3,000, a sealed picture up to 135,000."""

SILENT_S = 6.0
"""Seconds without a word after which the child counts as stuck; it speaks each second, and a Pi
that is busy may hold it for some."""

EARLY_MAX = 20
"""Orders that wait for the first one; a page sends its ways in a handful."""

START_S = 20.0
"""Seconds in which the child must be ready: on a Pi its libraries take three to load."""


class Stuck(Exception):
    """The child says nothing any more."""


class MediaProcess:
    """One child.  Make it with `start`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._early: list[dict[str, Any]] | None = []
        """What it is to be told once it has its first order; None: it has it."""

    @classmethod
    async def start(cls, command: tuple[str, ...] = COMMAND) -> MediaProcess:
        """Start it.  Raises `OSError`."""
        return cls(
            await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=LINE_MAX_BYTES,
            )
        )

    def begin(self, order: dict[str, Any]) -> None:
        """Give it its first order, and then what was said before: the page does not wait."""
        early, self._early = self._early or [], None
        for one in (order, *early):
            self.tell(one)

    def tell(self, order: dict[str, Any]) -> None:
        """Give it an order; one that is gone takes none."""
        if self._early is not None:
            self._early = [*self._early, order][-EARLY_MAX:]
            return
        pipe = self.process.stdin
        if pipe is not None and not pipe.is_closing():
            pipe.write(json.dumps(order).encode() + b"\n")

    async def said(self, first_s: float = SILENT_S) -> AsyncIterator[dict[str, Any]]:
        """What it says, until it ends; waits `first_s` for the first word.  Raises `Stuck`."""
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        within_s = first_s
        while True:
            try:
                async with asyncio.timeout(within_s):
                    line = await self.process.stdout.readline()
                word = json.loads(line) if line else None
            except (TimeoutError, ValueError) as error:
                raise Stuck from error
            if not isinstance(word, dict):
                return
            within_s = SILENT_S
            yield word

    def kill(self) -> None:
        """End it at once, also when it is stopped or hangs.  May be called twice."""
        if self.process.returncode is None:
            # not by its own `kill`, which takes the end of one that is gone from who waits for it
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)

    async def gone(self) -> None:
        """Wait until it is gone, after `kill` or its own end."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        await self.process.wait()
