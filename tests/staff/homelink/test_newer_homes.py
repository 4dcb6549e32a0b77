"""A home of a newer version at this server: over both lanes, in the tables, on the pages and when
the tables are made anew.  An alarm rings whatever is new in it, and what is known counts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from gateway.envelope import Draft
from gateway.events import (
    KINDS,
    AlarmAcknowledged,
    AlarmOutcome,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    By,
    LockOperationRequested,
    Unknown,
)
from tests import versions
from tests.staff.homelink.test_bounds import broken
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome, add_home, add_user, sign_in
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.events.judgement import Mark
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.homelink import unread
from web.staff.storage import tables
from web.staff.storage.chains import verify_all

OURS = [kind for kind, cls in KINDS.items() if cls.BY is not By.SERVER]
"""What a home may write."""


@pytest.fixture
def reader(staff_app: Flask) -> FlaskClient:
    """Somebody who sees every page."""
    roles = ["caregiver", "coordinator", "night_watcher", "technician", "administrator"]
    add_user(staff_app, "p9", roles, homes=["h1"])
    client = staff_app.test_client()
    assert sign_in(client, "p9").status_code == 302
    return client


def sent(home: EnrolledHome, *fields: tuple[str, Any], lanes: tuple[str, ...]) -> list[Any]:
    """Write events as another version would, and send them over these lanes, in this order."""
    drafts = [Draft(Unknown(kind, data), device=_device(kind)) for kind, data in fields]
    written = home.seal(*drafts)
    for lane in lanes:
        answer = home.post(lane, written)
        assert answer.status_code == 200, answer.text
    return written


def _device(kind: str) -> str:
    return "front" if kind.startswith(("lock.", "unlock.")) else "bed"


def tables_of(staff: Staff, home: str) -> dict[str, list[str]]:
    """Every row that is folded from the home's events, whatever the home is called."""
    with staff.db.read() as conn:
        return {
            table.name: sorted(
                repr({k: v for k, v in row.items() if "silent" not in k}).replace(home, "h0")
                for row in conn.execute(select(table).where(table.c.home_id == home)).mappings()
            )
            for table in tables.PROJECTIONS
        }


def rebuilt(staff: Staff, home: str) -> dict[str, list[str]]:
    """The same, made anew from what is stored."""
    with staff.db.write() as tx:
        rebuild_home(tx.conn, home)
    return tables_of(staff, home)


def care_alarms(staff: Staff) -> list[Any]:
    """Those that are open."""
    care = [row for row in rows(staff, tables.alarm) if row.severity == "care"]
    return [row for row in care if row.closed_at is None]


def close(staff: Staff, alarm: str) -> None:
    with staff.write() as tx:
        data = AlarmResolved(alarm=alarm, outcome=AlarmOutcome.NO_NEED)
        append.write(staff, tx, "h1", Draft(data, person="p9"))


# --- every kind -----------------------------------------------------------------------------------


def test_a_field_more_changes_nothing_in_the_tables(
    staff_app: Flask, staff: Staff, enrolled_home: EnrolledHome
) -> None:
    """Every kind a home writes: one home of this version and one of a newer say the same, the
    newer with a field more in each and in each of its parts."""
    add_home(staff_app, "h2")
    newer = EnrolledHome(staff_app, staff_app.test_client(), "h2", enrolled_home.clock)
    newer.enroll()
    for home in (enrolled_home, newer):
        home.describe()
        events = []
        for kind in OURS:
            plain = versions.whole(KINDS[kind])
            added = [one.fields for one in versions.newer_of(KINDS[kind]) if one.what == "field"]
            is_more = home is newer and not KINDS[kind].STRICT  # which is read whole or not at all
            events.append((kind, _of(home.home, added[-1] if is_more else plain)))
        sent(home, *events, lanes=("urgent", "events") if home is newer else ("events",))
    assert tables_of(staff, "h2") == tables_of(staff, "h1")
    assert rebuilt(staff, "h2") == rebuilt(staff, "h1")
    assert rows(staff, tables.event, kind="home.unread") == []
    newer.close()


def _of(home: str, fields: Any) -> Any:
    """The same with the home's own references and grants."""
    text = json.dumps(fields).replace("home:h1/", f"home:{home}/")
    return json.loads(text.replace("a-grant", f"grant-{home}"))


CASES = [one for one in versions.all_newer() if one.kind in OURS]


