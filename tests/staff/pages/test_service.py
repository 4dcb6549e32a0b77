"""Service on the pages: a technician asks, somebody of the care answers, the technician opens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from gateway.envelope import Draft
from gateway.events import (
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationProgressed,
    LockOperationRequested,
    LockOperationStep,
)
from tests.staff.pages.conftest import post, text_of
from tests.staff.pages.test_live_rights import changes
from tests.staff.parts import EnrolledHome, add_home, hire
from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.people import accounts
from web.staff.storage import tables

As = Callable[..., FlaskClient]


@pytest.fixture
def tech(as_role: As) -> FlaskClient:
    """Who asks."""
    return as_role("technician", person="t1", homes=())


@pytest.fixture
def boss(as_role: As) -> FlaskClient:
    """Who answers."""
    return as_role("coordinator", person="c1", homes=())


def ask(tech: FlaskClient, why: str = "battery", note: str = "") -> Any:
    """Send the technician's form; the answer."""
    return post(tech, "/service/begar", door="h1/front", why=why, note=note)


def ref_of(page: str) -> str:
    """The reference of the first request on the page."""
    found = re.search(r'data-ref="([^"]+)"', page)
    assert found is not None
    return found[1]


def answer(who: FlaskClient, ref: str, do: str) -> Any:
    return post(who, "/service/svara", home="h1", request=ref, do=do)


def standings(client: FlaskClient) -> list[str]:
    """What the page says became of the requests, those that live first."""
    return re.findall(r'data-standing="(\w+)"', text_of(client, "/service"))


def test_a_technician_asks_is_approved_and_opens(
    tech: FlaskClient, boss: FlaskClient, home: EnrolledHome, stream: Iterator[bytes]
) -> None:
    """The whole way: asked with why, seen on Nu by whoever answers, the button for a quarter of an
    hour, the steps at the lock, and who asked and who approved afterwards."""
    assert "Lgh 1203, Provgatan 1" in text_of(tech, "/service")
    assert ask(tech, note="röd lampa").get_json()["text"].startswith("Begäran är skickad.")
    waits = text_of(tech, "/service")
    assert "Väntar på svar" in waits
    assert 'data-test="open-door"' not in waits
    seen = text_of(boss, "/nu")
    assert "1 tekniker väntar på svar" in seen
    for part in ("Prov t1 vill öppna hos Prov Boende", "Byta batteri", "röd lampa"):
        assert part in seen
    assert re.search(r'class="count" aria-hidden="true">1<', seen)
    said = answer(boss, ref_of(seen), "yes").get_json()["text"]
    assert said == "Godkänt. Teknikern får öppna till 22:15."
    assert 'data-test="service-asked"' not in text_of(boss, "/nu")
    page = text_of(tech, "/service")
    assert "Godkänd av Prov c1 22:00" in page
    assert 'data-until="2026-11-23T21:15:00.000Z"' in page
    sent = post(tech, "/pass/h1/las", device="front", action="unlock").get_json()
    requested = LockOperationRequested(grant=sent["grant"], action="unlock", reason="service")
    home.send(Draft(requested, device="front", person="t1"))
    home.send(
        LockOperationProgressed(grant=sent["grant"], step=LockOperationStep.WAKING), device="front"
    )
    assert "Ta i handtaget eller knacka" in text_of(tech, "/service")
    home.send(
        LockOperationEnded(grant=sent["grant"], outcome=LockOperationOutcome.DONE, took_s=3.0),
        device="front",
    )
    assert "Dörren är upplåst." in text_of(tech, "/service")
    home.clock.advance(15 * 60)
    page = text_of(tech, "/service")
    assert 'data-test="open-door"' not in page
    for who in (tech, boss):
        page = text_of(who, "/service")
        assert standings(who) == ["over"]
        assert "Begärd av Prov t1. Svarade: Prov c1 22:00." in " ".join(page.split())
    log = text_of(boss, "/handelser?slag=system")
    assert {"grant.requested", "grant.approved"} <= set(re.findall(r'data-kind="([\w.]+)"', log))
    assert "till 22:15" in log


