"""The board's page: whose homes, in which order, in nights of 23 and 25 hours, and of old homes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask.testing import FlaskClient

from gateway.envelope import Draft
from gateway.events import (
    CheckAsked,
    CheckBy,
    CheckDone,
    CheckDue,
    CheckEscalated,
    CheckPlanned,
    Night,
    PlanHeld,
    PlanSet,
    PlanTerms,
)
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, add_home, add_user, parts_of, sign_in
from web.staff.events import append
from web.staff.pages import night_rows

MIN = timedelta(minutes=1)


def parts(page: str) -> dict[str, list[str]]:
    """The checks on the page by the part in which they stand, in its order."""
    found: dict[str, list[str]] = {}
    rows = re.findall(r'data-part="(\w+)" data-home="[^"]+" data-check="([^"]+)"', page)
    for part, check in rows:
        found.setdefault(part, []).append(check)
    return found


def test_the_night_is_from_noon_to_noon() -> None:
    """Also the night that loses an hour and the one that has it twice."""
    for at, hours in (
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), 23),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 25),
        (datetime(2026, 11, 23, 21, 0, tzinfo=UTC), 24),
    ):
        begin, end = night_rows.tonight(at)
        assert begin <= at < end
        assert end - begin == timedelta(hours=hours)


def test_the_hour_that_comes_twice_is_told_apart(carer: FlaskClient, home: EnrolledHome) -> None:
    """25 October: 02:30 of summer time before 02:30 of winter time, each with its name."""
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    for name, slot in (("b@2", first + timedelta(hours=1)), ("a@1", first)):
        home.send(
            CheckDue(check=name, slot=slot),
            CheckAsked(check=name, why="bed_empty", answer_by=slot + 90 * MIN),
            at=slot,
        )
    page = text_of(carer, "/nattillsyn")
    assert parts(page)["due"] == ["a@1", "b@2"]
    told = re.findall(r'nt-at num">(\d\d:\d\d) <small>(\w+)<', page)
    assert told == [("02:30", "sommartid"), ("02:30", "vintertid")]


def test_a_home_of_before_is_on_the_board(carer: FlaskClient, home: EnrolledHome) -> None:
    """It knows none of the new kinds: planned, asked, answered and done as ever."""
    now = home.clock.now()
    home.send(
        CheckPlanned(check="n@1", slot=now, report_by=now + 40 * MIN),
        CheckPlanned(check="n@2", slot=now + 60 * MIN, report_by=now + 90 * MIN),
        CheckDue(check="n@1", slot=now),
        CheckAsked(check="n@1", why="reading_stale", answer_by=now + 15 * MIN),
    )
    page = text_of(carer, "/nattillsyn")
    assert parts(page) == {"due": ["n@1"]}
    assert "Senare i natt (1)" in page
    answer = {"home": "h1", "check": "n@1", "finding": "ok", "looked": "phone", "back": "board"}
    assert post(carer, "/tillsyn/svara", **answer).status_code == 200
    assert parts(text_of(carer, "/nattillsyn")) == {"looking": ["n@1"]}
    home.send(CheckDone(check="n@1", by=CheckBy.WATCHER))
    assert parts(text_of(carer, "/nattillsyn")) == {"done": ["n@1"]}


def test_each_sees_the_own_homes_only(carer: FlaskClient, home: EnrolledHome) -> None:
    """Another area and another organisation: neither rows nor numbers, nor the check by its
    address; a form with a home of others is refused."""
    now = home.clock.now()
    home.send(
        CheckAsked(check="n@1", why="bed_empty", answer_by=now + 15 * MIN),
        CheckEscalated(check="n@2", why="unclear_twice"),
    )
    app = carer.application
    add_home(app, "h2", label="Annat")
    add_home(app, "o1", org="org2", label="Utanför")
    add_user(app, "area", ["night_watcher"], homes=["h2"])
    add_user(app, "org", ["night_watcher"], homes=["o1"], org="org2")
    assert parts(text_of(carer, "/nattillsyn")) == {"due": ["n@1"], "visit": ["n@2"]}
    for person in ("area", "org"):
        client = app.test_client()
        sign_in(client, person)
        page = text_of(client, "/nattillsyn?oppna=h1/n@1")
        assert parts(page) == {}
        assert 'data-test="panel"' not in page
        assert "Prov Boende" not in page
        for path in ("/tillsyn/borja", "/tillsyn/besok", "/tillsyn/inget-besok"):
            said = post(client, path, home="h1", check="n@2", why="called")
            assert said.status_code == 409
    assert parts(text_of(carer, "/nattillsyn")) == {"due": ["n@1"], "visit": ["n@2"]}


def test_an_unclear_check_says_when_it_is_made_again(
    carer: FlaskClient, home: EnrolledHome
) -> None:
    """By the plan that the home follows, from the answer on; a check that came due before that plan
    keeps what held then, which nobody here knows, and so says no time."""
    now = home.clock.now()
    terms = PlanTerms(times=("02:00",), nights=(Night.MON,), recheck_min=25)
    staff = parts_of(home.app)
    with staff.write() as tx:
        append.write(staff, tx, "h1", Draft(PlanSet(number=1, terms=terms), person="p1"))
    home.send(CheckAsked(check="n@1", why="bed_empty", answer_by=now + 15 * MIN), at=now - MIN)
    home.send(PlanHeld(number=1, terms=terms, looks_agreed=False))
    home.send(CheckAsked(check="n@2", why="bed_empty", answer_by=now + 15 * MIN))
    for check in ("n@1", "n@2"):
        post(carer, "/tillsyn/borja", home="h1", check=check)
        answer = {"home": "h1", "check": check, "finding": "unclear", "looked": "phone"}
        assert post(carer, "/tillsyn/svara", **answer).status_code == 200
    page = text_of(carer, "/nattillsyn?oppna=h1/n@2")
    at = f"{(now + 25 * MIN).astimezone(ZoneInfo('Europe/Stockholm')):%H:%M}"
    assert sorted(parts(page)["unclear"]) == ["n@1", "n@2"]
    told = re.findall(r'nt-why">(Ny tillsyn [^<·]+)', page)
    assert sorted(one.strip() for one in told) == [f"Ny tillsyn kl. {at}", "Ny tillsyn kommer"]
    assert f"Hemmet gör en ny tillsyn kl. {at}." in page


def test_the_board_leads_to_plan_consents_and_figures(
    carer: FlaskClient, as_role: Callable[..., FlaskClient], home: EnrolledHome
) -> None:
    """A home's plan and consents from its check; the unit's figures for who counts."""
    home.send(CheckAsked(check="n@1", why="bed_empty", answer_by=home.clock.now() + 15 * MIN))
    page = text_of(carer, "/nattillsyn?oppna=h1/n@1")
    for path in ("/hem/h1/tillsyn", "/hem/h1/samtycke"):
        assert f'href="{path}"' in page
        assert carer.get(path).status_code == 200
    assert 'data-test="to-figures"' not in page
    boss = as_role("coordinator", person="p8", homes=())
    assert 'data-test="to-figures"' in text_of(boss, "/nattillsyn")


def test_who_may_not_answer_sees_and_cannot(
    as_role: Callable[..., FlaskClient], home: EnrolledHome
) -> None:
    """A coordinator reads the board; without care there is none."""
    ends = home.clock.now() + 15 * MIN
    home.send(CheckAsked(check="n@1", why="bed_empty", answer_by=ends))
    boss = as_role("coordinator", person="p8", homes=())
    page = text_of(boss, "/nattillsyn?oppna=h1/n@1")
    assert parts(page) == {"due": ["n@1"]}
    assert 'data-test="take"' not in page
    technician = as_role("technician", person="p9", homes=())
    assert technician.get("/nattillsyn").status_code == 403
