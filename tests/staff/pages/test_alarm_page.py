"""The alarm's own page: its way, who sees it, and what can be done there."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import select, update

from gateway.envelope import Draft
from gateway.events import (
    AlarmAcknowledged,
    AlarmArrivalAsked,
    AlarmCancelled,
    AlarmDelivered,
    AlarmEscalated,
    AlarmLapsed,
    AlarmRaised,
    AlarmRepeated,
    AlarmSent,
    AlarmShown,
    AlarmType,
    AlarmUndelivered,
    Climbed,
    Stamp,
    VisitEnded,
    VisitStarted,
)
from tests.staff.care.test_alarm_life import raised, row_of, said
from tests.staff.pages.conftest import post, text_of
from tests.staff.pages.test_pages import raise_alarm, reads
from tests.staff.parts import EnrolledHome, add_user, hire, sign_in
from web.staff.core.context import Staff
from web.staff.storage import tables


def address(alarm: str) -> str:
    """The page of an alarm."""
    return f"/larm/{alarm}"


def test_every_step_stands_on_the_alarms_page(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """What was sent to one person is one line: sent, on the device, shown, or why not; and who
    came, when the visit began."""
    hire(home.app, "p2")
    alarm = raise_alarm(home)
    home.clock.advance(2)
    said(staff, AlarmEscalated(alarm=alarm, step=1, round=1, why=Climbed.BEGUN, ladder="l"))
    said(staff, AlarmSent(alarm=alarm, message="m1", channel="push", step=1), "p2")
    said(staff, AlarmSent(alarm=alarm, message="m2", channel="sms", step=1), "p7")
    home.clock.advance(3)
    said(staff, AlarmDelivered(alarm=alarm, message="m1"), "p2")
    said(staff, AlarmShown(alarm=alarm, message="m1"), "p2")
    said(staff, AlarmUndelivered(alarm=alarm, message="m2", why="gone"), "p7")
    home.clock.advance(55)
    assert post(carer, "/larm/ta", alarm=alarm).status_code == 200
    assert post(carer, "/larm/pa-vag", alarm=alarm).status_code == 200
    home.clock.advance(600)
    home.send(Draft(VisitStarted(since=home.clock.now(), source=Stamp.UNLOCK), person="p7"))
    page = text_of(carer, address(alarm))
    steps = [part.split("</li>", 1)[0] for part in page.split('data-test="step"')[1:]]
    assert len(steps) == 7
    assert "Har lämnat sängen" in steps[0]
    assert "steg 1 i larmkedjan" in steps[1]
    assert "Push" in steps[2]
    assert "Prov p2" in steps[2]
    for what in ("skickat", "framme", "visat"):
        assert what in steps[2]
    assert "kom inte fram: adressen finns inte längre" in steps[3]
    assert "Larm kvitterat" in steps[4]
    assert "På väg till larm" in steps[5]
    assert "Framme vid larm" in steps[6]
    assert 'data-test="took-delivered">5 s<' in page
    assert 'data-test="took-acknowledged">1 min<' in page
    assert 'data-test="took-arrived">11 min<' in page
    assert 'data-test="took-resolved">–<' in page
    assert 'data-test="why"' in page


def test_who_took_it_and_did_not_come_is_told(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """Also on Nu, where somebody else takes it then."""
    hire(home.app, "p2")
    alarm = raise_alarm(home)
    said(staff, AlarmAcknowledged(alarm=alarm), "p2")
    said(staff, AlarmLapsed(alarm=alarm), "p2")
    for path in ("/nu", address(alarm)):
        page = text_of(carer, path)
        assert re.search(r"Prov p2 tog larmet \S+ men kom inte vidare", page)
        assert 'data-test="untaken"' in page
    assert post(carer, "/larm/ta", alarm=alarm).status_code == 200
    page = text_of(carer, "/nu")
    assert "Du har tagit larmet" in page
    assert "kom inte vidare" not in page


def test_who_is_asked_whether_they_are_there_answers_on_the_page(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """On Nu, on Mitt pass and on the alarm's page; others see that it is waited for, and who took
    it after a lapse says anew that they are on the way."""
    add_user(home.app, "p2", ["caregiver"], homes=["h1"])
    alarm = raise_alarm(home)
    for path in ("/larm/ta", "/larm/pa-vag"):
        assert post(carer, path, alarm=alarm).status_code == 200
    pages = ("/nu", "/pass", address(alarm))
    assert not any('data-test="asked"' in text_of(carer, path) for path in pages)
    said(staff, AlarmArrivalAsked(alarm=alarm), "p7")
    for path in pages:
        page = text_of(carer, path)
        assert "Är du framme?" in page
        assert "Inte framme än. Väntar på svar sedan" in page
    theirs = home.app.test_client()
    sign_in(theirs, "p2")
    page = text_of(theirs, "/nu")
    assert "Är du framme?" not in page
    assert "Inte framme än. Väntar på svar sedan" in page
    assert post(carer, "/larm/framme", alarm=alarm, there="perhaps").status_code == 422
    assert post(theirs, "/larm/framme", alarm=alarm, there="yes").status_code == 409
    assert post(carer, "/larm/framme", alarm=alarm, there="no").status_code == 200
    page = text_of(carer, "/nu")
    assert "Är du framme?" not in page
    assert "Prov p7 är på väg" in page
    said(staff, AlarmArrivalAsked(alarm=alarm), "p7")
    assert post(carer, "/larm/framme", alarm=alarm, there="yes").status_code == 200
    assert "Prov p7 säger sig vara framme" in text_of(theirs, "/nu")
    said(staff, AlarmLapsed(alarm=alarm), "p7")
    page = text_of(theirs, "/nu")
    assert "är på väg" not in page
    assert 'data-test="set-out"' not in page
    assert post(theirs, "/larm/ta", alarm=alarm).status_code == 200
    assert 'data-test="set-out"' in text_of(theirs, "/nu")


def test_who_left_is_not_there(carer: FlaskClient, home: EnrolledHome) -> None:
    """On Nu and on the alarm's page, while it is open; a correction of the time counts."""
    alarm = raise_alarm(home)
    assert post(carer, "/larm/ta", alarm=alarm).status_code == 200
    begun = VisitStarted(since=home.clock.now(), source=Stamp.UNLOCK)
    (visit,) = home.send(Draft(begun, person="p7"))
    for path in ("/nu", "/pass", address(alarm)):
        assert "Prov p7 är framme" in text_of(carer, path)
    ended = VisitEnded(visit=visit.ref, until=home.clock.now(), source=Stamp.LOCK)
    home.send(Draft(ended, person="p7"))
    for path in ("/nu", "/pass", address(alarm)):
        page = text_of(carer, path)
        assert "Prov p7 kom fram och har gått. Larmet är inte avslutat" in page, path
        assert "Prov p7 är framme" not in page
    assert post(carer, "/larm/avsluta", alarm=alarm, finding="fall").status_code == 200
    page = text_of(carer, address(alarm))
    assert "Prov p7 kom fram" in page
    assert "inte avslutat" not in page