def test_without_a_second_person_no_door_opens(
    tech: FlaskClient, home: EnrolledHome, stream: Iterator[bytes]
) -> None:
    """Asking opens nothing, and nobody answers themselves."""
    ask(tech)
    ref = ref_of(text_of(tech, "/service"))
    assert answer(tech, ref, "yes").status_code == 409
    refused = post(tech, "/pass/h1/las", device="front", action="unlock")
    assert refused.get_json()["text"] == "Ingen annan har godkänt att låset vrids för service."
    assert standings(tech) == ["waiting"]


def test_who_is_both_cannot_answer_the_own_request(as_role: As, home: EnrolledHome) -> None:
    """No button for it, and the form sent all the same says why not."""
    both = as_role("technician", "coordinator", person="t2", homes=())
    ask(both)
    page = text_of(both, "/service")
    assert 'data-test="service-yes"' not in page
    assert 'data-test="service-yes"' not in text_of(both, "/nu")
    said = answer(both, ref_of(page), "yes").get_json()["text"]
    assert said == "Någon annan än du själv måste godkänna."


def test_asked_again_no_answer_and_no(
    tech: FlaskClient, boss: FlaskClient, home: EnrolledHome
) -> None:
    """Twice is once; after a no, and after an hour without an answer, one may ask anew."""
    ask(tech)
    assert ask(tech).get_json()["text"].startswith("Du har redan begärt tillträde där.")
    assert standings(tech) == ["waiting"]
    old = ref_of(text_of(tech, "/service"))
    home.clock.advance(3600)
    assert standings(tech) == ["expired"]
    assert "Ingen svarade i tid" in text_of(tech, "/service")
    assert 'data-test="service-asked"' not in text_of(boss, "/nu")
    late = answer(boss, old, "yes")
    assert late.get_json()["text"].startswith("Begäran finns inte längre.")
    ask(tech)
    answer(boss, ref_of(text_of(boss, "/nu")), "no")
    assert standings(tech) == ["declined", "expired"]
    assert ask(tech).status_code == 200


def test_the_second_to_answer_sees_who_was_first(
    tech: FlaskClient, boss: FlaskClient, carer: FlaskClient, home: EnrolledHome
) -> None:
    """The assigned caregiver answers, then the coordinator."""
    ask(tech)
    ref = ref_of(text_of(boss, "/nu"))
    assert answer(carer, ref, "no").get_json()["text"] == "Begäran nekad. Dörren öppnas inte."
    assert answer(boss, ref, "yes").get_json()["text"] == "Prov p7 har redan svarat, 22:00."


def test_the_approver_and_the_asker_may_take_it_back(
    tech: FlaskClient, boss: FlaskClient, home: EnrolledHome, stream: Iterator[bytes]
) -> None:
    """From the coordinator's list and from the technician's own card."""
    for who in (boss, tech):
        ask(tech)
        ref = ref_of(text_of(boss, "/service"))
        answer(boss, ref, "yes")
        assert "Får öppna just nu" in text_of(boss, "/service")
        assert answer(who, ref, "no" if who is boss else "withdraw").status_code == 200
        assert 'data-test="open-door"' not in text_of(tech, "/service")
        home.clock.advance(60)
    assert standings(boss) == ["withdrawn", "declined"]


def test_who_may_not_ask_or_answer(
    as_role: As, staff_app: Any, tech: FlaskClient, home: EnrolledHome
) -> None:
    """Administrators have no such page; caregivers of other homes see and answer nothing."""
    clerk = as_role("administrator", person="a1", homes=())
    text_of(clerk, "/service", 403)
    add_home(staff_app, "h2", label="Lgh 1101")
    other = as_role("caregiver", person="p2", homes=("h2",))
    ask(tech)
    ref = ref_of(text_of(tech, "/service"))
    for page in ("/service", "/nu"):
        assert "vill öppna" not in text_of(other, page)
    assert answer(other, ref, "yes").get_json()["text"] == "Din roll får inte göra det här."
    assert ask(other).status_code == 409
    assert post(tech, "/service/begar", door="h1/front").status_code == 422
    assert post(tech, "/service/begar", door="h1/bed", why="test").status_code == 409
    assert post(tech, "/service/svara", home="h1", request=ref, do="x").status_code == 422


