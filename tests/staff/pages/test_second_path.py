"""Whom a home tells by itself is set on a page of its own, by those who say who works where; and a
home's page says how its alarms' way is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flask.testing import FlaskClient

from gateway.events import (
    GatewaySecondPathFailed,
    GatewaySecondPathReady,
    GatewayTestSent,
    Severity,
    TestWhy,
)
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.homelink import chain_tests, second_path

PATH = "/administration/hem/h1/reservvag"


def receivers(staff: Staff) -> list[tuple[str, str, Severity]]:
    """What the home was told."""
    with staff.db.read() as conn:
        held = second_path.held_by(conn, "h1")
    return [] if held is None else [(one.id, one.address, one.told) for one in held.receivers]


def test_receivers_are_added_and_taken_away(
    staff: Staff, home: EnrolledHome, as_role: Callable[..., FlaskClient]
) -> None:
    """In the order in which they were added, with numbers as a Swede writes them."""
    boss = as_role("coordinator", person="boss")
    as_role("caregiver", person="p7")
    assert "Ingen. Når hemmet inte servern" in text_of(boss, PATH)
    added = post(boss, PATH, do="add", receiver="p7", address="070-123 45 67", told="care")
    assert added.status_code == 200
    post(boss, PATH, do="add", receiver="boss", address="+46709999999", told="technical")
    assert receivers(staff) == [
        ("p7", "+46701234567", Severity.CARE),
        ("boss", "+46709999999", Severity.TECHNICAL),
    ]
    page = text_of(boss, PATH)
    assert "+46701234567" in page
    assert "Svara" not in page
    assert post(boss, PATH, do="remove", receiver="p7").status_code == 200
    assert [one[0] for one in receivers(staff)] == ["boss"]
    assert home.origin


def test_what_cannot_be_set_is_refused(
    staff: Staff, home: EnrolledHome, as_role: Callable[..., FlaskClient]
) -> None:
    """A number that is none, somebody who is nobody, and a person who does not say who works
    where."""
    boss = as_role("coordinator", person="boss")
    carer = as_role("caregiver", person="p7")
    bad = post(boss, PATH, do="add", receiver="p7", address="12", told="care")
    assert bad.status_code == 422
    assert "Skriv numret som" in bad.json["text"]
    assert (
        post(boss, PATH, do="add", receiver="x", address="+46701", told="care").status_code == 404
    )
    assert carer.get(PATH).status_code == 403
    assert receivers(staff) == []
    assert home.origin


def test_the_homes_page_says_how_the_way_is(
    staff: Staff, home: EnrolledHome, carer: FlaskClient
) -> None:
    """The last test alarm in the home's time, and its way past the server beside it."""
    assert "Larmkedja" not in text_of(carer, "/hem/h1")
    next_by = home.clock.now() + timedelta(hours=9)
    home.send(GatewayTestSent(why=TestWhy.DAILY, next_by=next_by))
    chain_tests.answer_due(staff, ())
    home.send(GatewaySecondPathReady(signal_pct=61))
    page = text_of(carer, "/hem/h1")
    assert "Larmkedjan provad 22:00" in page
    assert "Reservvägen fungerar" in page
    home.send(GatewaySecondPathFailed(why="no_network"))
    page = text_of(carer, "/hem/h1")
    assert "Reservvägen fungerar inte: modemet har ingen täckning" in page
    chain = (
        page.split('data-test="chain"')[0].rpartition("<")[2] + page.split('data-test="chain"')[1]
    )
    assert "warn" in chain.split("</p>")[0].split("</dd>")[0], (
        "the test went well, this way did not"
    )
