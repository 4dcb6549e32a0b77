"""Who may make a look longer: who looks, once, while it goes on, by a permit for just that.

Not for: what the child and the page make of it (`test_looks`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.access import look_permits
from gateway.envelope import Draft, Event
from gateway.events import LookExtended
from gateway.media.process import MediaProcess
from gateway.media.sessions import RECORD_S, Running
from gateway.wire import LookOrder
from tests.media.home_parts import KEY
from tests.media.look_parts import LookHome


class Home(LookHome):
    """A home in which a look goes on, with a child that only notes what it is told."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.told: list[Mapping[str, Any]] = []
        child = cast(MediaProcess, SimpleNamespace(tell=self.told.append))
        now_s = time.monotonic()
        self.until_s = now_s + 30
        self.running = Running(self.permit(), child, began_s=now_s, ends_s=self.until_s)
        self.looks._running = self.running

    async def asks(self, **changed: Any) -> None:
        """An order to make it longer by 20 s, good but for what is changed."""
        asked: dict[str, Any] = {"id": "x1", "limit_s": 20} | changed
        permit = self.permit(**asked)
        token = look_permits.sign(permit, KEY, "k1")
        await self.looks.order(LookOrder(what="extend", look=permit.look, permit=token))


async def test_who_looks_makes_it_longer_once(tmp_path: Path) -> None:
    """By what the permit says; a second one says so in vain."""
    home = Home(tmp_path)
    await home.asks()
    await home.asks(id="x2")
    assert home.told == [{"do": "extend", "limit_s": 20}]
    told = await home.said("extended")
    assert 40 < told.left_s + home.looks.kill_after_s <= 50, "the page counts down from there"
    assert home.running.ends_s == home.until_s + 20
    assert [one.permit for one in home.data(LookExtended)] == ["x1"]


@pytest.mark.parametrize(
    ("state", "permit"),
    [
        ({"process": None}, {}),
        ({"ends_s": None}, {}),
        ({"began_s": None}, {}),
        ({"ending": "consent_withdrawn"}, {}),
        ({"extended": True}, {}),
        ({}, {"person": "p8"}),
        ({}, {"look": "l2"}),
        ({}, {"camera": "other"}),
        ({}, {"id": "l1"}),
        (None, {}),
    ],
    ids=[
        *("no child", "not open", "nobody saw yet", "ending", "longer already"),
        *("another person", "another look", "another camera", "the permit that began it", "over"),
    ],
)
async def test_nothing_else_makes_it_longer(
    tmp_path: Path, state: Mapping[str, Any] | None, permit: Mapping[str, Any]
) -> None:
    """Nobody is told so, and the log does not say that it was."""
    home = Home(tmp_path)
    for name, value in (state or {}).items():
        setattr(home.running, name, value)
    if state is None:
        home.looks._running = None
    before = home.running.ends_s
    await home.asks(**permit)
    assert (home.told, home.data(LookExtended)) == ([], [])
    assert home.running.ends_s == before


@pytest.mark.parametrize("meanwhile", ["ending", "over", "shut", "dead"])
async def test_what_ended_while_the_log_kept_it_is_not_made_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """The log takes its time, two seconds at the most: told to end, or gone."""
    home = Home(tmp_path)
    write, running = home.write, home.running

    async def slow(draft: Draft, timeout_s: float | None = None) -> Event:
        assert timeout_s == RECORD_S
        event = await write(draft, timeout_s)
        if meanwhile == "ending":
            running.ending = "consent_withdrawn"
        elif meanwhile == "over":
            home.looks._running = None
        elif meanwhile == "shut":
            running.ends_s = None
        else:
            running.process = None
        return event

    monkeypatch.setattr(home, "write", slow)
    await home.asks()
    assert home.told == []
    assert running.ends_s in (home.until_s, None)
    assert len(home.data(LookExtended)) == 1
