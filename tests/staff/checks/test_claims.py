"""Who does a night check: one at a time, in the open, and for minutes."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gateway.clock import ManualClock
from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BedLeft,
    CheckAnswered,
    CheckAsked,
    CheckBy,
    CheckDone,
    CheckEscalated,
    CheckMissed,
    CheckPlanned,
    Finding,
    Looked,
    Settled,
    Stamp,
    VisitStarted,
)
from tests.staff.care.test_actions import refusal
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome, hire, parts_of
from web.staff.care.actions import Done, Refused, Why
from web.staff.checks import claims, following, visits
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.storage import tables
from web.staff.storage.plan_tables import visit_note

MIN = timedelta(minutes=1)
CHECK = "night@2026-11-23T21:00Z"


def watcher(person: str = "p1", *, homes: frozenset[str] = frozenset({"h1"})) -> Actor:
    return Actor(person, "Prov", "org1", frozenset({Role.NIGHT_WATCHER}), homes, homes)


ONE, OTHER = watcher("p1"), watcher("p2")


def ask(home: EnrolledHome, check: str = CHECK, minutes: int = 15) -> None:
    """The home asks about a check."""
    until = home.clock.now() + minutes * MIN
    home.send(CheckAsked(check=check, why="bed_empty", answer_by=until))


def row(staff: Staff, check: str = CHECK) -> Any:
    (found,) = rows(staff, tables.night_check, check=check)
    return found


def to_visit(staff: Staff) -> list[str]:
    """The checks that ask for a visit."""
    with staff.db.read() as conn:
        query = select(tables.night_check.c.check).where(visits.unvisited(staff.clock.now()))
        return sorted(conn.execute(query).scalars())


def kinds(staff: Staff) -> list[str]:
    found = rows(staff, tables.event, origin="staff:h1")
    return [one.kind for one in sorted(found, key=lambda one: one.seq)]


def test_two_at_two_workers_and_one_has_it(
    workers: tuple[Flask, Flask], clock: ManualClock
) -> None:
    """Both begin at once, at a server with two workers: one has it, the other is told who."""
    home = EnrolledHome(workers[0], workers[0].test_client(), "h1", clock)
    home.enroll()
    hire(workers[0], "p1", "p2")
    ask(home)
    outcomes: dict[str, object] = {}
    start = threading.Barrier(2)

    def run(app: Flask, who: Actor) -> None:
        start.wait(60)
        try:
            outcomes[who.person] = claims.start_check(parts_of(app), who, "h1", CHECK)
        except Refused as error:
            outcomes[who.person] = error

    threads = [
        threading.Thread(target=run, args=pair) for pair in zip(workers, (ONE, OTHER), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (first,) = (person for person, out in outcomes.items() if isinstance(out, Done))
    (error,) = (out for out in outcomes.values() if isinstance(out, Refused))
    assert (error.why, error.data["person"]) == (Why.NOT_FIRST, first)
    assert row(parts_of(workers[1])).started_by == first
    assert kinds(parts_of(workers[0])).count("check.started") == 1


def test_a_claim_lapses_and_is_told(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Five minutes without an answer: whoever had it is named, the check is free; begun once more
    it has five minutes anew.  Told once."""
    ask(enrolled_home)
    claims.start_check(staff, ONE, "h1", CHECK)
    enrolled_home.clock.advance(200)
    claims.start_check(staff, ONE, "h1", CHECK)
    enrolled_home.clock.advance(200)
    assert following.look(staff) == 0
    enrolled_home.clock.advance(100)
    assert following.look(staff) == 1
    assert following.look(staff) == 0
    told = row(staff)
    assert (told.state, told.started_by, told.before_by, told.before_why) == (
        "asked",
        None,
        "p1",
        "lapsed",
    )
    claims.start_check(staff, OTHER, "h1", CHECK)
    late = refusal(claims.answer_check, staff, ONE, "h1", CHECK, Finding.OK, Looked.PHONE)
    assert (late.why, late.data["person"]) == (Why.NOT_FIRST, "p2")


