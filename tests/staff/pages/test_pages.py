"""Each page: who may see it, what it says, and that nothing on it can run or be forged."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from gateway.clock import ManualClock
from gateway.envelope import Because, Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BedLeft,
    CheckAsked,
    CheckDue,
    CheckEscalated,
    ClockSynced,
    DeviceFailed,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationProgressed,
    LockOperationRequested,
    LockOperationStep,
    LockUnlocked,
    MatPressed,
    Severity,
    Stamp,
    VisitEnded,
    VisitStarted,
    alarm_type,
)
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, add_home
from tests.staff.walked import address_of, pages_to_open
from web.staff.core.context import Staff
from web.staff.core.rights import RIGHTS, Role
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.storage import tables

MIN = timedelta(minutes=1)
NEEDS_MORE = (
    *("/besok/ett", "/besok/fil", "/atkomst/stickprov", "/t/", "/larm/", "/karta/", "/tala"),
    "/hem/h1/installera/protokoll/",
    "/administration/versioner/innehall",
)
"""Of one thing, or in one form, that the bare address does not name."""


def raise_alarm(home: EnrolledHome, alarm: str = "bed_exit") -> str:
    """An alarm that rests on a bed that was left; returns its reference."""
    since = home.clock.now() - 12 * MIN
    [left] = home.send(BedLeft(empty_since=since))
    raised = AlarmRaised(type=alarm_type(alarm), severity=Severity.CARE, since=since)
    [event] = home.send(Draft(raised, because=Because("bed_exit", 1, (left.ref,))))
    return event.ref


def ask(home: EnrolledHome, check: str = "night@2026-11-23T21:00Z") -> str:
    """A check that waits for a person; returns its name."""
    now = home.clock.now()
    asked = CheckAsked(check=check, why="reading_stale", answer_by=now + 10 * MIN)
    home.send(CheckDue(check=check, slot=now), asked)
    return check


def reads(staff: Staff) -> list[str]:
    """What was noted as read, in order."""
    with staff.db.read() as conn:
        rows = conn.execute(
            select(tables.event.c.body).where(tables.event.c.kind == "record.read")
        ).scalars()
        return [re.findall(r'"what":"(\w+)"', body)[0] for body in rows]


# --- who sees what --------------------------------------------------------------------------------


def test_nobody_sees_a_page_without_signing_in(client: FlaskClient, home: Any) -> None:
    """Every page leads to the sign-in and back."""
    assert len(pages_to_open()) > 10
    for path in map(address_of, pages_to_open()):
        answer = client.get(path)
        assert answer.status_code == 303, path
        assert answer.location == f"/login?next={path}"


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_a_role_opens_what_its_menu_has_and_nothing_that_it_has_no_right_to(
    as_role: Callable[..., FlaskClient], home: Any, role: Role
) -> None:
    """Each page in the menu answers, in Swedish, with its heading."""
    client = as_role(role.value)
    menu = re.findall(r'data-test="nav-pages\.(\w+)"', text_of(client, "/nu"))
    assert menu[0] == "now"
    for route in pages_to_open():
        if route.name in menu:
            page = text_of(client, address_of(route))
            assert '<html lang="sv"' in page
            assert "<h1" in page
        elif route.right is not None and route.right not in RIGHTS[role]:
            text_of(client, address_of(route), 403)


def test_a_home_that_is_not_ones_own_does_not_exist(
    staff_app: Any, as_role: Callable[..., FlaskClient]
) -> None:
    """The home of another is answered as one that is not there, and its name is nowhere."""
    add_home(staff_app, "h2", label="Hemlig lgh 9")
    client = as_role("caregiver")
    assert "Sidan finns inte" in text_of(client, "/hem/h2", 404)
    for path in ("/nu", "/hem", "/handelser", "/handelser?hem=h2", "/pass"):
        assert "Hemlig" not in text_of(client, path)


def test_a_technician_sees_devices_and_no_care(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff
) -> None:
    """Neither the resident's name nor bed, visits, checks or care alarms."""
    raise_alarm(home)
    ask(home)
    home.send(MatPressed(), DeviceFailed(error="X", text="sladden", retry_s=1), device="bed")
    technician = as_role("technician", homes=())
    for path in ("/nu", "/hem", "/hem/h1", "/handelser"):
        page = text_of(technician, path)
        assert "Prov Boende" not in page, path
        assert "sängen" not in page.split("</header>")[1], path
        assert "Tillsyn" not in page.split("</header>")[1], path
    assert "sladden" in text_of(technician, "/handelser")
    assert "Mattan trycktes" not in text_of(technician, "/handelser?slag=bed")
    text_of(technician, "/besok", 403)
    text_of(technician, "/pass", 403)
    assert reads(staff) == []


