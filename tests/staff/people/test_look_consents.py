"""Consent to looks: everybody who lives there, each with day, who asked and how; and withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from gateway.clock import ManualClock
from gateway.events import (
    Cohabitant,
    ConsentHow,
    ConsentSettled,
    HouseholdChange,
    HouseholdChanged,
)
from tests.staff.parts import EnrolledHome
from web.staff.care.look_consent import looks_agreed
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.people import home_details, look_consents
from web.staff.people.accounts import Refused, Wrong
from web.staff.storage import event_store, tables


@pytest.fixture
def planner(make_user: Callable[..., Actor], home: EnrolledHome) -> Actor:
    """A coordinator."""
    return make_user("p-plan", ["coordinator"])


def told(staff: Staff, *kinds: str) -> list[object]:
    """What was said about the home, in order."""
    e = tables.event.c
    query = tables.event.select().where(e.home_id == "h1", e.kind.in_(kinds)).order_by(e.seq)
    with staff.db.read() as conn:
        return [event_store.to_event(row.body, row.hash).data for row in conn.execute(query)]


def agreed(staff: Staff) -> bool:
    with staff.db.read() as conn:
        return looks_agreed(conn, "h1")


def test_looks_need_the_consent_of_everybody_who_lives_there(
    planner: Actor, staff: Staff, clock: ManualClock
) -> None:
    """The resident alone; then somebody who lives there ends it until they agree too, and when they
    agree no longer; not any more when they have moved out.  The home is told each time."""
    day = clock.now().date()
    assert not agreed(staff)
    look_consents.agree(staff, planner, "h1", "r-h1", day, ConsentHow.WRITTEN)
    assert agreed(staff)
    number = look_consents.lives_there(staff, planner, "h1", Cohabitant.PARTNER)
    assert not agreed(staff)
    look_consents.cohabitant_agrees(staff, planner, "h1", number, day, ConsentHow.SPOKEN)
    assert agreed(staff)
    look_consents.cohabitant_withdraws(staff, planner, "h1", number)
    assert not agreed(staff)
    look_consents.moved_out(staff, planner, "h1", number)
    assert agreed(staff)
    look_consents.withdraw(staff, planner, "h1", "r-h1")
    assert not agreed(staff)
    settled = told(staff, ConsentSettled.KIND)
    assert settled == [
        ConsentSettled(held=held) for held in (True, False, True, False, True, False)
    ]
    noted = told(staff, HouseholdChanged.KIND)
    assert [(data.what, data.how) for data in noted if isinstance(data, HouseholdChanged)] == [
        (HouseholdChange.LIVES_THERE, None),
        (HouseholdChange.AGREED, ConsentHow.SPOKEN),
        (HouseholdChange.WITHDREW, None),
        (HouseholdChange.MOVED_OUT, None),
    ]


def test_a_consent_keeps_its_day_who_asked_and_how(
    planner: Actor, staff: Staff, clock: ManualClock
) -> None:
    """Also one that was withdrawn, and the one that was given after it."""
    day = clock.now().date() - timedelta(days=3)
    look_consents.agree(staff, planner, "h1", "r-h1", day, ConsentHow.REPRESENTATIVE)
    look_consents.withdraw(staff, planner, "h1", "r-h1")
    clock.advance(60)
    look_consents.agree(staff, planner, "h1", "r-h1", clock.now().date(), ConsentHow.SPOKEN)
    with staff.db.read() as conn:
        [party] = look_consents.parties(conn, "h1")
    newest, first = party.given
    assert (newest.how, newest.asked_by, newest.withdrawn_at) == ("spoken", "p-plan", None)
    assert (first.how, first.asked_on) == ("representative", day.isoformat())
    assert first.withdrawn_by == "p-plan"


def test_a_resident_who_is_new_in_the_home_has_agreed_to_nothing(
    planner: Actor, staff: Staff, clock: ManualClock
) -> None:
    """Until they have, nobody looks."""
    look_consents.agree(staff, planner, "h1", "r-h1", clock.now().date(), ConsentHow.SPOKEN)
    assert agreed(staff)
    home_details.set_resident(staff, planner, "h1", None, "Prov Brukare")
    assert not agreed(staff)


def test_what_is_not_theirs_nobody_notes(
    planner: Actor, staff: Staff, make_user: Callable[..., Actor], clock: ManualClock
) -> None:
    """A role without the right, another home's resident or number, a day to come, twice."""
    day = clock.now().date()
    watcher = make_user("p-night", ["night_watcher"], homes=["h1"])
    spoken = ConsentHow.SPOKEN

    def refusal(act: Callable[[], object]) -> Wrong:
        with pytest.raises(Refused) as refused:
            act()
        return refused.value.why

    agree = look_consents.agree
    assert refusal(lambda: agree(staff, watcher, "h1", "r-h1", day, spoken)) is Wrong.NO_RIGHT
    assert refusal(lambda: agree(staff, planner, "h9", "r-h9", day, spoken)) is Wrong.NOT_FOUND
    assert refusal(lambda: agree(staff, planner, "h1", "r-h9", day, spoken)) is Wrong.NOT_FOUND
    later = day + timedelta(days=1)
    assert refusal(lambda: agree(staff, planner, "h1", "r-h1", later, spoken)) is Wrong.OUT_OF_RANGE
    agree(staff, planner, "h1", "r-h1", day, spoken)
    assert refusal(lambda: agree(staff, planner, "h1", "r-h1", day, spoken)) is Wrong.EXISTS
    moved = look_consents.moved_out
    assert refusal(lambda: moved(staff, planner, "h1", 77)) is Wrong.NOT_FOUND
    for _ in range(look_consents.COHABITANTS_MAX):
        look_consents.lives_there(staff, planner, "h1", Cohabitant.CHILD)
    more = lambda: look_consents.lives_there(staff, planner, "h1", Cohabitant.CHILD)  # noqa: E731
    assert refusal(more) is Wrong.EXISTS
