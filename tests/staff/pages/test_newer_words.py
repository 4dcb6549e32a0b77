"""What a newer worker of this server keeps in a row is said to be of another version, where its
word alone would say too little; nobody reads that something was done, or went wrong, that did not.

Not for: that no page fails for it (`tests/staff/test_newer_rows.py` tries every column).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, update

from gateway.events import ClockStepped
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.storage import admin_tables, tables

NEW = "a_newer_word"


def test_how_somebody_signed_in(carer: FlaskClient, staff: Staff) -> None:
    """Neither by a password alone nor by a code."""
    with staff.db.write() as tx:
        tx.conn.execute(update(tables.session).values(factor=NEW))
    page = text_of(carer, "/konto")
    assert "Inloggad med något som den här versionen inte känner till" in page


@pytest.mark.parametrize(
    ("state", "result"),
    [(NEW, None), ("done", '{"zz_new": 1}'), ("done", '{"before": 7, "after": []}')],
)
def test_what_came_of_a_trial_of_a_rule(
    home: EnrolledHome,
    as_role: Callable[..., FlaskClient],
    staff: Staff,
    state: str,
    result: str | None,
) -> None:
    """Neither that the time was up, nor that the values do not fit together."""
    with staff.db.write() as tx:
        row: dict[str, Any] = {
            "id": "x",
            "home_id": "h1",
            "rule": "bed_exit",
            "change": "{}",
            "asked_by": "p7",
        }
        row |= {"asked_at": datetime.now(UTC), "state": state, "result": result}
        tx.conn.execute(insert(admin_tables.rule_trial).values(**row))
    page = text_of(as_role("coordinator"), "/hem/h1/regler?prov=x")
    assert "Svaret kan inte visas i den här versionen av servern." in page
    assert 'data-test="failed"' not in page
    assert 'data-test="wrong"' not in page
    assert home.origin


def test_ssh_that_may_be_open_can_be_closed_and_asked_for(
    home: EnrolledHome, as_role: Callable[..., FlaskClient], staff: Staff
) -> None:
    """It says neither that it is closed nor that the home refused."""
    now = home.clock.now()
    with staff.db.write() as tx:
        row: dict[str, Any] = {"home_id": "h1", "request": "staff:h1/1", "wanted_at": now}
        row |= {"wanted_by": "p7", "why": "fault", "state": NEW, "state_at": now}
        tx.conn.execute(insert(tables.ssh_hour).values(**row))
    boss = as_role("administrator")
    page = text_of(boss, "/hem/h1/ssh")
    assert "Den här versionen av servern kan inte visa om SSH är öppet." in page
    assert "öppnade inte SSH" not in page
    assert 'data-test="form-open"' in page
    ended = post(boss, "/hem/h1/ssh", do="end", request="staff:h1/1")
    assert ended.status_code == 200


def test_a_clock_that_was_set_says_what_that_means_for_the_times_beside_it(
    carer: FlaskClient, home: EnrolledHome
) -> None:
    """They stand as they came, in their order: nobody knows since when they were wrong."""
    home.send(ClockStepped(step_s=-2700.4), ClockStepped(step_s=12.0))
    page = text_of(carer, "/handelser?hem=h1&slag=alla")
    assert "45 min bakåt: hemmets tider dessförinnan kan vara så mycket för sena" in page
    assert "12 s framåt: hemmets tider dessförinnan kan vara så mycket för tidiga" in page