@pytest.mark.parametrize("lanes", [("events",), ("urgent", "events")])
def test_whatever_a_newer_home_writes_is_kept_and_no_page_is_dark(
    staff_app: Flask,
    staff: Staff,
    enrolled_home: EnrolledHome,
    reader: FlaskClient,
    lanes: tuple[str, ...],
) -> None:
    """Every kind with everything that may be new in it: taken, kept byte for byte and in its
    chain, under its own kind; each alarm is open; the tables made anew are the same."""
    enrolled_home.describe()
    written = []
    for first in range(0, len(CASES), 200):
        part = CASES[first : first + 200]
        written += sent(enrolled_home, *((one.kind, one.fields) for one in part), lanes=lanes)
    stored = {row.seq: row for row in rows(staff, tables.event, origin="home:h1")}
    for one, obj in zip(CASES, written, strict=True):
        row = stored[obj["seq"]]
        assert (row.kind, row.mark) == (one.kind, None), str(one)
        assert {**json.loads(row.body), "hash": row.hash.hex()} == obj
    assert [problem for _, _, problem in verify_all(staff.db) if problem] == []
    alarms = {row.ref for row in rows(staff, tables.alarm) if row.raised_at is not None}
    raised = [obj for obj in written if obj["kind"] == "alarm.raised"]
    assert {f"home:h1/{obj['seq']}" for obj in raised} <= alarms
    assert len(raised) > 5
    before = tables_of(staff, "h1")
    assert rebuilt(staff, "h1") == before
    assert broken(staff_app, reader) == []


# --- alarms ---------------------------------------------------------------------------------------

NEW_ALARMS = [one for one in CASES if one.kind == "alarm.raised"]


@pytest.mark.parametrize("lane", ["events", "urgent"])
def test_an_alarm_with_something_new_is_told(
    staff: Staff, enrolled_home: EnrolledHome, reader: FlaskClient, lane: str
) -> None:
    """It is on *Nu* and in the live stream; nothing is called calm."""
    for one in NEW_ALARMS:
        with staff.broker.subscribe({"h1"}) as screen:
            sent(enrolled_home, (one.kind, one.fields), lanes=(lane,))
            told = [message.kind for message in iter(lambda: screen.get(0), None)]
        assert told == ["alarm.raised"], str(one)
        (alarm,) = care_alarms(staff)
        assert (alarm.device, alarm.raised_at is None) == ("bed", False), str(one)
        page = reader.get("/nu").get_data(as_text=True)
        assert f'data-alarm="{alarm.id}"' in page, str(one)
        assert "Allt är lugnt" not in page, str(one)
        close(staff, alarm.id)


@pytest.mark.parametrize(
    ("kind", "lanes", "rings"),
    [
        ("alarm.shouted", ("events",), 1),
        ("alarm.shouted", ("urgent", "events"), 1),
        ("fall.suspected", ("urgent", "events"), 1),
        ("unlock.unlatched", ("urgent", "events"), 0),
    ],
)
def test_a_kind_that_may_be_a_call_for_help_rings(
    staff: Staff,
    enrolled_home: EnrolledHome,
    reader: FlaskClient,
    kind: str,
    lanes: tuple[str, ...],
    rings: int,
) -> None:
    """Once, as care, for its device, in the log that the home hears of too; after the tables were
    made anew it is still open."""
    with staff.broker.subscribe({"h1"}) as screen:
        sent(enrolled_home, (kind, {"zz": 1}), lanes=lanes)
        told = [message.kind for message in iter(lambda: screen.get(0), None)]
    alarms = care_alarms(staff)
    assert [(one.type, one.device) for one in alarms] == [("not_understood", "bed")] * rings
    assert told.count("alarm.raised") == rings
    before = tables_of(staff, "h1")
    assert rebuilt(staff, "h1") == before
    page = reader.get("/nu").get_data(as_text=True)
    assert ("Larm som servern inte förstår" in page) == bool(rings)


def test_a_second_call_rings_again_once_the_first_was_taken(
    staff: Staff, enrolled_home: EnrolledHome
) -> None:
    """While one waits for somebody another does not; after that it does.  The batch that brings
    the same once more is no call."""
    again = []
    for _ in range(3):
        again += sent(enrolled_home, ("alarm.shouted", {}), lanes=("urgent",))
    (alarm,) = care_alarms(staff)
    with staff.write() as tx:
        append.write(staff, tx, "h1", Draft(AlarmAcknowledged(alarm=alarm.id), person="p9"))
    assert enrolled_home.post("events", again).status_code == 200
    assert len(care_alarms(staff)) == 1
    sent(enrolled_home, ("alarm.shouted", {}), lanes=("urgent",))
    assert len(care_alarms(staff)) == 2


# --- what cannot be read --------------------------------------------------------------------------


