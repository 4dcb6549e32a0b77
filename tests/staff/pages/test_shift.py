"""Mitt pass follows a visit: open, on site, leave, lock; an alarm is taken and closed there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from flask.testing import FlaskClient

from gateway.envelope import Draft
from gateway.events import (
    AlarmType,
    DeviceTold,
    HomeDescribed,
    LockLocked,
    LockOperationEnded,
    LockOperationOutcome,
    LockUnknown,
    LockUnlocked,
    Stamp,
    VisitEnded,
    VisitStarted,
)
from tests.staff.pages.conftest import post, text_of
from tests.staff.pages.test_now import As, cards, raised
from tests.staff.pages.test_pages import ask
from tests.staff.parts import EnrolledHome, hire

MIN = timedelta(minutes=1)


def card(client: FlaskClient, home: str = "h1", path: str = "/pass") -> str:
    """A home's card."""
    page = text_of(client, path)
    found = re.search(rf'<section class="[^"]*" id="home-{home}".*?</section>', page, re.DOTALL)
    assert found is not None
    return found[0]


def phase(client: FlaskClient) -> str:
    """How far the visit has come, and what the largest button is."""
    found = re.search(r'data-phase="(\w+)"', card(client))
    big = re.findall(r'class="btn [^"]*bigbtn"[^>]*data-test="([\w-]+)"', card(client))
    assert found is not None
    assert len(big) == 1
    return f"{found[1]}: {big[0]}"


def arrive(home: EnrolledHome, person: str = "p7") -> str:
    """A visit begins; returns its reference."""
    hire(home.app, person)
    started = VisitStarted(since=home.clock.now(), source=Stamp.UNLOCK)
    [visit] = home.send(Draft(started, person=person))
    return visit.ref


def leave(home: EnrolledHome, visit: str) -> None:
    """It ends."""
    home.send(VisitEnded(visit=visit, until=home.clock.now(), source=Stamp.TAP))


def test_the_largest_button_is_the_next_step(
    carer: FlaskClient, home: EnrolledHome, stream: Iterator[bytes]
) -> None:
    """The door from outside; that one came, once it is open; that one goes, while one is inside; to
    lock, where it was left unlocked; and the door again."""
    home.send(LockLocked(), device="front")
    assert phase(carer) == "away: open-door"
    grant = post(carer, "/pass/h1/las", device="front", action="unlock").get_json()["grant"]
    done = LockOperationEnded(grant=grant, outcome=LockOperationOutcome.DONE, took_s=3)
    home.send(LockUnlocked(), done, device="front")
    assert phase(carer) == "opened: arrive"
    visit = arrive(home)
    assert phase(carer) == "on_site: leave"
    assert "På plats sedan 22:00" in card(carer)
    home.clock.advance(20 * 60)
    told = post(carer, "/pass/h1/besok", tap="leave").get_json()["text"]
    assert told == "Avgång registrerad 22:20. Dörren är upplåst. Lås den."
    leave(home, visit)
    assert phase(carer) == "left_open: lock-door"
    assert "Dörren är upplåst. Du gick 22:20." in card(carer)
    assert 'class="outcome bad"' in card(carer)
    home.send(LockLocked(), device="front")
    assert phase(carer) == "away: open-door"
    assert "Låst enligt låset 22:20" in card(carer)


def test_a_door_left_unlocked_is_not_well_and_bad_at_once(
    carer: FlaskClient, home: EnrolledHome, stream: Iterator[bytes]
) -> None:
    """Who has just opened it and leaves reads that it is unlocked, once, and as what it is."""
    home.send(LockLocked(), device="front")
    grant = post(carer, "/pass/h1/las", device="front", action="unlock").get_json()["grant"]
    done = LockOperationEnded(grant=grant, outcome=LockOperationOutcome.DONE, took_s=3)
    home.send(LockUnlocked(), done, device="front")
    visit = arrive(home)
    assert re.findall(r'class="outcome (\w+)"', card(carer)) == ["ok"]
    home.clock.advance(30)
    leave(home, visit)
    assert re.findall(r'class="outcome (\w+)"', card(carer)) == ["bad"]


