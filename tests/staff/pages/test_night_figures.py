"""Nattillsyn i siffror: what is counted, for which night, what was saved, what leaves the unit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

from gateway.envelope import Draft
from gateway.events import (
    CheckAnswered,
    CheckAsked,
    CheckBy,
    CheckDone,
    CheckDue,
    CheckEscalated,
    CheckMissed,
    CheckPlanned,
    Data,
    Finding,
    LookBegun,
    Looked,
    LookEnd,
    LookEnded,
    LookPermitted,
    LookWhy,
    PictureKind,
)
from tests.staff.pages.conftest import post, text_of
from tests.staff.pages.test_pages import reads
from tests.staff.parts import EnrolledHome, add_home
from web.staff.care import night_figures
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.storage import tables

NIGHT = datetime(2026, 11, 22, 21, tzinfo=UTC)
"""Ten in the evening of a Sunday in Sweden: the night before the day that the tests have."""

SUNDAY = "/nattillsyn/siffror?natt=2026-11-22"

SHOWN = ("sensor", "camera", "phone", "visit", "missed")

HOUR = timedelta(hours=1)


def look_of(check: str) -> list[Data]:
    """A look of a watcher's own, at a check that the sensor has answered."""
    about: dict[str, Any] = {"look": check, "why": LookWhy.WORRY, "check": check}
    ended = LookEnded(look=check, why=LookEnd.CLOSED, took_s=9.0, pictures=80)
    expires = datetime(2026, 12, 1, tzinfo=UTC)
    permitted = LookPermitted(expires=expires, **about)
    return [permitted, LookBegun(picture=PictureKind.EDGES, **about), ended]


def check(staff: Staff, home: str, slot: datetime, how: str) -> None:
    """One planned check that ended so."""
    name = f"night@{slot:%Y-%m-%dT%H:%MZ}"
    asked = CheckAsked(check=name, why="bed_empty", answer_by=slot + HOUR)
    told: list[Draft] = [
        Draft(CheckPlanned(check=name, slot=slot, report_by=slot + HOUR)),
        Draft(CheckDue(check=name, slot=slot)),
    ]

    def answered(looked: Looked) -> Draft:
        return Draft(CheckAnswered(check=name, finding=Finding.OK, looked=looked), person="p7")

    worried = look_of(name)
    ends: dict[str, list[Data | Draft]] = {
        "sensor": [CheckDone(check=name, by=CheckBy.SENSOR)],
        "phone": [asked, answered(Looked.PHONE), CheckDone(check=name, by=CheckBy.WATCHER)],
        "camera": [asked, answered(Looked.CAMERA), CheckDone(check=name, by=CheckBy.WATCHER)],
        "worry": [CheckDone(check=name, by=CheckBy.SENSOR), *worried],
        "visit": [asked, answered(Looked.IN_PERSON), CheckDone(check=name, by=CheckBy.WATCHER)],
        "gone": [asked, CheckEscalated(check=name, why="help")],
        "away": [CheckMissed(check=name, why="absent")],
        "missed": [CheckMissed(check=name, why="too_late")],
        "open": [asked],
    }
    told += [one if isinstance(one, Draft) else Draft(one) for one in ends[how]]
    with staff.write() as tx:
        for number, one in enumerate(told):
            at = slot + number * timedelta(seconds=20)
            append.write(staff, tx, home, one, at=at)


def figure(page: str, name: str) -> str:
    """What stands under a name of the page."""
    return page.split(f'data-test="{name}">', 1)[1].split("<", 1)[0]


def test_each_check_is_counted_once_by_the_most_that_it_took(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff
) -> None:
    """Who went, also where somebody had to go; a camera, also where the sensor had answered and a
    watcher looked all the same; who rang; the sensor; away, missed and open apart.
    Without what the round was before there is no saving, and the page says why."""
    client = as_role("coordinator", homes=())
    hows = (
        "sensor",
        "sensor",
        "camera",
        "worry",
        "phone",
        "visit",
        "gone",
        "away",
        "missed",
        "open",
    )
    for n, how in enumerate(hows):
        check(staff, "h1", NIGHT + n * HOUR, how)
    page = text_of(client, SUNDAY)
    assert "Natten mot måndag 23 november 2026" in page
    found = {way: figure(page, f"total-{way}") for way in SHOWN}
    assert found == {"sensor": "2", "camera": "2", "phone": "1", "visit": "2", "missed": "1"}
    assert (figure(page, "total-away"), figure(page, "total-open")) == ("1", "1")
    assert figure(page, "total-checks") == "10"
    row = page.split('data-test="home-row"', 1)[1].split("</tr>", 1)[0]
    assert row.count('class="num"') == 7, "what was done"
    assert row.count('class="num zero"') == row.count("<td") - 7, "hidden on a phone"
    assert 'data-test="no-baseline"' in page
    assert 'data-test="saved"' not in page
    assert reads(staff) == ["figures"]


