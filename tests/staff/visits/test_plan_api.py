"""`POST /api/v1/plan`: whose token, which forms, all or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from gateway.errors import UserError
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import add_home
from tests.staff.visits.calendars import calendar, event, morning, planned
from tests.staff.visits.test_plan_ical import ICAL
from web.staff.core.context import Staff
from web.staff.storage import plan_tables, tables
from web.staff.storage.plan_tables import plan_visit
from web.staff.visits import plan_api

LINE = {
    "id": "a1",
    "home": "h1",
    "since": "2026-11-24T08:00:00+01:00",
    "until": "2026-11-24T08:45:00+01:00",
    "what": "Morgonhjälp",
}


@pytest.fixture
def token(staff: Staff) -> str:
    """A token of org1."""
    return plan_api.make_token(staff.db, "org1", "planering", datetime.now(UTC))


def send(client: FlaskClient, token: str, body: Any, **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    given = {"json": body} if isinstance(body, dict) else {"data": body}
    return client.post("/api/v1/plan", headers=headers, **given, **more)


def test_a_plan_in_json(client: FlaskClient, staff: Staff, token: str) -> None:
    """Kept, counted; sent again with a span, what is not named is taken out."""
    body = {"source": "planering", "visits": [LINE, LINE | {"id": "a2"}]}
    answer = send(client, token, body)
    assert (answer.status_code, answer.get_json()) == (
        200,
        {"added": 2, "changed": 0, "unchanged": 0, "withdrawn": 0},
    )
    span = {"from_time": "2026-11-24T00:00:00+01:00", "to_time": "2026-11-25T00:00:00+01:00"}
    answer = send(client, token, body | {"visits": [LINE]} | span)
    assert answer.get_json() == {"added": 0, "changed": 0, "unchanged": 1, "withdrawn": 1}
    everything = str([rows(staff, table) for table in tables.metadata.sorted_tables])
    assert token not in everything


def test_a_plan_as_a_file(client: FlaskClient, staff: Staff, token: str) -> None:
    """CSV and iCalendar, as on the command line."""
    text = "id;home;start;end\na1;h1;2026-11-24 08:00;08:45\n"
    assert send(client, token, text.encode(), content_type="text/csv").status_code == 200
    late = ICAL.replace("20261", "20271").replace("ATTENDEE:mailto:p7@prov.example\n", "")
    answer = send(client, token, late.encode(), content_type="text/calendar")
    assert answer.get_json()["added"] == 2  # two that stand by themselves; the row lies ahead
    assert {row.source for row in rows(staff, plan_visit)} == {"csv", "ical"}


def test_a_calendar_that_comes_again(client: FlaskClient, staff: Staff, token: str) -> None:
    """A series that moved leaves nothing behind; what is wrong is told by its line."""
    series = morning("RRULE:FREQ=DAILY;COUNT=3")

    def sent(*parts: str) -> Any:
        return send(client, token, calendar(*parts), content_type="text/calendar")

    assert sent(series).get_json()["added"] == 3
    answer = sent(series.replace("T08", "T09")).get_json()
    assert (answer["added"], answer["withdrawn"]) == (3, 3)
    assert planned(staff) == ["30 09:00-09:30", "01 09:00-09:30", "02 09:00-09:30"]
    answer = sent(series, event("DTSTART:20261201T070000Z", uid="b"))
    assert answer.status_code == 422
    told = [{"line": 10, "detail": "the event has no end."}]
    assert answer.get_json()["lines"] == told


@pytest.mark.parametrize(
    "span",
    [
        {"from_time": "2026-11-24T00:00:00+01:00"},
        {"to_time": "2026-11-24T00:00:00+01:00"},
        {"from_time": "2026-11-25T00:00:00Z", "to_time": "2026-11-24T00:00:00Z"},
    ],
)
def test_half_a_span_is_none(client: FlaskClient, token: str, span: dict[str, str]) -> None:
    """It is told, not passed over: visits would stay that are no more."""
    answer = send(client, token, {"source": "x", "visits": [LINE]} | span)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_request")


def test_what_stands_in_the_address_is_not_passed_over(client: FlaskClient, token: str) -> None:
    """A span, or a home, where there is none to give."""
    for address, kind in (("?from=2026-11-24", "text/calendar"), ("?home=h1", "text/csv")):
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.post(f"/api/v1/plan{address}", headers=headers, data=b"", content_type=kind)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_time_near_the_ends_of_time(client: FlaskClient, token: str, year: str) -> None:
    """Is told by its line in each form, and no sum fails."""
    late = {"since": f"{year}-12-31T23:30:00-14:00", "until": f"{year}-12-31T23:59:00-14:00"}
    early = {"since": f"{year}-01-01T00:30:00+14:00", "until": f"{year}-01-01T00:59:00+14:00"}
    csv = f"id;home;start;end\na1;h1;{year}-12-31 23:30;00:10\n"
    ics = event(f"DTSTART:{year}1231T233000Z", "DURATION:PT1H")
    for answer in (
        send(client, token, {"source": "x", "visits": [LINE | late, LINE | early]}),
        send(client, token, csv.encode(), content_type="text/csv"),
        send(client, token, calendar(ics), content_type="text/calendar"),
    ):
        assert answer.status_code == 422
        assert str(int(year)) in answer.get_json()["lines"][0]["detail"]
    ends = {"from_time": "0001-01-01T00:00:00+14:00", "to_time": "9999-12-31T23:59:00-14:00"}
    answer = send(client, token, {"source": "x", "visits": [LINE]} | ends)
    assert answer.status_code == 200


def test_bad_lines_are_told_and_nothing_is_kept(
    client: FlaskClient, staff: Staff, token: str
) -> None:
    """By their place in the list, from 1."""
    bad = [LINE, LINE | {"id": "a2", "home": "h9"}, LINE | {"id": "a3", "people": ["p99"]}]
    answer = send(client, token, {"source": "x", "visits": bad})
    assert answer.status_code == 422
    assert [line["line"] for line in answer.get_json()["lines"]] == [2, 3]
    assert "'h9'" in answer.get_json()["lines"][0]["detail"]
    assert rows(staff, plan_visit) == []


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "bad_json"),
        (b'{"source": "x"}', "application/json", 400, "bad_request"),
        (b'{"source": "x", "visits": [], "more": 1}', "application/json", 400, "bad_request"),
        (b"a;b\n", "text/csv", 422, "bad_file"),
        (b"\xff", "text/csv", 422, "bad_file"),
        (b"x", "text/calendar", 422, "bad_file"),
        (b"x", "text/plain", 415, "bad_type"),
        (b"x" * 8_000_001, "text/csv", 413, "too_big"),
    ],
)
def test_what_cannot_be_read(
    client: FlaskClient, token: str, body: bytes, kind: str, status: int, code: str
) -> None:
    """One sentence with a code, never a 500."""
    answer = send(client, token, body, content_type=kind)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


def test_no_token_no_plan(client: FlaskClient, staff: Staff, token: str) -> None:
    """None, wrong, void, too old: 401; after many tries of one address 429, and a good token still
    works."""
    body = {"source": "x", "visits": [LINE]}
    past = datetime.now(UTC) - timedelta(days=400)
    old = plan_api.make_token(staff.db, "org1", "gammal", past)
    void = plan_api.make_token(staff.db, "org1", "void", datetime.now(UTC))
    assert plan_api.revoke_tokens(staff.db, "org1", "void", datetime.now(UTC)) == 1
    assert client.post("/api/v1/plan", json=body).status_code == 401
    for wrong in (old, void, token + "x", "", "x" * 9999):
        assert send(client, wrong, body).status_code == 401
    codes = {send(client, "wrong", body).status_code for _ in range(plan_api.TRIES)}
    assert codes == {401, 429}
    assert send(client, token, body).status_code == 200


def test_a_token_that_ends_before_it_begins_is_none(client: FlaskClient, staff: Staff) -> None:
    """None is made, and one that a wrong clock left in the table opens nothing."""
    now = datetime.now(UTC)
    for days in (0, -1):
        with pytest.raises(UserError, match="at least"):
            plan_api.make_token(staff.db, "org1", "bakvänd", now, days=days)
    ahead = plan_api.make_token(staff.db, "org1", "bakvänd", now)
    with staff.db.write() as tx:
        later = now + timedelta(days=9999)
        tx.conn.execute(update(plan_tables.api_token).values(made_at=later))
    body = {"source": "x", "visits": [LINE]}
    assert send(client, ahead, body).status_code == 401


def test_a_token_is_of_one_organisation(
    client: FlaskClient, staff_app: Flask, staff: Staff, token: str
) -> None:
    """Another municipality's home does not exist for it."""
    add_home(staff_app, "h2", org="org2")
    other = LINE | {"home": "h2"}
    answer = send(client, token, {"source": "x", "visits": [other]})
    assert answer.status_code == 422
    assert "no home 'h2'" in answer.get_json()["lines"][0]["detail"]
