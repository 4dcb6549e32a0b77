"""The server's door: alarms pass, history waits its turn or is told when to come, nothing hangs."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from flask import Flask

from gateway.wire import BACKLOG_HEADER, BATCH_HEADER, TICKET_HEADER
from tests.staff.parts import parts_of
from web.staff.core.admission import EVENTS, INSIDE, Lane, Limits
from web.staff.core.context import Admission
from web.staff.runtime.admission_gate import LINE_NEW, AdmissionGate
from web.staff.runtime.lanes import lane_of

PATIENCE_S = 60.0
"""Far more than anything here takes; only a failing test waits for it."""

EVENTS_PATH, URGENT_PATH = "/api/v1/home/events", "/api/v1/home/urgent"
BIG = b"x" * 10_000
SMALL = b"x" * 100


class Inside:
    """An application whose requests stay inside until they are let out."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.came = threading.Condition()
        self.out = threading.Event()
        self.held = {EVENTS_PATH, "/pass/h1/las", "/nu"}

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        with self.came:
            self.names.append(environ["tryggve.test"])
            self.came.notify_all()
        if environ["PATH_INFO"].endswith("breaks"):
            raise ValueError("an error in a page")
        if environ["PATH_INFO"] in self.held:
            assert self.out.wait(PATIENCE_S)
        environ[EVENTS] = 100
        start("200 OK", [])
        return [b"done"]

    def waits_for(self, *names: str) -> bool:
        """Whether just these came in, in this order."""
        with self.came:
            return self.came.wait_for(lambda: self.names == [*names], PATIENCE_S)


class Answer:
    """What a request was answered."""

    def __init__(self) -> None:
        self.status, self.headers = "", dict[str, str]()

    def start(self, status: str, headers: list[tuple[str, str]], *_more: Any) -> None:
        self.status, self.headers = status, dict(headers)


def due_s(answer: Answer) -> int:
    """The time on a ticket, seconds since 1970; the home may ask before."""
    return int(answer.headers[TICKET_HEADER].partition(".")[0])


class Unread(io.BytesIO):
    """A body that nobody may read."""

    def read(self, *_args: Any) -> bytes:
        raise AssertionError("the body was read")


@pytest.fixture
def inside() -> Iterator[Inside]:
    """Whoever is left inside is let out at the end."""
    made = Inside()
    yield made
    made.out.set()


@pytest.fixture(params=["sqlite", "postgresql"])
def gate(inside: Inside, request: pytest.FixtureRequest) -> AdmissionGate:
    """The door, as it is for each kind of database."""
    return AdmissionGate(inside, Admission.made(b"key", postgres=request.param == "postgresql"))


def asks(
    method: str, path: str, body: bytes = b"", *, name: str = "", home: str = "h1", **more: object
) -> dict[str, Any]:
    """A request's environment."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": "EdDSA", "kid": home}).encode()).decode()
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Bearer {head.rstrip('=')}.x.y",
        "wsgi.input": io.BytesIO(body),
        "tryggve.test": name or path,
        **more,
    }


def go(app: AdmissionGate, environ: dict[str, Any]) -> tuple[threading.Thread, Answer]:
    """Send a request from a thread of its own."""
    answer = Answer()
    thread = threading.Thread(target=app, args=(environ, answer.start), daemon=True)
    thread.start()
    return thread, answer


def ask(app: AdmissionGate, environ: dict[str, Any]) -> Answer:
    """Send a request and wait for its answer."""
    thread, answer = go(app, environ)
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    return answer


def header(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


def until(what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    tick = threading.Event()
    for _ in range(int(PATIENCE_S * 200)):
        if what():
            return
        tick.wait(0.005)
    raise AssertionError("it never was so")


def history(home: str, **more: Any) -> dict[str, Any]:
    """A batch of many events."""
    return asks("POST", EVENTS_PATH, BIG, name=f"history {home}", home=home, **more)


def crowd(gate: AdmissionGate, n: int = LINE_NEW) -> list[threading.Thread]:
    """So many batches of history are inside."""
    threads = [go(gate, history(f"c{i}"))[0] for i in range(n)]
    until(lambda: gate._admission.turns.inside(Lane.HISTORY) == n)
    return threads


@pytest.mark.parametrize(
    ("method", "path", "body", "lane"),
    [
        ("POST", URGENT_PATH, BIG, Lane.ALARM),
        ("POST", EVENTS_PATH, BIG, Lane.HISTORY),
        ("POST", EVENTS_PATH, SMALL, Lane.LIVE),
        ("GET", "/api/v1/home/stream", b"", Lane.STREAM),
        ("POST", "/pass/h1/las", SMALL, Lane.ORDER),
        ("POST", "/larm/ta", SMALL, Lane.ORDER),
        ("POST", "/tillsyn/svara", SMALL, Lane.ORDER),
        ("GET", "/nu", b"", Lane.PAGE),
        ("GET", "/live", b"", None),
        ("GET", "/healthz", b"", None),
        ("GET", "/besok/fil", b"", None),
        ("GET", "/s/1/base.css", b"", None),
        ("POST", "/api/v1/home/enroll", SMALL, None),
        ("POST", "/administration/egen-inloggning", SMALL, None),
        ("POST", "/administration/egen-inloggning/grupper", SMALL, Lane.PAGE),
        ("GET", "/administration/andra-system", b"", Lane.PAGE),
        ("POST", "/administration/andra-system", SMALL, None),
        ("POST", "/administration/larmcentraler", SMALL, None),
        ("POST", "/anhorig/enhet", SMALL, None),
    ],
)
def test_each_request_has_its_lane(method: str, path: str, body: bytes, lane: Lane | None) -> None:
    """Address and size say what a request is; a size that is not told is history.  What waits for
    somebody else's server has none: four of them would keep every page."""
    assert lane_of(asks(method, path, body)) is lane
    if lane is Lane.LIVE:
        assert lane_of(asks(method, path, body) | {"CONTENT_LENGTH": ""}) is Lane.HISTORY