def test_the_homes_page_leads_to_asking_and_shows_who_asks(
    tech: FlaskClient, boss: FlaskClient, home: EnrolledHome
) -> None:
    """The technician's button chooses the door; the coordinator sees the request there."""
    assert 'href="/service?hem=h1"' in text_of(tech, "/hem/h1")
    assert '<option value="h1/front" selected>' in text_of(tech, "/service?hem=h1")
    assert 'data-test="to-service"' not in text_of(boss, "/hem/h1")
    ask(tech)
    assert "Prov t1 vill öppna hos Prov Boende" in text_of(boss, "/hem/h1")


def test_a_technician_is_told_of_the_answer_and_the_own_turn_live(
    tech: FlaskClient, boss: FlaskClient, home: EnrolledHome, stream: Iterator[bytes]
) -> None:
    """The answer whole; of the own turn its kind; of a caregiver's turn nothing."""
    ask(tech)
    ref = ref_of(text_of(boss, "/nu"))
    live = tech.get("/live", buffered=False)
    told = iter(live.response)
    next(told)
    answer(boss, ref, "yes")
    (approved,) = changes(told, 1)
    assert approved["kind"] == "grant.approved"
    requested = LockOperationRequested(grant="g1", action="unlock", reason="service")
    hire(home.app, "p9")
    home.send(
        Draft(requested, device="front", person="p9"), Draft(requested, device="front", person="t1")
    )
    theirs, own = changes(told, 2)
    assert theirs == {}
    assert own == {"home": "h1", "kind": "unlock.requested", "event": None}
    live.close()


def test_an_open_page_of_a_technician_who_is_none_any_more(
    tech: FlaskClient,
    boss: FlaskClient,
    home: EnrolledHome,
    stream: Iterator[bytes],
    staff: Staff,
    make_user: Callable[..., Any],
) -> None:
    """Demoted after the approval: the stream ends, the button and the form are refused."""
    ask(tech)
    answer(boss, ref_of(text_of(boss, "/nu")), "yes")
    live = tech.get("/live", buffered=False)
    told = iter(live.response)
    next(told)
    admin = make_user("a1", ["administrator"])
    accounts.set_roles(staff, admin, "t1", [Role.ADMINISTRATOR])
    assert list(told) == []
    said = post(tech, "/pass/h1/las", device="front", action="unlock").get_json()["text"]
    assert said == "Din roll får inte göra det här."
    assert ask(tech).status_code == 409
    text_of(tech, "/service", 403)


def test_a_note_with_markup_in_it_is_text_and_no_part_of_the_event(
    tech: FlaskClient, boss: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """Shown, never obeyed; and it can be erased without touching an event."""
    evil = '"><script>alert(1)</script>'
    ask(tech, note=evil)
    page = text_of(boss, "/nu")
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    with staff.db.read() as conn:
        bodies = conn.execute(select(tables.event.c.body)).scalars().all()
    assert not any("alert(1)" in body for body in bodies)


def test_a_lock_that_is_gone_cannot_be_pressed(
    tech: FlaskClient, boss: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """The home was rebuilt since: the card says so."""
    ask(tech)
    answer(boss, ref_of(text_of(boss, "/nu")), "yes")
    with staff.db.write() as tx:
        tx.conn.execute(update(tables.device).values(present=False))
    page = text_of(tech, "/service")
    assert 'data-test="open-door"' not in page
    assert "Hemmet har inget lås som telefonen kan öppna." in page
    assert "Inget hem har ett lås" in page
