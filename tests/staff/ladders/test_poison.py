"""One row that cannot be read, or one answer that cannot be kept, keeps no other alarm silent."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import OperationalError

from gateway.events import AlarmType
from tests.staff.ladders.hand import SETTLED_S, Hand
from tests.staff.ladders.provider import HttpChannel
from tests.staff.parts import add_home
from web.staff.channels.contract import Address, Message, Outcome, Proof
from web.staff.ladders import climbing, noting, progress
from web.staff.ladders.climbing import Unclimbed
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.ladders.noting import Known
from web.staff.storage import tables
from web.staff.storage.ladder_tables import escalation, ladder


class Odd(HttpChannel):
    """A provider that calls a message what no text is."""

    def send(self, message: Message, to: Address) -> Outcome:
        outcome = super().send(message, to)
        return dataclasses.replace(outcome, provider_ref="\ud800")


def wait_until(done: Callable[[], object]) -> None:
    until_s = time.monotonic() + SETTLED_S
    while not done():
        assert time.monotonic() < until_s, "it never came"
        time.sleep(0.02)


def _other_home(hand: Hand) -> None:
    add_home(hand.app, "h2")
    hand.person("p2", "push:ok-2", homes=["h2"])


def _broken_ladder(hand: Hand) -> None:
    """As nobody can write it in the pages: a team with a number that no database has."""
    steps = [{"receivers": [{"kind": "team", "id": 10**30}], "timeout_s": 60}]
    row = {"id": "odd", "org_id": "org1", "name": "x", "changed_at": hand.clock.now()}
    row |= {"steps": json.dumps(steps), "types": "pendant"}
    with hand.staff.db.write() as tx:
        tx.conn.execute(insert(ladder).values(**row))


def test_an_answer_that_cannot_be_kept_holds_up_no_alarm(hand: Hand) -> None:
    """It is noted without the name that the provider gave it, and the next alarm is told."""
    hand.dispatcher.stop()
    hand.dispatcher = Dispatcher(hand.staff, {"push": Odd("push", hand.provider)})
    hand.person("p1", "push:ok-1")
    _other_home(hand)
    first = hand.ring()
    hand.settle()
    hand.ring(home="h2")
    hand.settle()
    assert (len(hand.provider.to("ok-1")), len(hand.provider.to("ok-2"))) == (1, 1)
    (message,) = hand.messages(first)
    assert (message.state, message.provider_ref) == ("handed", None)
    assert hand.told()[-1] == "sent p1"


def test_a_ladder_that_cannot_be_climbed_holds_up_no_other(hand: Hand) -> None:
    """The others are climbed in the same round, though they are younger; that one is told as long
    as it stands, and climbed when its ladder is mended."""
    hand.person("p1", "push:ok-1")
    _other_home(hand)
    _broken_ladder(hand)
    hand.ring()
    hand.clock.advance(1)
    hand.ring(AlarmType.ON_FLOOR, home="h2")
    for _ in range(2):
        with pytest.raises(Unclimbed):
            hand.dispatcher.step()
    wait_until(lambda: hand.provider.to("ok-2"))
    hand.dispatcher._guarded(hand.dispatcher.step)
    assert hand.dispatcher.failing == "Unclimbed"
    assert hand.provider.to("ok-1") == []
    with hand.staff.db.write() as tx:
        tx.conn.execute(delete(ladder))
    hand.settle()
    assert len(hand.provider.to("ok-1")) == 1


def test_a_word_of_a_newer_worker_is_climbed_past(hand: Hand) -> None:
    """After a server went back: why a ladder goes on is a word that only the newer one knew."""
    hand.person("p1", "push:ok-1")
    alarm = hand.ring()
    with hand.staff.db.write() as tx:
        tx.conn.execute(update(escalation).values(why="because_of_the_moon"))
    hand.settle()
    assert len(hand.provider.to("ok-1")) == 1
    assert "escalated 1.1 timed_out" in hand.told()
    with hand.staff.db.write() as tx:
        tx.conn.execute(update(escalation).values(why="because_of_the_moon"))
    with hand.staff.db.read() as conn:
        found = progress.of_alarm(hand.staff, conn, alarm)
    assert found is not None


def test_a_home_in_a_zone_that_this_machine_does_not_know_is_told_of(hand: Hand) -> None:
    """Its hours are those of the server's zone."""
    hand.person("p1", "push:ok-1")
    with hand.staff.db.write() as tx:
        tx.conn.execute(update(tables.home).values(timezone="Europe/Atlantis"))
        row = {"id": "l1", "org_id": "org1", "name": "Natt", "changed_at": hand.clock.now()}
        steps = json.dumps([{"receivers": [{"kind": "person", "id": "p1"}], "timeout_s": 60}])
        hours = {"from_min": 21 * 60, "until_min": 6 * 60}  # it is ten in the evening
        tx.conn.execute(insert(ladder).values(**row, steps=steps, **hours))
    alarm = hand.ring()
    hand.settle()
    assert len(hand.provider.to("ok-1")) == 1
    assert hand.ladder(alarm).ladder == "l1"


