"""Batteries: a forecast from what was told or none, and a change that is planned into a visit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select

from gateway.clock import ManualClock
from gateway.events import BatteryLow, BatteryOk, BatteryTold, DeviceOffline, Offline
from tests.staff.conftest import START
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, add_home
from web.staff.core.context import Staff
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.foresight.batteries import Point, Why, forecast, points
from web.staff.storage import plan_tables, tables

DAY = timedelta(days=1)
PATH = "/hem/h1/batterier"


def levels(*told: tuple[int, int | None]) -> list[Point]:
    """Points on these days before now: (days ago, percent); None: it said that it is low."""
    return [Point(START - ago * DAY, pct, True if pct is None else None) for ago, pct in told]


def fresh(ago: int) -> Point:
    """A new battery that tells no level."""
    return Point(START - ago * DAY, None, False)


def low(ago: int) -> Point:
    """It is low."""
    return Point(START - ago * DAY, None, True)


@pytest.mark.parametrize(
    ("told", "on", "why"),
    [
        ([], None, Why.NONE),
        (levels((40, 90), (20, 80), (0, 70)), None, Why.FEW),
        (levels((20, 90), (10, 85), (5, 82), (0, 80)), None, Why.FEW),
        (levels((60, 90), (40, 90), (20, 90), (0, 90)), None, Why.FLAT),
        (levels((60, 80), (40, 82), (20, 84), (0, 86)), None, Why.FLAT),
        (levels((60, 91), (40, 91), (20, 90), (0, 89)), None, Why.FLAT),
        # half a percent a day from 60: low in 90 days
        (levels((60, 90), (40, 80), (20, 70), (0, 60)), date(2027, 2, 21), None),
        # a new battery at day 30: nothing of the old one counts
        (levels((90, 40), (70, 30), (50, 20), (30, 100), (20, 99), (0, 98)), None, Why.FEW),
        # two that lasted a hundred days each, and the third is ten days old
        (
            [fresh(230), low(225), fresh(220), low(120), fresh(115), low(15), fresh(10)],
            date(2027, 2, 21),
            None,
        ),
        # one of them is no rule
        ([fresh(120), low(115), fresh(110), low(10), fresh(9)], None, Why.FEW),
    ],
    ids=[
        "nothing", "three", "too short", "flat", "rising", "noise", "falling", "changed",
        "two lives", "one life",
    ],
)  # fmt: skip
def test_no_forecast_without_enough_to_go_by(
    told: list[Point], on: date | None, why: Why | None
) -> None:
    """A line needs four levels over three weeks that fall; a life needs two that ended.  Otherwise
    there is a reason and no day."""
    found = forecast(told, START)
    assert (found.on, found.why) == (on, why)


def test_a_line_that_ends_in_years_is_none() -> None:
    """A battery that falls by five percent in two years: nobody knows."""
    assert forecast(levels((730, 95), (500, 94), (200, 91), (0, 90)), START).on is None


def test_what_is_low_is_low_today() -> None:
    """The device says it; no line says anything else."""
    assert forecast([*levels((60, 90), (40, 80)), low(0)], START).on == START.date()


def test_levels_are_kept_and_made_anew(home: EnrolledHome, staff: Staff) -> None:
    """Low, in order and told between are points of one history, which a rebuild makes the same; the
    device's own level follows."""
    for ago, said in (
        (30, BatteryOk(level_pct=90)),
        (20, BatteryTold(level_pct=70)),
        (10, BatteryLow(level_pct=14)),
    ):
        home.send(said, device="front", at=START - ago * DAY)

    def kept() -> list[tuple[Any, ...]]:
        with staff.db.read() as conn:
            found = points(conn, ["h1"], START)
        return [(one.at, one.level_pct, one.low) for one in found["h1", "front"]]

    before = kept()
    assert [pct for _at, pct, _low in before] == [90, 70, 14]
    assert [low_ for _at, _pct, low_ in before] == [False, None, True]
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert kept() == before
    home.send(BatteryTold(level_pct=13), device="front")
    with staff.db.read() as conn:
        d = tables.device.c
        row = conn.execute(select(d.battery, d.battery_pct).where(d.id == "front")).one()
    assert tuple(row) == ("low", 13)


