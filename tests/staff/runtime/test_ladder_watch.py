"""A dispatcher that stands is told on the pages and to technicians, past the dispatcher."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from gateway.clock import ManualClock
from tests.staff.ladders.conftest import hand, provider
from tests.staff.ladders.hand import Hand
from tests.staff.parts import sign_in
from web.staff.core.config import StaffConfig
from web.staff.ladders import dispatcher
from web.staff.ladders.dispatcher import LATE_S, Dispatcher
from web.staff.runtime.app import create_app
from web.staff.runtime.ladder_watch import LOOKS, LadderWatch

__all__ = ["hand", "provider"]

STANDS = "Servern skickar inte larm vidare just nu."


class Broken(Dispatcher):
    """Each of its rounds fails for as long as there is a fault."""

    fault: BaseException | None = None
    rounds = 0

    def step(self) -> bool:
        self.rounds += 1
        if self.fault is not None:
            raise self.fault
        return False


@pytest.fixture
def broken(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broken]:
    """A dispatcher with the provider's two channels, at work."""
    monkeypatch.setattr(dispatcher, "AGAIN_S", 0.01)
    made = Broken(hand.staff, hand.dispatcher.channels)
    made.start()
    yield made
    made.stop()


def until(what: Callable[[], bool]) -> None:
    """Wait until it is so."""
    give_up_s = time.monotonic() + 60
    while not what():
        assert time.monotonic() < give_up_s
        time.sleep(0.002)


def told(hand: Hand) -> list[str]:
    """Whom the provider was asked to tell."""
    return [one["to"] for one in hand.provider.got]


def test_a_dispatcher_that_stands_is_told_once_and_on_every_page(
    hand: Hand, broken: Broken, client: FlaskClient
) -> None:
    """Not at the first look; then once, to technicians, though the dispatcher sends nothing and
    nobody can be looked up any more; and on each page until it goes on.  Again when it stands
    again."""
    hand.person("t1", "sms:+46700000001", "push:x1", roles=["technician"])
    hand.person("p7", "push:x7")
    sign_in(client, "p7")
    watch = LadderWatch(hand.staff, broken)
    for time_ in (1, 2):
        watch.look()
        broken.fault = OperationalError("SELECT 1", {}, Exception())
        until(lambda: broken.failing is not None)
        for n in range(LOOKS + 2):
            watch.look()
            page = client.get("/nu").get_data(as_text=True)
            assert (STANDS in page) is (n + 1 >= LOOKS)
        assert told(hand) == ["+46700000001"] * time_
        broken.fault = None
        until(lambda: broken.failing is None)
        watch.look()
        assert STANDS not in client.get("/nu").get_data(as_text=True)
    said = hand.provider.got[0]["said"]
    assert said.startswith("Tryggve: servern skickar inte larm vidare (ladders: OperationalError).")


def test_a_way_that_fails_is_passed_over(hand: Hand, broken: Broken) -> None:
    """Who is not reached by the first way is told by the next; who is reached, not twice.  What
    fails at every worker is told by the one that leads."""
    hand.person("t1", "sms:broken-1", "push:x1", "push:x2", roles=["administrator"])
    watch, another = (
        LadderWatch(hand.staff, broken, lambda leads=leads: leads) for leads in (1, 0)
    )
    for one in (watch, another):
        one.look()
    broken.fault = RuntimeError()
    until(lambda: broken.failing is not None)
    for one in (another, watch):
        for _ in range(LOOKS):
            one.look()
        hand.staff.ladders_stand = False
    assert told(hand) == ["broken-1", "x1"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ended_is_started_anew(hand: Hand) -> None:
    """At each look; where that does not help, it stands, which is this worker's to tell."""
    now_s = [0.0]
    ended = Broken(hand.staff, hand.dispatcher.channels, monotonic=lambda: now_s[0])
    ended.fault = SystemExit()
    hand.person("t1", "push:x1", roles=["technician"])
    watch = LadderWatch(hand.staff, ended, lambda: False)

    def climbs() -> bool:
        return ended._thread is not None and ended._thread.is_alive()

    ended.start()
    for rounds in (1, 2):
        until(lambda rounds=rounds: ended.rounds == rounds and not climbs())
        watch.look()
    assert not hand.staff.ladders_stand
    now_s[0] += LATE_S + 1
    for _ in range(LOOKS):
        watch.look()
    assert hand.staff.ladders_stand
    assert told(hand) == ["x1"]
    ended.fault = None
    watch.look()
    until(lambda: ended.last_step_s is not None)
    watch.look()
    assert not hand.staff.ladders_stand
    ended.stop()


def test_the_server_looks(config: StaffConfig, clock: ManualClock) -> None:
    """It is one of the threads of a server."""
    app = create_app(config, clock=clock)
    try:
        assert "tryggve-climbs" in {thread.name for thread in threading.enumerate()}
    finally:
        app.extensions["tryggve.stop"]()
