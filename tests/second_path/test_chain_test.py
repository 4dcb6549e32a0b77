"""The test alarm: at each start and each day, told with its hop when it does not come back; and the
gateway's own way looked at beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.events import (
    GatewaySecondPathFailed,
    GatewaySecondPathReady,
    GatewayStarted,
    GatewayTestFailed,
    GatewayTestPassed,
    GatewayTestSent,
    PathChannel,
    PreviousRun,
    ServerTestAnswered,
    TestWhy,
)
from gateway.ports import ModemState
from gateway.second_path import chain_test
from gateway.second_path.chain_test import SPREAD_S, ChainTest
from tests.drivers.warp import warped
from tests.second_path.home import NUMBERS, PathHome, settings

ZONE = "Europe/Stockholm"


class TestingHome(PathHome):
    """A home that tests its chain; `answers` is what the server answers with, None: nothing."""

    __test__ = False

    answers: tuple[str, ...] | None = ()
    sure = True

    def begin(self) -> None:
        super().begin()
        self.test = ChainTest(
            home="h1",
            at=time(6),
            timezone=ZONE,
            answer_s=0.2,
            version="2",
            receivers=self.receivers,
            senders=self.teller._senders,
            teller=self.teller,
            link=self.teller._link,
            is_confirmed=lambda _origin, seq: seq in self.confirmed,
            record=self.record,
            clock=self.clock,
            sure=lambda: self.sure,
        )
        self.confirmed: set[int] = set()

    def _show(self, event: Any) -> Any:
        shown = super()._show(event)
        self.test.apply(event)
        self.test.see_live(event)
        if isinstance(event.data, GatewayTestSent) and self.answers is not None:
            answer = ServerTestAnswered(test=event.ref, broken=self.answers)
            asyncio.get_running_loop().call_soon(self.decided, answer)
        return shown


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """`play(story)`: a home tells the story."""

    def run(story: Callable[[TestingHome], Coroutine[Any, Any, None]]) -> None:
        async def all_of_it() -> None:
            with warped(asyncio.get_running_loop()):
                home = TestingHome(tmp_path)
                try:
                    await story(home)
                finally:
                    home.stop()

        asyncio.run(all_of_it())

    return run


def test_it_goes_out_at_the_start_and_at_six(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And comes back; each says when the next one is due, and homes are spread over a minute."""
    monkeypatch.setattr(chain_test, "LOOK_S", 0.02)

    async def story(home: TestingHome) -> None:
        home.spawn(home.test.run(TestWhy.STARTED))
        await home.until(lambda: len(home.said(GatewayTestPassed)) == 1)
        home.clock.set(at=home.said(GatewayTestSent)[0].next_by - chain_test.LATE)
        await home.until(lambda: len(home.said(GatewayTestPassed)) == 2)
        sent = [e for e in home.log if isinstance(e.data, GatewayTestSent)]
        assert [e.data.why for e in sent] == [TestWhy.STARTED, TestWhy.DAILY]  # type: ignore[attr-defined]
        local = sent[1].at.astimezone(ZoneInfo(ZONE))
        assert (local.hour, local.minute) == (6, 0)
        assert local.second <= SPREAD_S + 5
        assert home.test.passed_at == home.log[-1].at
        assert home.test.problem is None

    play(story)


@pytest.mark.parametrize("comes", [True, False])
def test_it_waits_for_a_clock_that_is_right_and_not_for_ever(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch, comes: bool
) -> None:
    """After a power cut the clock shows another time for some seconds, and the server answers no
    test of then.  Where it never becomes right, the test goes out all the same."""
    sure_s = 60.0 if comes else 1.0
    monkeypatch.setattr(chain_test, "SURE_S", sure_s)

    async def story(home: TestingHome) -> None:
        home.sure, loop = False, asyncio.get_running_loop()
        began = loop.time()
        home.spawn(home.test.run(TestWhy.STARTED))
        if comes:
            await asyncio.sleep(3 * chain_test.SURE_LOOK_S)
            assert home.said(GatewayTestSent) == []
            home.sure = True
        await home.until(lambda: len(home.said(GatewayTestPassed)) == 1)
        assert (loop.time() - began < sure_s) is comes

    play(story)


