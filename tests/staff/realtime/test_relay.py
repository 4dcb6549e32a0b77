"""Workers on one PostgreSQL tell each other everything, and an order that did not arrive is told
as such."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from gateway.clock import ManualClock
from gateway.envelope import Draft
from gateway.events import AlarmRaised, AlarmType, RecordRead
from tests.staff.care.test_actions import refusal, turn_of
from tests.staff.homelink.test_urgent import WATCHER
from tests.staff.parts import EnrolledHome, parts_of
from web.staff.care.actions import Why
from web.staff.core.context import Staff
from web.staff.doors import lock_orders
from web.staff.events import append_many
from web.staff.realtime import relay as relay_module
from web.staff.realtime.broker import DECIDED
from web.staff.realtime.relay import CHANNEL, PostgresRelay
from web.staff.realtime.waiting import TooSlow
from web.staff.storage import pg_connection, tables
from web.staff.storage.changes import LockOrder

pytestmark = pytest.mark.postgres


@pytest.fixture
def far(workers: Any, clock: ManualClock) -> Iterator[tuple[Staff, Staff, EnrolledHome, Any]]:
    """The phone's worker, the other one, and a home that listens at the other one."""
    one, other = workers
    home = EnrolledHome(one, one.test_client(), "h1", clock)
    home.enroll()
    home.describe()
    home.client = other.test_client()
    stream = home.listen(1)
    assert next(stream) == b": hello\n\n"
    yield parts_of(one), parts_of(other), home, stream
    home.close()


def _flood(staff: Staff, count: int) -> None:
    """So many notifications at once."""
    with staff.db.write() as tx:
        tx.conn.execute(
            text(
                "SELECT pg_notify(:channel, '[\"x\",\"noise\",' || n || ']')"
                " FROM generate_series(1, :count) AS n"
            ),
            {"channel": CHANNEL, "count": count},
        )


