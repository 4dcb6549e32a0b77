"""A home is trusted with itself and with nothing beyond: every kind and every fold is walked with
what belongs to another organisation's home."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import pytest
from flask import Flask
from pydantic import AwareDatetime
from sqlalchemy import Connection, select, update

from gateway import events
from gateway.clock import ManualClock
from gateway.envelope import Because, Draft, Event, from_json
from gateway.events import (
    KINDS,
    AlarmOutcome,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    By,
    CheckPlanned,
    CodesGiven,
    CodesIssued,
    CodeTold,
    Data,
    GrantIssued,
    GrantRequested,
    Holds,
    LockOperationRequested,
    RecordRead,
    Severity,
    Stamp,
    VisitDeclined,
    VisitEnded,
    VisitStarted,
    alarm_type,
)
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome, add_home, add_user, parts_of
from web.staff.audit import access_log
from web.staff.core.context import Staff
from web.staff.events import append, judgement
from web.staff.events.judgement import REFUSED_KIND, Mark, Verdict
from web.staff.events.projections.fold import HANDLERS
from web.staff.events.projections.rebuild import Fold, rebuild_home
from web.staff.storage import tables

NOW = datetime.fromisoformat("2026-11-23T21:00:00+00:00")


@dataclass
class Two:
    """Home `h1` of one organisation with a row in every table, and `h2` of another, which tries."""

    staff: Staff
    theirs: EnrolledHome
    ours: EnrolledHome
    names: list[str]
    """What names something of `h1`: events, also of numbers not yet given; a grant, a code, a
    check."""

    def of_h1(self) -> dict[str, list[str]]:
        """Every row of `h1`, of the folded tables."""
        with self.staff.db.read() as conn:
            return {
                table.name: sorted(
                    repr(dict(row))
                    for row in conn.execute(select(table).where(table.c.home_id == "h1")).mappings()
                )
                for table in tables.PROJECTIONS
            }


def _right(clock: ManualClock) -> Iterator[tuple[Data, str | None]]:
    """What the server decides about `h1`, each with its person."""
    later = clock.now() + timedelta(hours=1)
    yield (
        GrantIssued(grant="g1", action="unlock", reason="alarm", reason_ref=None, expires=later),
        "p7",
    )
    told = CodeTold(
        id="code-1", number=12, device="front", not_before=NOW, expires=later, salt="s", hash="h"
    )
    yield CodesIssued(codes=(told,), kid="k"), "p7"
    yield GrantRequested(action="unlock"), "p7"
    yield VisitDeclined(why=events.Undone.ABSENT), "p7"


@pytest.fixture
def two(staff_app: Flask, clock: ManualClock) -> Iterator[Two]:
    """Both homes."""
    staff = parts_of(staff_app)
    add_user(staff_app, "p7", ["caregiver"], homes=["h1"])
    add_home(staff_app, "h2", org="org2")
    add_user(staff_app, "q7", ["caregiver"], homes=["h2"], org="org2")
    homes = [EnrolledHome(staff_app, staff_app.test_client(), name, clock) for name in ("h1", "h2")]
    theirs, ours = homes
    for home in homes:
        home.enroll()
        home.describe()
    alarm, visit, _ = theirs.send(
        AlarmRaised.usual(AlarmType.BED_EXIT, clock.now()),
        Draft(VisitStarted(since=clock.now(), source=Stamp.TAP), person="p7"),
        CheckPlanned(check="n@1", slot=clock.now(), report_by=clock.now() + timedelta(hours=1)),
    )
    decided = []
    with staff.write() as tx:
        for data, person in _right(clock):
            draft = Draft(data, device="front", person=person)
            decided.append(append.write(staff, tx, "h1", draft).ref)
    later = f"home:h1/{theirs.seq + 1}"
    names = [alarm.ref, visit.ref, *decided, later, "staff:h1/99", "g1", "code-1", "n@1"]
    yield Two(staff, theirs, ours, names)
    for home in homes:
        home.close()


# --- data of any kind -----------------------------------------------------------------------------


def filled(cls: type, name: str) -> Any:
    """Data of a kind (or a part of one) in which every text is `name` where it may be any."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return cls(**{field.name: _value(hints[field.name], name) for field in fields(cls)})


