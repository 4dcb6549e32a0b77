"""A server that asks to wait: history does, alarms do not, and the home is never silent for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.errors import LinkDown
from gateway.link.batch_lane import LIMIT_MIN
from gateway.link.https import Link, refusal
from gateway.link.line import WAIT_MAX_S, Line, NextBatch, line_in
from gateway.link.link_state import SharedLinkState
from gateway.link.uplink import Uplink, UrgentEvent
from gateway.link.urgent_lane import FRESH_S, UrgentLane
from gateway.wire import BACKLOG_HEADER, BATCH_HEADER, BATCH_MAX, TICKET_HEADER
from tests.test_uplink import KEY, Home, MemoryOutbox, at_once, body_of
from tests.wireserver import Request, WireServer


@pytest.fixture
def server() -> Iterator[WireServer]:
    running = WireServer(key=KEY.public_key()).start()
    yield running
    running.stop()


@pytest.fixture
def box() -> MemoryOutbox:
    return MemoryOutbox()


@pytest.fixture
def uplink(server: WireServer, box: MemoryOutbox) -> Iterator[Uplink]:
    made = Uplink(Link(server.url, "h1", KEY), box, Home(box).calls(), rand=lambda: 0.0)
    yield made
    made.stop(drain_s=0)


class Door:
    """A fault that asks the first batches to wait; it keeps what their heads said."""

    def __init__(self, server: WireServer, *, times: int, ticket: str = "t") -> None:
        self.server, self.times, self.ticket = server, times, ticket
        self.heads: list[dict[str, str]] = []
        self.sizes: list[int] = []
        self.asked = 0
        server.faults.append(self)

    def __call__(self, request: Request) -> bool:
        if not request.path.endswith("/events"):
            return False
        size = len(json.loads(request.body)["events"])
        if size == 0:
            return False
        self.sizes.append(size)
        self.heads.append(dict(request.handler.headers.items()))
        if self.asked >= self.times:
            return False
        self.asked += 1
        headers = {"Retry-After": "1", TICKET_HEADER: self.ticket}
        return request.answer(503, self.server.problem("busy"), **headers)


def test_history_waits_and_shows_its_ticket(
    server: WireServer, box: MemoryOutbox, uplink: Uplink
) -> None:
    """The batch comes again once, with the ticket, and says how much there is; the link counts as
    up meanwhile, and an alarm does not wait."""
    door = Door(server, times=1, ticket="7.7.abc")
    box.add(30)
    uplink.start()
    assert server.wait(lambda: door.asked == 1)
    uplink.urgent(at_once([body_of("home:h1", 31, "alarm.raised")]))
    assert server.wait(lambda: len(server.events) == 30)
    lanes = [lane for lane, _ in server.arrived]
    assert lanes.index("urgent") < lanes.index("events")
    assert [head.get(TICKET_HEADER) for head in door.heads] == [None, "7.7.abc"]
    assert {head[BACKLOG_HEADER] for head in door.heads} == {"30"}
    assert uplink.metrics().connected


def test_a_server_that_tells_the_time_with_its_answer(
    server: WireServer, box: MemoryOutbox, uplink: Uplink
) -> None:
    """A batch that was taken says when the next may come and how large: it is obeyed, without a
    request that is refused."""
    sizes: list[int] = []

    def told(request: Request) -> bool:
        if not request.path.endswith("/events"):
            return False
        size = len(json.loads(request.body)["events"])
        if size:
            sizes.append(size)
        server.events += json.loads(request.body)["events"]
        headers = {"Retry-After": "1", TICKET_HEADER: "t", BATCH_HEADER: "25"}
        return request.answer(200, {"have": len(server.events)}, **headers)

    server.faults.append(told)
    box.add(540)
    began_s = time.monotonic()
    uplink.start()
    assert server.wait(lambda: len(server.events) == 540)
    assert sizes == [500, 25, 15]
    assert time.monotonic() - began_s >= 2  # twice a second, and no chance


def test_a_server_that_does_not_know_waiting(
    server: WireServer, box: MemoryOutbox, uplink: Uplink
) -> None:
    """A 503 without a time: the home pauses by itself, as ever, and everything arrives."""
    refused: list[int] = []

    def busy(request: Request) -> bool:
        if request.path.endswith("/events") and len(refused) < 2:
            refused.append(1)
            return request.answer(503, server.problem("unavailable"))
        return False

    server.faults.append(busy)
    box.add(30)
    uplink.start()
    assert server.wait(lambda: len(server.events) == 30)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, Line()),
        ({"Retry-After": "12"}, Line(12.0, "kept")),
        ({"Retry-After": "12", TICKET_HEADER: "new"}, Line(12.0, "new")),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, Line()),
        ({"Retry-After": "-5"}, Line()),
        ({"Retry-After": "99999999"}, Line(WAIT_MAX_S, "kept")),
        ({"Retry-After": "1", TICKET_HEADER: "x" * 500}, Line(1.0, "kept")),
        ({BATCH_HEADER: "40"}, Line(most=40)),
        ({BATCH_HEADER: "0"}, Line(most=1)),
        ({BATCH_HEADER: "100000"}, Line(most=BATCH_MAX)),
        ({BATCH_HEADER: "many"}, Line()),
    ],
)
def test_what_an_answer_says(headers: dict[str, str], expected: Line) -> None:
    """Read as it is meant, within bounds; what makes no sense says nothing."""
    assert line_in(headers, Line(ticket="kept")) == expected


def test_homes_that_were_told_the_same_come_one_by_one() -> None:
    """Chance adds to the wait, and never takes from it; the longer of two waits holds."""
    now_s = [100.0]
    left = []
    for chance in (0.0, 0.5, 1.0):
        batch = NextBatch(lambda chance=chance: chance, lambda: now_s[0])
        batch.wait(20.0)
        left.append(batch.left_s())
    assert left[0] == 20.0 and left == sorted(set(left)) and left[2] < 30
    batch.wait(1.0)
    assert batch.left_s() == left[2]
    now_s[0] += 100
    assert batch.left_s() == 0
    batch.wait(1.0)
    assert batch.left_s() > 0


def test_a_busy_server_is_no_dead_one() -> None:
    """The error says which, and how long."""
    body = b'{"code":"busy","detail":"x","now_s":1.0}'
    busy = refusal(503, body, Line(wait_s=9.0))
    assert isinstance(busy, LinkDown) and busy.busy and busy.wait_s == 9.0
    down = refusal(503, body.replace(b"busy", b"unavailable"), Line(wait_s=5.0))
    assert isinstance(down, LinkDown) and not down.busy and down.wait_s == 5.0


def test_a_batch_that_got_no_answer_comes_smaller(
    server: WireServer, box: MemoryOutbox, uplink: Uplink
) -> None:
    """The line may not carry as much: half of it, and so on, but never a few at a time."""
    door = Door(server, times=0)

    def cut(request: Request) -> bool:
        return request.path.endswith("/events") and door.sizes[-1] > 120 and request.cut()

    server.faults.append(cut)
    box.add(400)
    uplink.start()
    assert server.wait(lambda: len(server.events) == 400)
    taken = [size for size in door.sizes if size <= 120]
    assert door.sizes[0] == 400 and taken[0] == 100 >= LIMIT_MIN


Make = Callable[..., UrgentEvent]


def event(seq: int, kind: str, **data: Any) -> UrgentEvent:
    obj = {"origin": "home:h1", "seq": seq, "kind": kind, "data": data, "hash": "0" * 64}
    return UrgentEvent("home:h1", seq, kind, json.dumps(obj).encode())


def lane_with(box: MemoryOutbox, *events: UrgentEvent, age_s: float = 0.0) -> UrgentLane:
    """An urgent lane that is not started, with events that wait for so long."""
    link = Link("http://127.0.0.1:1", "h1", KEY)
    lane = UrgentLane(SharedLinkState(link, box, Home(box).calls(), lambda: 0.0))
    lane._put(events, time.monotonic() - age_s)
    return lane


def order(lane: UrgentLane) -> list[list[int]]:
    """The numbers of each request, as they would be sent."""
    sent = []
    while batch := lane._next():
        sent.append([seq for (_, seq), _ in batch])
        lane._done(batch)
    return sent


def test_what_is_open_goes_before_what_is_over(box: MemoryOutbox) -> None:
    """After three hours: the alarm and the question that are open in a request of their own, the
    newest first; those that are over, and what happened at three o'clock, after them."""
    lane = lane_with(
        box,
        event(1, "alarm.raised"),
        event(2, "unlock.progressed"),
        event(3, "alarm.cancelled", alarm="home:h1/1"),
        event(4, "check.asked", check="c1"),
        event(5, "check.done", check="c1"),
        event(6, "check.asked", check="c2"),
        event(7, "alarm.raised"),
        age_s=FRESH_S * 60,
    )
    lane.put([event(8, "unlock.ended")])
    assert order(lane) == [[7, 6], [8], [1, 2, 3, 4, 5]]