def test_what_was_saved_is_held_against_what_the_unit_says_it_had(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff
) -> None:
    """Two visits a night to each of two homes, where one home had half of its checks: three visits
    of before, one of now.  Who said so, and when, stands there; the newest holds."""
    client = as_role("coordinator", homes=())
    add_home(home.app, "h2", label="Lgh 2")
    for n, how in enumerate(("sensor", "visit", "away")):
        check(staff, "h1", NIGHT + n * HOUR, how)
    for n, how in enumerate(("sensor", "missed")):
        check(staff, "h2", NIGHT + n * HOUR, how)
    told = post(client, "/nattillsyn/siffror/fore", visits="9", minutes="9", km="9")
    assert told.status_code == 200
    post(client, "/nattillsyn/siffror/fore", visits="2", minutes="22,5", km="7.5")
    page = text_of(client, SUNDAY)
    saved = [figure(page, f"saved-{what}") for what in ("visits", "minutes", "km")]
    assert saved == ["2", "45", "15"]
    said = page.split('data-test="said">')
    assert "2 besök per hem och natt, 22,5 minuter och 7,5 km per besök." in said[1]
    assert "Ifyllt av" in said[1]
    assert "Gäller inte längre" in said[2]


@pytest.mark.parametrize(
    "form",
    [
        {"visits": "två", "minutes": "20", "km": "5"},
        {"visits": "0", "minutes": "20", "km": "5"},
        {"visits": "2", "minutes": "-1", "km": "5"},
        {"visits": "2", "minutes": "20", "km": "501"},
        {"visits": "nan", "minutes": "20", "km": "inf"},
        {"visits": "2", "minutes": "20"},
        {"visits": "1" * 400, "minutes": "20", "km": "5"},
    ],
)
def test_a_round_that_cannot_be_is_not_kept(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, form: dict[str, str]
) -> None:
    """One sentence says what to write, and nothing is shown of it."""
    client = as_role("coordinator", homes=())
    answer = post(client, "/nattillsyn/siffror/fore", **form)
    assert answer.status_code == 422
    assert "Skriv siffror: högst 20 besök" in answer.get_json()["text"]
    assert 'data-test="said"' not in text_of(client, "/nattillsyn/siffror")


@pytest.mark.parametrize(
    ("at", "night"),
    [
        ("2026-03-28T11:00+00:00", "2026-03-28"),  # noon of Saturday
        ("2026-03-29T09:59+00:00", "2026-03-28"),  # a minute before Sunday's, an hour sooner
        ("2026-03-29T10:00+00:00", "2026-03-29"),
        ("2026-10-24T10:00+00:00", "2026-10-24"),
        ("2026-10-25T01:30+00:00", "2026-10-24"),  # half past two, the second time
        ("2026-10-25T10:59+00:00", "2026-10-24"),
        ("2026-10-25T11:00+00:00", "2026-10-25"),
    ],
)
def test_a_night_belongs_to_the_evening_on_which_it_began(
    home: EnrolledHome, staff: Staff, at: str, night: str
) -> None:
    """From noon to noon by the home's own clock, also when summer time begins or ends."""
    moment = datetime.fromisoformat(at)
    assert f"{night_figures.night_of(moment, 'Europe/Stockholm')}" == night
    check(staff, "h1", moment, "sensor")
    nights = night_figures.nights_from(moment.date() - timedelta(days=3), 6)
    with staff.db.read() as conn:
        [found] = night_figures.read(conn, {"h1": "Europe/Stockholm"}, nights)
    assert (f"{found.night}", found.counts.total) == (night, 1)


