"""After an outage pages say how many homes have told everything, by what each home says itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from gateway.events import MatPressed, PendantPressed
from gateway.wire import BACKLOG_HEADER, BATCH_MAX
from tests.staff.parts import EnrolledHome, add_home, sign_in
from web.staff.core.context import Staff
from web.staff.homelink.catching_up import BEHIND_MIN, CatchingUp, left, read, said
from web.staff.storage import tables

SILENT_AFTER_S = 180.0


def how_far(staff: Staff, *homes: str) -> CatchingUp | None:
    with staff.db.read() as conn:
        return read(conn, homes, SILENT_AFTER_S)


def ask(home: EnrolledHome, method: str, path: str, backlog: int, events: Any = ()) -> None:
    """A request of a home that says how much it has to tell."""
    full = f"/api/v1/home/{path}"
    headers = home.headers(method, full) | {BACKLOG_HEADER: str(backlog)}
    body = json.dumps({"events": list(events), "down_have": 0}).encode()
    answer = home.client.open(full, method=method, headers=headers, data=body, buffered=False)
    assert answer.status_code == 200, answer.text
    home.streams.append(answer)


def test_a_home_says_how_far_it_is(staff: Staff, make_home: Callable[[str], EnrolledHome]) -> None:
    """From when it begins to listen, before its first batch is taken, until it has told all; an
    alarm ahead of the rest changes nothing of that."""
    h1, h2 = make_home("h1"), make_home("h2")
    h2.send(MatPressed(), device="bed")
    assert how_far(staff, "h1", "h2") is None
    ask(h1, "GET", "stream", 300)
    assert how_far(staff, "h1", "h2") == CatchingUp(told=1, homes=2)
    events = h1.seal(*[MatPressed()] * 200, PendantPressed(verified=True), device="bed")
    ask(h1, "POST", "urgent", 300, events[200:])
    ask(h1, "POST", "events", 300, events[:200])
    assert how_far(staff, "h1", "h2") == CatchingUp(told=1, homes=2)
    ask(h1, "POST", "events", 100, events[200:])
    assert how_far(staff, "h1") == CatchingUp(told=0, homes=1)
    ask(h1, "POST", "events", 0)
    assert how_far(staff, "h1", "h2") is None
    assert how_far(staff, "h2") is None


def test_a_home_that_is_silent_is_not_catching_up(
    staff: Staff, enrolled_home: EnrolledHome
) -> None:
    """It went off the line again with much to tell: nobody says that it is coming."""
    ask(enrolled_home, "POST", "events", 5000)
    assert how_far(staff, "h1") == CatchingUp(told=0, homes=1)
    long_ago = datetime.now(UTC) - timedelta(seconds=SILENT_AFTER_S + 1)
    with staff.write() as tx:
        tx.conn.execute(tables.home_link.update().values(heard_at=long_ago))
    assert how_far(staff, "h1") is None


def test_a_home_that_does_not_say() -> None:
    """An older one: a full batch means more, another that it has told all; what makes no sense says
    nothing."""
    assert left(None, BATCH_MAX) >= BEHIND_MIN and left(None, 30) == 0
    assert left(300, 100) == 200 and left(10, 20) == 0
    assert said("12") == 12
    for text in (None, "", "-1", "many", "1.5", "9" * 30, "١"):
        assert said(text) is None


def test_the_page_says_it_to_those_who_see_the_homes(
    staff_app: Flask,
    client: FlaskClient,
    enrolled_home: EnrolledHome,
    make_user: Callable[..., object],
) -> None:
    """Of the homes that the reader may see."""
    add_home(staff_app, "h2")
    make_user("p1", ["caregiver"], homes=["h1"])
    make_user("p2", ["caregiver"], homes=["h2"])
    ask(enrolled_home, "POST", "events", 5000)
    assert sign_in(client, "p1").status_code == 302
    text = "Hemmen hinner ikapp: 0 av 1 har skickat allt."
    assert text in client.get("/nu").get_data(as_text=True)
    ask(enrolled_home, "POST", "events", 0)
    assert "hinner ikapp" not in client.get("/nu").get_data(as_text=True)
    ask(enrolled_home, "POST", "events", 5000)
    other = staff_app.test_client()
    assert sign_in(other, "p2").status_code == 302
    assert "hinner ikapp" not in other.get("/nu").get_data(as_text=True)
