"""Texts that no database keeps (U+0000 on PostgreSQL, half a character anywhere): each door answers
in a sentence, and whatever a home says, all that it says after that comes in."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from gateway.envelope import Draft
from gateway.events import KINDS, AlarmRaised, AlarmType, BedEntered, By, ClockSynced, Unknown
from tests import versions
from tests.staff.parts import EnrolledHome, pem_of
from web.staff.core import json_said
from web.staff.core.context import Staff
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.storage import tables
from web.staff.visits import plan_api

HALF = "\ud800"

LINE = {
    "id": "e",
    "home": "h1",
    "since": "2026-11-23T20:00:00+01:00",
    "until": "2026-11-23T21:00:00+01:00",
}


# --- reading JSON ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        b'"\\ud800"',
        b'{"\\udC00": 1}',
        b'["\\ud800\\ud800"]',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"[" * 100_000,
        '"ö"'.encode("latin-1"),
        "{}".encode("utf-16"),
        b"",
    ],
    ids=lambda said: repr(said[:12]),
)
def test_what_no_text_is_made_of_is_no_json(said: bytes) -> None:
    """One error for all of it."""
    with pytest.raises(ValueError):
        json_said.read(said)


def test_what_is_json_is_read_as_python_reads_it() -> None:
    """Whole characters, however they are written, and numbers as they are."""
    assert json_said.read(b'"\\ud83d\\ude00"') == json_said.read('"😀"'.encode()) == "😀"
    assert json_said.read(b'\xef\xbb\xbf{"a": [1, 2.50, "\\u0000"]}') == {"a": [1, 2.5, "\x00"]}


# --- who has no right to speak yet ----------------------------------------------------------------


@pytest.mark.parametrize("odd", [HALF, "\x00"], ids=["half", "nul"])
def test_a_stranger_gets_a_sentence(staff_app: Flask, home: EnrolledHome, odd: str) -> None:
    """Who enrolls, whose token names a home, a transponder's token: none of them needs a key to
    come so far."""
    staff_app.testing = False
    client = staff_app.test_client()
    for field in ("code", "public_key", "version"):
        asked = {"code": "AAAAA-AAAAA", "public_key": pem_of(home.key), "version": "1"}
        answer = client.post("/api/v1/home/enroll", json=asked | {field: f"x{odd}"})
        assert answer.status_code in (400, 403), (field, answer.text)
        assert answer.get_json()["detail"]
    head = base64.urlsafe_b64encode(json.dumps({"alg": "EdDSA", "kid": odd}).encode()).decode()
    for path in ("events", "urgent"):
        bearer = {"Authorization": f"Bearer {head}.e30.x"}
        answer = client.post(f"/api/v1/home/{path}", data=b"{}", headers=bearer)
        assert (answer.status_code, answer.get_json()["detail"][-1]) == (401, ".")
    within = {"device": {"attributes": {"tryggve": odd}}}
    answer = client.post("/api/v1/positions/traccar", json=within)
    assert answer.status_code == 401


# --- other programs -------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", [HALF, "\x00"], ids=["half", "nul"])
@pytest.mark.parametrize("field", ["source", "id", "what", "home", "team", "people"])
def test_a_plan_says_what_is_wrong(
    staff_app: Flask, staff: Staff, client: FlaskClient, odd: str, field: str
) -> None:
    """In each of its texts; and nothing of it is kept."""
    staff_app.testing = False
    token = plan_api.make_token(staff.db, "org1", "system", datetime.now(UTC))
    value: Any = [odd] if field == "people" else odd
    plan = {"source": "s", "visits": [LINE]} | ({"source": odd} if field == "source" else {})
    if field != "source":
        plan["visits"] = [LINE | {field: value}]
    headers = {"Authorization": f"Bearer {token}"}
    answer = client.post("/api/v1/plan", json=plan, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.get_json()["detail"].endswith(".")


@pytest.mark.parametrize("kind", ["text/csv", "text/calendar"])
def test_a_plans_source_in_its_address(
    staff_app: Flask, staff: Staff, client: FlaskClient, kind: str
) -> None:
    """It is looked for before a calendar is read."""
    staff_app.testing = False
    token = plan_api.make_token(staff.db, "org1", "system", datetime.now(UTC))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    body = "id;home;start;end\n" if kind == "text/csv" else "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
    query = {"source": "a\x00b"}
    answer = client.post("/api/v1/plan", data=body, headers=headers, query_string=query)
    assert answer.status_code == 422
    assert "needs a source" in answer.get_json()["detail"]


# --- a home ---------------------------------------------------------------------------------------


def _with_nul(value: Any) -> Any:
    """Each text with the character in it, but for what must be a reference or a time."""
    if isinstance(value, dict):
        return {name: _with_nul(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_nul(item) for item in value]
    if isinstance(value, str) and not value.startswith(("home:", "staff:", "20")):
        return f"{value}\x00"
    return value


@pytest.mark.parametrize("lane", ["urgent", "events"])
def test_whatever_a_home_says_what_comes_after_it_comes_in(
    staff: Staff, home: EnrolledHome, lane: str
) -> None:
    """Every kind that a home writes, each of its texts with a character that PostgreSQL has not,
    the device, the person and the boot too: kept, and the tables can be made anew."""
    kinds = [kind for kind, cls in KINDS.items() if cls.BY is not By.SERVER]
    for kind in kinds:
        fields = _with_nul(versions.whole(KINDS[kind]))
        draft = Draft(Unknown(kind, fields), device="bed\x00", person="p1\x00")
        written = home.seal(draft, Draft(Unknown(kind, fields), device="b\x00"))
        for way in (lane, "events"):
            answer = home.post(way, written)
            assert answer.status_code == 200, (kind, way, answer.text)
    home.boot = "b\x00"
    home.send(BedEntered(), clock="unsynced")
    home.send(ClockSynced(offset_s=5.0))
    (alarm,) = home.send(AlarmRaised.usual(AlarmType.PENDANT, home.clock.now()))
    with staff.write() as tx:
        rebuild_home(tx.conn, "h1")
    with staff.db.read() as conn:
        rings = select(tables.alarm.c.type).where(tables.alarm.c.id == alarm.ref)
        assert conn.execute(rings).scalar_one() == "pendant"


def test_an_alarm_of_an_odd_kind_rings(staff: Staff, home: EnrolledHome) -> None:
    """Under the name that it has without the character."""
    data = {"type": "fa\x00ll", "severity": "care", "since": "2026-11-23T21:00:00.000Z"}
    (written,) = home.send_urgent(Draft(Unknown("alarm.raised", data), device="bed"))
    with staff.db.read() as conn:
        (row,) = conn.execute(select(tables.alarm)).all()
    assert (row.ref, row.severity, row.closed_at) == (
        f"{home.origin}/{written['seq']}",
        "care",
        None,
    )


@pytest.mark.parametrize("path", ["call", "look", "heard"])
def test_a_signal_about_nothing(staff_app: Flask, home: EnrolledHome, path: str) -> None:
    """No call has such a name."""
    staff_app.testing = False
    name = "hearing" if path == "heard" else path
    state = "hearing" if path == "heard" else "ended"
    full = f"/api/v1/home/{path}"
    for odd in ("\x00", HALF):
        body = json.dumps({name: odd, "state": state})
        answer = home.client.post(full, data=body, headers=home.headers("POST", full))
        assert answer.status_code == 400, answer.text