def test_it_is_taken_over_from_whom_one_saw(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """By name: who sees an older page than that is told who has it now."""
    ask(enrolled_home)
    third = watcher("p3")
    claims.start_check(staff, ONE, "h1", CHECK)
    claims.start_check(staff, OTHER, "h1", CHECK, over="p1")
    taken = row(staff)
    assert (taken.started_by, taken.before_by, taken.before_why) == ("p2", "p1", "taken_over")
    old = refusal(claims.start_check, staff, third, "h1", CHECK, "p1")
    assert (old.why, old.data["person"]) == (Why.NOT_FIRST, "p2")
    mine = refusal(claims.answer_check, staff, ONE, "h1", CHECK, Finding.OK, Looked.PHONE)
    assert mine.why is Why.NOT_FIRST


def test_nobody_acts_beyond_their_homes(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Another area, another role, a check of another name: refused, and nothing is written."""
    ask(enrolled_home)
    before = kinds(staff)
    stranger = watcher("p9", homes=frozenset({"h9"}))
    clerk = Actor("p8", "", "org1", frozenset({Role.COORDINATOR}), frozenset({"h1"}), frozenset())
    for who, why in ((stranger, Why.NO_HOME), (clerk, Why.NO_ROLE)):
        args = (staff, who, "h1", CHECK)
        assert refusal(claims.start_check, *args).why is why
        assert refusal(claims.answer_check, *args, Finding.OK, Looked.PHONE).why is why
        assert refusal(visits.take, *args).why is why
        assert refusal(visits.settle, *args, Settled.CALLED).why is why
    assert refusal(claims.start_check, staff, ONE, "h1", "x").why is Why.NO_CHECK
    assert refusal(visits.take, staff, ONE, "h1", "x").why is Why.NO_CHECK
    assert refusal(visits.take, staff, ONE, "h1", CHECK).why is Why.CLOSED
    assert kinds(staff) == before


@pytest.mark.parametrize(
    ("finding", "why"),
    [(Finding.HELP, "help"), (Finding.COULD_NOT_LOOK, "could_not_look")],
    ids=str,
)
def test_what_needs_a_visit_is_one_at_once(
    enrolled_home: EnrolledHome, staff: Staff, finding: Finding, why: str
) -> None:
    """Before the home has said a word: it may be cut off.  Help rings then, by the server, and not
    twice for the same."""
    ask(enrolled_home)
    claims.answer_check(staff, ONE, "h1", CHECK, finding, Looked.PHONE)
    assert to_visit(staff) == [CHECK]
    assert row(staff).visit_why == why
    for later_s in (0, 30):  # nobody waits for the watch: the home does not listen
        enrolled_home.clock.advance(later_s)
        if later_s:
            following.look(staff)
        rang = [one.type for one in rows(staff, tables.alarm)]
        assert rang == (["check_help"] if finding is Finding.HELP else [])
    enrolled_home.send(CheckEscalated(check=CHECK, why=why))
    assert to_visit(staff) == [CHECK]


def test_a_home_that_listens_rings_by_itself(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The server's alarm comes only where the home's does not within seconds."""
    ask(enrolled_home)
    next(enrolled_home.listen())
    claims.answer_check(staff, ONE, "h1", CHECK, Finding.HELP, Looked.PHONE)
    at = enrolled_home.clock.now()
    assert rows(staff, tables.alarm) == []
    enrolled_home.send_urgent(AlarmRaised.usual(AlarmType.CHECK_HELP, at))
    enrolled_home.clock.advance(60)
    following.look(staff)
    assert len(rows(staff, tables.alarm)) == 1


def test_no_answer_is_told_by_the_server_where_the_home_is_silent(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """A minute after the time to answer: a visit, and an alarm that climbs its ladder; once."""
    ask(enrolled_home, minutes=15)
    enrolled_home.clock.advance(15 * 60 + 59)
    assert following.look(staff) == 0
    enrolled_home.clock.advance(2)
    assert following.look(staff) == 1
    assert following.look(staff) == 0
    assert (to_visit(staff), row(staff).visit_why) == ([CHECK], "no_answer")
    (alarm,) = rows(staff, tables.alarm)
    assert alarm.type == "check_no_answer"
    with staff.db.read() as conn:
        climbing = conn.execute(select(tables.metadata.tables["escalation"])).all()
    assert [one.alarm for one in climbing] == [alarm.id]


def test_an_alarm_that_the_home_raised_itself_is_not_raised_again(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The alarm came by the urgent lane and what the home decided did not: the visit is asked for,
    and nobody is told of the same twice."""
    ask(enrolled_home, minutes=15)
    asked_at = row(staff).asked_at
    enrolled_home.send_urgent(AlarmRaised.usual(AlarmType.CHECK_NO_ANSWER, asked_at))
    enrolled_home.clock.advance(15 * 60 + 61)
    assert following.look(staff) == 1
    assert (to_visit(staff), row(staff).visit_why) == ([CHECK], "no_answer")
    (alarm,) = rows(staff, tables.alarm)
    assert alarm.id.startswith("home:h1/")
    assert alarm.since == asked_at


def test_a_visit_has_one_who_goes(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Two who want to go: one does, the other sees who, and may take it over by name; whoever's
    visit begins there ends it."""
    enrolled_home.send(CheckEscalated(check=CHECK, why="unclear_twice"))
    first = visits.take(staff, ONE, "h1", CHECK)
    assert visits.take(staff, ONE, "h1", CHECK).at == first.at
    other = refusal(visits.take, staff, OTHER, "h1", CHECK)
    assert (other.why, other.data["person"]) == (Why.NOT_FIRST, "p1")
    visits.take(staff, OTHER, "h1", CHECK, over="p1")
    assert row(staff).visit_by == "p2"
    enrolled_home.clock.advance(60)
    now = enrolled_home.clock.now()
    hire(enrolled_home.app, "p2")
    enrolled_home.send(Draft(VisitStarted(since=now, source=Stamp.UNLOCK), person="p2"))
    assert to_visit(staff) == []
    assert refusal(visits.take, staff, ONE, "h1", CHECK).why is Why.CLOSED


def test_a_visit_is_settled_by_hand_with_a_reason(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """`Annat` needs words, which stand in an erasable table; settled once."""
    enrolled_home.send(CheckEscalated(check=CHECK, why="could_not_look"))
    args = (staff, ONE, "h1", CHECK)
    assert refusal(visits.settle, *args, Settled.OTHER, "  ").why is Why.NO_WORDS
    visits.settle(*args, Settled.OTHER, "Dottern är där")
    assert to_visit(staff) == []
    (note,) = rows(staff, visit_note)
    settled = row(staff)
    assert (note.text, settled.settled_ref, settled.settled_by) == (
        "Dottern är där",
        note.ref,
        "p1",
    )
    assert refusal(visits.settle, *args, Settled.CALLED).why is Why.CLOSED


def test_who_is_away_needs_no_visit(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """A night that was missed on purpose is nobody's visit; one that came too late is."""
    enrolled_home.send(
        CheckMissed(check="a@1", why="absent"),
        CheckMissed(check="b@1", why="paused"),
        CheckMissed(check="c@1", why="too_late"),
    )
    assert to_visit(staff) == ["c@1"]


def test_an_answer_to_a_closed_check_is_refused(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Done by the sensor meanwhile: neither begun nor answered, and the state says why."""
    ask(enrolled_home)
    enrolled_home.send(CheckDone(check=CHECK, by=CheckBy.SENSOR))
    for call, args in (
        (claims.start_check, ()),
        (claims.answer_check, (Finding.HELP, Looked.PHONE)),
    ):
        error = refusal(call, staff, ONE, "h1", CHECK, *args)
        assert (error.why, error.data["state"]) == (Why.NOT_ASKED, "done")
    assert rows(staff, tables.alarm) == []


def test_a_camera_that_showed_nothing_answers_nothing(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """No look, no "all is well" through the camera; that it could not be done may be said."""
    ask(enrolled_home)
    args = (staff, ONE, "h1", CHECK)
    for finding in (Finding.OK, Finding.UNCLEAR, Finding.HELP):
        error = refusal(claims.answer_check, *args, finding, Looked.CAMERA)
        assert error.why is Why.NOTHING_SEEN
    claims.answer_check(*args, Finding.COULD_NOT_LOOK, Looked.CAMERA)
    assert to_visit(staff) == [CHECK]


def test_a_rebuild_and_a_restart_lose_nothing(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Who had it, who goes and what was settled are folded from events, as they were."""
    slot = enrolled_home.clock.now()
    enrolled_home.send(CheckPlanned(check=CHECK, slot=slot, report_by=slot + 40 * MIN))
    ask(enrolled_home)
    claims.start_check(staff, ONE, "h1", CHECK)
    enrolled_home.clock.advance(301)
    following.look(staff)
    claims.start_check(staff, OTHER, "h1", CHECK)
    claims.answer_check(staff, OTHER, "h1", CHECK, Finding.COULD_NOT_LOOK, Looked.PHONE)
    enrolled_home.clock.advance(1)
    enrolled_home.send(BedLeft(empty_since=slot), CheckEscalated(check=CHECK, why="could_not_look"))
    visits.take(staff, ONE, "h1", CHECK)
    before = tuple(row(staff))
    with staff.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert tuple(row(staff)) == before
    assert to_visit(staff) == [CHECK]
    visits.settle(staff, ONE, "h1", CHECK, Settled.SOMEBODY_THERE)
    assert to_visit(staff) == []
    assert CheckAnswered.KIND in kinds(staff)
