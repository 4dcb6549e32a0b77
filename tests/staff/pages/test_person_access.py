"""Taking access back on the pages: said first, done then, and told what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.events import GrantRevoked
from tests.staff.doors.test_lock_orders import told
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, parts_of
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.doors import door_codes, lock_orders
from web.staff.people import accounts
from web.staff.signin.auth import actor_of

As = Callable[..., FlaskClient]
Make = Callable[..., Actor]
PATH = "/administration/person/p1/atkomst"


@pytest.fixture
def boss(as_role: As) -> FlaskClient:
    """Who takes back."""
    return as_role("coordinator", person="c1", homes=())


@pytest.fixture
def lost(home: EnrolledHome, as_role: As, staff: Staff, stream: Iterator[bytes]) -> FlaskClient:
    """The phone of `p1`: signed in, with codes and a turn under way."""
    client = as_role("caregiver", person="p1")
    with staff.db.read() as conn:
        from sqlalchemy import select

        from web.staff.storage import tables

        user_id = conn.execute(
            select(tables.user.c.id).where(tables.user.c.person_id == "p1")
        ).scalar_one()
    actor = actor_of(staff, user_id)
    assert actor is not None
    door_codes.shift_codes(staff, actor)
    lock_orders.order_turn(staff, actor, "h1", "front")
    return client


def words(page: str) -> str:
    """The page's text on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.split("<main", 1)[1]).split())


def test_the_page_says_what_would_happen_and_does_nothing_yet(
    boss: FlaskClient, lost: FlaskClient, staff: Staff
) -> None:
    """The person's page leads to it; a choice is answered with its consequences."""
    assert f'href="{PATH}"' in text_of(boss, "/administration/person/p1")
    page = words(text_of(boss, PATH))
    for part in ("Arbetar i: Lgh 1203.", "1 upplåsning pågår.", "3 koder i telefonen (Lgh 1203)."):
        assert part in page
    would = words(text_of(boss, f"{PATH}?vad=phone"))
    assert "1 pågående upplåsning stoppas, om låset inte redan vrids." in would
    assert "3 koder i telefonen slutar gälla." in would
    assert "Loggas ut på 1 ställe." in would
    assert "Tas bort från" not in would
    would = words(text_of(boss, f"{PATH}?vad=home&hem=h1"))
    assert "Tas bort från: Lgh 1203." in would
    assert "Vid ett öppet larm i hemmet kan personen ändå öppna" in would
    assert "Kontot stängs." in words(text_of(boss, f"{PATH}?vad=all"))
    assert told(staff, "grant.revoked") == []
    assert lost.get("/pass").status_code == 200


def test_a_lost_phone_is_shut_at_once(
    boss: FlaskClient, lost: FlaskClient, staff: Staff, home: EnrolledHome, stream: Iterator[bytes]
) -> None:
    """The home hears on its open stream, the phone is out, and the page tells what was done and
    whether the home knows."""
    done = post(boss, PATH, scope="phone")
    assert done.get_json()["text"] == (
        "Åtkomsten är återkallad: 1 upplåsning, 3 koder, 1 inloggning."
    )
    seen = b""
    while b"grant.revoked" not in seen:
        seen = next(stream)
    assert lost.get("/pass").status_code == 303
    page = text_of(boss, PATH)
    assert 'data-heard="no"' in page
    assert "Hemmet har inte fått veta än." in page
    revoked = told(staff, "grant.revoked")
    assert all(isinstance(event.data, GrantRevoked) and event.person == "c1" for event in revoked)
    home.down_have = revoked[-1].seq
    home.post("events", [])
    page = text_of(boss, PATH)
    assert 'data-heard="yes"' in page
    assert "Inga koder i telefonen." in page


def test_the_form_works_without_script_and_names_nobody_in_a_cookie(
    boss: FlaskClient, lost: FlaskClient
) -> None:
    """Sent by the browser itself it leads back to the page, with the numbers on it."""
    token = text_of(boss, "/nu").split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    data = {"scope": "home", "home": "h1", "csrf_token": token}
    answer = boss.post(PATH, data=data)
    assert (answer.status_code, answer.location) == (303, PATH)
    assert "Åtkomsten är återkallad" in text_of(boss, PATH)
    assert "Arbetar i: inget hem." in words(text_of(boss, PATH))


def test_the_homes_page_says_who_may_open_and_leads_to_taking_back(
    boss: FlaskClient, lost: FlaskClient, as_role: As
) -> None:
    """For those who may take back only."""
    page = text_of(boss, "/hem/h1")
    assert "Behöriga att öppna" in page
    assert f'href="{PATH}?vad=home&amp;hem=h1"' in page
    assert "Behöriga att öppna" not in text_of(as_role("caregiver", person="p2"), "/hem/h1")


def test_who_may_not(boss: FlaskClient, lost: FlaskClient, as_role: As, make_user: Make) -> None:
    """A caregiver has no such page; nobody shuts themselves or an administrator out; odd fields are
    no fault of ours."""
    carer = as_role("caregiver", person="p2")
    text_of(carer, PATH, 403)
    assert post(carer, PATH, scope="phone").status_code == 403
    make_user("a1", ["administrator"])
    text_of(boss, "/administration/person/a1/atkomst?vad=all", 403)
    text_of(boss, "/administration/person/c1/atkomst?vad=all", 403)
    assert 'data-test="scope-all"' not in text_of(boss, "/administration/person/a1/atkomst")
    text_of(boss, f"{PATH}?vad=home&hem=h9", 404)
    text_of(boss, f"{PATH}?vad=home", 404)
    text_of(boss, "/administration/person/nobody/atkomst", 404)
    assert 'data-test="would"' not in text_of(boss, f"{PATH}?vad=x")
    assert post(boss, PATH, scope="x").status_code == 422


def test_an_open_page_of_a_coordinator_who_is_none_any_more(
    boss: FlaskClient, lost: FlaskClient, staff: Staff, make_user: Make
) -> None:
    """The confirmation was open when the role was taken: the form is refused."""
    admin = make_user("a1", ["administrator"])
    text_of(boss, f"{PATH}?vad=phone")
    accounts.set_roles(staff, admin, "c1", [Role.CAREGIVER])
    assert post(boss, PATH, scope="phone").status_code == 403
    assert told(staff, "grant.revoked") == []
    assert lost.get("/pass").status_code == 200


def test_it_is_sensitive_and_asks_again(boss: FlaskClient, lost: FlaskClient) -> None:
    """A desk left signed in is not enough."""
    with boss.session_transaction() as session:
        session["fs_paa"] = 0
    answer: Any = boss.get(f"{PATH}?vad=phone")
    assert answer.status_code == 303
    assert answer.location.startswith("/verify?next=")
    assert parts_of(boss.application) is not None
