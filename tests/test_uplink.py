"""The three lanes against a real HTTP server that breaks in the ways that networks do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.engine.log_rest import Rest
from gateway.errors import LogUnwritable
from gateway.link.https import Link
from gateway.link.uplink import Problem, Uplink, UplinkCallbacks, UrgentEvent
from gateway.link.urgent_lane import _Urgent
from gateway.wire import BATCH_MAX
from tests.wireserver import Request, WireServer

KEY = Ed25519PrivateKey.generate()
PATIENCE_S = 60.0
"""Far more than anything here takes; only a failing test waits for it."""


class MemoryOutbox:
    """A log in memory: what the uplink sees of the real one."""

    def __init__(self, origin: str = "home:h1") -> None:
        self._lock = threading.Lock()
        self._origin, self._forwarded, self._down = origin, 0, 0
        self._bodies: list[Any] = []
        self.pruned = 0
        self.marks: list[int] = []

    def add(self, count: int = 1, kind: str = "mat.pressed") -> list[bytes]:
        with self._lock:
            first = len(self._bodies) + 1
            bodies = [body_of(self._origin, n, kind) for n in range(first, first + count)]
            self._bodies += bodies
        return bodies

    def renew(self, origin: str) -> None:
        with self._lock:
            self._origin, self._bodies, self._forwarded = origin, [], 0

    def kept(self, seq: int) -> None:
        with self._lock:
            self._down = seq

    def origin(self) -> str:
        return self._origin

    def head(self) -> int:
        return len(self._bodies)

    def pending(self, after: int, limit: int) -> list[bytes]:
        with self._lock:
            return self._bodies[max(after, self.pruned) :][:limit]

    def forwarded(self) -> int:
        return self._forwarded

    def place(self) -> tuple[str, int]:
        return self._origin, self._forwarded

    def mark_forwarded(self, origin: str, seq: int) -> None:
        with self._lock:
            if origin == self._origin:
                self.marks.append(seq)
                self._forwarded = max(self._forwarded, seq)

    def rest(self, limit: int) -> Rest | None:
        return None

    def mark_rest(self, origin: str, seq: int) -> None: ...

    def down_have(self) -> int:
        return self._down

    def alarms(self) -> list[UrgentEvent]:
        return []


def body_of(origin: str, seq: int, kind: str) -> bytes:
    obj = {"origin": origin, "seq": seq, "kind": kind, "data": {}, "hash": "0" * 64}
    return json.dumps(obj).encode()


def at_once(bodies: list[bytes]) -> list[UrgentEvent]:
    """Events as the engine hands them to the urgent lane."""
    objs = [json.loads(body) for body in bodies]
    return [
        UrgentEvent(obj["origin"], obj["seq"], obj["kind"], body)
        for obj, body in zip(objs, bodies, strict=True)
    ]


class Home:
    """The home's end: what the uplink told, and a way to wait for it."""

    def __init__(self, box: MemoryOutbox) -> None:
        self.box = box
        self.told: list[tuple[str, Any]] = []
        self.changed = threading.Condition()
        self.refuse_down = 0

    def calls(self) -> UplinkCallbacks:
        return UplinkCallbacks(
            on_decided=self._decided,
            on_lock_order=lambda token: self._tell("turn", token),
            on_link=lambda up: self._tell("link", up),
            on_server_time=lambda offset: self._tell("time", offset),
            on_server_ahead=lambda have: self._tell("ahead", have),
            on_chain_broken=lambda: self._tell("broken", None),
            on_problem=lambda problem: self._tell("problem", problem),
            on_unread_order=lambda what, said: self._tell("unread", (what, said)),
        )

    def _decided(self, events: list[dict[str, Any]]) -> None:
        if self.refuse_down:
            self.refuse_down -= 1
            raise LogUnwritable("the disk is full")
        with self.changed:  # who waits for the one has the other too
            self.box.kept(events[-1]["seq"])
            self._tell("decided", [event["seq"] for event in events])

    def _tell(self, what: str, value: Any) -> None:
        with self.changed:
            self.told.append((what, value))
            self.changed.notify_all()

    def all(self, what: str) -> list[Any]:
        return [value for name, value in self.told if name == what]

    def wait(self, what: Callable[[], Any]) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: bool(what()), PATIENCE_S)


@pytest.fixture
def server() -> Iterator[WireServer]:
    running = WireServer(key=KEY.public_key()).start()
    yield running
    running.stop()


@pytest.fixture
def box() -> MemoryOutbox:
    return MemoryOutbox()