def test_a_pendant_pressed_again_adds_to_its_alarm(carer: FlaskClient, home: EnrolledHome) -> None:
    """How often, and when last."""
    alarm = raised(home)
    home.clock.advance(60)
    home.send(AlarmRepeated(alarm=alarm), AlarmRepeated(alarm=alarm))
    for path in ("/nu", address(alarm)):
        assert "Tryckt 3 gånger, senast 22:01" in text_of(carer, path)


def test_closing_says_what_it_was(carer: FlaskClient, home: EnrolledHome, staff: Staff) -> None:
    """From the list; something else needs words, which stand on the page and in no event."""
    alarm = raise_alarm(home)
    answer = post(carer, "/larm/avsluta", alarm=alarm, finding="other")
    assert (answer.status_code, row_of(staff, alarm).closed_at) == (422, None)
    answer = post(carer, "/larm/avsluta", alarm=alarm, finding="other", note="Letade glasögon")
    assert answer.status_code == 200
    assert "Letade glasögon" in text_of(carer, address(alarm))
    row = row_of(staff, alarm)
    assert (row.finding, row.outcome, row.closed_by) == ("other", "no_need", "p7")
    with staff.db.read() as conn:
        bodies = conn.execute(select(tables.event.c.body)).scalars().all()
    assert not any("glasögon" in body for body in bodies)
    assert post(carer, "/larm/avsluta", alarm=alarm, finding="fall").status_code == 409
    assert post(carer, "/larm/avsluta", alarm=alarm, finding="fall", again="1").status_code == 200
    row = row_of(staff, alarm)
    assert (row.finding, row.outcome) == ("fall", "no_need")


