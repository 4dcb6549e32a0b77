"""Calendars that failed once (`../shared/cases/calendar`, not part of the project)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.staff.visits import calendars
from tests.staff.visits.calendars import CASES, bring, files_of, planned
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.storage.plan_tables import plan_staff, plan_visit

EXPECTED = {
    "cancelled_gone_person": [],
    "declined_and_resource": ["30 08:00-08:30"],
    "duration_over_dst": ["24 22:00-06:00"],
    "exdate_added_later": ["30 08:00-08:30", "02 08:00-08:30"],
    "exdate_utc": ["30 08:00-08:30", "02 08:00-08:30", "03 08:00-08:30"],
    "fold_in_letter": ["30 08:00-08:30"],
    "method_cancel": [],
    "rdate_only": ["30 08:00-08:30", "02 08:00-08:30", "04 08:00-08:30"],
    "rdate_utc": ["30 08:00-08:30", "01 08:00-08:30", "05 08:00-08:30"],
    "recurrence_id_utc_moved": ["30 08:00-08:30", "01 10:00-10:30", "02 08:00-08:30"],
    "series_cut": ["30 08:00-08:30", "01 08:00-08:30"],
    "series_moved": ["30 09:00-09:30", "01 09:00-09:30", "02 09:00-09:30"],
    "this_and_future": ["30 08:00-08:30", "01 08:00-08:30", "02 09:30-10:00", "03 09:30-10:00"],
    "until_date": ["30 08:00-08:30", "01 08:00-08:30", "02 08:00-08:30"],
}

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not here")


def test_every_case_is_tried() -> None:
    """One that is added there is added here."""
    known = {*EXPECTED, "span_longer_than_two_months"}
    assert {path.name for path in CASES.iterdir() if path.is_dir()} == known


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_calendar_that_failed_once(
    staff: Staff, make_user: Callable[..., Actor], name: str
) -> None:
    """Its files one after the other leave what its README says."""
    for person in ("p7", "p8"):
        make_user(person, ["caregiver"], homes=["h1"])
    for data in files_of(CASES / name):
        bring(staff, data)
    assert planned(staff) == EXPECTED[name]


def test_who_and_what_of_these_calendars(staff: Staff, make_user: Callable[..., Actor]) -> None:
    """The one who declined is not expected; a letter that was folded is whole."""
    for person in ("p7", "p8"):
        make_user(person, ["caregiver"], homes=["h1"])
    for name in ("declined_and_resource", "fold_in_letter"):
        for data in files_of(CASES / name):
            bring(staff, data)
    with staff.db.read() as conn:
        rows = conn.execute(select(plan_visit).order_by(plan_visit.c.external_id)).all()
        assert [(row.what, row.staff_needed) for row in rows] == [
            ("Stöd förflyttning", 1),
            ("Morgon", 1),
        ]
        assert list(conn.execute(select(plan_staff.c.person_id)).scalars()) == ["p8"]


def test_a_span_that_is_longer_than_what_is_written_out(staff: Staff) -> None:
    """Every day of it is planned, and nothing is taken out."""
    (data,) = files_of(CASES / "span_longer_than_two_months")
    now = datetime(2026, 12, 20, 12, 0, tzinfo=UTC)
    bring(staff, data, now=now)
    span = (
        datetime(2026, 11, 30, tzinfo=calendars.HERE),
        datetime(2027, 3, 1, tzinfo=calendars.HERE),
    )
    assert bring(staff, data, now=now, span=span).withdrawn == 0
    days = (span[1] - span[0]) // timedelta(days=1)
    assert planned(staff) == [f"{span[0] + timedelta(days=n):%d} 08:00-08:30" for n in range(days)]