def _value(hint: Any, name: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint == events.AnyAlarmType:
        return AlarmType.BED_EXIT
    if origin is typing.Annotated:
        return _value(args[0], name)
    if origin in (typing.Union, types.UnionType):
        return _value(next(arg for arg in args if arg is not type(None)), name)
    if origin is tuple:
        return (_value(args[0], name),)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    if is_dataclass(hint):
        return filled(typing.cast(type, hint), name)
    plain = {str: name, int: 1, float: 1.0, bool: True}
    return NOW if hint is AwareDatetime else plain[hint]


def everything(two: Two) -> Iterator[Draft]:
    """Every kind, with everything of `h1` in every text, for nobody and for `h1`'s caregiver."""
    for cls in KINDS.values():
        for name in two.names:
            for person in (None, "p7"):
                yield Draft(filled(cls, name), device="front", person=person)


def _of_our_own(cls: type[Data], event: Event, home: str) -> bool:
    """Whether nothing in an event is beyond what `home` may write."""
    texts = [value for _, value, holds in judgement._values(event) if holds is Holds.EVENT]
    return (
        cls.BY is not By.SERVER
        and event.person is None
        and all(judgement.is_ref_of(str(text), home) for text in texts)
    )


def test_every_kind_with_what_is_another_homes_changes_nothing_there(two: Two) -> None:
    """Over both lanes; what is refused is kept whole, in no kind's list, and the chain goes on."""
    before = two.of_h1()
    drafts = list(everything(two))
    sent: list[Event] = []
    for first in range(0, len(drafts), 400):
        part = two.ours.seal(*drafts[first : first + 400])
        assert two.ours.post("urgent", part).status_code == 200
        assert two.of_h1() == before, "over the urgent lane"
        assert two.ours.post("events", part).get_json() == {"have": two.ours.seq}
        sent += [from_json(obj) for obj in part]
    assert two.of_h1() == before
    stored = {row.seq: row for row in rows(two.staff, tables.event, origin="home:h2")}
    for event in sent:
        row = stored[event.seq]
        may = _of_our_own(KINDS[event.kind], event, "h2")
        rings = isinstance(event.data, AlarmRaised)  # marked, and an alarm all the same
        assert (row.kind == event.kind) == (may or rings), (event.kind, row.mark)
        assert (row.mark is None) == may
        assert row.hash.hex() == event.hash
        assert row.person is None
    with two.staff.db.read() as conn:
        later = NOW + timedelta(days=2)
        seen = access_log.read(conn, ["h2"], NOW - timedelta(days=2), later)
    assert [row for row in seen if row.person is not None] == []
    assert {row.action for row in seen} <= set(events.ACCESS_KINDS) - {"record.read"}


def test_every_fold_leaves_another_homes_rows_alone(two: Two) -> None:
    """Even if an event were not refused: each handler, given what is `h1`'s by `h2`'s hand or by
    the server's about `h2`."""
    before = two.of_h1()
    with two.staff.db.write() as tx:
        fold = Fold(tx.conn, "h2")
        for kind in HANDLERS.kinds():
            if KINDS[kind] in (GrantIssued, CodesIssued, CodesGiven):
                continue  # the server makes a right under a name that nobody had
            for origin in ("home:h2", "staff:h2"):
                for seq, name in enumerate(two.names, start=1000):
                    fold.apply(_event(filled(KINDS[kind], name), origin, seq))
        fold.flush()
    assert two.of_h1() == before


def _event(data: Data, origin: str, seq: int) -> Event:
    return Event(origin, seq, NOW, "synced", "b1", 1.0, data, device="front", person="q7")


def test_an_alarm_is_not_closed_ahead_of_time(two: Two) -> None:
    """The next alarm of a home whose numbers another home has used up is open."""
    ahead = [f"home:h1/{two.theirs.seq + step}" for step in range(1, 100)]
    two.ours.send(*(AlarmResolved(alarm=ref, outcome=AlarmOutcome.FALSE) for ref in ahead))
    two.ours.send(*(events.AlarmCancelled(alarm=ref, reason="back") for ref in ahead))
    (raised,) = two.theirs.send(AlarmRaised.usual(AlarmType.PENDANT, NOW))
    (row,) = rows(two.staff, tables.alarm, id=raised.ref)
    assert (row.home_id, row.raised_at is None, row.closed_at) == ("h1", False, None)


def test_what_is_refused_is_told_once(two: Two) -> None:
    """One event and one technical alarm, however much is refused over either lane; again when more
    comes after the alarm was closed."""

    def told() -> list[str | None]:
        events_told = rows(two.staff, tables.event, kind="home.overstepped")
        assert len(events_told) == len(rows(two.staff, tables.alarm, home_id="h2"))
        return [row.home_id for row in events_told]

    part = two.ours.seal(RecordRead(what="home"), RecordRead(what="home"))
    for path in ("urgent", "events", "urgent"):
        assert two.ours.post(path, part).status_code == 200
        assert told() == ["h2"]
    two.ours.send(RecordRead(what="home"))
    assert told() == ["h2"]
    (alarm,) = rows(two.staff, tables.alarm, home_id="h2")
    assert (alarm.type, alarm.severity) == ("home_overstepped", "technical")
    with two.staff.write() as tx:
        closed = AlarmResolved(alarm=alarm.id, outcome=AlarmOutcome.MENDED)
        append.write(two.staff, tx, "h2", Draft(closed, person="q7"))
    two.ours.send(RecordRead(what="home"))
    assert told() == ["h2", "h2"]


def test_a_home_may_name_its_own_people(two: Two) -> None:
    """A caregiver of its organisation, and nobody else: not a stranger, not one who may come."""
    for person, may in (("q7", True), ("p7", False), ("p404", False)):
        asked = LockOperationRequested(grant=f"g-{person}", action="unlock", reason="service")
        (event,) = two.ours.send(Draft(asked, device="front", person=person))
        (row,) = rows(two.staff, tables.event, origin="home:h2", seq=event.seq)
        assert (row.kind == "unlock.requested", row.person) == (may, person if may else None)
        assert row.mark == (None if may else Mark.FOREIGN_PERSON)


def test_a_decision_rests_on_the_homes_own_events(two: Two) -> None:
    """Its reasons are shown with it: they are none of another home's."""
    for ref, may in (("home:h1/1", False), ("home:h2/1", True), ("staff:h2/1", True)):
        because = Because("bed", 1, (ref,))
        (event,) = two.ours.send(Draft(events.BedEntered(), because=because))
        (row,) = rows(two.staff, tables.event, origin="home:h2", seq=event.seq)
        assert (row.mark is None) == may


def test_a_reference_of_an_odd_shape_is_foreign() -> None:
    """Only what names an event of this very home is its own."""
    for ref in ("home:h2/1", "home:h2~2/17", "staff:h2/3", "home:h2/1~0123abcd"):
        assert judgement.is_ref_of(ref, "h2"), ref
    for ref in ("home:h22/1", "home:h2~1/1", "staff:h2~2/1", "home:h2/", "x/home:h2/1", "", "h2/1"):
        assert not judgement.is_ref_of(ref, "h2"), ref


def _harm(conn: Connection, visit: str, alarm: str) -> None:
    """What an older server made of what `h2` sends below."""
    conn.execute(update(tables.visit).where(tables.visit.c.id == visit).values(home_id="h2"))
    conn.execute(
        update(tables.alarm)
        .where(tables.alarm.c.id == alarm)
        .values(closed_at=NOW, closed_by="q7", outcome="false")
    )
    conn.execute(
        update(tables.turn).where(tables.turn.c.grant == "g1").values(home_id="h2", step="ended")
    )


@pytest.mark.parametrize("order", [("h1", "h2"), ("h2", "h1")])
def test_a_rebuild_mends_what_was_harmed(
    two: Two, monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    """A database that a server wrote before it held homes to their own: events that count there,
    rows that were moved and closed.  Afterwards it is as if the home had been held to it."""
    before, (alarm, visit) = two.of_h1(), two.names[:2]

    def trusting(event: Event, *_: object) -> Verdict:
        return Verdict(event)

    with monkeypatch.context() as old:
        old.setattr(judgement, "judge", trusting)
        two.ours.send(
            Draft(AlarmResolved(alarm=alarm, outcome=AlarmOutcome.FALSE), person="p7"),
            VisitEnded(visit=visit, until=NOW, source=Stamp.TAP),
            Draft(RecordRead(what="home"), person="p7"),
        )
        with two.staff.db.write() as tx:
            _harm(tx.conn, visit, alarm)
    assert two.of_h1() != before
    for home in order:
        with two.staff.db.write() as tx:
            rebuild_home(tx.conn, home)
    assert two.of_h1() == before
    marked = [row for row in rows(two.staff, tables.event, origin="home:h2") if row.mark]
    assert [row.kind for row in marked] == [REFUSED_KIND] * 3
    assert [row.person for row in marked] == [None] * 3


def test_every_kind_says_who_writes_it() -> None:
    """A field that names an event has the type of one, in kinds to come too."""
    for kind, cls in KINDS.items():
        assert isinstance(cls.BY, By), kind
        for name, holds in judgement.fields_of(typing.cast(Any, cls)):
            named = name in (
                "alarm",
                "visit",
                "request",
                "sample",
                "row",
                "rows",
                "reason_ref",
                "event",
            )
            assert not named or holds is Holds.EVENT, f"{kind}.{name}"


@pytest.mark.parametrize("lane", ["batch", "urgent"])
def test_an_alarm_rings_whatever_else_it_names(
    staff: Staff, enrolled_home: EnrolledHome, lane: str
) -> None:
    """Somebody needs help, and the home is wrong about a person, a reason or a word: the alarm is
    open, without them, and the technician hears of the home."""
    raised = AlarmRaised(type=AlarmType.PENDANT, severity=Severity.CARE, since=NOW)
    strange = replace(raised, type=alarm_type("x" * 5_000))
    because = Because("pendant", 1, ("home:h2/1",))
    drafts = [
        Draft(raised, person="p-of-nobody"),
        Draft(raised, because=because),
        Draft(strange),
    ]
    if lane == "batch":
        enrolled_home.send(*drafts)
    else:
        enrolled_home.send_urgent(*drafts)
    alarms = [row for row in rows(staff, tables.alarm) if row.severity == "care"]
    assert [(row.person, row.closed_at, len(row.type) <= 600) for row in alarms] == [
        (None, None, True)
    ] * 3
    overstepped = [row for row in rows(staff, tables.alarm) if row.type == "home_overstepped"]
    assert len(overstepped) == 1
    with staff.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert len([row for row in rows(staff, tables.alarm) if row.severity == "care"]) == 3