@pytest.fixture
def falling(home: EnrolledHome) -> EnrolledHome:
    """A lock whose battery loses half a percent a day, and lost its radio twice."""
    home.send(BatteryOk(level_pct=90), device="front", at=START - 60 * DAY)
    for ago, pct in ((40, 80), (20, 70), (1, 60)):
        home.send(BatteryTold(level_pct=pct), device="front", at=START - ago * DAY)
    for ago in (40, 9, 3):
        home.send(DeviceOffline(reason=Offline.SILENT), device="front", at=START - ago * DAY)
    return home


def test_the_list_and_the_home(as_role: Callable[..., FlaskClient], falling: EnrolledHome) -> None:
    """A day for what falls; the home's page has the levels and how often the radio was lost."""
    mender = as_role("technician")
    page = text_of(mender, "/administration/batterier")
    assert "Räcker till omkring" in page
    assert "februari 2027" in page
    home = text_of(mender, PATH)
    assert home.count(" %</li>") == 4
    assert "Tappade kontakten 2 gånger" in home
    assert 'data-device="bed"' not in home, "the mat never told of a battery"


def test_a_change_is_planned_into_a_visit(
    as_role: Callable[..., FlaskClient], falling: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """The coordinator picks a visit; whoever cares there sees it on Mitt pass and says that it is
    done; then it is gone, and each step is an event with who."""
    with staff.db.write() as tx:
        tx.conn.execute(
            insert(plan_tables.plan_visit).values(
                id="v1", home_id="h1", source="s", external_id="e", what="Kvällshjälp",
                since=clock.now() + DAY, until=clock.now() + DAY + timedelta(hours=1),
                imported_at=clock.now(),
            )
        )  # fmt: skip
    planner = as_role("coordinator", person="p1")
    carer = as_role("caregiver", person="p2")
    assert "Kvällshjälp" in text_of(planner, PATH)
    assert post(planner, PATH, do="plan", device="front").status_code == 422
    assert post(planner, PATH, do="plan", device="front", visit="v1").status_code == 200
    assert "Inplanerat i besöket 24 november." in text_of(planner, "/administration/batterier")
    shift = text_of(carer, "/pass")
    assert "Byt batteri hos Prov Boende" in shift
    done = {"do": "done", "device": "front", "back": "shift"}
    assert post(carer, PATH, **done).status_code == 200
    assert "Byt batteri" not in text_of(carer, "/pass")
    assert post(carer, PATH, **done).status_code == 403, "it is over"
    e = tables.event.c
    with staff.db.read() as conn:
        query = select(e.kind, e.person, e.device).where(e.kind.startswith("device.change"))
        told = [tuple(row) for row in conn.execute(query.order_by(e.seq))]
    assert told == [
        ("device.change_planned", "p1", "front"),
        ("device.change_ended", "p2", "front"),
    ]


def test_a_planned_change_is_taken_back(
    as_role: Callable[..., FlaskClient], falling: EnrolledHome
) -> None:
    """Asked for in the next visit, twice the same once, and then not any more."""
    planner = as_role("coordinator")
    for _ in range(2):
        assert post(planner, PATH, do="plan", device="front", visit="next").status_code == 200
    assert "Inplanerat i nästa besök." in text_of(planner, PATH)
    assert post(planner, PATH, do="end", device="front").status_code == 200
    assert "Inplanerat" not in text_of(planner, PATH)


@pytest.mark.parametrize(
    ("role", "fields"),
    [
        ("caregiver", {"do": "plan", "visit": "next", "device": "front"}),
        ("caregiver", {"do": "end", "device": "front"}),
        ("coordinator", {"do": "plan", "visit": "next", "device": "nothing"}),
        ("coordinator", {"do": "plan", "visit": "v9", "device": "front"}),
        ("technician", {"do": "done", "device": "bed"}),
    ],
)
def test_what_cannot_be_planned(
    as_role: Callable[..., FlaskClient], falling: EnrolledHome, role: str, fields: dict[str, str]
) -> None:
    """Who may not, a device or a visit that is not there, and what nobody asked for."""
    assert post(as_role(role), PATH, **fields).status_code == 403


def test_whose_batteries(
    as_role: Callable[..., FlaskClient], falling: EnrolledHome, staff_app: Flask
) -> None:
    """A caregiver has no such list, and another organisation's home is not there; a technician is
    told no visit."""
    add_home(staff_app, "h2", org="org2")
    text_of(as_role("caregiver", person="p1"), PATH, 403)
    planner = as_role("coordinator", person="p2")
    text_of(planner, "/hem/h2/batterier", 404)
    answer = post(planner, "/hem/h2/batterier", do="plan", visit="next", device="front")
    assert answer.status_code == 403