# --- what the pages say ---------------------------------------------------------------------------


def test_now_is_calm_when_nothing_is_open(carer: FlaskClient, home: EnrolledHome) -> None:
    """One glance says that all is well."""
    assert "Allt är lugnt" in text_of(carer, "/nu")


def test_now_tells_of_an_alarm_who_where_what_since_when_and_why(
    carer: FlaskClient, home: EnrolledHome
) -> None:
    """21:48 UTC is 22:48 in the home; the reason is the event that the rule named."""
    raise_alarm(home)
    page = text_of(carer, "/nu")
    assert "1 ej kvitterat larm" in page
    for part in (
        "Prov Boende",
        "Lgh 1203, Provgatan 1",
        "Har lämnat sängen och inte kommit tillbaka",
    ):
        assert part in page
    assert 'datetime="2026-11-23T20:48:00.000Z">21:48</time>' in page
    assert "Gick upp ur sängen: tom sedan 21:48" in page
    assert 'data-unacknowledged="1"' in page


def test_an_alarm_is_taken_once_and_the_second_sees_who(
    as_role: Callable[..., FlaskClient], home: EnrolledHome
) -> None:
    """Two take it: one wins, the other gets the name and the time."""
    ref = raise_alarm(home)
    first = as_role("caregiver", person="p1")
    second = as_role("caregiver", person="p2")
    assert post(first, "/larm/ta", alarm=ref).get_json() == {"text": "Du har tagit larmet."}
    answer = post(second, "/larm/ta", alarm=ref)
    assert answer.status_code == 409
    assert answer.get_json()["text"] == "Prov p1 hann före, 22:00."
    assert "Prov p1 har tagit larmet" in text_of(second, "/nu")


def test_an_alarm_is_closed_with_an_outcome_only(carer: FlaskClient, home: EnrolledHome) -> None:
    """Without an outcome nothing is closed; with one it goes from the page."""
    ref = raise_alarm(home)
    assert post(carer, "/larm/avsluta", alarm=ref).status_code == 422
    assert 'data-test="alarm"' in text_of(carer, "/nu")
    assert post(carer, "/larm/avsluta", alarm=ref, outcome="no_need").status_code == 200
    assert 'data-test="alarm"' not in text_of(carer, "/nu")


def test_a_check_is_answered_with_how_and_what(carer: FlaskClient, home: EnrolledHome) -> None:
    """Both are asked for; the answer shows at once, and waits for the home."""
    check = ask(home)
    assert "Ingen signal från sensorn på länge" in text_of(carer, "/nu")
    half = post(carer, "/tillsyn/svara", home="h1", check=check, finding="ok")
    assert half.status_code == 422
    sent = post(carer, "/tillsyn/svara", home="h1", check=check, finding="ok", looked="phone")
    assert sent.get_json()["text"] == "Svaret är sparat: Allt är bra."
    page = text_of(carer, "/nu")
    assert 'data-test="check"' not in page
    assert "Prov p7 svarade: Allt är bra. Väntar på hemmet." in page


