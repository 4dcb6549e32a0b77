"""Visits against the plan, corrections, tags, absence and the access log, as pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    CheckPlanned,
    Severity,
    Stamp,
    VisitEnded,
    VisitOverdue,
    VisitStarted,
    VoiceBegun,
    VoiceEnd,
    VoiceEnded,
    VoiceParty,
    VoiceRefusal,
    VoiceRefused,
)
from tests.staff.homelink.test_ingest import rows
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, add_home, hire
from web.staff.audit import access_log
from web.staff.care import reads
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.storage import tables
from web.staff.storage.plan_tables import plan_visit
from web.staff.texts import visit_words
from web.staff.visits import plan_import, plan_store, visit_actions
from web.staff.visits.followup import Deviation
from web.staff.visits.plan_store import Sent

MIN = timedelta(minutes=1)

STATES = re.compile(r'data-test="stop" data-state="(\w+)"')


@pytest.fixture
def boss(as_role: Callable[..., FlaskClient]) -> FlaskClient:
    """A coordinator."""
    return as_role("coordinator", person="p9", homes=())


def a_plan(staff: Staff, *at: int, people: tuple[str, ...] = (), home: str = "h1") -> None:
    """Visits of half an hour, beginning these minutes from now."""
    now = staff.clock.now()
    with staff.write() as tx:
        drafts = [
            plan_import.Draft(
                n, home, f"a{m}", now + m * MIN, now + (m + 30) * MIN, "Hjälp", people
            )
            for n, m in enumerate(at)
        ]
        plan_store.keep(tx.conn, "org1", Sent(f"prov-{home}", drafts), now=now)


def a_visit(home: EnrolledHome, *, person: str = "p7", ended: bool = True) -> str:
    now = home.clock.now()
    started = VisitStarted(since=now - 60 * MIN, source=Stamp.UNLOCK)
    hire(home.app, person)
    (event,) = home.send(Draft(started, person=person))
    if ended:
        until = now - 30 * MIN
        home.send(Draft(VisitEnded(visit=event.ref, until=until, source=Stamp.LOCK)))
    return event.ref


def test_every_deviation_and_reason_has_a_word() -> None:
    """None reaches the page as a code."""
    assert set(visit_words.DEVIATIONS) == {one.value for one in Deviation}
    assert set(visit_words.CORRECTED_WHY) == set(visit_actions.REASONS)


def test_planned_against_done(boss: FlaskClient, home: EnrolledHome, staff: Staff) -> None:
    """One made late, one that nobody made, one still ahead; only what differs when asked; the same
    in the week."""
    a_plan(staff, -90, -200, 60)
    a_visit(home)
    page = text_of(boss, "/besok")
    assert "3 planerade, 1 utförda, 2 med avvikelse." in page
    assert 'data-deviation="late"' in page
    assert 'data-deviation="missed"' in page
    only = text_of(boss, "/besok?visa=avvikelser")
    assert (only.count('data-test="visit"'), only.count('data-test="planned"')) == (1, 1)
    assert "3 planerade" in text_of(boss, "/besok?vecka=1")
    assert "Inga besök den här dagen" in text_of(boss, "/besok?dag=2026-11-24")


def test_a_correction_on_the_page(boss: FlaskClient, home: EnrolledHome, staff: Staff) -> None:
    """Original and correction side by side, with who, why and the note; impossible times are told
    in a sentence."""
    ref = a_visit(home)
    where = f"/besok/ett?besok={ref}"
    assert 'value="2026-11-23T21:30"' in text_of(boss, where)
    fields = {"visit": ref, "since": "2026-11-23T21:00", "reason": "forgot", "note": "Ringde."}
    answer = post(boss, "/besok/ratta", until="2026-11-23T21:45", **fields)
    assert answer.get_json()["text"].startswith("Besöket är rättat")
    page = text_of(boss, where)
    for part in ("21:45", "rättad, var 21:30", "Glömde registrera", "Ringde.", "Prov p9"):
        assert part in page
    assert post(boss, "/besok/ratta", until="2026-11-23T20:45", **fields).status_code == 409
    assert post(boss, "/besok/ratta", until="nyss", **fields).status_code == 422
    assert len(rows(staff, tables.event, kind="visit.corrected")) == 1


def test_approve_and_lock(boss: FlaskClient, home: EnrolledHome, staff: Staff) -> None:
    """The day's whole visits at once; after the lock nothing more can be done, and the page says
    so."""
    ref = a_visit(home)
    assert "Godkänn 1 besök" in text_of(boss, "/besok")
    assert post(boss, "/besok/godkann", visit=ref).get_json()["text"] == "1 besök godkända."
    assert "Godkänt" in text_of(boss, "/besok")
    home.clock.advance(2 * 86400)
    assert post(boss, "/besok/las", before="2026-11-24").status_code == 200
    assert "Låst, kan inte ändras" in text_of(boss, f"/besok/ett?besok={ref}")
    fields = {"visit": ref, "until": "2026-11-23T21:45", "reason": "forgot"}
    assert "låst" in post(boss, "/besok/ratta", **fields).get_json()["text"]


def test_files(boss: FlaskClient, home: EnrolledHome, staff: Staff) -> None:
    """CSV and FHIR to save, each a read of its own; too many days, or none, is no page."""
    a_visit(home)
    span = "fran=2026-11-23&till=2026-11-23"
    answer = boss.get(f"/besok/fil?form=csv&{span}")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.get_data().startswith(b"\xef\xbb\xbfhome;")
    assert json.loads(boss.get(f"/besok/fil?form=fhir&{span}").text)["resourceType"] == "Bundle"
    assert boss.get("/besok/fil?fran=2026-01-01&till=2026-11-23").status_code == 404
    assert boss.get("/besok/fil").status_code == 404
    bodies = [row.body for row in rows(staff, tables.event, kind="record.read")]
    assert sum("visits_file" in body for body in bodies) == 2


def test_what_a_caregiver_may_not(carer: FlaskClient, home: EnrolledHome) -> None:
    """Neither files, approval, lock, absence nor the access log."""
    for path in ("/besok/fil?fran=2026-11-23&till=2026-11-23", "/franvaro", "/atkomst"):
        text_of(carer, path, 403)
    assert post(carer, "/besok/las", before="2026-11-01").status_code == 403
    assert post(carer, "/besok/godkann", visit="home:h1/1").status_code == 409


def test_another_homes_visit_is_not_there(
    staff_app: object, as_role: Callable[..., FlaskClient], home: EnrolledHome
) -> None:
    """Neither to see nor to correct."""
    ref = a_visit(home)
    add_home(staff_app, "h2")  # type: ignore[arg-type]
    other = as_role("caregiver", person="p8", homes=("h2",))
    text_of(other, f"/besok/ett?besok={ref}", 404)
    assert post(other, "/besok/ratta", visit=ref, reason="forgot").status_code == 404


# --- my shift -------------------------------------------------------------------------------------


def test_my_homes_in_the_plans_order(
    carer: FlaskClient, staff_app: object, home: EnrolledHome, staff: Staff
) -> None:
    """By time, whatever home: each home's card where its next visit is, later visits where they
    are; what is made is at the end, marked as made."""
    add_home(staff_app, "h0", label="Aa")  # type: ignore[arg-type]
    with staff.db.write() as tx:
        u = tables.user.c
        me = tx.conn.execute(select(u.id).where(u.person_id == "p7")).scalar_one()
        tx.conn.execute(tables.assignment.insert().values(user_id=me, home_id="h0"))
    a_plan(staff, 90, home="h0")
    a_plan(staff, -60, 30, 100, 400, people=("p7",))
    a_visit(home)
    page = text_of(carer, "/pass")
    round_ = re.findall(
        r'data-test="my-home" data-home="(\w+)"|<strong class="num">([\d:–]+)<', page
    )
    assert [home or times for home, times in round_] == [
        *("h1", "22:30–23:00", "h0", "23:30–00:00"),
        *("23:40–00:10", "04:40–05:10", "21:00–21:30"),
    ]
    assert STATES.findall(page) == ["next", "next", "later", "later", "done"]


def test_an_alarm_stands_before_the_round(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """What is wrong now is read before what is planned."""
    a_plan(staff, 30, 100, people=("p7",))
    home.send(AlarmRaised(type=AlarmType.ON_FLOOR, severity=Severity.CARE, since=home.clock.now()))
    (card,) = text_of(carer, "/pass").split('data-test="my-home"')[1:]
    assert 0 < card.index("Troligt fall: ligger på golvet") < card.index('data-test="stops"')


def test_a_check_that_is_planned_says_which_day(carer: FlaskClient, home: EnrolledHome) -> None:
    """Two nights are planned at once, at the same hours."""
    for days in (1, 2):
        slot = home.clock.now() + timedelta(days=days)
        home.send(CheckPlanned(check=f"n@{days}", slot=slot, report_by=slot))
    page = text_of(carer, "/handelser")
    assert "24 nov. 22:00" in page
    assert "25 nov. 22:00" in page


def test_a_visit_of_a_team_names_the_team(
    boss: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """Where nobody is named yet, the coordinator sees whose it is."""
    with staff.write() as tx:
        tx.conn.execute(tables.team.insert().values(org_id="org1", name="Björklaget"))
        at = staff.clock.now() + 30 * MIN
        draft = plan_import.Draft(1, "h1", "a", at, at + 30 * MIN, "Hjälp", (), "Björklaget")
        plan_store.keep(tx.conn, "org1", Sent("prov", [draft]), now=at)
    page = text_of(boss, "/besok")
    (row,) = re.findall(r'data-test="planned">.*?</tr>', page, re.DOTALL)
    assert "Björklaget" in row


def test_a_visit_that_does_not_take_place(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """Told from the phone, for the visit that comes next; the coordinator's list says why."""
    a_plan(staff, 10)
    (planned,) = rows(staff, plan_visit)
    assert f'value="{planned.id}"' in text_of(carer, "/pass")
    said = post(carer, "/pass/h1/avbojt", why="declined", planned=planned.id)
    assert said.get_json()["text"].startswith("Sparat")
    assert "Brukaren tackade nej" in text_of(carer, "/pass")
    assert 'data-deviation="declined"' in text_of(carer, "/besok")
    assert post(carer, "/pass/h1/avbojt", why="tired").status_code == 422


