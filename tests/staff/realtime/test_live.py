"""The broker and `/live`: everything that a person may see, at once, without holes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway.events import MatPressed, MatReleased
from tests.staff.parts import EnrolledHome, sign_in
from web.staff.core.rights import Actor
from web.staff.realtime.broker import DECIDED, Broker, Subscription
from web.staff.realtime.waiting import AT_EASE, Closed, Message, TooSlow
from web.staff.storage.changes import Change, gathered


def change(home: str | None, seq: int = 1, origin: str = "home:h1") -> Change:
    """A change to publish."""
    return Change(home, origin, seq, "mat.pressed", None, f'{{"seq":{seq}}}')


def alarm(home: str, seq: int = 1) -> Change:
    """An alarm to publish."""
    return Change(home, f"home:{home}", seq, "alarm.raised", None, f'{{"seq":{seq}}}')


def read(screen: Subscription) -> list[Message]:
    """All that waits for a screen."""
    return list(iter(lambda: screen.get(0), None))


def test_a_screen_gets_only_its_homes() -> None:
    """What concerns another home, or none, does not come."""
    broker = Broker()
    with broker.subscribe({"h1"}) as screen:
        broker.publish([change("h2"), change(None), change("h1", 7)])
        message = screen.get(0)
        assert message is not None
        assert b'"seq":7' in message.raw
        assert screen.get(0) is None


def test_a_screen_that_comes_back_misses_nothing() -> None:
    """From a known position it gets what came since, once."""
    broker = Broker()
    broker.publish([change("h1", 1)])
    position = broker.position()
    broker.publish([change("h1", 2), change("h2", 3), change("h1", 4)])
    screen = broker.subscribe({"h1"}, after=position)
    assert not screen.resync
    missed = [json.loads(message.raw.split(b"data: ")[1])["event"] for message in read(screen)]
    assert [event["seq"] for event in missed] == [2, 4]
    assert read(broker.subscribe({"h1"}, after=broker.position())) == []


@pytest.mark.parametrize("position", ["", "x", "-", "0-0", "{epoch}-99", "{epoch}--1", "{epoch}-0"])
def test_a_position_that_is_not_known_means_load_anew(position: str) -> None:
    """Too old, of another worker, or nonsense: never a silent hole."""
    broker = Broker(history_max=2)
    broker.publish([change("h1", number) for number in range(1, 6)])
    assert broker.subscribe({"h1"}, after=position.format(epoch=broker.epoch)).resync


def test_a_slow_screen_is_told_to_load_anew() -> None:
    """It loses its place; the others, and the publisher, do not wait for it."""
    broker = Broker()
    slow, quick = broker.subscribe({"h1"}, limit=3), broker.subscribe({"h1"})
    broker.publish([alarm("h1", number) for number in range(10)])
    with pytest.raises(TooSlow) as lost:
        slow.get(0)
    assert lost.value.position == broker.position()
    assert len(read(quick)) == 10
    broker.publish([alarm("h1", 11)])
    assert [message.position for message in read(slow)] == [broker.position()]  # once, not again


def test_a_batch_of_history_is_told_once_a_kind() -> None:
    """A home that was away brings hundreds of events: for a screen they are a few messages, each of
    its home and kind, and what somebody waits for is told before them, each for itself."""
    kinds = ("mat.pressed", "mat.released", "bed.entered", "alarm.raised", "door.opened")
    origin = "home:h1"
    batch = [
        Change("h1", origin, seq, kinds[seq % 4], None, f'{{"seq":{seq}}}') for seq in range(300)
    ]
    batch.append(Change("h1", origin, 300, kinds[4], None, '{"seq":300}'))
    broker = Broker()
    screen = broker.subscribe({"h1"})
    broker.publish(gathered(batch))
    told = read(screen)
    assert [message.kind for message in told[:75]] == ["alarm.raised"] * 75
    assert [(message.home, message.kind) for message in told[75:]] == [
        ("h1", "mat.pressed"),
        ("h1", "mat.released"),
        ("h1", "bed.entered"),
        ("h1", "door.opened"),
    ]
    assert [b'"event":null' in message.raw for message in told[75:]] == [True] * 3 + [False]


def test_what_waits_for_a_screen_is_told_together() -> None:
    """A storm of many homes does not push a screen out of its place: what it is behind with is once
    a home and kind, of many homes once a kind, and an alarm goes before it."""
    broker = Broker()
    homes = frozenset(f"h{number}" for number in range(100))
    screen, near = broker.subscribe(homes), broker.subscribe({"h1"})
    for seq in range(20):
        broker.publish([change(home, seq) for home in sorted(homes)])
    broker.publish([alarm("h7")])
    first, *rest = read(screen)
    assert (first.kind, first.home) == ("alarm.raised", "h7")
    assert len(rest) == AT_EASE + 1
    assert (rest[-1].home, rest[-1].homes) == (None, homes)
    assert {message.home for message in read(near)} == {"h1"}


def test_a_position_is_told_when_nothing_before_it_waits() -> None:
    """A screen that comes back to the last position that it was told has missed nothing, though an
    alarm went before what was older."""
    broker = Broker()
    screen = broker.subscribe({"h1"})
    broker.publish([change("h1", number) for number in range(200)])
    broker.publish([alarm("h1", 200)])
    broker.publish([change("h1", 201)])
    last = ""
    for count in range(AT_EASE + 2):
        message = screen.get(0)
        assert message is not None
        last = message.position or last
        back = broker.subscribe({"h1"}, after=last or f"{broker.epoch}-0")
        left = AT_EASE + 1 - count  # what still waits, the last as one of many
        assert len(read(back)) >= left
    assert screen.get(0) is None


def test_a_home_reads_once_for_the_steps_of_an_alarms_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """That a ladder went on and a message was sent wakes a home's stream a moment later, once for
    all of it; what the home waits for wakes it at once, and is no reason to be woken again."""
    monkeypatch.setattr("web.staff.realtime.broker.LATER_S", 1.0)
    broker = Broker()

    def decide(kind: str) -> None:
        broker.publish([Change("h1", "staff:h1", 1, kind, None, "{}")])

    with broker.open_stream("h1") as stream:
        began_s = time.monotonic()
        for kind in ("alarm.escalated", "alarm.sent", "alarm.sent"):
            decide(kind)
        assert stream.get(60) == DECIDED
        assert time.monotonic() - began_s >= 1.0
        assert stream.get(0.15) is None
        monkeypatch.setattr("web.staff.realtime.broker.LATER_S", 600.0)
        decide("alarm.sent")
        assert broker.give_order("h1", "grant")
        assert stream.get(60) == ("turn", "grant")
        decide("alarm.acknowledged")
        assert stream.get(60) == DECIDED
        assert stream.get(0.05) is None


def test_when_the_server_stops_every_wait_ends() -> None:
    """Open streams do not hold the stop."""
    broker = Broker()
    screen, stream = broker.subscribe({"h1"}), broker.open_stream("h1")
    broker.close()
    for waiting in (screen, stream, broker.subscribe({"h1"}), broker.open_stream("h1")):
        with pytest.raises(Closed):
            waiting.get(0)


def test_nothing_stays_behind() -> None:
    """Closed screens and streams are forgotten."""
    broker = Broker()
    with broker.subscribe({"h1"}), broker.open_stream("h1"):
        assert broker.counts() == (1, 1)
    assert broker.counts() == (0, 0)


def _events(raw: bytes) -> list[dict[str, Any]]:
    return [
        json.loads(line[6:])
        for line in raw.decode().splitlines()
        if line.startswith("data: ") and line != "data: {}"
    ]


def test_live_shows_what_is_committed(
    enrolled_home: EnrolledHome,
    client: FlaskClient,
    make_user: Callable[..., Actor],
    make_home: Callable[[str], EnrolledHome],
) -> None:
    """A signed-in caregiver's stream: the assigned home's events, each with its position."""
    other = make_home("h2")
    make_user("p7", ["caregiver"], homes=["h1"])
    assert client.get("/live").status_code == 401
    assert sign_in(client, "p7").status_code == 302
    answer = client.get("/live", buffered=False)
    assert answer.mimetype == "text/event-stream"
    stream: Iterator[Any] = iter(answer.response)
    assert b"hello" in next(stream)
    other.send(MatPressed(), device="bed")
    enrolled_home.send(MatPressed(), device="bed")
    raw = next(stream)
    (found,) = _events(raw)
    assert (found["home"], found["kind"]) == ("h1", "mat.pressed")
    assert found["event"]["origin"] == "home:h1"
    position = raw.decode().split("id: ")[1].split("\n")[0]
    answer.close()
    enrolled_home.send(MatReleased(), device="bed")
    back = client.get("/live", buffered=False, headers={"Last-Event-ID": position})
    stream = iter(back.response)
    assert b"hello" in next(stream)
    (found,) = _events(next(stream))
    assert found["kind"] == "mat.released"
    back.close()


def test_a_lost_place_is_told(client: FlaskClient, make_user: Callable[..., Actor]) -> None:
    """A position from before a restart gets `resync`."""
    make_user("p7", ["coordinator"])
    sign_in(client, "p7")
    answer = client.get("/live?from=deadbeef-4", buffered=False)
    stream: Iterator[Any] = iter(answer.response)
    next(stream)
    assert next(stream) == b"event: resync\ndata: {}\n\n"
    answer.close()


def test_a_failed_transaction_tells_nobody(staff_app: Flask) -> None:
    """What was not committed is never shown."""
    from gateway.envelope import Draft
    from gateway.events import RecordRead
    from tests.staff.parts import parts_of
    from web.staff.events import append

    parts = parts_of(staff_app)
    with parts.broker.subscribe({"h1"}) as screen:
        with pytest.raises(RuntimeError), parts.write() as tx:
            append.write(parts, tx, "h1", Draft(RecordRead(what="x")))
            raise RuntimeError
        assert screen.get(0) is None


def test_screens_leave_room_for_alarms(
    client: FlaskClient,
    enrolled_home: EnrolledHome,
    make_user: Callable[..., Actor],
    staff_app: Flask,
) -> None:
    """However many screens are open, a home may still listen, and its alarms come in.  The screen
    that finds no room is told so in a sentence, and whoever looks after the server by its health
    and its numbers."""
    from tests.staff.parts import parts_of

    make_user("p7", ["coordinator"])
    sign_in(client, "p7")
    parts = parts_of(staff_app)
    assert client.get("/healthz").text == "ok"
    screens = [parts.broker.subscribe({"h1"}) for _ in range(parts.config.listen.screens)]
    answer = client.get("/live")
    assert answer.status_code == 503
    assert "inte plats för fler skärmar" in answer.text
    assert 'id="say-full"' in client.get("/nu").text
    health = client.get("/healthz")
    assert (health.status_code, health.text) == (200, "ok\nfull: screens (listen.screens)")
    assert "tryggve_turned_away 1" in client.get("/metrics").text
    stream = enrolled_home.listen(0)
    assert next(stream)
    enrolled_home.send(MatPressed(), device="bed")
    parts.broker.unsubscribe(screens[0])
    answer = client.get("/live", buffered=False)
    assert answer.status_code == 200
    answer.close()


def test_a_home_without_room_is_told_how_to_make_some(
    enrolled_home: EnrolledHome, staff_app: Flask
) -> None:
    """Homes beyond those that were counted on take what screens leave; the one after the last is
    told in a sentence, and so is the server's health."""
    from tests.staff.parts import parts_of

    parts = parts_of(staff_app)
    room = parts.config.listen
    others = [parts.broker.open_stream(f"x{n}") for n in range(room.homes + room.screens - 1)]
    last = parts.broker.subscribe({"h1"})
    path = "/api/v1/home/stream"
    answer = enrolled_home.client.get(path, headers=enrolled_home.headers("GET", path))
    assert answer.status_code == 503
    assert "listen.homes" in answer.get_json()["detail"]
    assert "full: homes" in enrolled_home.client.get("/healthz").text
    parts.broker.unsubscribe(last)
    assert next(enrolled_home.listen(0))
    assert len(others) == room.homes + room.screens - 1


def test_threads_follow_from_homes_and_screens() -> None:
    """One for each that the configuration names, and some for requests."""
    from web.staff.core.config import ListenConfig
    from web.staff.realtime.broker import FOR_REQUESTS

    assert ListenConfig(homes=300, screens=50).threads == 350 + FOR_REQUESTS
