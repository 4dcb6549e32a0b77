"""`POST /api/v1/plan`: whose token, which forms, all or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import add_home
from tests.staff.visits.test_plan import ICAL
from web.staff.core.context import Staff
from web.staff.storage import tables
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


def test_a_token_is_of_one_organisation(
    client: FlaskClient, staff_app: Flask, staff: Staff, token: str
) -> None:
    """Another municipality's home does not exist for it."""
    add_home(staff_app, "h2", org="org2")
    other = LINE | {"home": "h2"}
    answer = send(client, token, {"source": "x", "visits": [other]})
    assert answer.status_code == 422
    assert "no home 'h2'" in answer.get_json()["lines"][0]["detail"]