def test_alarms_and_pages_pass_a_crowd_of_batches(gate: AdmissionGate, inside: Inside) -> None:
    """As many batches as find a place are inside and none of them ends: an alarm, a page and a
    stream are answered all the same."""
    crowd(gate)
    inside.held = {EVENTS_PATH}
    for n in range(20):
        assert ask(gate, asks("POST", URGENT_PATH, BIG, home=f"u{n}")).status == "200 OK"
    assert ask(gate, asks("GET", "/nu")).status == "200 OK"
    assert ask(gate, asks("GET", "/api/v1/home/stream")).status == "200 OK"


def test_what_finds_no_place_is_told_before_it_is_read(gate: AdmissionGate) -> None:
    """503 with a time and a ticket; each home gets a time of its own."""
    crowd(gate)
    gate._admission.pace._between_s = 10.0
    answers = []
    for n in range(5):
        answers.append(ask(gate, history(f"n{n}", **{"wsgi.input": Unread()})))
    assert {answer.status for answer in answers} == {"503 Service Unavailable"}
    assert all(TICKET_HEADER in answer.headers for answer in answers)
    times = [due_s(answer) for answer in answers]
    assert times == sorted(set(times))


def test_a_crowd_of_small_batches_stands_in_line_too(
    gate: AdmissionGate, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a short outage each home has a few events: with no place left for what happens now they
    are told one after the other, with a ticket and unread, not all of them to come in a second."""
    inside.held = {EVENTS_PATH}
    room = INSIDE[Lane.LIVE]
    turns = gate._admission.turns
    for n in range(room):
        go(gate, asks("POST", EVENTS_PATH, SMALL, home=f"l{n}"))
    until(lambda: turns.inside(Lane.LIVE) == room)
    crowd(gate)
    gate._admission.pace._between_s = 10.0
    answers = []
    for n in range(5):
        asked = asks("POST", EVENTS_PATH, SMALL, home=f"n{n}")
        answers.append(ask(gate, asked | {"wsgi.input": Unread()}))
    assert {answer.status for answer in answers} == {"503 Service Unavailable"}
    assert all(TICKET_HEADER in answer.headers for answer in answers)
    times = [due_s(answer) for answer in answers]
    assert times == sorted(set(times))
    monkeypatch.setattr("web.staff.core.admission.TURN_WITHIN_S", 0.0)
    turns.leave(Lane.LIVE)  # one place inside, and no turn in time
    late = ask(gate, asks("POST", EVENTS_PATH, SMALL, home="n9"))
    assert late.status == "503 Service Unavailable" and TICKET_HEADER in late.headers


def test_who_comes_in_its_time_goes_before_who_is_new(gate: AdmissionGate, inside: Inside) -> None:
    """A home that was told to wait finds a place where a new one is told to wait, also at a server
    that was started anew; one that comes too early is told its own time again."""
    now_s = 1000.0
    gate._admission.waits._now_s = lambda: now_s
    threads = crowd(gate)
    gate._admission.pace._between_s = 50.0
    told = ask(gate, history("h1", **{header(BACKLOG_HEADER): "300"}))
    shown = {header(TICKET_HEADER): told.headers[TICKET_HEADER]}
    early = ask(gate, history("h1", **shown, **{header(BACKLOG_HEADER): "300"}))
    assert early.headers[TICKET_HEADER] == told.headers[TICKET_HEADER]
    gate._admission.waits._last.clear()  # another worker, or a new start
    now_s = due_s(told)
    assert ask(gate, history("h2")).status.startswith("503")
    thread, answer = go(gate, history("h1", **shown))
    at_once = gate._admission.turns.limits.at_once[Lane.HISTORY]
    until(lambda: gate._admission.turns.waiting() == LINE_NEW + 1 - at_once)
    inside.out.set()
    for one in (*threads, thread):
        one.join(PATIENCE_S)
    assert answer.status == "200 OK"
    # it waited longer than those beside it: at work with the next of them, which may be named first
    assert "history h1" in inside.names[at_once:-at_once]


def test_a_home_that_had_an_alarm_listens_before_the_others(
    gate: AdmissionGate, inside: Inside
) -> None:
    """Somebody stands at its door soon, and orders go over its stream."""
    path, turns = "/api/v1/home/stream", gate._admission.turns
    inside.held.add(path)
    at_once = turns.limits.at_once[Lane.STREAM]
    ask(gate, asks("POST", URGENT_PATH, SMALL, home="rang"))
    threads = [go(gate, asks("GET", path, home=f"s{n}"))[0] for n in range(at_once)]
    until(lambda: len(inside.names) == 1 + at_once)
    for number, home in enumerate(("a", "b", "rang", "c"), start=1):
        threads.append(go(gate, asks("GET", path, name=home, home=home))[0])
        until(lambda number=number: turns.waiting() == number)
    turns.limits = Limits({**turns.limits.at_once, Lane.STREAM: at_once + 1}, 40, {})
    with turns._lock:
        turns._call()
    assert inside.waits_for(URGENT_PATH, *[path] * at_once, "rang")
    inside.out.set()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_who_waits_and_asks_early_finds_a_place_in_the_line(
    gate: AdmissionGate, inside: Inside
) -> None:
    """The server always has a next batch, however far off the times are that were told; a home that
    comes new is told one."""
    turns = gate._admission.turns
    threads = crowd(gate, turns.history_at_once)
    now_s = 1000.0
    gate._admission.waits._now_s = lambda: now_s
    gate._admission.waits._until_s = now_s + 500
    told = ask(gate, history("h1", **{header(BACKLOG_HEADER): "300"}))
    assert told.status.startswith("503") and due_s(told) > now_s + 400
    thread, answer = go(gate, history("h1", **{header(TICKET_HEADER): told.headers[TICKET_HEADER]}))
    until(lambda: turns.waiting() == 1)
    assert ask(gate, history("new")).status.startswith("503")
    inside.out.set()
    for one in (*threads, thread):
        one.join(PATIENCE_S)
    assert answer.status == "200 OK"


def test_an_alarm_has_its_home_listen_next(gate: AdmissionGate, inside: Inside) -> None:
    """One whose stream waits in the line already goes before who came first."""
    path, turns = "/api/v1/home/stream", gate._admission.turns
    inside.held.add(path)
    at_once = turns.limits.at_once[Lane.STREAM]
    threads = [go(gate, asks("GET", path, home=f"s{n}"))[0] for n in range(at_once)]
    until(lambda: len(inside.names) == at_once)
    for number, home in enumerate(("a", "b", "rang", "c"), start=1):
        threads.append(go(gate, asks("GET", path, name=home, home=home))[0])
        until(lambda number=number: turns.waiting() == number)
    ask(gate, asks("POST", URGENT_PATH, SMALL, home="rang"))
    turns.limits = Limits({**turns.limits.at_once, Lane.STREAM: at_once + 1}, 40, {})
    with turns._lock:
        turns._call()
    assert inside.waits_for(*[path] * at_once, URGENT_PATH, "rang")
    inside.out.set()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_what_is_remembered_of_alarms_is_bounded(
    gate: AdmissionGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are unproven, and who has none is no home."""
    monkeypatch.setattr("web.staff.runtime.admission_gate.RANG_MAX", 3)
    for n in range(9):
        ask(gate, asks("POST", URGENT_PATH, SMALL, home=f"h{n}"))
        ask(gate, asks("POST", URGENT_PATH, SMALL, home=""))
    assert list(gate._rang) == ["h6", "h7", "h8"]


def test_half_a_character_is_no_name(gate: AdmissionGate, inside: Inside) -> None:
    """Who says to be called so is told to wait like everybody: nothing breaks at the door."""
    threads = crowd(gate)
    for home in ("\ud800", "h\udcff1"):
        told = ask(gate, history(home))
        assert told.status.startswith("503") and due_s(told) > 0
    inside.out.set()
    for thread in threads:
        thread.join(PATIENCE_S)


def test_a_home_that_knows_no_tickets_gets_through(gate: AdmissionGate, inside: Inside) -> None:
    """An older home comes back by its own pauses: its place is remembered, and it is told no more
    than a minute."""
    now_s = 1000.0
    gate._admission.waits._now_s = lambda: now_s
    threads = crowd(gate)
    gate._admission.waits._until_s = now_s + 500
    told = ask(gate, history("old"))
    assert 0 < int(told.headers["Retry-After"]) <= 60
    now_s += 61
    thread, answer = go(gate, history("old"))
    until(lambda: gate._admission.turns.inside(Lane.HISTORY) == LINE_NEW + 1)
    inside.out.set()
    for one in (*threads, thread):
        one.join(PATIENCE_S)
    assert answer.status == "200 OK"


def test_an_answer_says_how_large_the_next_is_and_when(gate: AdmissionGate, inside: Inside) -> None:
    """While others wait, a home with more to send gets its time with the answer: no request is
    needed to be told so."""
    inside.out.set()
    calm = ask(gate, history("h1", **{header(BACKLOG_HEADER): "1000"}))
    assert int(calm.headers[BATCH_HEADER]) > 0 and "Retry-After" not in calm.headers
    gate._admission.waits._until_s = gate._admission.waits._now_s() + 100
    more = ask(gate, history("h1", **{header(BACKLOG_HEADER): "1000"}))
    assert due_s(more) >= gate._admission.waits._until_s and int(more.headers["Retry-After"]) > 0
    last = ask(gate, history("h1", **{header(BACKLOG_HEADER): "100"}))
    assert "Retry-After" not in last.headers


def test_a_batch_whose_home_has_gone_is_not_worked_on(gate: AdmissionGate, inside: Inside) -> None:
    """It is looked for after the wait in line; an alarm is taken all the same."""
    here, there = socket.socketpair()
    there.close()
    gone = ask(gate, history("h1", **{"gunicorn.socket": here}))
    assert not inside.names and gone.status.startswith("408")
    assert gate._admission.gone == 1
    alarm = asks("POST", URGENT_PATH, SMALL) | {"gunicorn.socket": here}
    assert ask(gate, alarm).status == "200 OK"
    here.close()
    here, there = socket.socketpair()
    there.send(b"P")  # it waits, and has sent its next request already
    inside.out.set()
    assert ask(gate, history("h1", **{"gunicorn.socket": here})).status == "200 OK"
    here.close()
    there.close()


def test_a_body_that_does_not_come_holds_nobody_up(gate: AdmissionGate, inside: Inside) -> None:
    """It is read before its turn; one that is cut off is not worked on."""
    cut = ask(gate, history("h1", **{"wsgi.input": io.BytesIO(BIG[:50])}))
    assert cut.status.startswith("408") and not inside.names
    turns = gate._admission.turns
    assert turns.inside(Lane.HISTORY) == 0 and not turns._at_work[Lane.HISTORY]


def test_pages_beyond_all_room_are_told_in_words(gate: AdmissionGate, inside: Inside) -> None:
    """Some are worked for, some wait; one beyond them gets a sentence and is asked for again."""
    threads = [go(gate, asks("GET", "/nu"))[0] for _ in range(INSIDE[Lane.PAGE])]
    until(lambda: gate._admission.turns.inside(Lane.PAGE) == INSIDE[Lane.PAGE])
    answer = ask(gate, asks("GET", "/nu"))
    assert answer.status.startswith("503") and int(answer.headers["Retry-After"]) > 0
    assert ask(gate, asks("POST", URGENT_PATH, SMALL)).status == "200 OK"
    inside.out.set()
    for thread in threads:
        thread.join(PATIENCE_S)


def test_an_error_lets_the_next_in(gate: AdmissionGate, inside: Inside) -> None:
    """A request that breaks gives its place back."""
    for _ in range(50):
        with pytest.raises(ValueError, match="an error in a page"):
            gate(asks("POST", "/pass/breaks"), None)
    assert len(inside.names) == 50


def test_a_crowd_that_writes_goes_in_one_by_one_on_sqlite(inside: Inside) -> None:
    """The second waits until the first is done, but not for ever; what only reads does not."""
    gate = AdmissionGate(inside, Admission.made(b"key", postgres=False))
    first, _ = go(gate, asks("POST", EVENTS_PATH, SMALL, name="batch"))
    assert inside.waits_for("batch")
    second, _ = go(gate, asks("POST", EVENTS_PATH, SMALL, name="another batch"))
    go(gate, asks("GET", "/nu", name="page"))
    assert inside.waits_for("batch", "page")
    go(gate, asks("POST", "/pass/h1/las", name="door"))
    assert inside.waits_for("batch", "page", "door")  # after half a second, beside the batch
    inside.out.set()
    for thread in (first, second):
        thread.join(PATIENCE_S)
    assert inside.names[3:] == ["another batch"]


def test_the_server_has_its_door(staff_app: Flask) -> None:
    """Right behind the address; and its limits are those of the database."""
    outermost: Any = staff_app.wsgi_app
    assert isinstance(outermost.inner, AdmissionGate)
    assert parts_of(staff_app).admission.turns.limits.writers == 1