def test_a_zone_that_this_machine_does_not_know_is_the_usual_one() -> None:
    """The nights of its home are counted all the same."""
    usual, odd = "Europe/Stockholm", "Nowhere/Town"
    evening = datetime(2026, 11, 23, 21, tzinfo=UTC)
    night = night_figures.night_of(evening, odd)
    assert night == night_figures.night_of(evening, usual)
    assert night_figures.begins(night, odd) == night_figures.begins(night, usual)


def test_the_file_has_each_home_and_night_and_comes_again_from_the_events(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff
) -> None:
    """No name in it; a rebuild gives the same bytes; another organisation's home is not in it."""
    client = as_role("coordinator", homes=())
    add_home(home.app, "x1", org="org2")
    for at in (NIGHT - 24 * HOUR, NIGHT, NIGHT + HOUR):
        check(staff, "h1", at, "sensor")
        check(staff, "x1", at, "sensor")
    post(client, "/nattillsyn/siffror/fore", visits="2", minutes="20", km="5")
    address = "/nattillsyn/siffror/fil?fran=2026-11-20&till=2026-11-22"
    answer = client.get(address)
    lines = answer.data.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("night;home;checks;sensor;camera;phone;other;visit;away;missed")
    assert [line.split(";")[:4] for line in lines[1:]] == [
        ["2026-11-21", "h1", "1", "1"],
        ["2026-11-22", "h1", "2", "2"],
    ]
    assert lines[1].endswith(";1;2.0;40;10.0")
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert client.get(address).data == answer.data


def an_october(staff: Staff, home: EnrolledHome, counts: dict[int, int]) -> None:
    """So many homes in each area (0: in none), with six checks each, one a visit."""
    number = 1
    for area, homes in counts.items():
        with staff.db.write() as tx:
            tx.conn.execute(insert(tables.area).values(id=area, org_id="org1", name=f"Del {area}"))
        for _ in range(homes):
            number += 1
            add_home(home.app, f"h{number}", label=f"Lgh {number}")
            with staff.db.write() as tx:
                link = insert(tables.area_home).values(area_id=area, home_id=f"h{number}")
                tx.conn.execute(link)
            for n in range(6):
                slot = datetime(2026, 10, 3 + n, 1, tzinfo=UTC)
                check(staff, f"h{number}", slot, "visit" if n == 5 else "sensor")


def test_what_leaves_the_unit_points_at_nobody(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff
) -> None:
    """An administrator sees a month that is over: an area of two homes is hidden, and another one
    with it, and one missed check with the next smallest count.  No home, no reading, no file of
    homes."""
    an_october(staff, home, {1: 7, 2: 2, 3: 6})
    check(staff, "h2", datetime(2026, 10, 20, 1, tzinfo=UTC), "missed")
    post(
        as_role("coordinator", person="p3", homes=()),
        "/nattillsyn/siffror/fore",
        visits="2",
        minutes="20",
        km="5",
    )
    client = as_role("administrator", homes=())
    page = text_of(client, "/nattillsyn/siffror?manad=2026-10")
    assert figure(page, "total-sensor") == "75"
    assert "visas inte" in page.split('data-test="total-missed">', 1)[1].split("</dd>", 1)[0]
    assert "visas inte" in page.split('data-test="total-visit">', 1)[1].split("</dd>", 1)[0]
    assert 'data-test="saved"' not in page  # it would say how many visits there were
    assert page.count('data-test="area-row"') == 1
    assert "Del 1" in page
    assert 'data-test="home-row"' not in page
    assert reads(staff) == []
    assert client.get("/nattillsyn/siffror/fil").status_code == 403
    lines = client.get("/nattillsyn/siffror/manad/fil?manad=2026-10").data.decode("utf-8-sig")
    assert "2026-10;total;;15;;75;0;0;0;;0;;0;;;\r\n" in lines
    assert "2026-10;area;Del 1;7;43;" in lines
    assert "Del 2" not in lines
    assert "h2" not in lines


def test_of_a_few_homes_nothing_leaves_the_unit(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff
) -> None:
    """Four homes are four persons, whatever is counted; and of this month nothing is told."""
    an_october(staff, home, {1: 4})
    client = as_role("administrator", homes=())
    page = text_of(client, "/nattillsyn/siffror?manad=2026-10")
    assert "Färre än 5 hem hade nattillsyn" in page
    assert "oktober 2026" in text_of(client, "/nattillsyn/siffror?manad=2026-11")
    text_of(as_role("caregiver", person="p2"), "/nattillsyn/siffror", 403)
