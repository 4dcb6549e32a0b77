"""The dispatcher's end: what was sent is noted, or the next one would send it again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tests.staff.ladders.hand import Hand
from tests.staff.ladders.provider import HttpChannel, Provider
from tests.staff.ladders.test_burst import homes, ring
from web.staff.channels.contract import Address, Message, Outcome
from web.staff.ladders import dispatcher as module
from web.staff.ladders import noting
from web.staff.ladders.dispatcher import Dispatcher

WITHIN_S = 60.0


class Holding(HttpChannel):
    """A channel that holds what it sends until it is told to go on."""

    def __init__(self, name: str, provider: Provider) -> None:
        super().__init__(name, provider)
        self.goes_on = threading.Event()
        self.held = threading.Semaphore(0)

    def send(self, message: Message, to: Address) -> Outcome:
        self.held.release()
        assert self.goes_on.wait(WITHIN_S)
        return super().send(message, to)


@pytest.fixture
def channel(provider: Provider) -> Iterator[Holding]:
    made = Holding("push", provider)
    yield made
    made.goes_on.set()


def test_all_that_was_sent_is_noted(
    hand: Hand, channel: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is more than one transaction notes, as of several channels in a bad night."""
    monkeypatch.setattr(noting, "AT_ONCE", 3)
    hand.dispatcher = dispatcher = Dispatcher(hand.staff, {"push": channel})
    channel.goes_on = dispatcher._stopping
    names = homes(hand, 7)
    ring(hand, names)
    dispatcher.start()
    for _ in names:
        assert channel.held.acquire(timeout=WITHIN_S)
    dispatcher.stop()
    assert [hand.told(name)[-1] for name in names] == ["sent p1"] * 7


def test_many_that_hang_are_waited_for_once(
    hand: Hand, channel: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that hangs with every thread of its channel does not hold up the end until the
    server is killed, and with it the noting of what others sent."""
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 3.0)
    hand.dispatcher = dispatcher = Dispatcher(hand.staff, {"push": channel})
    names = homes(hand, 16)
    ring(hand, names)
    while dispatcher.step():
        pass
    for _ in names:
        assert channel.held.acquire(timeout=WITHIN_S)
    began_s = time.monotonic()
    dispatcher.stop()
    assert time.monotonic() - began_s < 16 * 3.0 / 2
