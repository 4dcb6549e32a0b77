"""What breaks in the home's own parts at an event or at a tick: it is told, and nothing ends.

Not for: what cannot be written (`tests/test_engine.py`).
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest

from gateway.engine import edge
from gateway.engine.event_log import EventLog
from gateway.engine.turns import Item
from gateway.envelope import Draft, Event
from gateway.events import MatPressed, RuleFailed, Tap, VisitTapped
from tests.conftest import START, sealed_chain
from tests.test_engine import WAIT_S, Home, running


def breaks(*_: object, **__: object) -> NoReturn:
    raise KeyError("a mistake of ours")


def failed(folder: Path) -> list[tuple[str, str]]:
    """What the log says that broke, and how."""
    log = EventLog.open(folder / "events.sqlite", "home:h1")
    told = [event.data for event, _ in log.since()]
    log.close()
    return [(data.rule, data.error) for data in told if isinstance(data, RuleFailed)]


async def test_an_event_of_the_server_at_which_the_home_breaks_is_kept(tmp_path: Path) -> None:
    """It is in line and its chain goes on; who sends it is answered, and does not send it for
    ever."""
    taps = [VisitTapped(tap=Tap.ARRIVE)] * 2
    chain = [json.loads(row.wire()) for row in sealed_chain(taps, origin="staff:h1")]
    async with running(Home(tmp_path)) as home:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(home.engine._sequencer.fold, "feed", breaks)
            async with asyncio.timeout(WAIT_S):
                await home.engine.receive(chain[:1])
        await home.engine.receive(chain)
        assert home.engine.down_have == 2
        kept = [event.ref for event, _ in home.logs[0].since() if event.origin == "staff:h1"]
        assert kept == ["staff:h1/1", "staff:h1/2"]
    assert failed(tmp_path) == [("visit.tapped", "KeyError('a mistake of ours')")]


async def test_a_tick_at_which_the_home_breaks_ends_nothing(tmp_path: Path) -> None:
    """Told once, however often it breaks; events are taken as ever."""
    async with running(Home(tmp_path)) as home:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(home.engine._sequencer, "run_due", breaks)
            for _ in range(3):
                await home.engine.write(Draft(MatPressed(), device="bed"))
        await home.engine.write(Draft(MatPressed(), device="bed"))
    assert [rule for rule, _ in failed(tmp_path)] == ["tick"]


async def test_a_home_in_which_everything_breaks_says_so_a_few_times(tmp_path: Path) -> None:
    """Its log is not filled by it; an error's long text is cut, and what is no letter is written
    so that every log keeps it."""
    async with running(Home(tmp_path)) as home:
        for number in range(3 * edge.TOLD_MAX):
            home.engine.edge.broke(f"kind.{number}", ValueError("\udc80" + "x" * 1000))
        await home.engine.write(Draft(MatPressed(), device="bed"))
    told = failed(tmp_path)
    assert [rule for rule, _ in told] == [f"kind.{number}" for number in range(edge.TOLD_MAX)]
    assert {error for _, error in told} == {ascii(ValueError("\udc80" + "x" * 1000))[:300]}


@pytest.mark.parametrize("waits", ["nobody", "gave up"])
@pytest.mark.parametrize("whose", ["ours", "the server's"])
async def test_what_breaks_is_told_whoever_waits_for_it(whose: str, waits: str) -> None:
    """Also where nobody does, or has given up meanwhile."""
    told: list[Draft] = []
    waiter: asyncio.Future[Event] | None = None
    if waits == "gave up":
        waiter = asyncio.get_running_loop().create_future()
        waiter.cancel()
    ours, theirs = Draft(MatPressed(), device="bed"), None
    if whose != "ours":
        [theirs] = sealed_chain([VisitTapped(tap=Tap.ARRIVE)], origin="staff:h1")
    item = Item(None if theirs else ours, START, 0.0, foreign=theirs, durable=waiter)
    broken = cast(Any, SimpleNamespace(number=breaks, receive=breaks))
    assert edge.Edge(told.append).number(broken, broken, item, is_full=False) is None
    kind = "mat.pressed" if whose == "ours" else "visit.tapped"
    assert [draft.data for draft in told] == [
        RuleFailed(rule=kind, error="KeyError('a mistake of ours')")
    ]
