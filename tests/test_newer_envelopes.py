"""What a newer version writes around an event is read as far as it can be, also in what the server
decided and in the home's own log after it went back; and it gives no right."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.engine import log_rest
from gateway.engine.event_log import EventLog
from gateway.engine.log_reader import LogReader
from gateway.engine.stamp_time import corrected
from gateway.envelope import GENESIS, Because, Event, body_of, canonical, from_json, verify_next
from gateway.envelope_fields import NO_TIME
from gateway.errors import BadEvent
from gateway.events import KINDS, AlarmRaised, Unknown
from gateway.state.home_view import HomeView
from tests import versions
from tests.test_newer_server import START, Writer, _engine

ENVELOPES = versions.ENVELOPES


def write(writer: Writer, kind: str, fields: Any, change: Any, **more: Any) -> dict[str, Any]:
    """An event with another envelope, in the writer's chain."""
    previous = writer.previous
    obj = versions.around(writer.write(kind, fields, **more), change, previous)
    writer.previous = bytes.fromhex(obj["hash"])
    return obj


def read(change: Any) -> Event:
    alarm = versions.whole(AlarmRaised)
    return from_json(write(Writer("home:h1"), "alarm.raised", alarm, change, person="p1"))


@pytest.mark.parametrize("change", ENVELOPES.values(), ids=ENVELOPES.keys())
def test_each_field_is_read_by_itself(change: Any) -> None:
    """What is otherwise has a meaning and is kept; the rest counts; the chain holds."""
    plain = from_json(Writer("home:h1").write("alarm.raised", versions.whole(AlarmRaised)))
    obj = write(Writer("home:h1"), "alarm.raised", versions.whole(AlarmRaised), change)
    event = from_json(obj)
    assert isinstance(event.data, AlarmRaised)
    assert (event.ref, event.urgent) == (plain.ref, True)
    unread = {"clock": "unsynced", "at": NO_TIME, "boot": "", "mono_s": 0.0, "device": None}
    for name in ("clock", "at", "boot", "mono_s", "device"):
        meant = unread[name] if name in change else getattr(plain, name)
        assert getattr(event, name) == meant, name
    assert event.person is None
    kept = {name: value for name, value in change.items() if value is not versions.ABSENT}
    assert (event.around or {}) == kept
    if kept:
        assert body_of(event) == canonical(obj)
    verify_next(obj, origin="home:h1", seq=1, previous=GENESIS)


def test_what_is_known_of_a_reason_counts() -> None:
    """A field more is passed over; half a reason is none."""
    assert read(ENVELOPES["a reason with a field more"]).because == Because("bed", 1, ())
    assert read(ENVELOPES["a reason in words"]).because is None
    assert read(ENVELOPES["a reason that rests on one"]).because is None


@pytest.mark.parametrize("change", ENVELOPES.values(), ids=ENVELOPES.keys())
def test_what_gives_a_right_is_read_with_its_whole_envelope_or_not_at_all(change: Any) -> None:
    """What is new around it may be a restriction."""
    for kind in [kind for kind, cls in KINDS.items() if cls.STRICT]:
        writer, fields = Writer("staff:h1"), versions.whole(KINDS[kind])
        assert type(from_json(writer.write(kind, fields)).data) is KINDS[kind]
        event = from_json(write(writer, kind, fields, change))
        assert isinstance(event.data, Unknown), kind


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*ENVELOPES["a field more"], *"abc"]), ANY, max_size=2), ANY)
def test_only_what_is_no_event_is_refused(more: dict[str, Any], value: Any) -> None:
    """Any value in any field: an event, or one sentence where there is no origin, number, kind or
    hash."""
    obj = Writer("home:h1").write("mat.pressed", {})
    for name in (*obj, "because", "person"):
        changed = {**obj, **more, name: value}
        try:
            event = from_json(changed)
        except BadEvent as error:
            assert name in ("origin", "seq", "kind", "hash"), (name, value)
            assert str(error).startswith("not an event: "), error
            continue
        assert event.kind == changed["kind"]


