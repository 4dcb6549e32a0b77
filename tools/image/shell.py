"""Runs one command of those that make and prove a card.  Not for: what they are."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO

from tools.deb import leftover
from tools.deb.locked import BuildError

QUIET_S = 3600.0
"""Seconds that a step may say nothing.  The longest was what starts a Pi being packed (initramfs):
12 minutes by an emulated processor that had a tenth of a real one (2026-11-30)."""
STEP_S = 6 * 3600.0
"""Seconds that a step may take which goes on saying something."""

KEPT_LINES = 15
"""What a sentence of failure has of what was said."""

Heard = Callable[[str], None]


def run(
    command: list[str],
    *,
    env: dict[str, str] | None = None,
    heard: Heard | None = None,
    quiet_s: float = QUIET_S,
    step_s: float = STEP_S,
) -> str:
    """What it printed on standard output; each line of all that it says is told to `heard`.

    Nothing that it began runs when this returns, however it does.  Raises `BuildError` with the end
    of all that it said when it fails, is silent for too long or takes too long."""
    marks = leftover.mark()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        env=(dict(os.environ) if env is None else env) | marks,
    )
    listener = _Listener(process, marks)
    short = " ".join(command)[:300]
    out: list[str] = []
    errors: list[str] = []
    try:
        for own, line in listener.lines(quiet_s, step_s):
            (out if own else errors).append(line)
            if heard is not None:
                heard(line)
    except TimeoutError as error:
        raise BuildError(f"{short} was ended, for it {error}:\n{_end(out + errors)}") from None
    finally:
        listener.close()
    if process.returncode:
        raise BuildError(f"{short} ended with {process.returncode}:\n{_end(out + errors)}")
    return "".join(out)


def _end(said: list[str]) -> str:
    return "".join(said[-KEPT_LINES:]).strip()


class _Listener:
    """Hears a process until it ends, on both of its pipes; what it left then ends too, so that
    none of that holds a pipe open."""

    def __init__(self, process: subprocess.Popen[str], marks: dict[str, str]) -> None:
        self._process, self._marks = process, marks
        self._heard: queue.SimpleQueue[tuple[bool, str] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._read, args=(process.stdout, True), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, False), daemon=True),
            threading.Thread(target=self._wait, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def lines(self, quiet_s: float, step_s: float) -> Iterator[tuple[bool, str]]:
        """Each line as it comes, and whether it is of standard output.  Raises `TimeoutError`."""
        until, ends = time.monotonic() + step_s, 0
        while ends < len(self._threads):
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"took more than {step_s:g} s")
            try:
                line = self._heard.get(timeout=min(quiet_s, left))
            except queue.Empty:
                if quiet_s < left:
                    raise TimeoutError(f"said nothing for {quiet_s:g} s") from None
                continue
            if line is None:
                ends += 1
            else:
                yield line

    def close(self) -> None:
        """End all of it.  Raises `BuildError` when something stays."""
        self._process.kill()
        leftover.end(lambda: leftover.marked(self._marks))
        for thread in self._threads:
            thread.join(leftover.END_S)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self, pipe: IO[str], own: bool) -> None:
        for line in pipe:
            self._heard.put((own, line))
        self._heard.put(None)

    def _wait(self) -> None:
        self._process.wait()
        with suppress(BuildError):  # close() tells
            leftover.end(lambda: leftover.marked(self._marks))
        self._heard.put(None)