def test_a_door_is_left_unlocked_by_who_left_last(carer: FlaskClient, home: EnrolledHome) -> None:
    """Not while a colleague is there, not when somebody unlocked it afterwards; over midnight too;
    and where nobody knows, that is said."""
    home.send(LockUnlocked(), device="front")
    mine, other = arrive(home), arrive(home, "p8")
    home.clock.advance(115 * 60)
    leave(home, mine)
    home.clock.advance(10 * 60)
    assert 'data-phase="away"' in card(carer)
    leave(home, other)
    assert "Dörren är upplåst. Du gick 23 nov. 23:55." in card(carer)
    home.send(LockUnlocked(), device="front")
    assert 'data-phase="away"' in card(carer)
    visit = arrive(home)
    home.send(LockUnknown(), device="front")
    leave(home, visit)
    assert "Du gick 00:05. Låsläge okänt: känn på dörren." in card(carer)
    assert 'class="outcome unknown"' in card(carer)


def test_of_three_doors_one_is_shown(carer: FlaskClient, home: EnrolledHome) -> None:
    """The front door, whatever their ids; the others are a touch away, and told of when something
    is wrong with them."""
    doors = {"a_terrace": "terrace_door", "b_cellar": None, "front": "front_door"}
    told = tuple(
        DeviceTold(id=name, driver="lock_nuki", type="lock", role=role)
        for name, role in doors.items()
    )
    home.send(HomeDescribed(devices=told, timezone="Europe/Stockholm", resident="r-h1"))
    for door in doors:
        home.send(LockLocked(), device=door)
    shown, more = card(carer).split('data-test="more-doors"')
    assert re.findall(r'name="device" value="(\w+)"', shown) == ["front"]
    assert shown.count('data-test="lock-state"') == 1
    assert "Fler dörrar (2)" in more
    for door in ("a_terrace", "b_cellar"):
        assert more.count(f'name="device" value="{door}"') == 2
    home.send(LockUnlocked(), device="a_terrace")
    shown = card(carer).split('data-test="more-doors"')[0]
    assert shown.count('data-test="lock-state"') == 2


def test_an_alarm_is_taken_and_closed_at_the_home(carer: FlaskClient, home: EnrolledHome) -> None:
    """With the same forms as on Nu, and without scripts back to the home's card."""
    ref = raised(home, AlarmType.PENDANT)
    assert cards(carer, "/pass") == [("incident alarm fresh", [ref])]
    page = text_of(carer, "/pass")
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    fields = {"alarm": ref, "csrf_token": token, "back": "shift", "home": "h1"}
    assert carer.post("/larm/ta", data=fields).location == "/pass#home-h1"
    assert "Du har tagit larmet" in card(carer)
    assert 'data-test="resolve-form"' in card(carer)
    assert carer.post("/larm/avsluta", data=fields | {"outcome": "helped"}).status_code == 303
    assert cards(carer, "/pass") == []


def test_the_door_comes_before_what_the_alarm_turned_out_to_be(
    carer: FlaskClient, home: EnrolledHome
) -> None:
    """On the way the form to close the alarm is folded away, so that the door is not screens below;
    at the home it stands open."""
    post(carer, "/larm/ta", alarm=raised(home, AlarmType.PENDANT))
    folded = '<details class="why" id="resolve-'
    assert card(carer).count(folded) == 1
    assert card(carer).count('data-test="resolve-form"') == 1
    arrive(home)
    assert folded not in card(carer)
    assert card(carer).count('data-test="resolve-form"') == 1


def test_an_alarm_of_others_is_taken_by_who_goes_there(as_role: As, home: EnrolledHome) -> None:
    """Or two would go.  Care only, while it is open, and by nobody of another organisation."""
    colleague = as_role("caregiver", person="p9", homes=())
    ref, plug = raised(home, AlarmType.PENDANT), raised(home, AlarmType.MAT_POOR)
    assert cards(colleague, "/pass?andra=visa") == [("incident alarm fresh", [ref])]
    assert post(colleague, "/larm/ta", alarm=plug).status_code == 409
    assert post(colleague, "/larm/ta", alarm=ref).get_json()["text"] == "Du har tagit larmet."
    assert "Prov p9 har tagit larmet" in text_of(as_role("caregiver"), "/nu")
    assert post(colleague, "/larm/avsluta", alarm=ref, outcome="helped").status_code == 200
    assert "finns inte" in post(colleague, "/larm/ta", alarm=ref).get_json()["text"]


def test_a_check_that_waits_is_told_on_the_phone(carer: FlaskClient, home: EnrolledHome) -> None:
    """It is answered on Nu, and whoever lands here must know of it."""
    assert 'data-test="checks"' not in text_of(carer, "/pass")
    ask(home)
    assert "1 tillsyn väntar på svar" in text_of(carer, "/pass").split("<main", 1)[1]
