"""Two workers on one PostgreSQL: no step and no message twice, and a database that goes away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, text

from gateway.clock import ManualClock
from gateway.envelope import Draft
from gateway.events import AlarmRaised, AlarmType
from tests.staff.ladders.hand import Hand
from tests.staff.ladders.provider import HttpChannel, Provider
from tests.staff.parts import parts_of
from web.staff.events.append_many import write_many
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.storage import tables

pytestmark = pytest.mark.postgres

ALARMS = 60


@pytest.fixture
def hands(
    workers: tuple[Flask, Flask], clock: ManualClock, provider: Provider
) -> Iterator[tuple[Hand, Hand]]:
    """A dispatcher in each worker."""
    made = []
    for app in workers:
        channels = {"push": HttpChannel("push", provider)}
        dispatcher = Dispatcher(parts_of(app), channels)
        made.append(Hand(app, parts_of(app), clock, provider, dispatcher))
    yield made[0], made[1]
    for hand in made:
        hand.dispatcher.stop()


def ring_many(hand: Hand) -> None:
    """So many homes, each with an alarm, and one person who works in all of them."""
    names = [f"w{number:03}" for number in range(ALARMS)]
    common = {"org_id": "org1", "label": "Lgh", "timezone": "Europe/Stockholm"}
    hand.person("p1", "push:ok-1")
    with hand.staff.db.write() as tx:
        user = tx.conn.execute(select(tables.user.c.id)).scalar_one()
        tx.conn.execute(insert(tables.home), [{"id": name, **common} for name in names])
        links = [{"user_id": user, "home_id": name} for name in names]
        tx.conn.execute(insert(tables.assignment), links)
    with hand.staff.write() as tx:
        told = [Draft(AlarmRaised.usual(AlarmType.PENDANT, hand.clock.now()))]
        write_many(hand.staff, tx, dict.fromkeys(names, told))


def both(hands: tuple[Hand, Hand]) -> None:
    """Both go through rounds at once."""
    failed: list[BaseException] = []

    def run(hand: Hand) -> None:
        try:
            hand.settle()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(hand,)) for hand in hands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []


def steps(hand: Hand) -> dict[str, int]:
    """How often each home's alarm took a step, and was told."""
    found: Any = text(
        "SELECT home_id || ' ' || kind, count(*) FROM event"
        " WHERE kind IN ('alarm.escalated', 'alarm.sent') GROUP BY 1"
    )
    with hand.staff.db.read() as conn:
        return {row[0]: row[1] for row in conn.execute(found)}


def test_two_workers_take_no_step_twice(hands: tuple[Hand, Hand]) -> None:
    """Sixty alarms at once, and their second step: each once, whichever worker had it; each event
    of a log by itself."""
    ring_many(hands[0])
    both(hands)
    assert len(hands[0].provider.got) == ALARMS
    assert set(hands[0].provider.ids().values()) == {1}
    assert set(steps(hands[0]).values()) == {1}
    hands[0].clock.advance(120)
    both(hands)
    counts = steps(hands[0])
    # nobody of a team or among the coordinators: both steps at once, and nobody told
    assert {count for key, count in counts.items() if key.endswith("escalated")} == {3}
    assert len(hands[0].provider.got) == ALARMS


def test_the_database_is_restarted_in_the_middle(hands: tuple[Hand, Hand]) -> None:
    """Every connection is cut between a step and its note: the round fails and is tried again,
    nobody is told twice, and nothing is lost."""
    hand = hands[0]
    hand.person("p1", "push:ok-1")
    hand.ring()
    real = hand.dispatcher._note

    def cut() -> int:
        with hands[1].staff.db.read() as conn:
            conn.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        return real()

    hand.dispatcher._note = cut  # type: ignore[method-assign]
    for _ in range(6):
        hand.dispatcher._guarded(hand.dispatcher.step)  # as its thread does
    hand.dispatcher._note = real  # type: ignore[method-assign]
    hand.settle()
    assert hand.told()[1:] == ["escalated 1.1 begun", "sent p1"]
    assert set(hand.provider.ids().values()) == {1}
