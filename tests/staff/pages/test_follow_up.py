"""Uppföljning: what is shown of a month, to whom, and in the file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient
from sqlalchemy import insert

from gateway.envelope import Draft
from gateway.events import (
    AlarmAcknowledged,
    AlarmExplained,
    AlarmFinding,
    AlarmOutcome,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
)
from tests.staff.pages.conftest import text_of
from tests.staff.pages.test_pages import reads
from tests.staff.parts import EnrolledHome, add_home
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.storage import tables

OCTOBER = datetime(2026, 9, 30, 21, 59, tzinfo=UTC)
"""A minute before October begins in Sweden."""


def tell(
    staff: Staff,
    home: str,
    at: datetime,
    finding: AlarmFinding,
    about: AlarmType = AlarmType.BED_EXIT,
) -> None:
    """An alarm that was taken after half a minute and closed after ten."""
    with staff.write() as tx:
        raised = append.write(staff, tx, home, Draft(AlarmRaised.usual(about, at)), at=at)
        taken = AlarmAcknowledged(alarm=raised.ref)
        later = at + timedelta(seconds=30)
        append.write(staff, tx, home, Draft(taken, person="p7"), at=later)
        later = at + timedelta(minutes=10)
        said = AlarmExplained(alarm=raised.ref, finding=finding)
        append.write(staff, tx, home, Draft(said, person="p7"), at=later)
        closed = AlarmResolved(alarm=raised.ref, outcome=AlarmOutcome.NO_NEED)
        append.write(staff, tx, home, Draft(closed, person="p7"), at=later)


def an_october(staff: Staff, home: EnrolledHome) -> None:
    """h1 and h2 in the area Norr, h3 in none: 12, 7 and 6 alarms of October, and one before."""
    add_home(home.app, "h2", label="Lgh 2")
    add_home(home.app, "h3", label="Lgh 3")
    with staff.db.write() as tx:
        tx.conn.execute(insert(tables.area).values(id=1, org_id="org1", name="Norr"))
        for one in ("h1", "h2"):
            tx.conn.execute(insert(tables.area_home).values(area_id=1, home_id=one))
    tell(staff, "h1", OCTOBER, AlarmFinding.FALL)
    for home_id, count in (("h1", 12), ("h2", 7), ("h3", 6)):
        for n in range(count):
            finding = AlarmFinding.SENSOR_WRONG if n >= 6 else AlarmFinding.FALL
            at = OCTOBER + timedelta(minutes=1) + n * timedelta(days=2)
            tell(staff, home_id, at, finding)


def test_a_month_is_the_staffs_own_and_points_at_nobody(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff
) -> None:
    """It begins at midnight in Sweden.  Counts, percentiles, causes, findings, areas and homes."""
    client = as_role("coordinator", homes=())
    an_october(staff, home)
    page = text_of(client, "/uppfoljning?manad=2026-10")
    assert 'data-test="total-count">25<' in page
    assert 'data-test="total-false">7<' in page
    assert "30 s" in page
    assert "10 min" in page
    homes = page.split('data-test="table-home"', 1)[1].split("</section>", 1)[0]
    assert homes.count('data-test="figures-row"') == 3
    assert reads(staff)[-3:] == ["figures"] * 3
    september = text_of(client, "/uppfoljning?manad=2026-09")
    assert 'data-test="total-count"><span class="muted">under 5' in september
    assert 'data-test="table-home"' not in september or "figures-row" not in september


def test_who_sees_no_care_sees_no_homes(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff
) -> None:
    """An administrator sees sums; a caregiver no figures at all; of this month nobody sees areas
    and homes, whose counts would be seen to grow by one."""
    an_october(staff, home)
    page = text_of(as_role("administrator", homes=()), "/uppfoljning?manad=2026-10")
    assert 'data-test="table-area"' in page
    assert 'data-test="table-home"' not in page
    assert reads(staff) == []
    text_of(as_role("caregiver", person="p2"), "/uppfoljning", 403)
    coordinator = as_role("coordinator", person="p3", homes=())
    for n in range(6):
        tell(staff, "h1", home.clock.now() - timedelta(hours=n), AlarmFinding.FALL)
    page = text_of(coordinator, "/uppfoljning")
    assert 'data-test="total-count">6<' in page
    assert 'data-test="table-area"' not in page
    assert "Områden och hem visas när månaden är slut." in page


def test_the_file_says_what_the_page_says(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff
) -> None:
    """Nothing hidden is in it, and a rebuild from the events gives the same bytes."""
    client = as_role("coordinator", homes=())
    an_october(staff, home)
    tell(staff, "h3", OCTOBER + timedelta(hours=1), AlarmFinding.FALL, AlarmType.WANDERING)
    answer = client.get("/uppfoljning/fil?manad=2026-10")
    lines = answer.data.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("month;group;name;alarms;false_alarms;delivered_p50_s")
    assert lines[1].startswith("2026-10;total;;26;7;;;30;30;;;600;600")
    assert [line.split(";")[1:4] for line in lines if ";area;" in line] == [
        ["area", "Norr", "19"],
        ["area", "Utan område", "7"],
    ]
    assert not any("natten" in line for line in lines)  # one alarm of wandering, and bed_exit's sum
    assert not any(";cause;" in line for line in lines)
    with staff.db.write() as tx:
        for one in ("h1", "h2", "h3"):
            rebuild_home(tx.conn, one)
    assert client.get("/uppfoljning/fil?manad=2026-10").data == answer.data


def test_odd_months_are_this_month(as_role: Callable[..., FlaskClient], home: EnrolledHome) -> None:
    """Whatever stands in the address."""
    client = as_role("coordinator", homes=())
    for month in ("2026-13", "x", "9999-12", "0001-01", "2000-01", "2027-01"):
        assert "november 2026" in text_of(client, f"/uppfoljning?manad={month}")
