"""The pages of a plan and of who agreed to looks: as a coordinator and as a carer see them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from gateway.events import CheckMethod, Night, PlanPause
from tests.staff.pages.conftest import post, text_of
from tests.staff.pages.test_pages import ask
from tests.staff.parts import EnrolledHome
from web.staff.checks import plans
from web.staff.checks.plans import SetPlan
from web.staff.core.context import Staff

PAGE, CONSENT = "/hem/h1/tillsyn", "/hem/h1/samtycke"
FORM = {
    "do": "set",
    "after": "0",
    "times": "23.00 2:30",
    "every": "",
    "begins": "",
    "ends": "",
    "night": "mon",
    "method": "sensor",
    "recheck": "20",
    "tolerance": "10",
}


@pytest.fixture
def planner(as_role: Callable[..., FlaskClient], home: EnrolledHome) -> FlaskClient:
    """A coordinator's browser."""
    return as_role("coordinator")


def newest(staff: Staff) -> SetPlan | None:
    with staff.db.read() as conn:
        return plans.newest(conn, "h1")


def test_a_plan_is_written_shown_and_remembered(planner: FlaskClient, staff: Staff) -> None:
    """Times as people write them; the coming nights with the home's minute; who changed what."""
    assert 'data-follows="none"' in text_of(planner, PAGE)
    assert post(planner, PAGE, **FORM).status_code == 200
    plan = newest(staff)
    assert plan is not None
    terms = plan.terms
    assert (terms.times, terms.nights, terms.recheck_min) == (("02:30", "23:00"), (Night.MON,), 20)
    page = text_of(planner, PAGE)
    assert 'data-follows="not_yet"' in page
    assert "Hemmet har inte bekräftat plan 1 än." in page
    assert "Natten som börjar måndag 23 november" in page
    post(planner, PAGE, **FORM | {"after": "1", "method": "visit"})
    page = text_of(planner, PAGE)
    assert "Plan 2" in page
    assert "besök" in page
    assert re.search(r"Plan 2</span>\s*sätt", page)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"times": "25:00"}, "Skriv klockslagen som"),
        ({"times": "sent"}, "Skriv klockslagen som"),
        ({"times": " ".join(f"{n:02d}:{m}" for n in range(13) for m in ("00", "30"))}, "Högst 24"),
        ({"every": "60"}, "Ett intervall behöver tre"),
        ({"every": "5", "begins": "22:00", "ends": "06:00"}, "mellan 15 och 720"),
        ({"every": "x", "begins": "22:00", "ends": "06:00"}, "mellan 15 och 720"),
        ({"every": "60", "begins": "06:00", "ends": "22:00"}, "i samma natt"),
        ({"night": ""}, "Välj minst en natt."),
        ({"method": "drone"}, "Välj hur tillsynen görs."),
        ({"recheck": "0"}, "Ny tillsyn görs efter"),
        ({"tolerance": "90"}, "högst 60 minuter"),
        ({"tolerance": ""}, "högst 60 minuter"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence_and_what_was_written_stays(
    planner: FlaskClient, staff: Staff, said: dict[str, str], sentence: str
) -> None:
    """Nothing is saved, and nobody writes it all again; the same where it is only looked at."""
    for what in ("set", "show"):
        answer = post(planner, PAGE, **FORM | said | {"do": what})
        assert answer.status_code == 422
        assert sentence in answer.text
        assert 'role="alert"' in answer.text
        if "times" not in said:
            assert 'value="02:30, 23:00"' in answer.text
    assert newest(staff) is None


def test_nights_are_shown_before_they_are_saved(planner: FlaskClient, staff: Staff) -> None:
    """An interval over midnight, as it would ring; nothing is set."""
    shown = {"do": "show", "times": "", "every": "120", "begins": "22:00", "ends": "06:00"}
    answer = post(planner, PAGE, **FORM | shown)
    assert answer.status_code == 200
    assert "Så blir nätterna" in answer.text
    assert "00:00, 02:00, 04:00, 06:00" in answer.text
    assert newest(staff) is None


def test_a_pause_is_part_of_the_plan_and_is_taken_away(planner: FlaskClient, staff: Staff) -> None:
    """Said on the night that it is about; one that ends before it begins is refused."""
    post(planner, PAGE, **FORM)
    pause = {"do": "pause", "after": "1", "first": "2026-11-23", "last": "2026-11-30"}
    post(planner, PAGE, **pause)
    plan = newest(staff)
    assert plan is not None
    assert plan.terms.pauses == (PlanPause(first="2026-11-23", last="2026-11-30"),)
    assert "pausad" in text_of(planner, PAGE)
    wrong = post(planner, PAGE, **pause | {"after": "2", "last": "2026-11-01"})
    assert "Pausen slutar innan den börjar." in wrong.text
    post(planner, PAGE, **pause | {"do": "unpause", "after": "2"})
    plan = newest(staff)
    assert plan is not None
    assert plan.terms.pauses == ()


def test_two_who_change_at_once(planner: FlaskClient, staff: Staff) -> None:
    """The second is told to look again, with what they wrote still there."""
    post(planner, PAGE, **FORM)
    answer = post(planner, PAGE, **FORM | {"method": "camera"})
    assert answer.status_code == 409
    assert "Någon annan har ändrat planen." in answer.text
    plan = newest(staff)
    assert plan is not None
    assert plan.terms.method is CheckMethod.SENSOR


def test_a_carer_sees_the_plan_and_has_no_form(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """Nor may they send one."""
    page = text_of(carer, PAGE)
    assert "save-plan" not in page
    assert post(carer, PAGE, **FORM).status_code == 403
    assert 'data-test="agree"' not in text_of(carer, CONSENT)
    assert post(carer, CONSENT, do="add", role="partner").status_code == 403
    assert text_of(carer, "/hem/h9/tillsyn", 404)
    assert newest(staff) is None


def test_who_agreed_to_looks_is_noted_and_taken_back(planner: FlaskClient) -> None:
    """The resident, and somebody who lives there, by what they are and not by name."""
    assert 'data-agreed="no"' in text_of(planner, CONSENT)
    given = {"do": "agree", "asked_on": "2026-11-20", "how": "written"}
    post(planner, CONSENT, **given, resident="r-h1")
    assert 'data-agreed="yes"' in text_of(planner, CONSENT)
    assert "Samtyckte 2026-11-20 (skriftligt)." in text_of(planner, CONSENT)
    post(planner, CONSENT, do="add", role="partner")
    page = text_of(planner, CONSENT)
    assert 'data-agreed="no"' in page
    assert "Make, maka eller sambo" in page
    [number] = re.findall(r'name="number" value="(\d+)"', page)[:1]
    post(planner, CONSENT, **given, number=number)
    assert 'data-agreed="yes"' in text_of(planner, CONSENT)
    post(planner, CONSENT, do="withdraw", number=number)
    page = text_of(planner, CONSENT)
    assert 'data-agreed="no"' in page
    assert "Samtycket är återtaget" in page
    answer = post(planner, CONSENT, **given | {"asked_on": "2027-01-01"}, resident="r-h1")
    assert answer.status_code == 409
    for odd in ({"do": "x"}, {"do": "add", "role": "boss"}, {"do": "gone"}):
        assert post(planner, CONSENT, **odd).status_code == 400


def test_a_plan_that_needs_consent_says_so(planner: FlaskClient) -> None:
    """With the camera, where nobody has agreed."""
    post(planner, PAGE, **FORM | {"method": "camera"})
    assert "samtycke saknas" in text_of(planner, PAGE)


def test_a_withdrawn_consent_stands_on_the_homes_page_and_on_the_board(
    planner: FlaskClient, home: EnrolledHome
) -> None:
    """Where the home is looked at, and where a watcher would look; nothing where nobody was asked,
    or everybody agrees."""
    given = {"do": "agree", "asked_on": "2026-11-20", "how": "written", "resident": "r-h1"}
    ask(home)
    seen = []
    for form in ({}, given, {"do": "withdraw", "resident": "r-h1"}):
        if form:
            post(planner, CONSENT, **form)
        pages = (text_of(planner, "/hem/h1"), text_of(planner, "/nattillsyn"))
        seen.append(['data-test="no-looks"' in page for page in pages])
    assert seen == [[False, False], [False, False], [True, True]]
