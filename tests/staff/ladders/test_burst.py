"""What many alarms at once cost the database: commits and statements that do not grow with each."""

from __future__ import annotations

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
from web.staff.core.context import Staff
from web.staff.events.append_many import write_many
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.storage import tables

ALARMS = 60


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


def test_a_burst_is_told_in_a_few_transactions(hand: Hand) -> None:
    """Sixty alarms, each to its receiver once: some commits for all of them, and few statements
    that write; one for each alarm, or for each message, would be sixty."""
    names = homes(hand, ALARMS)
    ring(hand, names)
    with counted(hand.app) as cost:
        hand.settle()
    assert len(hand.provider.got) == ALARMS
    assert set(hand.provider.ids().values()) == {1}
    writes = [one for one in cost.statements if not one.startswith(("SELECT", "BEGIN"))]
    assert cost.commits <= 16, cost.commits
    assert len(writes) <= 60, len(writes)


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
    for _ in range(40):
        hand.dispatcher.step()
        if hand.provider.to("ok-3"):
            break
        hand.staff.ladders_due.wait(0.05)
    assert len(hand.provider.to("ok-3")) == 1
    assert hand.busy()
    hand.provider.released.set()
    hand.settle()
