"""The page's share of the group `looks`: from the click to the first picture over a relay (coturn),
and how soon a picture that stands still is covered.  Real Chromium, server and home with its
virtual camera.

Not for: the home's own share (`tests.bench.looks`).
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.demo.stage import Stage, stage
from tests.bench.figure import Figure
from tests.e2e import test_look as e2e
from tests.e2e import turn
from tests.e2e.test_voice import chromium
from tests.ports import free_port

EVENING = datetime(2026, 3, 2, 21, 40, tzinfo=ZoneInfo("Europe/Stockholm"))

LOOKS = 10
"""Looks over the relay that are timed, after one that warms both ends."""

LIVE = '[data-test="look"][data-state="live"]'
FROZEN = '[data-test="look"][data-state="frozen"]'


def measure() -> Iterator[Figure]:
    """Both figures; not measured where there is no coturn."""
    times, sealed, covered_s = _measured() if shutil.which("turnserver") else ([], 0, None)
    late = sorted(times)[int(len(times) * 0.95)] if times else None
    note = f"{LOOKS} looks in Chromium, forced over coturn; click to a picture that is shown"
    if sealed:  # eight seconds, and then the blind relay
        note += f"; {sealed} of them found no way in time and came sealed by the server"
    yield Figure("first_picture_turn_p95_ms", late, "ms", 2500, note=note)
    note = "the home's media process stopped, to the cover over the picture in Chromium"
    yield Figure("frozen_covered_s", covered_s, "s", 2.5, note=note)


def _measured() -> tuple[list[float], int, float | None]:
    secret = secrets.token_hex(16)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        relay = stack.enter_context(turn.relay(folder, secret))
        place, port, home_port = folder / "stage", free_port(), free_port()
        made = stack.enter_context(
            stage(place, at=EVENING, home=False, port=port, home_port=home_port)
        )
        e2e.agrees(made)
        e2e.through(made, relay, secret)
        made.start_home("--still", "--awake")
        browser = stack.enter_context(chromium(folder))
        page = e2e.at_the_alarm(made, browser, e2e.ONLY_THE_RELAY)
        looks = [_click_ms(made, page, number) for number in range(LOOKS + 1)][1:]
        sealed = sum(one for _, one in looks)
        return [took_ms for took_ms, _ in looks], sealed, _covered_s(made, page)


def _click_ms(made: Stage, page: Any, number: int) -> tuple[float, bool]:
    """One look, ended by the button; and whether its picture came sealed by the server."""
    if number == 0:
        e2e.begin(page)
        took_ms = 0.0
    else:
        clicked_s = time.perf_counter()
        page.get_by_test_id("look-begin").click()
        page.locator(LIVE).wait_for()
        took_ms = (time.perf_counter() - clicked_s) * 1000
    sealed = page.locator("[data-look] canvas:not([hidden])").count() == 1
    page.get_by_test_id("look-end").click()
    e2e.ended(made, number + 1)
    return took_ms, sealed


def _covered_s(made: Stage, page: Any) -> float:
    page.get_by_test_id("look-begin").click()
    page.locator(LIVE).wait_for()
    page.wait_for_timeout(1500)
    child = _media_child(made)
    os.kill(child, signal.SIGSTOP)
    stopped_s = time.perf_counter()
    page.locator(FROZEN).wait_for()
    covered_s = time.perf_counter() - stopped_s
    os.kill(child, signal.SIGKILL)
    return covered_s


def _media_child(made: Stage) -> int:
    """The process of the look: a descendant of the home's."""
    assert made.home is not None
    waiting = [made.home.process.pid]
    while waiting:
        pid = waiting.pop()
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"gateway.media.child" in command:
            return pid
        with suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(one) for one in (task / "children").read_text().split()]
    raise LookupError("the home has no process for a look")