def test_a_missing_departure_is_asked_for(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """The phone asks when one left, and keeps what one answers as a correction."""
    ref = a_visit(home, ended=False)
    assert "När slutade besöket" not in text_of(carer, "/pass")
    home.send(Draft(VisitOverdue(visit=ref), person="p7"))
    assert "När slutade besöket hos Prov Boende?" in text_of(carer, "/pass")
    fields = {"visit": ref, "back": "shift", "reason": "forgot"}
    assert post(carer, "/besok/ratta", until="2026-11-23T21:40", **fields).status_code == 200
    assert "När slutade besöket" not in text_of(carer, "/pass")
    assert rows(staff, tables.visit)[0].until is None


# --- the tag, absence, the access log -------------------------------------------------------------


def test_the_tag_at_the_door(carer: FlaskClient, home: EnrolledHome, staff: Staff) -> None:
    """Opening the link stamps nothing; the one button does, and next time it is the other one."""
    tag = visit_actions.make_tag(staff, "h1")
    page = text_of(carer, f"/t/{tag}")
    assert "Jag är framme" in page
    assert "Jag går nu" not in page
    assert rows(staff, tables.event, kind="visit.tapped") == []
    assert post(carer, f"/t/{tag}", tap="arrive").get_json()["text"].startswith("Ankomst")
    a_visit(home, ended=False)
    assert "Jag går nu" in text_of(carer, f"/t/{tag}")
    assert "hör inte till" in text_of(carer, "/t/none", 404)
    assert post(carer, f"/t/{tag}", tap="dance").status_code == 422


def test_absence_on_its_page(boss: FlaskClient, home: EnrolledHome, staff: Staff) -> None:
    """In, shown, ended."""
    assert "Ingen är bortrest" in text_of(boss, "/franvaro")
    span = {"home": "h1", "since": "2026-11-23T22:30", "until": "2026-11-25T10:00"}
    assert post(boss, "/franvaro", **span).status_code == 200
    page = text_of(boss, "/franvaro")
    assert "Börjar av sig själv" in page
    number = page.split('name="absence" value="', 1)[1].split('"', 1)[0]
    assert post(boss, "/franvaro", **span | {"since": "sen"}).status_code == 422
    assert post(boss, "/franvaro/slut", home="h1", absence=number).status_code == 200
    assert "Ingen är bortrest" in text_of(boss, "/franvaro")


def test_the_access_log_says_that_an_alarm_centre_listened(
    boss: FlaskClient, home: EnrolledHome
) -> None:
    """No user, and not somebody unknown: on the page and in the file, and how long it took."""
    centre = VoiceParty.ALARM_CENTRE
    home.send(
        VoiceBegun(call="c1", alarm="home:h1/1", party=centre),
        VoiceEnded(call="c1", why=VoiceEnd.HUNG_UP, took_s=7242.0),
        VoiceRefused(call=None, why=VoiceRefusal.NOT_ASKED, party=centre),
    )
    span = "fran=2026-11-01&till=2026-11-30"
    page = text_of(boss, f"/atkomst?{span}&visa=alla")
    assert page.count("Larmcentralen") == 2
    assert "120 min 42 s" in page
    assert "voice.begun;org1;h1;alarm_centre" in boss.get(f"/atkomst/fil?{span}").text


def test_the_access_log_and_its_sample(
    boss: FlaskClient, home: EnrolledHome, staff: Staff, make_user: Callable[..., Actor]
) -> None:
    """Rows in words, filtered, as a file; a row of the sample is checked and then says by whom."""
    reader = make_user("p7", ["caregiver"], homes=["h1"])
    reads.note(staff, reader, ["h1"], "home")
    home.clock.advance(40 * 86400)
    assert access_log.draw_due(staff) == 0  # nothing in December
    drawn = access_log.draw(staff, "org1", "2026-11")
    assert drawn is not None
    span = "fran=2026-11-01&till=2026-11-30"
    page = text_of(boss, f"/atkomst?{span}")
    for part in ("Prov p7", "Uppgifter om en brukare lästes", "hemmets sida", "1 kvar"):
        assert part in page
    assert 'data-test="access-row"' not in text_of(boss, f"/atkomst?{span}&person=p8")
    assert "record.read;org1;h1;p7" in boss.get(f"/atkomst/fil?{span}").text
    where = f"/atkomst/stickprov?ref={drawn.ref}"
    row = text_of(boss, where).split('data-ref="', 1)[1].split('"', 1)[0]
    fields = {"sample": drawn.ref, "row": row}
    assert post(boss, "/atkomst/stickprov", found="in_order", **fields).status_code == 200
    assert "Befogad" in text_of(boss, where)
    assert "alla kontrollerade" in text_of(boss, f"/atkomst?{span}")
    assert post(boss, "/atkomst/stickprov", found="x", **fields).status_code == 422
    text_of(boss, "/atkomst/stickprov?ref=staff/999", 404)