def test_what_cannot_be_read_is_told_once_a_kind(
    staff: Staff, enrolled_home: EnrolledHome, reader: FlaskClient
) -> None:
    """However many come: an event for each kind, and one technical alarm, only for what is relied
    on.  Each is a row that says so."""
    for _ in range(3):
        sent(
            enrolled_home,
            ("toaster.smoked", {"a": 1}),
            ("lamp.lit", {}),
            ("temperature.measured", {"celsius": "mild"}),
            ("moisture.detected", {"litres": 2}),
            lanes=("events",),
        )
    told = [json.loads(row.body)["data"] for row in rows(staff, tables.event, kind="home.unread")]
    assert sorted((one["about"], one["why"]) for one in told) == [
        ("lamp.lit", "kind"),
        ("temperature.measured", "data"),
        ("toaster.smoked", "kind"),
    ]
    assert [(row.type, row.severity) for row in rows(staff, tables.alarm)] == [
        ("home_unread", "technical")
    ]
    page = reader.get("/handelser").get_data(as_text=True)
    assert "Servern känner inte till händelser av den här typen" in page
    assert "Det finns mer som servern inte kan läsa: litres" in page
    readings = reader.get("/handelser?sok=temperatur").get_data(as_text=True)
    assert "Går inte att läsa här" in readings


def test_a_home_that_invents_kinds_is_told_of_no_more(
    staff: Staff, enrolled_home: EnrolledHome
) -> None:
    """A bound for what one home can make the server write."""
    many: list[tuple[str, Any]] = [
        (f"toaster.smoked{number}", {}) for number in range(unread.KINDS_MAX + 10)
    ]
    sent(enrolled_home, *many, lanes=("events",))
    sent(enrolled_home, *many, lanes=("events",))
    assert len(rows(staff, tables.event, kind="home.unread")) == unread.KINDS_MAX


# --- it is data, and no more ----------------------------------------------------------------------


@pytest.mark.parametrize("lane", ["events", "urgent"])
def test_what_a_new_field_names_is_held_to_the_home(
    staff_app: Flask, staff: Staff, enrolled_home: EnrolledHome, lane: str
) -> None:
    """A later version would read it: an event of another home is refused there too, in a field or
    a part of one, and an alarm rings all the same."""
    add_home(staff_app, "h2", org="org2")
    turn = {"grant": "g1", "action": "unlock", "reason": "service"}
    alarm = versions.whole(AlarmRaised)
    for ref, mark in (("home:h1/1", None), ("home:h2/1", Mark.FOREIGN_REF)):
        found = []
        for kind, fields in (
            ("unlock.requested", {**turn, "zz": ref}),
            ("unlock.requested", {**turn, "zz": [{"deep": ref}]}),
            ("alarm.raised", {**alarm, "zz": ref}),
        ):
            (obj,) = sent(enrolled_home, (kind, fields), lanes=(lane,))
            table = tables.event if lane == "events" else tables.urgent
            found += rows(staff, table, origin="home:h1", seq=obj["seq"])
        assert [row.mark for row in found] == [mark] * 3
    assert len(care_alarms(staff)) == 2


def test_a_turn_that_ended_in_a_new_way_is_not_done(
    staff: Staff, enrolled_home: EnrolledHome
) -> None:
    """Nobody is told that the door is open or shut: it is not known.  A new step leaves the one
    before it."""
    enrolled_home.describe()
    asked = LockOperationRequested(grant="g1", action="unlock", reason="service")
    enrolled_home.send(Draft(asked, device="front"))
    step = {"grant": "g1", "step": "turning"}
    sent(enrolled_home, ("unlock.progressed", step), lanes=("events",))
    sent(enrolled_home, ("unlock.progressed", {**step, "step": "unlatching"}), lanes=("events",))
    (turn,) = rows(staff, tables.turn)
    assert turn.step == "turning"
    ended = {"grant": "g1", "outcome": "half", "why": None, "took_s": 1.0}
    sent(enrolled_home, ("unlock.ended", ended), lanes=("events",))
    (turn,) = rows(staff, tables.turn)
    assert (turn.step, turn.outcome) == ("ended", "unknown")


def test_types_that_are_new_keep_their_name(staff: Staff, enrolled_home: EnrolledHome) -> None:
    """The alarm is called as the home called it."""
    fields = {**versions.whole(AlarmRaised), "type": "stove_left_on"}
    sent(enrolled_home, ("alarm.raised", fields), lanes=("events",))
    (alarm,) = care_alarms(staff)
    assert alarm.type == "stove_left_on"
    assert alarm.type not in set(AlarmType)