def test_a_note_stands_in_the_way_of_the_alarm(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """Empty ones are refused."""
    alarm = raise_alarm(home)
    assert post(carer, "/larm/anteckna", alarm=alarm, note="  ").status_code == 422
    assert post(carer, "/larm/anteckna", alarm=alarm, note="Ringde, svarar inte").status_code == 200
    assert "<q>Ringde, svarar inte</q>" in text_of(carer, address(alarm))


def test_what_was_taken_back_in_the_home_is_still_seen(
    carer: FlaskClient, home: EnrolledHome
) -> None:
    """An alarm of care that the wearer cancelled does not vanish: Nu tells of it for an hour."""
    alarm = raised(home)
    home.send(AlarmCancelled(alarm=alarm, reason="wearer"))
    page = text_of(carer, "/nu")
    assert 'data-test="taken-back"' in page
    assert "brukaren tog tillbaka larmet" in page
    assert address(alarm) in page
    assert "Återtaget" in text_of(carer, address(alarm))
    home.clock.advance(3700)
    assert 'data-test="taken-back"' not in text_of(carer, "/nu")


def test_whom_the_page_is_for(
    as_role: Callable[..., FlaskClient], carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """Own homes; a helper while it is open, and who took it after that; a technician sees only
    what is technical.  Each reading is noted."""
    care = raise_alarm(home)
    (fault,) = home.send(AlarmRaised.usual(AlarmType.BATTERY_LOW, home.clock.now()))
    text_of(carer, address(care))
    assert reads(staff)[-1] == "alarm"
    technician = as_role("technician", person="p3", homes=())
    text_of(technician, address(care), 404)
    assert "Prov Boende" not in text_of(technician, address(fault.ref))
    helper = as_role("caregiver", person="p4", homes=())
    page = text_of(helper, address(care))
    assert "Inte ditt hem" in page
    assert reads(staff)[-1] == "acute"
    text_of(helper, address(fault.ref), 404)
    assert post(helper, "/larm/ta", alarm=care).status_code == 200
    home.send(AlarmCancelled(alarm=care, reason="wearer"))
    assert "Återtaget" in text_of(helper, address(care))
    home.clock.advance(timedelta(hours=13).total_seconds())
    text_of(helper, address(care), 404)
    text_of(helper, address("home:h1/9999"), 404)


def test_an_alarm_of_a_home_without_contact_says_so(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """Since when, and what then is done at the door, until the home is heard again; of an alarm
    that is over no more."""
    alarm = raise_alarm(home)
    assert 'data-test="silent"' not in text_of(carer, address(alarm))
    h = tables.home_state
    with staff.db.write() as tx:
        since = home.clock.now() - timedelta(minutes=4)
        tx.conn.execute(update(h).where(h.c.home_id == "h1").values(silent_since=since))
        told = update(tables.home).where(tables.home.c.id == "h1")
        tx.conn.execute(told.values(fallback="Nyckeln ligger i skåpet"))
    page = text_of(carer, address(alarm))
    assert "Ingen kontakt med hemmet sedan 21:56." in page
    assert "Nyckeln ligger i skåpet" in page
    assert post(carer, "/larm/avsluta", alarm=alarm, finding="fall").status_code == 200
    assert 'data-test="silent"' not in text_of(carer, address(alarm))
