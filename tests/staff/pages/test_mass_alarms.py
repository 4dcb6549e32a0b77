"""What rang in many homes is one card with its homes, one form, and one number in the header."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from gateway.clock import ManualClock
from gateway.events import AlarmRaised, AlarmType
from tests.staff.homelink.test_ingest import rows
from tests.staff.pages.conftest import post, text_of
from tests.staff.pages.test_now import cards, verdict
from tests.staff.parts import EnrolledHome, sign_in
from tests.staff.silent_town import Town
from web.staff.core.context import Staff
from web.staff.storage import tables
from web.staff.storage.ladder_tables import escalation

As = Callable[..., FlaskClient]


@pytest.fixture
def town(staff: Staff, clock: ManualClock) -> Town:
    """Sixty homes of which fifty-five have fallen silent."""
    made = Town(staff, clock)
    made.build(60)
    made.go_on(20)
    made.fall_silent(made.homes[:55])
    return made


def shared(client: FlaskClient, path: str = "/nu") -> list[tuple[str, str]]:
    """The cards of mass alarms: how each stands, and its title."""
    page = text_of(client, path)
    found = re.findall(
        r'data-test="mass-alarm"[^>]*data-state="(\w+)".*?"mass-title">([^<]*)<', page, re.S
    )
    return [(state, title) for state, title in found]


def header(client: FlaskClient) -> tuple[int, int]:
    """What waits, and how much of it rings."""
    found = re.search(
        r'data-attention="(\d+)" data-unacknowledged="(\d+)"', text_of(client, "/hem")
    )
    assert found is not None
    return int(found[1]), int(found[2])


def mass_of(client: FlaskClient) -> str:
    found = re.search(r'data-mass="(\w+)"', text_of(client, "/nu"))
    assert found is not None
    return found[1]


def test_one_card_for_all_of_them(as_role: As, town: Town) -> None:
    """Nu and Mitt pass show one card and no card a home; the header counts one, which rings; the
    verdict says what it is."""
    boss = as_role("coordinator", "caregiver", homes=tuple(town.homes))
    assert shared(boss) == shared(boss, "/pass") == [("open", "Ingen kontakt med 55 hem")]
    assert cards(boss) == []
    assert header(boss) == (1, 1)
    assert "Ingen kontakt med 55 hem" in verdict(boss)
    page = text_of(boss, "/nu")
    assert page.count('data-test="mass-home"') == 10
    assert 'data-key="silent-' not in page


def test_taken_and_closed_by_one_form(as_role: As, town: Town, staff: Staff) -> None:
    """One form takes all: nothing rings, each home's alarm is taken; one closes all, and the homes
    that are still silent stay on the page as one."""
    boss = as_role("coordinator", homes=())
    mass = mass_of(boss)
    answer = post(boss, "/larm/gemensamt/ta", mass=mass)
    assert answer.get_json()["text"] == "Du har tagit larmet."
    assert shared(boss)[0][0] == "acknowledged"
    assert header(boss) == (1, 0)
    assert {row.acknowledged_by for row in rows(staff, tables.alarm)} == {"p7"}
    assert post(boss, "/larm/gemensamt/avsluta", mass=mass).status_code == 422
    assert post(boss, "/larm/gemensamt/avsluta", mass=mass, outcome="mended").status_code == 200
    assert {row.outcome for row in rows(staff, tables.alarm)} == {"mended"}
    assert header(boss) == (0, 0)
    page = text_of(boss, "/nu")
    assert 'data-test="alarms"' not in page
    assert "Ingen kontakt med 55 hem" in page.split('data-test="silent"', 1)[1]
    again = post(boss, "/larm/gemensamt/avsluta", mass=mass, outcome="mended")
    assert (again.status_code, again.get_json()["text"]) == (409, "Det är redan avslutat.")


def test_a_home_to_which_nobody_came_is_the_first(as_role: As, town: Town, staff: Staff) -> None:
    """Who sees that it rings again sees where; who only mends does not."""
    boss, mender = as_role("coordinator", homes=()), as_role("technician", person="p2", homes=())
    mass = mass_of(boss)
    post(boss, "/larm/gemensamt/ta", mass=mass)
    assert 'data-test="lapsed"' not in text_of(boss, "/nu")
    last, now = town.homes[54], staff.clock.now()
    with staff.db.write() as tx:
        a = tables.alarm
        lapsed = {"acknowledged_at": None, "acknowledged_by": None, "lapsed_at": now}
        tx.conn.execute(update(a).where(a.c.home_id == last).values(**lapsed))
    for path in ("/nu", f"/larm/gemensamt/{mass}"):
        first = text_of(boss, path).split('data-test="mass-home"', 2)[1]
        assert f'data-home="{last}"' in first
        assert "Ingen kom" in first
        assert 'data-test="lapsed"' not in text_of(mender, path)
    assert shared(boss)[0][0] == "open"


def test_a_taken_alarm_does_not_go_on_with_the_others(
    as_role: As, town: Town, staff: Staff
) -> None:
    """While nobody has the others their ladder climbs; the page of one that somebody has does not
    say that it goes to somebody else."""
    carer = as_role("caregiver", homes=tuple(town.homes))
    with staff.db.write() as tx:
        e = escalation
        tx.conn.execute(update(e).where(e.c.mass_id.is_(None)).values(ended_at=staff.clock.now()))
        tx.conn.execute(update(e).where(e.c.mass_id.is_not(None)).values(step=2))
    (first, second, *_) = [row.id for row in rows(staff, tables.alarm)]
    post(carer, "/larm/ta", alarm=first)
    goes_on = "Steg 2 i larmkedjan. Går vidare"
    assert goes_on in text_of(carer, f"/larm/{second}")
    page = text_of(carer, f"/larm/{first}")
    assert "Larmas tillsammans med andra hem." in page
    assert goes_on not in page


def test_the_card_counts_down(as_role: As, town: Town) -> None:
    """How many are heard again stands beside how many were silent."""
    boss = as_role("coordinator", homes=())
    town.wake(town.homes[:53])
    town.go_on(20)
    assert "53 av 55 har kontakt igen" in text_of(boss, "/nu")
    assert text_of(boss, f"/larm/gemensamt/{mass_of(boss)}").count('data-test="mass-home"') == 2


def test_the_list_has_pages_and_who_needs_somebody_first(
    as_role: As, home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """A home with an own open alarm stands first and says so; fifty homes a page; without the right
    to care neither the names nor why one comes first."""
    town = Town(staff, clock)
    town.build(54)
    with staff.db.write() as tx:  # by its name it would come last
        tx.conn.execute(update(tables.home).where(tables.home.c.id == "h1").values(label="Ö"))
    home.send(AlarmRaised.usual(AlarmType.PENDANT, clock.now()))
    town.homes.append("h1")
    town.go_on(20)
    town.fall_silent(town.homes)
    boss = as_role("coordinator", homes=())
    address = f"/larm/gemensamt/{mass_of(boss)}"
    first, second = text_of(boss, address), text_of(boss, f"{address}?sida=2")
    listed = [
        re.findall(r'data-test="mass-home" data-home="(\w+)"', page) for page in (first, second)
    ]
    assert [len(found) for found in listed] == [50, 5]
    assert listed[0][0] == "h1"
    assert sorted(listed[0] + listed[1]) == sorted(town.homes)
    assert "Eget larm" in first
    assert "Eget larm" not in second
    assert len(cards(boss)) == 1, "its own alarm has a card of its own"
    mender = as_role("technician", person="p2", homes=())
    theirs = text_of(mender, address)
    assert "Prov Boende" in first
    assert "Prov Boende" not in theirs
    assert "Eget larm" not in theirs
    assert "Prov Boende" not in text_of(mender, f"{address}?sida=2")


def test_a_technician_is_called_and_says_who_is_on_it(as_role: As, town: Town) -> None:
    """It rings for who mends until one of them is on it; care goes on being rung for, and sees who
    that is; the technician is offered no outcome."""
    boss = as_role("coordinator", homes=())
    mender = as_role("technician", person="p2", homes=())
    assert header(mender) == (1, 1)
    page = text_of(mender, "/nu")
    assert "Jag felsöker" in page
    assert 'data-test="mass-close"' not in page
    mass = mass_of(mender)
    assert post(mender, "/larm/gemensamt/ta", mass=mass).status_code == 200
    assert header(mender) == (1, 0)
    assert header(boss) == (1, 1)
    assert "Prov p2 felsöker" in text_of(boss, "/nu")
    assert post(mender, "/larm/gemensamt/avsluta", mass=mass, outcome="mended").status_code == 409
    second = as_role("technician", person="p3", homes=())
    told = post(second, "/larm/gemensamt/ta", mass=mass)
    assert (told.status_code, "Prov p2 hann före" in told.get_json()["text"]) == (409, True)


def test_another_organisation_sees_and_does_nothing(
    staff_app: Flask, make_user: Callable[..., object], as_role: As, town: Town, staff: Staff
) -> None:
    """Neither the card, nor the page of its homes, nor its forms."""
    mass = mass_of(as_role("coordinator", homes=()))
    Town(staff, town.clock).build(1, prefix="v", org="org2")
    make_user("q1", ["coordinator", "technician"], org="org2")
    other = staff_app.test_client()
    assert sign_in(other, "q1").status_code == 302
    assert shared(other) == []
    assert header(other) == (0, 0)
    text_of(other, f"/larm/gemensamt/{mass}", 404)
    assert post(other, "/larm/gemensamt/ta", mass=mass).status_code == 409
    assert post(other, "/larm/gemensamt/avsluta", mass=mass, outcome="false").status_code == 409
    assert {row.closed_at for row in rows(staff, tables.alarm)} == {None}
    assert rows(staff, tables.mass_alarm)[0].mender is None


def test_a_screen_gets_one_message_a_kind(as_role: As, staff: Staff, clock: ManualClock) -> None:
    """Over `/live`: of twenty homes that fall silent a carer of some gets each kind once, without
    saying which homes; who works in none of them only that something changed elsewhere."""
    town = Town(staff, clock)
    homes = town.build(20)
    town.go_on(20)
    told: list[tuple[Any, Iterator[Any]]] = []
    for person, mine in (("p7", tuple(homes[:2])), ("p8", ("h1",))):
        answer = as_role("caregiver", person=person, homes=mine).get("/live", buffered=False)
        stream: Iterator[Any] = iter(answer.response)
        next(stream)
        told.append((answer, stream))
    town.fall_silent(homes)
    kinds = [["alarm.raised", "alarm.gathered", "home.silent"], ["elsewhere.changed"] * 2]
    for (answer, stream), expected in zip(told, kinds, strict=True):
        messages = [json.loads(next(stream).decode().split("data: ", 1)[1]) for _ in expected]
        assert [message["kind"] for message in messages] == expected
        assert all(message["home"] is message["event"] is None for message in messages)
        answer.close()


def test_what_a_card_shows_is_told_for_each_of_its_alarms(
    as_role: As, town: Town, staff: Staff
) -> None:
    """Once for each alarm and person, in the homes that they see, and to the ladder's message about
    it; who mends the cause has not shown them to anybody who goes there."""
    half = as_role("caregiver", person="p8", homes=tuple(town.homes[:20]))
    boss = as_role("coordinator", "caregiver", homes=tuple(town.homes))
    mass = mass_of(boss)

    def told() -> list[str | None]:
        return [one.person for one in rows(staff, tables.event) if one.kind == "alarm.shown"]

    for _ in range(2):
        assert post(half, "/visat", mass=mass).status_code == 204
    assert told() == ["p8"] * 20
    assert post(half, "/visat", mass="another").status_code == 204
    assert post(as_role("technician", person="t1"), "/visat", mass=mass).status_code == 204
    assert told() == ["p8"] * 20
    assert post(boss, "/visat", mass=mass).status_code == 204
    assert Counter(told()) == {"p8": 20, "p7": 55}
