"""What workers tell each other is bounded, and what is left behind is not believed for ever."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from gateway.envelope import Draft
from gateway.events import RecordRead
from tests.staff.care.test_actions import refusal, turn_of
from tests.staff.homelink.test_urgent import WATCHER
from tests.staff.parts import EnrolledHome, add_home, parts_of
from tests.staff.realtime.test_relay import Held, _flood, _until, far
from web.staff.care.actions import Why
from web.staff.core.context import Staff
from web.staff.doors import lock_orders
from web.staff.events import append
from web.staff.realtime import relay as relay_module
from web.staff.realtime.relay import (
    ACCOUNTS_MAX,
    STREAM_FRESH_S,
    TICKET_KEPT_S,
    PostgresRelay,
    _Waiting,
)
from web.staff.realtime.waiting import TooSlow
from web.staff.storage import tables

__all__ = ["far"]

pytestmark = pytest.mark.postgres

Far = tuple[Staff, Staff, EnrolledHome, Any]


@pytest.mark.parametrize("more", [0, 1])
def test_of_many_accounts_everybody_looks(
    workers: Any, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    """A notification names so many accounts whose rights have changed; of more no page goes on
    without looking, at the other worker neither."""
    one, other = (parts_of(app) for app in workers)
    heard: list[Any] = []
    monkeypatch.setattr(other.broker, "look_again", heard.append)
    accounts = set(range(1, ACCOUNTS_MAX + more + 1))
    with one.write() as tx:
        tx.look_again |= accounts
    _until(lambda: bool(heard))
    assert heard == [None if more else sorted(accounts)]


def test_of_too_much_at_once_the_screens_load_anew(
    far: Far, workers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was held up reads no thousand of homes: its screens read what they show."""
    near, there, _, _ = far
    monkeypatch.setattr(relay_module, "RUNS_AT_ONCE", 3)
    names = [f"h{number}" for number in range(2, 7)]
    for name in names:
        add_home(workers[0], name)
    held = Held(there, monkeypatch)
    with there.broker.subscribe(set(names)) as screen:
        _flood(near, 1)
        assert held.waits.wait(60)
        for name in names:
            with near.write() as tx:
                append.write(near, tx, name, Draft(RecordRead(what="x")))
        held.go_on.set()
        with pytest.raises(TooSlow):
            screen.get(60)


def test_what_an_order_left_behind_is_cleared_away(far: Far) -> None:
    """Its worker died, or its transaction failed: with the next order after a minute, and what is
    younger stays."""
    near, _there, _home, stream = far
    relay = near.relay
    assert isinstance(relay, PostgresRelay)
    t, now, now_s = tables.lock_order, datetime.now(UTC), time.monotonic()
    for name, ago_s in (("old", TICKET_KEPT_S + 5), ("young", TICKET_KEPT_S / 2)):
        made_at = now - timedelta(seconds=ago_s)
        with near.db.write() as tx:
            tx.conn.execute(insert(t).values(id=name, home_id="h1", made_at=made_at))
        relay._waiting[name] = _Waiting(now_s - ago_s)
    assert lock_orders.order_turn(near, WATCHER, "h1", "front").grant
    assert turn_of(stream).count(".") == 2
    with near.db.read() as conn:
        assert list(conn.execute(select(t.c.id)).scalars()) == ["young"]
    assert list(relay._waiting) == ["young"]


def test_an_order_that_is_taken_back_is_given_where_the_home_has_come_meanwhile(
    far: Far, workers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other worker is stuck, and the home comes to this one while it is waited for: the door
    turns, once."""
    near, there, home, _former = far
    assert isinstance(near.relay, PostgresRelay)
    held = Held(there, monkeypatch)
    monkeypatch.setattr(relay_module, "TAKEN_WITHIN_S", 0.3)
    take, streams = near.relay._take, []

    def comes_first(ticket: str) -> bool:
        home.client = workers[0].test_client()
        stream = home.listen(1)
        assert next(stream) == b": hello\n\n"
        streams.append(stream)
        return take(ticket)

    monkeypatch.setattr(near.relay, "_take", comes_first)
    assert lock_orders.order_turn(near, WATCHER, "h1", "front").grant
    assert turn_of(streams[0]).count(".") == 2
    held.go_on.set()
    with near.db.read() as conn:
        assert conn.execute(select(tables.lock_order.c.id)).first() is None


@pytest.mark.parametrize(("ago_s", "listens"), [(-5, True), (5, False)])
def test_a_stream_of_a_worker_that_died_is_gone_after_a_while(
    far: Far, ago_s: float, listens: bool
) -> None:
    """Two heartbeats and some: then whoever presses is told at once that the home is not there."""
    near, _there, _home, _stream = far
    seen = datetime.now(UTC) - timedelta(seconds=STREAM_FRESH_S + ago_s)
    with near.db.write() as tx:
        tx.conn.execute(update(tables.home_stream).values(seen_at=seen))
    with near.db.write() as tx:
        assert near.relay.listens(tx, "h1") is listens
    if not listens:
        error = refusal(lock_orders.order_turn, near, WATCHER, "h1", "front")
        assert error.why is Why.NOT_CONNECTED