def test_what_breaks_at_a_look_is_told_and_ends_no_test(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A modem's library raises what it never raised: the way counts as not there, the next day is
    tested all the same, and the senders go on."""
    monkeypatch.setattr(chain_test, "LOOK_S", 0.02)

    async def story(home: TestingHome) -> None:
        home.knows()

        async def breaks(*_: Any, **__: Any) -> ModemState:
            raise RuntimeError("of a newer version")

        home.sms.state = breaks  # type: ignore[method-assign]
        home.spawn(home.test.run(TestWhy.STARTED))
        await home.until(lambda: bool(home.said(GatewaySecondPathFailed)))
        assert home.said(GatewaySecondPathFailed)[0].why == "no_answer"
        home.clock.set(at=home.said(GatewayTestSent)[0].next_by - chain_test.LATE)
        await home.until(lambda: len(home.said(GatewayTestPassed)) == 2)

    play(story)


def test_a_look_that_breaks_ends_no_test(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours, whatever is asked: the next day is tested, and the senders go on."""
    monkeypatch.setattr(chain_test, "LOOK_S", 0.02)

    async def story(home: TestingHome) -> None:
        home.knows()

        def breaks(channel: PathChannel) -> list[str]:
            raise KeyError(channel)

        home.test._addresses = breaks  # type: ignore[method-assign]
        home.spawn(home.test.run(TestWhy.STARTED))
        await home.until(lambda: len(home.said(GatewayTestPassed)) == 1)
        home.clock.set(at=home.said(GatewayTestSent)[0].next_by - chain_test.LATE)
        await home.until(lambda: len(home.said(GatewayTestPassed)) == 2)

    play(story)


@pytest.mark.parametrize(("confirmed", "hop"), [(False, "server"), (True, "dispatcher")])
def test_one_that_does_not_come_back(play: Callable[..., None], confirmed: bool, hop: str) -> None:
    """Names the hop where it stayed; a late answer ends it, and one to another test does not."""

    async def story(home: TestingHome) -> None:
        home.answers = None
        if confirmed:
            home.confirmed = set(range(1, 50))
        home.spawn(home.test.run(TestWhy.STARTED))
        await home.until(lambda: len(home.said(GatewayTestFailed)) == 1)
        (failed,) = home.said(GatewayTestFailed)
        assert failed.hop == hop == home.test.problem
        home.decided(ServerTestAnswered(test="home:h1/77"))
        await asyncio.sleep(0)
        assert home.said(GatewayTestPassed) == []
        home.decided(ServerTestAnswered(test=failed.test, broken=("sms",)))
        await home.until(lambda: len(home.said(GatewayTestPassed)) == 1)
        assert home.test.problem is None
        assert home.test.broken == ("sms",)

    play(story)


def test_after_an_update_it_says_so(play: Callable[..., None]) -> None:
    """By the version that ran before, as the log has it."""

    async def story(home: TestingHome) -> None:
        assert home.test.first_why() is TestWhy.STARTED
        for version, why in (("2", TestWhy.STARTED), ("1", TestWhy.UPDATED)):
            started = GatewayStarted(version=version, config_sha256="x", previous=PreviousRun.CLEAN)
            home.happens(started)
            assert home.test.first_why() is why

    play(story)


def test_the_modem_is_looked_at(play: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """With each test, and between them: told when two looks find it away, and when it is back."""
    monkeypatch.setattr(chain_test, "MODEM_LOOK_S", 0.02)

    async def story(home: TestingHome) -> None:
        home.knows()
        home.test._changed.clear()
        home.spawn(home.test.run(TestWhy.STARTED))
        await home.until(lambda: len(home.said(GatewaySecondPathReady)) == 1)
        assert home.said(GatewaySecondPathReady)[0].signal_pct == 61
        assert home.sms.asked[0] == ([NUMBERS["p1"], NUMBERS["p2"], NUMBERS["tech"]], True)
        home.sms.state_now = ModemState(problem="no_network")
        await home.until(lambda: len(home.said(GatewaySecondPathFailed)) == 1)
        assert home.said(GatewaySecondPathFailed)[0].why == "no_network"
        home.sms.state_now = ModemState(problem=None)
        await home.until(lambda: len(home.said(GatewaySecondPathReady)) == 2)
        await asyncio.sleep(0.1)
        assert len(home.said(GatewaySecondPathReady)) == 2, "told when it changes"

    play(story)


def test_what_no_look_can_see_stays(play: Callable[..., None]) -> None:
    """A modem with a network and no credit: only a message that leaves says that it is over."""

    async def story(home: TestingHome) -> None:
        home.knows()
        home.teller.cannot("refused")
        await home.test.look(tell=True)
        await asyncio.sleep(0)
        assert home.said(GatewaySecondPathReady) == []

    play(story)


@pytest.mark.parametrize(
    ("lacks", "why"), [("modem", "no_modem"), ("numbers", "no_address"), ("nothing", None)]
)
def test_a_way_that_is_not_there(play: Callable[..., None], lacks: str, why: str | None) -> None:
    """Receivers without a modem, or without their numbers: told; without receivers there is nothing
    to tell."""

    async def story(home: TestingHome) -> None:
        await home.test.look(tell=True)
        assert home.teller.failed == set()
        if lacks == "numbers":
            home.decided(settings())
        else:
            home.knows()
        if lacks == "modem":
            home.test._senders = {}
        await home.test.look(tell=True)
        await asyncio.sleep(0)
        assert [said.why for said in home.said(GatewaySecondPathFailed)] == ([why] if why else [])

    play(story)