def test_what_ends_an_alarm_that_was_told_goes_at_once(box: MemoryOutbox) -> None:
    """Nobody runs for an alarm that was taken back."""
    lane = lane_with(box, event(3, "alarm.cancelled", alarm="home:h1/1"), event(4, "lock.jammed"))
    assert order(lane)[0] == [3]


def test_many_old_events_do_not_stand_before_a_new_alarm(box: MemoryOutbox) -> None:
    """Not one of them, however many there are; and none goes while homes are asked to wait."""
    old = [event(seq, "unlock.progressed") for seq in range(1, 900)]
    lane = lane_with(box, *old, age_s=FRESH_S + 1)
    lane.shared.told_to_wait = True
    assert order(lane) == []
    lane.put([event(900, "alarm.raised")])
    assert order(lane) == [[900]]
    lane.shared.told_to_wait = False
    assert [seq for request in order(lane) for seq in request] == list(range(1, 900))


def test_a_lane_that_begins_asks_the_log_for_alarms(server: WireServer, box: MemoryOutbox) -> None:
    """A home that was started anew in an outage: its open alarm does not wait for history."""
    door = Door(server, times=1)
    box.add(30)
    (alarm,) = box.add(1, "alarm.raised")
    box.alarms = lambda: at_once([alarm])  # type: ignore[method-assign]
    uplink = Uplink(Link(server.url, "h1", KEY), box, Home(box).calls(), rand=lambda: 0.0)
    uplink.start()
    assert server.wait(lambda: len(server.events) == 31)
    uplink.stop(drain_s=0)
    assert door.asked == 1
    lanes = [lane for lane, _ in server.arrived]
    assert ("urgent", 31) in server.arrived
    assert lanes.index("urgent") < lanes.index("events")
