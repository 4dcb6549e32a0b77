"""Larm hos andra on Mitt pass: shown when asked for, noted, opened, and gone with the alarm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from gateway.envelope import Draft
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmType,
    BedEntered,
    LockOperationProgressed,
    LockOperationRequested,
    LockOperationStep,
    Severity,
    Stamp,
    VisitEnded,
    VisitStarted,
)
from tests.staff.pages.conftest import post, text_of
from tests.staff.pages.test_live_rights import changes
from tests.staff.pages.test_pages import raise_alarm, reads
from tests.staff.parts import EnrolledHome, add_home
from web.staff.core.context import Staff
from web.staff.storage import tables

As = Callable[..., FlaskClient]
SHOW = "/pass?andra=visa"


@pytest.fixture
def colleague(as_role: As) -> FlaskClient:
    """A caregiver without any home."""
    return as_role("caregiver", person="p9", homes=())


def test_nothing_about_others_while_all_is_calm(colleague: FlaskClient, home: EnrolledHome) -> None:
    """No empty box on the page."""
    for path in ("/pass", SHOW):
        assert 'data-test="elsewhere"' not in text_of(colleague, path)


def test_how_many_is_told_and_who_only_when_asked_for(
    colleague: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """Until then neither name nor place nor what, and nothing is noted; then all that is needed,
    and the reading is noted once for each reading."""
    raise_alarm(home)
    page = text_of(colleague, "/pass")
    assert "1 larm är öppet i ett hem där du inte är inplanerad." in page
    assert "Äldst sedan 21:48." in page
    for part in ("Prov Boende", "Lgh 1203", "Provgatan", "Har lämnat sängen", "open-door"):
        assert part not in page
    assert reads(staff) == []
    page = text_of(colleague, SHOW)
    for part in ("Prov Boende", "Lgh 1203, Provgatan 1", "Har lämnat sängen", "21:48", "open-door"):
        assert part in page
    assert "Nyckel i nyckelskåpet." not in page, "not before the door has failed"
    text_of(colleague, f"{SHOW}&fragment=1")
    assert reads(staff) == ["acute"]
    text_of(colleague, SHOW)
    assert reads(staff) == ["acute", "acute"]


def test_how_one_gets_into_a_silent_home_is_for_who_goes_there(
    colleague: FlaskClient, carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """The alarm's page tells whoever may take it that no phone opens there; where the key is, those
    who work there and who has taken it."""
    ref = raise_alarm(home)
    h = tables.home_state
    with staff.db.write() as tx:
        since = home.clock.now() - timedelta(minutes=4)
        tx.conn.execute(update(h).where(h.c.home_id == "h1").values(silent_since=since))
    key = "Nyckel i nyckelskåpet."
    page = text_of(colleague, f"/larm/{ref}")
    assert 'data-test="silent"' in page
    assert key not in page
    assert key in text_of(carer, f"/larm/{ref}")
    assert post(colleague, "/larm/ta", alarm=ref).status_code == 200
    assert key in text_of(colleague, f"/larm/{ref}")


def test_an_alarm_that_comes_while_the_list_is_open_is_noted_too(
    colleague: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """The live refresh shows it: that is a reading like any other."""
    text_of(colleague, SHOW)
    raise_alarm(home)
    for _ in range(2):
        assert "Prov Boende" in text_of(colleague, f"{SHOW}&fragment=1")
    assert reads(staff) == ["acute"]


def test_the_door_opens_and_the_steps_are_shown(
    colleague: FlaskClient, home: EnrolledHome, stream: Iterator[bytes]
) -> None:
    """As at home: the steps, also on the page that was not asked to show alarms of others."""
    raise_alarm(home)
    sent = post(
        colleague, "/pass/h1/las", device="front", action="unlock", elsewhere="1"
    ).get_json()
    requested = LockOperationRequested(grant=sent["grant"], action="unlock", reason="alarm")
    home.send(Draft(requested, device="front", person="p9"))
    home.send(
        LockOperationProgressed(grant=sent["grant"], step=LockOperationStep.WAKING), device="front"
    )
    assert "Ta i handtaget eller knacka" in text_of(colleague, "/pass")


def test_it_is_gone_with_the_alarm(
    colleague: FlaskClient, home: EnrolledHome, stream: Iterator[bytes]
) -> None:
    """Closed: no card, and the button of a page that is older says why nothing opens."""
    ref = raise_alarm(home)
    assert 'data-test="elsewhere-home"' in text_of(colleague, SHOW)
    home.send(AlarmCancelled(alarm=ref, reason="recovered"))
    page = text_of(colleague, SHOW)
    assert 'data-test="elsewhere"' not in page
    assert "Prov Boende" not in page
    refused = post(colleague, "/pass/h1/las", device="front", action="unlock", elsewhere="1")
    assert refused.status_code == 409
    assert refused.get_json()["text"].startswith("Larmet är avslutat")


def test_who_went_in_may_lock_and_leave_after_the_alarm(
    colleague: FlaskClient, home: EnrolledHome
) -> None:
    """The card stays until the visit is over, without the button that opens."""
    ref = raise_alarm(home)
    now = home.clock.now()
    (visit,) = home.send(Draft(VisitStarted(since=now, source=Stamp.UNLOCK), person="p9"))
    home.send(AlarmCancelled(alarm=ref, reason="recovered"))
    page = text_of(colleague, "/pass")
    for part in ("elsewhere-closed", "lock-door", "leave", "På plats sedan 22:00"):
        assert part in page
    assert 'data-test="open-door"' not in page
    assert (
        post(colleague, "/pass/h1/besok", tap="leave").get_json()["text"]
        == "Avgång registrerad 22:00."
    )
    home.send(Draft(VisitEnded(visit=visit.ref, until=now, source=Stamp.TAP), person="p9"))
    assert 'data-test="elsewhere"' not in text_of(colleague, "/pass")


def test_ones_own_homes_stay_among_ones_own(carer: FlaskClient, home: EnrolledHome) -> None:
    """An alarm of mine is on my card, not among others."""
    raise_alarm(home)
    page = text_of(carer, SHOW)
    assert 'data-test="elsewhere"' not in page
    assert page.count('data-test="my-home"') == 1


def test_no_organisation_sees_anothers_alarms(
    as_role: As, staff_app: object, make_user: Callable[..., object], home: EnrolledHome
) -> None:
    """Neither the count nor the list, nor anything live."""
    from tests.staff.parts import sign_in

    add_home(staff_app, "x1", org="org2")  # type: ignore[arg-type]
    make_user("p8", ["caregiver"], org="org2", homes=["x1"])
    client = staff_app.test_client()  # type: ignore[attr-defined]
    assert sign_in(client, "p8").status_code == 302
    raise_alarm(home)
    for path in ("/pass", SHOW):
        assert 'data-test="elsewhere"' not in text_of(client, path)


def test_live_tells_that_something_changed_and_nothing_else(
    colleague: FlaskClient, home: EnrolledHome, stream: Iterator[bytes]
) -> None:
    """An alarm and the own turn: one word, not which home.  The bed, and other people's turns: not
    even that."""
    live = colleague.get("/live", buffered=False)
    told = iter(live.response)
    next(told)
    home.send(BedEntered())
    raise_alarm_only(home)
    for person in ("p7", "p9"):
        requested = LockOperationRequested(grant=f"g{person}", action="unlock", reason="alarm")
        home.send(Draft(requested, device="front", person=person))
    assert changes(told, 2) == [{"home": None, "kind": "elsewhere.changed", "event": None}] * 2
    live.close()


def raise_alarm_only(home: EnrolledHome) -> None:
    home.send(AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=home.clock.now()))


def test_a_stream_that_comes_back_misses_nothing_of_others(
    colleague: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """What came meanwhile is told in the same one word."""
    position = staff.broker.position()
    home.send(BedEntered())
    raise_alarm_only(home)
    live = colleague.get(f"/live?from={position}", buffered=False)
    told = iter(live.response)
    next(told)
    assert changes(told, 1) == [{"home": None, "kind": "elsewhere.changed", "event": None}]
    live.close()