def _away() -> OperationalError:
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return OperationalError("INSERT", {}, busy)


ODD = ValueError("no text")
BOTH, ONE, OTHER = (["m1", "m2"], "x"), (["m1"], "x"), (["m2"], "x")


@pytest.mark.parametrize(
    ("errors", "asked"),
    [
        ([_away()], [BOTH]),
        ([ODD, _away()], [BOTH, ONE]),
        ([ODD, ODD, _away()], [BOTH, ONE, (["m1"], None)]),
        ([ODD], [BOTH, ONE, OTHER]),
        ([ODD, ODD, None, ODD], [BOTH, ONE, (["m1"], None), OTHER, (["m2"], None)]),
    ],
    ids=["away", "away then", "away at last", "together only", "each"],
)
def test_a_database_that_is_away_is_not_asked_for_each_message(
    hand: Hand,
    monkeypatch: pytest.MonkeyPatch,
    errors: list[Exception | None],
    asked: list[object],
) -> None:
    """All of them wait until it is back, and nothing is noted without what the provider said; what
    cannot be noted is tried one by one, each until it is."""
    known = [Known(name, Proof.SENT, provider_ref="x") for name in ("m1", "m2")]
    left, seen = list(errors), list[object]()

    def note(_staff: object, known: Sequence[Known], _within: object) -> None:
        seen.append(([one.message for one in known], known[0].provider_ref))
        error = left.pop(0) if left else None
        if error is not None:
            raise error

    monkeypatch.setattr(noting, "_note", note)
    is_away = isinstance(errors[-1], OperationalError)
    with pytest.raises(OperationalError) if is_away else nullcontext():
        noting.note(hand.staff, known, lambda _channel: None)
    assert seen == asked


@pytest.mark.parametrize(
    ("errors", "looks", "told"),
    [
        ([_away()], 1, OperationalError),
        ([ODD, _away()], 2, OperationalError),
        ([ODD, ODD], 3, Unclimbed),
        ([ODD], 3, None),
    ],
    ids=["away", "away then", "one", "together only"],
)
def test_a_database_that_is_away_is_not_asked_for_each_ladder(
    hand: Hand,
    monkeypatch: pytest.MonkeyPatch,
    errors: list[Exception],
    looks: int,
    told: type[Exception] | None,
) -> None:
    """The whole look waits until it is back; else each is climbed by itself, and those that cannot
    be are counted."""
    _other_home(hand)
    hand.ring()
    hand.ring(home="h2")
    left, seen = list(errors), list[object]()

    def look(*_: object) -> int:
        seen.append(None)
        if left:
            raise left.pop(0)
        return 1

    monkeypatch.setattr(climbing, "_look", look)
    if told is None:
        assert climbing.look(hand.staff, ["push"]) == 2
    else:
        with pytest.raises(told, match="^1 ladders" if told is Unclimbed else None):
            climbing.look(hand.staff, ["push"])
    assert len(seen) == looks