@pytest.fixture
def home(box: MemoryOutbox) -> Home:
    return Home(box)


@pytest.fixture
def uplink(server: WireServer, box: MemoryOutbox, home: Home) -> Iterator[Uplink]:
    # jitter of a fiftieth: the pauses are real, the tests are quick
    made = Uplink(Link(server.url, "h1", KEY), box, home.calls(), rand=lambda: 0.02)
    yield made
    made.stop(drain_s=0)


def test_what_is_committed_arrives_in_order_and_is_marked(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """Each event arrives once, in order; the log is told how far the server has come."""
    uplink.start()
    for _ in range(20):
        box.add()
        uplink.wake()
    assert server.wait(lambda: len(server.events) == 20)
    assert home.wait(lambda: home.all("link"))
    assert [event["seq"] for event in server.events] == list(range(1, 21))
    assert home.all("link") == [True]
    deadline = time.monotonic() + PATIENCE_S
    while box.forwarded() < 20 and time.monotonic() < deadline:
        time.sleep(0.005)
    metrics = uplink.metrics()
    assert (metrics.backlog, metrics.connected, metrics.problem) == (0, True, None)
    assert metrics.last_ok is not None
    assert len(set(server.tokens)) == len(server.tokens)  # every request has a token of its own


def test_an_alarm_goes_before_ten_thousand_that_wait(
    server: WireServer, box: MemoryOutbox, uplink: Uplink
) -> None:
    """Server away, 10,000 queued, an alarm raised: when the server is back the alarm is there
    before the backlog, and everything arrives exactly once."""
    server.stop()
    box.add(10_000)
    uplink.start()
    alarm = box.add(1, "alarm.raised")
    uplink.urgent(at_once(alarm))
    uplink.wake()
    server.start()
    assert server.wait(lambda: len(server.events) == 10_001, 60)
    assert [event["seq"] for event in server.events] == list(range(1, 10_002))
    assert [event["seq"] for event in server.urgent] in ([10_001], [10_001, 10_001])
    urgent_at = server.arrived.index(("urgent", 10_001))
    assert urgent_at < server.arrived.index(("events", 10_001))
    assert urgent_at <= 4 * BATCH_MAX  # a few batches at most had gone before it
    assert max(server.batches) == BATCH_MAX


def test_an_alarm_is_sent_that_the_disk_did_not_take(
    server: WireServer, box: MemoryOutbox, uplink: Uplink
) -> None:
    """The urgent lane needs no log: what is handed to it goes, durable or not."""
    uplink.start()
    uplink.urgent(at_once([body_of("home:h1", 7, "alarm.raised")]))
    assert server.wait(lambda: [event["seq"] for event in server.urgent] == [7])
    assert server.events == []


def test_what_the_batch_brings_as_soon_is_sent_once(
    server: WireServer,
    box: MemoryOutbox,
    uplink: Uplink,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A step of a door that opens, while nothing waits: the batch lane alone brings it.  An alarm
    does not wait for that."""
    monkeypatch.setattr("gateway.link.urgent_lane.YIELD_S", PATIENCE_S)
    uplink.start()
    assert home.wait(lambda: home.all("link") == [True])
    for seq in range(1, 6):
        step = box.add(1, "unlock.progressed")
        uplink.wake()
        uplink.urgent(at_once(step))
        assert server.wait(lambda seq=seq: len(server.events) == seq)
    assert server.urgent == []
    (text,) = box.add(1, "alarm.raised")
    lesser = _Urgent(text, alarm=False, since_s=time.monotonic() + PATIENCE_S)
    lane, key = uplink._urgent, ("home:h1", 6)
    assert lane._yields_s([(key, lesser)]) > 0
    assert lane._yields_s([(key, replace(lesser, alarm=True))]) == 0


@pytest.mark.parametrize("stuck", ["hangs", "refuses", "behind"])
def test_what_the_batch_does_not_bring_goes_the_urgent_way(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home, stuck: str
) -> None:
    """The batch lane hangs, fails, or has a long way to go: a lesser urgent event waits a moment
    for it at most."""
    release = threading.Event()
    uplink.start()
    assert home.wait(lambda: home.all("link") == [True])

    def fault(request: Request) -> bool:
        if not request.path.endswith("/events"):
            return False
        if stuck == "refuses":
            return request.answer(503, {})
        return not release.wait(PATIENCE_S)

    server.faults.append(fault)
    if stuck == "behind":
        box.add(BATCH_MAX)
    step = box.add(1, "unlock.progressed")
    uplink.wake()
    uplink.urgent(at_once(step))
    seq = json.loads(step[0])["seq"]
    assert server.wait(lambda: [event["seq"] for event in server.urgent] == [seq])
    assert server.events == []
    server.faults.clear()
    release.set()
    assert server.wait(lambda: len(server.events) == seq)


def test_a_lost_acknowledgement_makes_no_twin(
    server: WireServer, box: MemoryOutbox, uplink: Uplink
) -> None:
    """The server committed and its answer was cut: the same events go again and are there once."""
    lost: list[Any] = []

    def lose_first_answers(request: Request) -> bool:
        if "/events" in request.path and len(lost) < 3 and b"mat.pressed" in request.body:
            lost.append(1)
            batch = json.loads(request.body)["events"]
            server.events += [e for e in batch if e["seq"] > len(server.events)]
            return request.cut()
        return False

    server.faults.append(lose_first_answers)
    box.add(3)
    uplink.start()
    assert server.wait(lambda: len(lost) == 3)
    box.add(1)
    uplink.wake()
    assert server.wait(lambda: len(server.events) == 4)
    assert [event["seq"] for event in server.events] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "status", [500, 502, 503, 429], ids=["broken", "proxy", "overloaded", "too many"]
)
def test_a_server_that_fails_is_tried_again(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home, status: int
) -> None:
    """An error that passes by itself costs nothing but time, and is told as a link that is down."""
    fails = iter([True] * 3)
    server.faults.append(lambda r: next(fails, False) and r.answer(status, {"oops": 1}))
    box.add(5)
    uplink.start()
    assert server.wait(lambda: len(server.events) == 5)
    assert home.wait(lambda: True in home.all("link"))
    assert home.all("problem") == []


def test_a_gap_answer_moves_back_to_what_the_server_has(
    server: WireServer, box: MemoryOutbox, uplink: Uplink
) -> None:
    """A server restored from a backup asks for older events and is given them."""
    box.add(50)
    box.mark_forwarded("home:h1", 40)
    server.events = [json.loads(text) for text in box.pending(0, 25)]
    uplink.start()
    assert server.wait(lambda: len(server.events) == 50)
    assert [event["seq"] for event in server.events] == list(range(1, 51))


def test_events_that_are_pruned_and_asked_for_are_a_problem_told(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """When the server asks for what is no longer kept, a technician is told."""
    box.add(50)
    box.mark_forwarded("home:h1", 50)
    box.pruned = 40
    box.add(1)
    uplink.start()
    assert home.wait(lambda: home.all("problem"))
    problem = home.all("problem")[0]
    assert (problem.code, problem.seq) == ("server_behind", 1)
    assert server.events == []
    assert server.wait(lambda: server.batches.count(0) > 2), "it is there, and says so"


def test_a_server_that_knows_more_means_an_old_disk(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """The home is told once; with the new log's origin it goes on by itself."""
    server.faults.append(
        lambda r: b'"home:h1"' in r.body and r.answer(409, server.problem("gap", have=90))
    )
    box.add(3)
    uplink.start()
    assert home.wait(lambda: home.all("ahead"))
    box.renew("home:h1~2")
    box.add(2)
    uplink.wake()
    assert server.wait(lambda: len(server.events) == 2)
    assert home.all("ahead") == [90]
    assert {event["origin"] for event in server.events} == {"home:h1~2"}


def test_a_broken_chain_is_told_once_and_alarms_still_go(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """The batch lane stands still on a broken chain; the urgent lane does not."""
    server.faults.append(
        lambda r: (
            r.path.endswith("/events")
            and b"mat" in r.body
            and r.answer(409, server.problem("chain", have=0))
        )
    )
    box.add(3)
    uplink.start()
    assert home.wait(lambda: home.all("broken"))
    uplink.urgent(at_once(box.add(1, "alarm.raised")))
    uplink.wake()
    assert server.wait(lambda: len(server.urgent) == 1)
    assert home.all("broken") == [None]


def test_one_event_that_is_refused_is_named_and_blocks_no_alarm(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """A 4xx on a batch is narrowed down by halves to its event; that is told; what lies before it
    arrives; nothing is skipped; the urgent lane goes on."""
    server.faults.append(
        lambda r: (
            r.path.endswith("/events")
            and b"bad.one" in r.body
            and r.answer(422, server.problem("bad_event"))
        )
    )
    box.add(5)
    box.add(1, "bad.one")
    box.add(5)
    uplink.start()
    assert home.wait(lambda: home.all("problem"))
    assert home.all("problem")[0].code == "event_refused"
    assert home.all("problem")[0].seq == 6
    assert [event["seq"] for event in server.events] == [1, 2, 3, 4, 5]
    assert server.wait(lambda: server.batches.count(0) > 2), "it is there, and says so"
    uplink.urgent(at_once(box.add(1, "alarm.raised")))
    assert server.wait(lambda: len(server.urgent) == 1)
    server.faults.clear()  # the server was mended
    assert server.wait(lambda: len(server.events) == 12)
    assert home.wait(lambda: home.all("problem")[-1] is None)


def test_a_home_with_a_wrong_clock_learns_the_time_and_speaks(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """A clock a year off is answered 401; the home asks again at once with the server's time."""
    server.clock_ahead_s = 365 * 86_400.0
    box.add(2)
    uplink.urgent(at_once([body_of("home:h1", 2, "alarm.raised")]))
    uplink.start()
    assert server.wait(lambda: len(server.events) == 2 and server.listening() == 1)
    assert home.wait(lambda: home.all("time"))
    assert home.all("time")[0] == pytest.approx(server.clock_ahead_s, abs=30)
    assert home.all("problem") == []


@pytest.mark.parametrize("said", ["key_void", "replaced", "ended"])
def test_a_home_that_is_not_accepted_is_told(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home, said: str
) -> None:
    """A key that is void is a problem told, not a silent loop; that another gateway was enrolled
    goes on as the server's own word, from whichever lane hears it first."""
    server.faults.append(lambda r: r.answer(401, server.problem(said)))
    box.add(1)
    uplink.start()
    assert home.wait(lambda: home.all("problem"))
    assert home.all("problem")[0].code == ("refused" if said == "key_void" else said)
    assert said in home.all("problem")[0].text
    assert home.all("link") in ([False], [])


def test_a_captive_portal_is_not_taken_for_the_server(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """200 with a page of somebody else's is no acknowledgement."""
    server.faults.append(lambda r: r.answer(200, "<html>Log in to the hotel</html>"))
    box.add(1)
    uplink.start()
    assert home.wait(lambda: False in home.all("link"))
    assert box.marks == []
    server.faults.clear()
    assert server.wait(lambda: len(server.events) == 1)


def test_no_alarm_is_dropped_from_a_full_urgent_lane(
    server: WireServer, box: MemoryOutbox, uplink: Uplink
) -> None:
    """Thousands of lesser urgent events push out each other, never an alarm."""
    server.faults.append(lambda r: r.path.endswith("/events") and r.answer(503, {}))
    uplink.urgent(at_once([body_of("home:h1", 1, "alarm.raised")]))
    uplink.urgent(at_once([body_of("home:h1", n, "unlock.progressed") for n in range(2, 3002)]))
    uplink.urgent(at_once([body_of("home:h1", 3002, "pendant.pressed")]))
    uplink.start()
    assert server.wait(lambda: len(server.urgent) >= 1002)
    seqs = [event["seq"] for event in server.urgent]
    assert (sorted(seqs[:2]), seqs[2:]) == ([1, 3002], list(range(2002, 3002)))


def test_stop_sends_what_waits_and_returns(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request goes out although there is nothing to send, as a sign of life; the last
    events (that the program stopped) are sent before the lanes end."""
    monkeypatch.setattr("gateway.link.uplink.STOP_TIMEOUT_S", PATIENCE_S)
    before = set(threading.enumerate())
    uplink.start()
    assert server.wait(lambda: server.batches == [0] and server.listening() == 1)
    box.add(3, "gateway.stopped")
    began = time.monotonic()
    uplink.stop(drain_s=PATIENCE_S)
    assert time.monotonic() - began < PATIENCE_S
    assert len(server.events) == 3
    begun = set(threading.enumerate()) - before
    assert not any(thread.name.startswith("uplink-") for thread in begun)


def test_a_fault_of_ours_is_told_and_the_lane_lives(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """An error that nobody foresaw becomes a problem; the lane goes on."""
    real, failing = box.pending, [True]

    def broken(after: int, limit: int) -> list[bytes]:
        if failing:
            failing.pop()
            raise RuntimeError("nobody foresaw this")
        return real(after, limit)

    box.pending = broken  # type: ignore[method-assign]
    box.add(1)
    uplink.start()
    assert server.wait(lambda: len(server.events) == 1)
    assert home.wait(lambda: None in home.all("problem"))
    assert isinstance(home.all("problem")[0], Problem)
    assert home.all("problem")[0].code == "internal"