def test_a_checks_question_says_why_whatever_became_of_its_time_and_number(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """The clock was a month behind when it asked; and it asked again over the urgent lane, lost its
    power before that was written, and used the number for something else."""

    def question(attempt: int) -> Draft:
        asked = CheckAsked(check="n@1", why="recheck", answer_by=now + 10 * MIN, attempt=attempt)
        return Draft(asked, because=Because("night_check", attempt + 6, (due.ref,)))

    now = home.clock.now()
    [due] = home.send(CheckDue(check="n@1", slot=now), at=now - timedelta(days=30))
    home.send(question(1), at=now - timedelta(days=30), clock="unsynced")
    home.send(ClockSynced(offset_s=30 * 86_400))
    assert "(version 7) bestämde det" in text_of(carer, "/nu")
    before = (home.seq, home.previous)
    home.send_urgent(question(2))
    assert "(version 8) bestämde det" in text_of(carer, "/nu")
    home.seq, home.previous = before
    home.send(MatPressed(), device="bed")
    assert "(version 8) bestämde det" in text_of(carer, "/nu")
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert "(version 8) bestämde det" in text_of(carer, "/nu")


def test_a_home_that_needs_a_visit_stays_until_somebody_was_there(
    carer: FlaskClient, home: EnrolledHome
) -> None:
    """An escalated check is a task; a visit ends it, time alone does not."""
    home.send(CheckEscalated(check="night@2026-11-23T20:00Z", why="no_answer"))
    assert "Ingen svarade i tid" in text_of(carer, "/nu")
    home.clock.advance(24 * 3600)
    assert 'data-test="task"' in text_of(carer, "/nu")
    home.send(
        Draft(VisitStarted(since=home.clock.now(), source=Stamp.UNLOCK), person="p7"),
    )
    assert 'data-test="task"' not in text_of(carer, "/nu")


def test_a_routine_alarm_makes_no_sound_and_no_red_page(
    carer: FlaskClient, home: EnrolledHome
) -> None:
    """What waits for the next visit is told, and does not ring."""
    now = home.clock.now()
    home.send(AlarmRaised(type=AlarmType.MOISTURE, severity=Severity.ROUTINE, since=now))
    page = text_of(carer, "/nu")
    assert "1 sak vid nästa besök" in page
    assert 'data-unacknowledged="0"' in page
    assert 'class="verdict ok"' in page
    assert page.count('data-test="alarm"') == 1


def test_reading_a_home_is_noted_once_for_each_reading(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """Opening the page is a reading; the live refresh of the open page is none."""
    text_of(carer, "/hem/h1")
    text_of(carer, "/hem/h1?fragment=1")
    text_of(carer, "/handelser?hem=h1")
    assert reads(staff) == ["home", "events"]
    assert "Uppgifter om en brukare lästes" in text_of(carer, "/handelser?slag=system")
    assert "Uppgifter om en brukare lästes" not in text_of(carer, "/handelser")


def test_visits_show_both_stamps_and_their_sources(carer: FlaskClient, home: EnrolledHome) -> None:
    """Arrived by unlocking, left by a tap; the other has not left, and nothing is invented."""
    now = home.clock.now()
    [one] = home.send(Draft(VisitStarted(since=now - 90 * MIN, source=Stamp.UNLOCK), person="p7"))
    home.send(Draft(VisitEnded(visit=one.ref, until=now - 65 * MIN, source=Stamp.TAP)))
    home.send(Draft(VisitStarted(since=now - 5 * MIN, source=Stamp.TAP), person="p7"))
    page = text_of(carer, "/besok")
    rows = page.split('data-test="visit"')[1:]
    assert [part in rows[0] for part in ("20:30", "upplåsning", "20:55", "25 min")] == [True] * 4
    assert "tryck i telefonen" in rows[0]
    assert "Är där nu" in rows[1]
    assert "Inga besök den här dagen" in text_of(carer, "/besok?dag=2026-11-01")


# --- events ---------------------------------------------------------------------------------------


def test_events_are_filtered_by_kind_time_and_words(carer: FlaskClient, home: EnrolledHome) -> None:
    """Each filter keeps what it names; words find kinds, devices, people and alarms."""
    home.send(MatPressed(), device="bed")
    raise_alarm(home)

    def kinds(query: str) -> set[str]:
        page = text_of(carer, f"/handelser?{query}")
        return set(re.findall(r'data-kind="([\w.]+)"', page))

    assert {"bed.left", "alarm.raised", "home.described"} <= kinds("")
    assert kinds("rader=h1") == {"mat.pressed"}
    assert kinds("slag=alarm") == {"alarm.raised"}
    assert kinds("sok=mattan+tryck") == {"mat.pressed"}
    assert kinds("sok=inte+kommit+tillbaka") == {"alarm.raised"}
    assert kinds("sok=s%C3%A4ng%20(") == set()
    assert kinds("fran=2026-11-24") == set()
    assert "alarm.raised" in kinds("fran=2026-11-23&till=2026-11-23")
    assert kinds("till=2026-11-22") == set()


def test_events_are_paged_without_a_hole_or_a_double(
    carer: FlaskClient, home: EnrolledHome
) -> None:
    """130 events of one moment come out once each over three pages, in the order of the log."""
    home.send(*[MatPressed() for _ in range(130)], device="bed")
    seen: list[str] = []
    path: str | None = "/handelser?rader=h1"
    while path is not None:
        page = text_of(carer, path)
        seen += re.findall(r'data-key="(home:h1/\d+)"', page)
        older = re.search(r'href="([^"]*fore=[^"]*)"', page)
        path = older[1].replace("&amp;", "&") if older else None
    numbers = [int(ref.partition("/")[2]) for ref in seen]
    assert numbers == list(range(131, 1, -1))


def test_an_urgent_event_shows_before_its_batch_and_once_after(
    carer: FlaskClient, home: EnrolledHome
) -> None:
    """What came ahead is in the list, marked; when the batch confirms it, it is there once."""
    written = home.send_urgent(LockUnlocked(), device="front")
    page = text_of(carer, "/handelser")
    assert page.count('data-kind="lock.unlocked"') == 1
    assert "Preliminärt" in page
    assert home.post("events", written).status_code == 200
    page = text_of(carer, "/handelser")
    assert page.count('data-kind="lock.unlocked"') == 1
    assert "Preliminärt" not in page


# --- my shift -------------------------------------------------------------------------------------


def test_without_a_connection_nothing_is_sent_and_the_phone_says_so(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """The home does not listen: one sentence, the routine on the page, and no grant."""
    answer = post(carer, "/pass/h1/las", device="front", action="unlock")
    assert answer.status_code == 409
    assert "Inget skickades till låset" in answer.get_json()["text"]
    assert "Nyckel i nyckelskåpet." in text_of(carer, "/pass")
    with staff.db.read() as conn:
        assert conn.execute(select(func.count()).select_from(tables.turn)).scalar_one() == 0


def test_the_steps_of_a_turn_are_told(carer: FlaskClient, home: EnrolledHome) -> None:
    """Sent, waking with what to do, turning, open."""
    stream = home.listen()
    next(stream)
    sent = post(carer, "/pass/h1/las", device="front", action="unlock").get_json()
    grant = sent["grant"]

    def now_at() -> list[str]:
        page = text_of(carer, "/pass")
        return re.findall(r'data-test="step-(\w+)" data-state="now"', page)

    assert now_at() == ["issued"]
    requested = LockOperationRequested(grant=grant, action="unlock", reason="planned_visit")
    home.send(Draft(requested, device="front", person="p7"))
    for step in (LockOperationStep.WAKING, LockOperationStep.CONNECTING, LockOperationStep.TURNING):
        home.send(LockOperationProgressed(grant=grant, step=step), device="front")
        assert now_at() == [step.value]
        hint = "Ta i handtaget eller knacka" in text_of(carer, "/pass")
        assert hint is (step is LockOperationStep.WAKING)
    home.send(
        LockOperationEnded(grant=grant, outcome=LockOperationOutcome.DONE, took_s=3.2),
        device="front",
    )
    page = text_of(carer, "/pass")
    assert "Dörren är upplåst." in page
    assert 'data-outcome="ok"' in page


def test_a_second_tap_is_the_same_turn(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """While a turn is under way it is not sent again; once over, or never heard, it is."""
    stream = home.listen()
    next(stream)

    def press(action: str = "unlock") -> str:
        answer = post(carer, "/pass/h1/las", device="front", action=action)
        return str(answer.get_json()["grant"])

    first = press()
    assert press() == first
    requested = LockOperationRequested(grant=first, action="unlock", reason="planned_visit")
    home.send(Draft(requested, device="front", person="p7"))
    home.clock.advance(60)
    assert press() == first
    assert press("lock") != first
    home.send(
        LockOperationEnded(grant=first, outcome=LockOperationOutcome.FAILED, why="asleep"),
        device="front",
    )
    second = press()
    assert second != first
    home.clock.advance(16)
    assert press() != second


@pytest.mark.parametrize(
    ("outcome", "why", "tone", "says"),
    [
        ("failed", "jammed", "bad", "Låset har fastnat."),
        ("failed", "asleep", "bad", "Låset sover och vaknade inte."),
        ("unknown", "no_answer", "unknown", "Vi vet inte om det är öppet. Känn på dörren."),
        ("unknown", "link_lost", "unknown", "Vi vet inte om det är öppet. Känn på dörren."),
        ("unknown", None, "unknown", "Vi vet inte om det är öppet. Känn på dörren."),
        ("failed", "new_word", "bad", "new word"),
    ],
)
def test_a_turn_that_did_not_end_well_says_why_and_what_to_do(
    carer: FlaskClient, home: EnrolledHome, outcome: str, why: str | None, tone: str, says: str
) -> None:
    """Plain words, unknown is unknown, and the home's own routine."""
    stream = home.listen()
    next(stream)
    grant = post(carer, "/pass/h1/las", device="front", action="unlock").get_json()["grant"]
    home.send(
        LockOperationEnded(grant=grant, outcome=LockOperationOutcome(outcome), why=why),
        device="front",
    )
    page = text_of(carer, "/pass").split('data-test="turn"', 1)[1].split("<form", 1)[0]
    assert f'data-outcome="{tone}"' in page
    assert says in page
    assert "Nyckel i nyckelskåpet." in page


def test_a_turn_without_an_end_becomes_unknown_by_itself(
    carer: FlaskClient, home: EnrolledHome
) -> None:
    """The page knows when: it carries the time, and after it the server says the same."""
    stream = home.listen()
    next(stream)
    post(carer, "/pass/h1/las", device="front", action="unlock")
    page = text_of(carer, "/pass")
    assert 'data-show-after="2026-11-23T21:02:10.000Z" hidden data-test="deadline"' in page
    assert 'data-test="open-door" aria-disabled="true"' in page
    home.clock.advance(131)
    page = text_of(carer, "/pass")
    assert 'data-outcome="unknown"' in page
    assert 'data-test="open-door" aria-disabled="true"' not in page


def test_a_tap_is_answered_with_its_time(carer: FlaskClient, home: EnrolledHome) -> None:
    """Arrived and left, in the home's time; nonsense is refused."""
    assert post(carer, "/pass/h1/besok", tap="arrive").get_json()["text"] == (
        "Ankomst registrerad 22:00."
    )
    assert post(carer, "/pass/h1/besok", tap="leave").get_json()["text"] == (
        "Avgång registrerad 22:00."
    )
    assert post(carer, "/pass/h1/besok", tap="fly").status_code == 422


def test_a_form_works_without_script(carer: FlaskClient, home: EnrolledHome) -> None:
    """A browser that sends the form itself is led back to the page with the sentence on it."""
    ref = raise_alarm(home)
    token = text_of(carer, "/nu").split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    answer = carer.post("/larm/ta", data={"alarm": ref, "csrf_token": token}, follow_redirects=True)
    assert answer.status_code == 200
    assert "Du har tagit larmet." in answer.get_data(as_text=True)


# --- language, theme, faults, safety --------------------------------------------------------------


def test_the_language_and_the_theme_are_kept(carer: FlaskClient, home: EnrolledHome) -> None:
    """A choice is a cookie; the next page has it; an unknown one changes nothing."""
    post(carer, "/installningar", sprak="en", tema="dark", next="/hem")
    page = text_of(carer, "/nu")
    assert '<html lang="en" data-theme="dark"' in page
    assert "All is calm" in page
    post(carer, "/installningar", sprak="xx", tema="pink")
    assert '<html lang="en" data-theme="dark"' in text_of(carer, "/nu")


@pytest.mark.parametrize(
    "wish", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"]
)
def test_going_back_never_leads_elsewhere(carer: FlaskClient, home: Any, wish: str) -> None:
    """Only a path of this server is followed."""
    assert post(carer, "/installningar", tema="dark", next=wish).location == "/"


def test_an_error_is_said_in_plain_words(carer: FlaskClient, home: EnrolledHome) -> None:
    """Not found, no permission, and a page that fails: a heading and what to do, no traceback."""
    assert "Sidan finns inte" in text_of(carer, "/finns-inte", 404)
    carer.application.testing = False
    carer.application.config["PROPAGATE_EXCEPTIONS"] = False
    from web.staff.pages.error_pages import error_page

    with carer.application.test_request_context("/nu"):
        shown = error_page(500)
    assert isinstance(shown, tuple)
    assert shown[1] == 500
    assert "Fel hos oss" in shown[0]


def test_a_forged_form_does_nothing(carer: FlaskClient, home: EnrolledHome) -> None:
    """Without the page's token no alarm is taken."""
    ref = raise_alarm(home)
    assert carer.post("/larm/ta", data={"alarm": ref}).status_code == 400
    assert 'data-state="open"' in text_of(carer, "/nu")


def test_no_page_has_script_or_style_in_it(
    as_role: Callable[..., FlaskClient], client: FlaskClient, home: EnrolledHome
) -> None:
    """The content security policy allows none; a page that needs one would be broken."""
    raise_alarm(home)
    ask(home)
    everybody = as_role(*(role.value for role in Role))
    asked = [(everybody, address_of(route)) for route in pages_to_open()]
    asked += [(client, "/login"), (everybody, "/nu?fragment=1"), (everybody, "/finns-inte")]
    for who, path in asked:
        page = who.get(path).get_data(as_text=True)
        assert not re.search(r"<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:", page), path
        for script in re.findall(r"<script[^>]*>(.*?)</script>", page, re.S):
            assert script == "", path
        assert not re.search(r'(?:src|href)="https?:', page), path


def test_hostile_names_come_out_as_text(
    as_role: Callable[..., FlaskClient], staff_app: Any, staff: Staff, home: EnrolledHome
) -> None:
    """Names, labels, routines, devices and errors with markup in them are shown, never obeyed."""
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    with staff.db.write() as tx:
        tx.conn.execute(update(tables.home).values(label=evil, address=evil, fallback=evil))
        tx.conn.execute(update(tables.resident).values(name=evil))
    home.send(DeviceFailed(error=evil, text=evil, retry_s=1), device=evil)
    home.send(DeviceFailed(error=evil, text=evil, retry_s=1), device="bed")
    raise_alarm(home, alarm=evil)
    ask(home, check=evil)
    client = as_role(*(role.value for role in Role))
    with staff.db.write() as tx:
        tx.conn.execute(update(tables.user).values(name=evil))
    asked = [f"/handelser?sok={evil}", f"/handelser?hem={evil}&slag={evil}"]
    for path in (*map(address_of, pages_to_open()), *asked):
        answer = client.get(path)
        page = answer.get_data(as_text=True) if answer.mimetype == "text/html" else ""
        assert answer.status_code == 200 or path.startswith(NEEDS_MORE), path
        assert "<script>alert" not in page, path
        assert "<img" not in page, path


def test_odd_addresses_are_answered(carer: FlaskClient, home: EnrolledHome) -> None:
    """Whatever stands in an address, a page comes, never a fault of ours."""
    for path in (
        "/handelser?fore=x",
        "/handelser?fore=1,2,3,4",
        "/handelser?fore=99999999999999999999,home:h1,1",
        "/handelser?fran=igår&till=2026-02-30",
        "/handelser?sok=" + "a" * 3000,
        "/handelser?sok=home:h1/1",
        "/handelser?sok=home:h1/" + "9" * 30,
        "/handelser?fore=1,home:h1," + "9" * 30,
        "/handelser?sok=%25_%5C'",
        "/besok?dag=9999-99-99",
        "/besok?dag=0001-01-01",
        "/handelser?fran=0001-01-01&till=9999-12-31",
    ):
        assert carer.get(path).status_code == 200, path
    assert carer.get("/handelser?sok=%00").status_code == 400, "what no text holds"


def test_assets_have_an_address_of_their_own(carer: FlaskClient, home: Any) -> None:
    """Every sheet and script of the page is there, and may be kept; outside the folder is not."""
    page = text_of(carer, "/nu")
    found = re.findall(r'(?:href|src)="(/s/[^"]+)"', page)
    assert len(found) >= 6
    for address in found:
        with carer.get(address) as answer:  # it streams a file
            assert answer.status_code == 200
            assert "max-age=2592000" in answer.headers["Cache-Control"]
    assert carer.get("/s/x/../app.py").status_code == 404


def test_the_clock_of_the_page_is_the_servers(
    carer: FlaskClient, home: Any, clock: ManualClock
) -> None:
    """The scripts count from the server's time."""
    assert 'data-now="2026-11-23T21:00:00.000Z" data-rate="1.0"' in text_of(carer, "/nu")
