"""What many alarms at once cost the database: commits and statements that do not grow with each."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from flask import Flask
from sqlalchemy import insert, select

from gateway.clock import ManualClock
from gateway.envelope import Draft
from gateway.events import AlarmRaised, AlarmType
from tests.staff.ladders.hand import Hand
from tests.staff.ladders.provider import HttpChannel, Provider
from tests.staff.pages.test_statements import counted
from web.staff.channels.contract import Address, Message, Outcome
from web.staff.core.context import Staff
from web.staff.events.append_many import write_many
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.ladders.noting import Known
from web.staff.ladders.senders import THREADS
from web.staff.storage import tables

ALARMS = 60

WITHIN_S = 60.0
"""Seconds for one message to go out, on a machine that others use."""


@pytest.fixture
def hand(staff_app: Flask, staff: Staff, clock: ManualClock, provider: Provider) -> Iterator[Hand]:
    """A dispatcher for which no time passes: what it does is done for what there is to do."""
    channels = {"push": HttpChannel("push", provider)}
    dispatcher = Dispatcher(staff, channels, monotonic=lambda: 0.0)
    yield Hand(staff_app, staff, clock, provider, dispatcher)
    dispatcher.stop()


def homes(hand: Hand, count: int) -> list[str]:
    """So many homes, and one person who works in all of them."""
    names = [f"w{number:03}" for number in range(count)]
    common = {"org_id": "org1", "label": "Lgh", "timezone": "Europe/Stockholm"}
    hand.person("p1", "push:ok-1")
    with hand.staff.db.write() as tx:
        user = tx.conn.execute(select(tables.user.c.id)).scalar_one()
        tx.conn.execute(insert(tables.home), [{"id": name, **common} for name in names])
        links = [{"user_id": user, "home_id": name} for name in names]
        tx.conn.execute(insert(tables.assignment), links)
    return names


def ring(hand: Hand, names: Sequence[str]) -> None:
    """An alarm in each of these homes."""
    with hand.staff.write() as tx:
        told = [Draft(AlarmRaised.usual(AlarmType.PENDANT, hand.clock.now()))]
        write_many(hand.staff, tx, dict.fromkeys(names, told))


class OneByOne(HttpChannel):
    """A channel that sends as many messages as it was let."""

    def __init__(self, provider: Provider) -> None:
        super().__init__("push", provider)
        self.let = threading.Semaphore(0)

    def send(self, message: Message, to: Address) -> Outcome:
        assert self.let.acquire(timeout=WITHIN_S)
        return super().send(message, to)


class Counting(Dispatcher):
    """Counts the messages that came back."""

    finished = 0

    def _finished(self, known: Known, has_room: bool) -> None:
        super()._finished(known, has_room)
        self.finished += 1


def test_a_burst_is_told_in_a_few_transactions(hand: Hand) -> None:
    """Sixty alarms whose messages go out one after the other, with a round after each: one commit
    for all the steps, three for what the threads take, and one to note what came of all; nobody is
    woken for a message while others are on their way."""
    channel = OneByOne(hand.provider)
    hand.dispatcher = dispatcher = Counting(hand.staff, {"push": channel}, monotonic=lambda: 0.0)
    names = homes(hand, ALARMS)
    ring(hand, names)
    woken = []
    with counted(hand.app) as cost:
        for count in range(1, ALARMS + 1):
            dispatcher.step()
            hand.staff.ladders_due.clear()
            channel.let.release()
            until_s = time.monotonic() + WITHIN_S
            while dispatcher.finished < count and time.monotonic() < until_s:
                time.sleep(0.001)
            if hand.staff.ladders_due.is_set():
                woken.append(count)
        hand.settle()
    dispatcher.stop()
    assert set(hand.provider.ids().values()) == {1}
    assert woken == [THREADS, 2 * THREADS, ALARMS - THREADS, ALARMS]
    assert all(hand.told(name)[-1] == "sent p1" for name in names)
    assert cost.commits <= 6, cost.commits
    writes = [one for one in cost.statements if one.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert len(writes) <= 20, writes


def test_one_alarm_is_told_and_noted_at_once(hand: Hand) -> None:
    """Who is alone waits for nobody: as soon as its message is out, that is noted."""
    names = homes(hand, 1)
    ring(hand, names)
    with counted(hand.app) as cost:
        hand.settle()
    assert hand.told(names[0])[1:] == ["escalated 1.1 begun", "sent p1"]
    assert cost.commits == 3, "a step, a message taken, and noted"


def test_what_did_not_go_out_is_noted_beside_what_hangs(hand: Hand) -> None:
    """A provider that hangs with one message keeps no other waiting: one that failed goes on to
    the next address while it hangs."""
    (first, second) = homes(hand, 2)
    hand.person("p2", "push:hangs-2", homes=[first])
    hand.person("p3", "push:gone-3", "push:ok-3", homes=[second])
    ring(hand, (first, second))
    hand.rounds(lambda: hand.provider.to("ok-3"))
    assert len(hand.provider.to("ok-3")) == 1
    assert hand.busy()
    hand.provider.released.set()
    hand.settle()