def test_what_a_newer_server_decided_goes_on(tmp_path: Path) -> None:
    """The stream stands for none of them: each is kept as it came, with the time it came where its
    own cannot be read; what comes after it counts; after a start they are the same."""
    server = Writer("staff:h1")
    acknowledged = {"alarm": "home:h1/1"}
    decided = []
    for change in ENVELOPES.values():
        decided.append(write(server, "alarm.acknowledged", acknowledged, change, person="p1"))
        decided.append(server.write("absence.started", {"why": "x", "until": None}, person="p1"))
    log = EventLog.open(tmp_path / "events.sqlite", "home:h1")
    seen: list[Event] = []
    view = HomeView()
    engine = _engine(log, view)
    engine.hooks.on_event = seen.append

    async def take() -> None:
        task = asyncio.create_task(engine.run())
        for one in decided:
            await engine.receive([one], timeout_s=60)
        assert engine.down_have == len(decided)
        task.cancel()

    asyncio.run(take())
    log.close()
    assert [obj for obj in LogReader(log.path).events() if obj["origin"] == "staff:h1"] == decided
    assert len(seen) == len(decided)
    assert all(event.at >= START for event in seen)
    again = EventLog.open(tmp_path / "events.sqlite", "home:h1")
    folded = [event for event, _ in corrected(again, START - timedelta(days=1))]
    assert [event.hash for event in folded] == [one["hash"] for one in decided]
    assert all(event.at >= START for event in folded)
    assert _engine(again, HomeView()).rebuild() == len(decided)
    again.close()


def put(log: EventLog, written: list[dict[str, Any]]) -> None:
    """Store these as a newer version did."""
    for obj in written:
        log._db.execute(
            "INSERT INTO event (seq, body, hash) VALUES (?, ?, ?)",
            (obj["seq"], canonical(obj).decode(), bytes.fromhex(obj["hash"])),
        )


@pytest.mark.parametrize(
    "name", ["no time", "a time of another form", "a time without an offset", "another clock"]
)
def test_a_log_of_times_that_cannot_be_read_is_opened_folded_and_taken_over(
    tmp_path: Path, name: str
) -> None:
    """Also where none of its times can: the home starts, and goes on beside a damaged one with what
    was in it."""
    log = EventLog.open(tmp_path / "events.sqlite", "home:h1")
    writer = Writer("home:h1")
    written = [write(writer, "bed.entered", {}, ENVELOPES[name]) for _ in range(20)]
    put(log, written)
    log.close()
    again = EventLog.open(tmp_path / "events.sqlite", "home:h1")
    # what came at times that nobody knows may be older than a week
    assert _engine(again, HomeView()).rebuild() in (0, 20)
    assert again.prune(START - timedelta(days=9), START) == 0
    again.close()
    new = EventLog.open(tmp_path / "new.sqlite", "home:h1~2")
    new.close()
    log_rest.take_in(tmp_path / "new.sqlite", again.path, "home:h1")
    new = EventLog.open(tmp_path / "new.sqlite", "home:h1~2")
    rest = new.rests.next(100)
    assert rest is not None
    assert [json.loads(body) for body in rest.bodies] == written
    new.close()


def test_a_home_that_went_back_reads_its_own_log(tmp_path: Path) -> None:
    """Whatever a newer version wrote around its events: the log opens, is folded and goes on."""
    path = tmp_path / "events.sqlite"
    log = EventLog.open(path, "home:h1")
    writer = Writer("home:h1")
    written = [writer.write("gateway.started", {"version": "9", "config_sha256": "x"})]
    for change in ENVELOPES.values():
        written.append(write(writer, "bed.entered", {}, change))
        written.append(writer.write("mat.pressed", {}))
    put(log, written)
    log.close()
    again = EventLog.open(path, "home:h1")
    seen: list[Event] = []
    engine = _engine(again, HomeView())
    engine.hooks.on_rebuild = lambda: seen.append
    assert engine.rebuild() == len(written)
    assert all(event.at >= START for event in seen)
    assert [event.hash for event in seen] == [obj["hash"] for obj in written]
    sent = [json.loads(body) for body in again.pending(0, 500)]
    assert sent == written, "what the server gets is what was sealed"
    again.close()
