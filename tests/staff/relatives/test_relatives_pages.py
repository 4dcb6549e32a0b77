"""What a relative's pages and the coordinator's page of them say in each state.

Not for: who sees what (`test_relatives`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.staff.pages.conftest import text_of
from tests.staff.parts import EnrolledHome, sign_in
from tests.staff.relatives.test_relatives import Phone, boss, enter, invite, visit
from web.staff import channels
from web.staff.channels.contract import Outcome, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.relatives import inviting
from web.staff.relatives.telling import Teller

__all__ = ["boss"]


@pytest.fixture
def phone(staff_app: Flask) -> Iterator[Phone]:
    """The server sends text messages."""
    phone = Phone()
    staff_app.extensions[channels.EXTENSION]["sms"] = phone
    yield phone
    del staff_app.extensions[channels.EXTENSION]["sms"]


def page_of(app: Flask) -> str:
    """The coordinator's page of a home's relatives."""
    client = app.test_client()
    sign_in(client, "p-plan")
    return text_of(client, "/hem/h1/anhoriga")


def test_the_old_link_leads_whoever_is_in_to_the_page(
    staff_app: Flask, staff: Staff, boss: Actor
) -> None:
    """It stands in the message for good, and is pressed each time; in another browser it says at
    once that it is used up, without a button."""
    token = invite(staff, boss)
    client = enter(staff_app, token)
    answer = client.get(f"/anhorig/{token}")
    assert (answer.status_code, answer.location) == (303, "/anhorig")
    other = staff_app.test_client().get(f"/anhorig/{token}")
    assert other.status_code == 410
    page = other.get_data(as_text=True)
    assert "Länken är använd eller för gammal." in page
    assert 'data-test="open"' not in page


def test_a_wrong_time_says_what_is_wrong_and_keeps_what_was_typed(
    staff_app: Flask, staff: Staff, boss: Actor, home: EnrolledHome
) -> None:
    """Also where there are as many absences as there may be."""
    client = enter(staff_app, invite(staff, boss))
    form = text_of(client, "/anhorig").split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    typed = {"since": "2026-11-25T10:00", "until": "2026-11-24T10:00"}
    data = {"csrf_token": form, "resident": "r-h1"} | typed
    wrong = client.post("/anhorig/franvaro", data=data)
    assert wrong.status_code == 409
    page = wrong.get_data(as_text=True)
    assert "Till ska vara senare än Från" in page
    for name, value in typed.items():
        assert f'name="{name}" value="{value}"' in page
    full = {"csrf_token": form, "resident": "r-h1", "since": "2026-11-25T10:00"}
    for _ in range(11):
        page = client.post("/anhorig/franvaro", data=full).get_data(as_text=True)
    assert "Fler frånvaroperioder" in page
    assert "Till ska vara senare" not in page


def test_only_ways_that_there_are_can_be_chosen(
    staff_app: Flask, staff: Staff, boss: Actor, phone: Phone
) -> None:
    """Where none is, nobody is asked for an address; who was to be told by one is told of as
    somebody whom it does not reach: a device of theirs may, all the same."""
    invite(staff, boss)
    page = page_of(staff_app)
    assert 'value="sms"' in page
    assert 'value="email"' not in page
    assert 'data-test="no-way"' not in page
    del staff_app.extensions[channels.EXTENSION]["sms"]
    page = page_of(staff_app)
    assert 'value="sms"' not in page
    assert 'id="address"' not in page
    assert "inga sms kommer fram" in page
    staff_app.extensions[channels.EXTENSION]["sms"] = phone


def test_relatives_stand_in_the_order_of_the_alphabet(
    staff_app: Flask, staff: Staff, boss: Actor
) -> None:
    """As everybody on any list: Å before Ä, and whoever is written with a small letter."""
    for number, name in enumerate(("Ärla", "Åsa", "eva")):
        invite(staff, boss, name=name, to=f"070123456{number}")
    listed = re.findall(r'data-test="relative".*?</svg> (\w+)</h2>', page_of(staff_app))
    assert listed == ["eva", "Åsa", "Ärla"]


def test_a_message_that_reached_nobody_is_told_until_one_does(
    staff_app: Flask, staff: Staff, boss: Actor, home: EnrolledHome, phone: Phone
) -> None:
    """A wrong number looks otherwise than one that works."""
    invite(staff, boss)
    teller = Teller(staff, {"sms": phone})
    phone.outcome = Outcome(None, Why.GONE)
    home.clock.advance(60)
    visit(home, ago=timedelta(seconds=10), lasted=timedelta(seconds=5))
    teller.look()
    assert 'data-test="unreached"' in page_of(staff_app)
    phone.outcome = Outcome(phone.proof)
    home.clock.advance(600)
    visit(home, ago=timedelta(seconds=10))
    teller.look()
    assert 'data-test="unreached"' not in page_of(staff_app)


def test_a_link_that_was_never_used_says_so_when_it_is_too_old(
    staff_app: Flask, staff: Staff, boss: Actor, phone: Phone
) -> None:
    """One that was used says nothing."""
    invite(staff, boss)
    assert "Länken är inte använd än" in page_of(staff_app)
    staff.clock.advance(inviting.LINK_FOR.total_seconds() + 1)  # type: ignore[attr-defined]
    page = page_of(staff_app)
    assert 'data-test="link-over"' in page
    assert "Länken är inte använd än" not in page
    with staff.db.read() as conn:
        [who] = inviting.of_home(conn, "h1")
    enter(staff_app, inviting.new_link(staff, boss, "h1", who.id))
    assert 'data-test="link-over"' not in page_of(staff_app)


def test_the_page_on_a_home_screen_begins_at_the_relatives_own(
    staff_app: Flask, staff: Staff, boss: Actor
) -> None:
    """And not at that of staff, who alone can sign in there."""
    client: FlaskClient = enter(staff_app, invite(staff, boss))
    page = text_of(client, "/anhorig")
    address = page.split('rel="manifest" href="', 1)[1].split('"', 1)[0]
    told = client.get(address).get_json(force=True)
    assert told["start_url"] == "/anhorig"
    assert told["display"] == "standalone"
    assert client.get("/manifest.webmanifest").get_json(force=True)["start_url"] == "/pass"