class Held:
    """A listener that does not get to its messages until it is let go."""

    def __init__(self, staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
        relay = staff.relay
        assert isinstance(relay, PostgresRelay)
        self.waits, self.go_on = threading.Event(), threading.Event()
        heard = relay._heard

        def held(message: list[Any]) -> Any:
            self.waits.set()
            assert self.go_on.wait(60)
            return heard(message)

        monkeypatch.setattr(relay, "_heard", held)


def test_an_order_among_hundreds_of_notifications_arrives(
    far: tuple[Staff, Staff, EnrolledHome, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listener was busy while 400 came, and the order is one of the first of them: the lock
    turns, and the sender is told so."""
    near, there, _, stream = far
    held = Held(there, monkeypatch)
    monkeypatch.setattr(relay_module, "TAKEN_WITHIN_S", 60.0)
    _flood(near, 1)
    assert held.waits.wait(60)
    sent: list[Any] = []
    thread = threading.Thread(
        target=lambda: sent.append(lock_orders.order_turn(near, WATCHER, "h1", "front"))
    )
    thread.start()
    _until(lambda: _tickets(near) == 1)
    _flood(near, 400)
    held.go_on.set()
    assert turn_of(stream).count(".") == 2
    thread.join(60)
    assert len(sent) == 1
    assert _tickets(near) == 0


def test_an_order_that_nobody_takes_is_told_as_such(
    far: tuple[Staff, Staff, EnrolledHome, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker that has the home's stream is stuck: within seconds whoever pressed is told, and
    when it comes to itself the door stays shut."""
    near, there, _, stream = far
    held = Held(there, monkeypatch)
    monkeypatch.setattr(relay_module, "TAKEN_WITHIN_S", 0.3)
    began_s = time.monotonic()
    error = refusal(lock_orders.order_turn, near, WATCHER, "h1", "front")
    assert error.why is Why.NOT_CONNECTED
    assert time.monotonic() - began_s < 60
    assert held.waits.wait(60), "it came, and was not acted on"
    assert _tickets(near) == 0
    held.go_on.set()
    monkeypatch.undo()
    second = lock_orders.order_turn(near, WATCHER, "h1", "front", key="again")
    assert second.grant != error.data["grant"]
    orders = [turn_of(stream)]
    with pytest.raises(AssertionError):
        there.broker.close()
        orders.append(turn_of(stream))
    assert len(orders) == 1, "the order that was told as lost is not given any more"


def test_an_order_goes_where_the_home_listens_now(
    far: tuple[Staff, Staff, EnrolledHome, Any], workers: Any
) -> None:
    """The home came back at another worker, and the thread of its former stream has not come to its
    end yet (a line that is stuck): the order is not put where nobody hears it any more."""
    _near, there, home, _former = far
    home.client = workers[0].test_client()
    stream = home.listen(1)
    assert next(stream) == b": hello\n\n"
    until_s = time.monotonic() + 60
    while there.broker.listens("h1"):
        assert time.monotonic() < until_s, "it never heard that the home has gone"
        time.sleep(0.01)
    sent = lock_orders.order_turn(there, WATCHER, "h1", "front")
    assert turn_of(stream).count(".") == 2
    assert sent.grant


def test_an_order_that_cannot_be_taken_back_is_not_told_as_lost(
    far: tuple[Staff, Staff, EnrolledHome, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other worker is stuck and the database goes away before the order is taken back: the
    order may still be given, and is.  Who pressed was not told that nothing was sent."""
    near, there, _, stream = far
    held = Held(there, monkeypatch)
    monkeypatch.setattr(relay_module, "TAKEN_WITHIN_S", 0.3)

    def away(_: str) -> bool:
        raise OperationalError("DELETE", {}, ConnectionResetError())

    monkeypatch.setattr(near.relay, "_take", away)
    assert lock_orders.order_turn(near, WATCHER, "h1", "front").grant
    held.go_on.set()
    assert turn_of(stream).count(".") == 2


def test_what_another_version_says_is_passed_over(
    far: tuple[Staff, Staff, EnrolledHome, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A worker of another version tells of something new, or words it otherwise: a line in the log,
    screens load anew where they may have missed something, and the next order arrives."""
    near, there, _, stream = far
    relay = there.relay
    assert isinstance(relay, PostgresRelay)
    caplog.set_level("INFO", relay_module.__name__)
    with there.broker.subscribe({"h1"}) as screen:
        odd = ("no JSON", "[]", '["x","events",5]', '["x","events"]')
        for payload in ('["x","of_a_newer_version",1]', *odd):
            with near.db.write() as tx:
                tx.conn.execute(
                    text("SELECT pg_notify(:channel, :payload)"),
                    {"channel": CHANNEL, "payload": payload},
                )
        _until(lambda: len(caplog.messages) >= 10)  # both workers hear it
        with pytest.raises(TooSlow):  # which has its page load anew
            screen.get(60)
    told = [message.partition(":")[0] for message in caplog.messages]
    assert Counter(told) == {
        "another worker told of 'of_a_newer_version', which this version does not know": 2,
        "another worker said what this version does not understand": 8,
    }
    assert lock_orders.order_turn(near, WATCHER, "h1", "front").grant
    assert turn_of(stream).count(".") == 2


def test_a_listener_that_meets_an_error_listens_anew(
    far: tuple[Staff, Staff, EnrolledHome, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is, also a mistake of ours: the next order arrives."""
    near, there, _, stream = far
    relay = there.relay
    assert isinstance(relay, PostgresRelay)
    monkeypatch.setattr(relay_module, "RECONNECT_S", 0.05)

    def fails(_: object) -> Any:
        raise RuntimeError("a mistake")

    with monkeypatch.context() as patched:
        patched.setattr(relay, "_heard", fails)
        _flood(near, 1)
        _until(lambda: not relay.ready.is_set())
    assert relay.ready.wait(60)
    assert lock_orders.order_turn(near, WATCHER, "h1", "front").grant
    assert turn_of(stream).count(".") == 2


def test_many_changes_are_told_in_few_notifications(workers: Any, clock: ManualClock) -> None:
    """A thousand homes at once: a screen at the other worker is told of all of them, in as many
    messages as there were notifications, and homes that listen there are woken."""
    one, other = (parts_of(app) for app in workers)
    names = [f"h{number}" for number in range(2, 1002)]
    with one.db.write() as tx:
        place = {"org_id": "org1", "label": "Lgh", "timezone": "Europe/Stockholm"}
        tx.conn.execute(tables.home.insert(), [{"id": name, **place} for name in names])
    told: list[Any] = []
    relay = other.relay
    assert isinstance(relay, PostgresRelay)
    heard = relay._heard
    relay._heard = lambda message: told.append(message) or heard(message)  # type: ignore[method-assign,func-returns-value]
    with other.broker.subscribe(set(names)) as screen, other.broker.open_stream("h900") as stream:
        with one.write() as tx:
            append_many.write_many(one, tx, dict.fromkeys(names, (Draft(RecordRead(what="x")),)))
        found, reached = [], set[str]()
        while reached != set(names):
            message = screen.get(60)
            assert message is not None
            found.append(message)
            reached |= message.homes
        assert stream.get(60) == DECIDED
    assert {message.kind for message in found} == {"record.read"}
    assert 1 <= len(found) == len(told) < 5


def _tickets(staff: Staff) -> int:
    with staff.db.read() as conn:
        return int(conn.execute(select(func.count()).select_from(tables.lock_order)).scalar_one())


def _until(holds: Callable[[], bool], timeout_s: float = 60.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end_s
        threading.Event().wait(0.01)


def test_what_an_order_is_about_is_kept_on_the_way(
    far: tuple[Staff, Staff, EnrolledHome, Any],
) -> None:
    """An order of a call and one of a look reach the home at another worker as what they are: the
    word `look` means something else among workers."""
    one, _, _, stream = far
    for what in ("call", "look"):
        order = LockOrder("h1", '{"what": "end"}', what=what)
        with one.write() as tx:
            tx.orders.append(order)
        assert order.reached
        given = next(raw for raw in stream if raw.startswith(b"event: "))
        assert given == f'event: {what}\ndata: {{"what": "end"}}\n\n'.encode()


SLOW_COMMIT = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql
AS 'BEGIN PERFORM pg_sleep(6); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON urgent DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION slow()
"""


def test_an_alarm_whose_commit_was_not_answered_is_on_the_screens(
    workers: Any, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL commits after its answer was given up.  The home hears that nothing was taken;
    sent again it is known, and told to nobody: so it is told when it is committed."""
    one, _other = workers
    staff = parts_of(one)
    home = EnrolledHome(one, one.test_client(), "h1", clock)
    home.enroll()
    with staff.db.read() as conn:
        for statement in SLOW_COMMIT.split(";\n"):
            conn.exec_driver_sql(statement)
    staff.db.engine.dispose()
    monkeypatch.setattr(pg_connection, "ANSWER_TIMEOUT_S", 3.0)
    raised = home.seal(AlarmRaised.usual(AlarmType.PENDANT, clock.now()))
    with staff.broker.subscribe({"h1"}) as screen:
        assert home.post("urgent", raised).status_code == 503
        told = screen.get(60)
        assert told is not None and told.kind == AlarmRaised.KIND
    monkeypatch.setattr(pg_connection, "ANSWER_TIMEOUT_S", 60.0)
    staff.db.engine.dispose()
    assert home.post("urgent", raised).status_code == 200
    home.close()
