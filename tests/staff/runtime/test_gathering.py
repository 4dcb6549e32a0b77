"""What one cause raises in many homes rings once, and hides no home behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gateway.clock import ManualClock
from gateway.events import AlarmOutcome, AlarmRaised, AlarmType, CheckPlanned
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome, add_user, parts_of
from tests.staff.silent_town import Town
from web.staff.care import actions, mass_alarms
from web.staff.care.mass_alarms import MassAlarm
from web.staff.core.config import MassAlarmConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.runtime.gathering import Rung, runs
from web.staff.runtime.watch import Watch
from web.staff.signin.auth import actor_of
from web.staff.storage import tables
from web.staff.storage.chains import verify_all


@pytest.fixture
def town(staff: Staff, clock: ManualClock) -> Town:
    """Eight homes that speak."""
    made = Town(staff, clock)
    made.build(8)
    made.go_on(30)
    return made


@pytest.fixture
def boss(staff_app: Flask) -> Callable[[], Actor]:
    """Who sees every home of the organisation, as it is now."""
    add_user(staff_app, "p1", ["coordinator"])
    return lambda: _again(staff_app, "p1")


def _again(app: Flask, person: str) -> Actor:
    parts = parts_of(app)
    with parts.db.read() as conn:
        u = tables.user.c
        number = conn.execute(select(u.id).where(u.person_id == person)).scalar_one()
    found = actor_of(parts, number)
    assert found is not None
    return found


def running(staff: Staff, actor: Actor) -> list[MassAlarm]:
    with staff.db.read() as conn:
        return mass_alarms.running(conn, actor)


def alone(staff: Staff) -> list[str]:
    """The homes whose open alarms ring for themselves."""
    a = tables.alarm.c
    with staff.db.read() as conn:
        query = select(a.home_id).where(a.closed_at.is_(None), ~mass_alarms.is_gathered(a.id))
        return sorted(conn.execute(query.order_by(a.home_id)).scalars())


def waiting(staff: Staff) -> list[str]:
    """The homes of open alarms that nobody has taken."""
    found = rows(staff, tables.alarm)
    return sorted(
        row.home_id for row in found if row.closed_at is None and row.acknowledged_at is None
    )


# --- one alarm


def test_many_at_once_are_one_alarm(town: Town, staff: Staff, boss: Callable[[], Actor]) -> None:
    """Six homes fall silent: each has the events that it had before there were mass alarms, and
    they ring once."""
    gone = town.homes[:6]
    town.fall_silent(gone)
    (one,) = running(staff, boss())
    assert (one.about, one.total, one.open, one.waiting, one.goes_on) == ("home_silent", 6, 6, 6, 6)
    assert (one.rings, one.care, one.takers) == (True, True, ())
    assert alone(staff) == []
    for home in gone:
        events = sorted(rows(staff, tables.event, origin=f"staff:{home}"), key=lambda e: e.seq)
        assert [event.kind for event in events] == ["home.silent", "alarm.raised"]
        assert "mass" not in events[1].body
    assert [problem for _, _, problem in verify_all(staff.db) if problem] == []


def test_a_few_ring_one_by_one(town: Town, staff: Staff, boss: Callable[[], Actor]) -> None:
    """Four homes of one organisation are four alarms."""
    town.fall_silent(town.homes[:4])
    assert running(staff, boss()) == []
    assert alone(staff) == town.homes[:4]


def test_how_many_and_how_soon_is_configured(clock: ManualClock) -> None:
    """So many homes within so long, and what follows without a longer pause; two alarms of one home
    are one home."""

    def at(*minutes: float, homes: str = "abcdefgh") -> list[Rung]:
        began = clock.now()
        return [
            Rung(f"x/{n}", homes[n], began + timedelta(minutes=minute))
            for n, minute in enumerate(minutes)
        ]

    def found(rung: list[Rung], **limits: Any) -> list[int]:
        return [len(run) for run in runs(rung, MassAlarmConfig(**limits))]

    assert found(at(0, 1, 2, 3)) == []
    assert found(at(0, 1, 2, 3, 5)) == [5]
    assert found(at(0, 1, 2, 3, 5.1)) == []
    assert found(at(0, 4, 8, 12, 16, 20)) == [], "one every four minutes"
    assert found(at(0, 4, 5, 6, 7, 8, 12)) == [7]
    assert found(at(0, 1, 60, 61), homes=2) == [2, 2]
    assert found(at(0, 1, 2, 3, homes="aabb"), homes=3) == []
    assert found(at(0, 1, 2, homes="aab"), homes=2) == [3]


def test_what_rang_alone_just_before_is_drawn_in(
    town: Town, staff: Staff, boss: Callable[[], Actor]
) -> None:
    """Three homes rang for themselves when the fault grew: one alarm of eight.  One that somebody
    has taken stays theirs."""
    town.fall_silent(town.homes[:3])
    taken = next(row for row in rows(staff, tables.alarm) if row.home_id == town.homes[0])
    actions.acknowledge(staff, boss(), taken.id)
    assert running(staff, boss()) == []
    town.hush(town.homes[3:])
    town.go_on(210)
    (one,) = running(staff, boss())
    assert (one.total, one.waiting, one.rings) == (7, 7, True)
    assert alone(staff) == [town.homes[0]]


def test_what_follows_joins_without_a_ring(
    staff_app: Flask, town: Town, staff: Staff, boss: Callable[[], Actor]
) -> None:
    """After somebody has taken it two more homes fall silent: the count goes up, nothing rings; who
    sees only those two is rung for."""
    town.hush(town.homes[:6])
    town.go_on(40)
    town.hush(town.homes[6:])
    town.go_on(160)
    assert mass_alarms.take(staff, boss(), running(staff, boss())[0].id) == 6
    town.go_on(40)
    (one,) = running(staff, boss())
    assert (one.total, one.waiting, one.rings) == (8, 2, False)
    theirs = add_user(staff_app, "p9", ["caregiver"], homes=town.homes[6:])
    (part,) = running(staff, theirs)
    assert (part.total, part.waiting, part.rings) == (2, 2, True)


def test_a_home_that_dies_much_later_rings_for_itself(
    town: Town, staff: Staff, boss: Callable[[], Actor]
) -> None:
    """The fault goes on and is taken; an hour later another home falls silent."""
    town.fall_silent(town.homes[:6])
    mass_alarms.take(staff, boss(), running(staff, boss())[0].id)
    town.later(60)
    town.fall_silent(town.homes[6:7])
    assert alone(staff) == waiting(staff) == [town.homes[6]]


# --- its end


def test_homes_that_are_heard_again_leave_it(
    town: Town, staff: Staff, boss: Callable[[], Actor]
) -> None:
    """It counts down, each home's alarm is cancelled as ever, and it ends with the last."""
    town.fall_silent(town.homes[:6])
    town.wake(town.homes[:4])
    town.go_on(20)
    (one,) = running(staff, boss())
    assert (one.total, one.open, one.over, one.goes_on) == (6, 2, 4, 2)
    town.wake(town.homes)
    town.go_on(20)
    assert running(staff, boss()) == []
    assert {row.reason for row in rows(staff, tables.alarm)} == {"home_heard"}
    (kept,) = rows(staff, tables.mass_alarm)
    assert kept.ended_at is not None


@pytest.mark.parametrize("done", ["taken", "closed", "nothing"])
def test_a_dead_home_does_not_hide_behind_a_mended_fault(
    town: Town, staff: Staff, boss: Callable[[], Actor], done: str
) -> None:
    """Most are heard again; a quarter of an hour later the one that is not rings for itself,
    whether its alarm was taken or closed with the others or not."""
    town.fall_silent(town.homes[:6])
    (one,) = running(staff, boss())
    if done == "taken":
        mass_alarms.take(staff, boss(), one.id)
    if done == "closed":
        assert mass_alarms.close(staff, boss(), one.id, AlarmOutcome.MENDED) == 6
    town.wake(town.homes[1:])
    town.later(14)
    assert alone(staff) == []
    assert waiting(staff) == ([town.homes[0]] if done == "nothing" else [])
    town.later(2)
    assert alone(staff) == waiting(staff) == [town.homes[0]]
    assert running(staff, boss()) == []
    alarms = [row for row in rows(staff, tables.alarm) if row.home_id == town.homes[0]]
    first, second = sorted(alarms, key=lambda row: row.raised_at)
    assert (first.closed_at is None, second.closed_at) == (False, None)
    assert second.since <= first.raised_at
    town.wake(town.homes)
    town.go_on(20)
    assert alone(staff) == []


def test_many_that_are_left_ring_as_one_again(
    staff: Staff, clock: ManualClock, boss: Callable[[], Actor]
) -> None:
    """Of twelve six are heard again: the other six ring once more, together."""
    town = Town(staff, clock)
    homes = town.build(12, prefix="u")
    town.go_on(20)
    town.fall_silent(homes)
    mass_alarms.take(staff, boss(), running(staff, boss())[0].id)
    town.wake(homes[:6])
    town.later(16)
    (one,) = running(staff, boss())
    assert (one.total, one.waiting, one.rings) == (6, 6, True)
    assert len(rows(staff, tables.mass_alarm)) == 2
    assert alone(staff) == []


def test_while_few_are_back_it_stays_one(
    town: Town, staff: Staff, boss: Callable[[], Actor]
) -> None:
    """Two of eight are heard again: the fault is not mended, however long ago that was."""
    town.fall_silent(town.homes)
    mass_alarms.take(staff, boss(), running(staff, boss())[0].id)
    town.wake(town.homes[:2])
    town.later(20)
    (one,) = running(staff, boss())
    assert (one.total, one.goes_on, one.rings) == (8, 6, False)


def test_who_falls_silent_again_counts_once(
    town: Town, staff: Staff, boss: Callable[[], Actor]
) -> None:
    """A home that was heard for a moment is one of six, not the seventh."""
    town.fall_silent(town.homes[:6])
    town.wake(town.homes[:1])
    town.go_on(20)
    town.fall_silent(town.homes[:1])
    (one,) = running(staff, boss())
    assert (one.total, one.open, one.goes_on) == (6, 6, 6)


# --- who sees what of it


def test_organisations_have_their_own(staff_app: Flask, town: Town, staff: Staff) -> None:
    """One network serves two municipalities: five homes and three are not eight; with five each
    there are two alarms, and nobody sees or takes the other's."""
    theirs = town.build(5, prefix="v", org="org2")
    town.go_on(20)
    ours = add_user(staff_app, "p1", ["coordinator"])
    other = add_user(staff_app, "q1", ["coordinator"], org="org2")
    town.fall_silent([*town.homes[:5], *theirs[:3]])
    (one,) = running(staff, _again(staff_app, "p1"))
    assert one.total == 5
    assert running(staff, other) == []
    assert alone(staff) == theirs[:3]
    town.fall_silent(theirs[3:])
    (second,) = running(staff, other)
    assert second.total == 5
    with pytest.raises(actions.Refused) as refused:
        mass_alarms.take(staff, other, one.id)
    assert refused.value.why is actions.Why.NO_ALARM
    with pytest.raises(actions.Refused):
        mass_alarms.close(staff, other, one.id, AlarmOutcome.MENDED)
    assert mass_alarms.take(staff, ours, one.id) == 5
    assert running(staff, other)[0].waiting == 5


def test_who_works_in_a_part_takes_that_part(
    staff_app: Flask, town: Town, staff: Staff, boss: Callable[[], Actor]
) -> None:
    """A carer with two of the six homes sees and takes two; who leads sees that four wait, and it
    rings on; who is second is told who was first."""
    mine = add_user(staff_app, "p7", ["caregiver"], homes=town.homes[:2])
    same = add_user(staff_app, "p8", ["caregiver"], homes=town.homes[:2])
    town.fall_silent(town.homes[:6])
    (part,) = running(staff, mine)
    assert (part.total, part.rings) == (2, True)
    assert mass_alarms.take(staff, mine, part.id) == 2
    assert not running(staff, mine)[0].rings
    with pytest.raises(actions.Refused) as refused:
        mass_alarms.take(staff, same, part.id)
    assert (refused.value.why, refused.value.data["person"]) == (actions.Why.NOT_FIRST, "p7")
    (whole,) = running(staff, boss())
    assert (whole.waiting, whole.rings) == (4, True)
    assert [(taker.person, taker.count) for taker in whole.takers] == [("p7", 2)]
    assert mass_alarms.take(staff, boss(), whole.id) == 4
    (whole,) = running(staff, boss())
    assert (whole.waiting, whole.rings) == (0, False)


def test_technicians_are_rung_for_beside_care(
    staff_app: Flask, town: Town, staff: Staff, boss: Callable[[], Actor]
) -> None:
    """Who mends sees no care alarm, and this one all the same; taking it is the mending's and
    silences nobody else; care's taking does not silence who mends; closing is care's."""
    mender = add_user(staff_app, "p2", ["technician"])
    second = add_user(staff_app, "p3", ["technician"])
    town.fall_silent(town.homes[:6])
    (seen,) = running(staff, mender)
    assert (seen.total, seen.rings, seen.care) == (6, True, False)
    mass_alarms.take(staff, boss(), seen.id)
    assert running(staff, mender)[0].rings
    mass_alarms.take(staff, mender, seen.id)
    assert not running(staff, second)[0].rings
    assert [row.acknowledged_by for row in rows(staff, tables.alarm)] == ["p1"] * 6
    with pytest.raises(actions.Refused) as refused:
        mass_alarms.take(staff, second, seen.id)
    assert refused.value.why is actions.Why.NOT_FIRST
    with pytest.raises(actions.Refused) as refused:
        mass_alarms.close(staff, mender, seen.id, AlarmOutcome.MENDED)
    assert refused.value.why is actions.Why.NO_ROLE
    assert running(staff, boss())[0].mender == "p2"


# --- the server


def test_another_worker_goes_on_with_it(
    town: Town, staff: Staff, boss: Callable[[], Actor]
) -> None:
    """Two workers look at the same time, and a third one takes over after a restart: one alarm, one
    member a home, and its end is seen."""
    second = town.worker()
    town.hush(town.homes[:6])
    town.go_on(200, second)
    assert len(rows(staff, tables.mass_alarm)) == 1
    assert len(rows(staff, tables.mass_alarm_member)) == len(rows(staff, tables.alarm)) == 6
    town.watch = town.worker()
    town.go_on(20)
    town.wake(town.homes[1:])
    town.later(16)
    assert alone(staff) == [town.homes[0]]


def test_tables_made_anew_change_nothing_of_it(
    town: Town, staff: Staff, boss: Callable[[], Actor]
) -> None:
    """A rebuild of the homes folds the same alarms: they are still one, and taken."""
    town.fall_silent(town.homes[:6])
    mass_alarms.take(staff, boss(), running(staff, boss())[0].id)
    before = running(staff, boss())
    with staff.db.write() as tx:
        for home in town.homes:
            rebuild_home(tx.conn, home)
    assert running(staff, boss()) == before


def test_screens_are_told_once(staff_app: Flask, staff: Staff, clock: ManualClock) -> None:
    """Twenty homes: who sees them gets one message a kind, without an event and without a home; who
    sees none of them none; and the same at the return."""
    town = Town(staff, clock)
    homes = town.build(20, prefix="u")
    town.go_on(20)
    with staff.broker.subscribe(homes) as screen, staff.broker.subscribe({"h1"}) as other:
        town.fall_silent(homes)
        told = list(iter(lambda: screen.get(0.01), None))
        assert [m.kind for m in told] == ["alarm.raised", "alarm.gathered", "home.silent"]
        assert {m.home for m in told} == {None}
        assert b'"home":null,"kind":"alarm.raised","event":null' in told[0].raw
        town.wake(homes)
        town.go_on(20)
        told = list(iter(lambda: screen.get(0.01), None))
        assert [m.kind for m in told] == ["alarm.cancelled", "home.heard"]
        assert other.get(0.01) is None


# --- what else one cause raises


def test_a_power_cut_of_an_area_is_one_alarm(
    make_home: Callable[[str], EnrolledHome], staff_app: Flask, staff: Staff
) -> None:
    """Five homes tell of it themselves, each in its own request and one an hour late: the watch
    makes them one in its next round.  Taken and closed as one, it is over."""
    homes = [make_home(name) for name in ("h1", "h2", "h3", "h4", "h5")]
    mender = add_user(staff_app, "p2", ["technician"])
    at = homes[0].clock.now()
    for home in homes[:4]:
        home.send_urgent(AlarmRaised.usual(AlarmType.POWER_LOST, at))
    watch = Watch(staff, settle_s=0)
    watch.look()
    assert running(staff, mender) == []
    homes[0].clock.advance(3600)
    homes[4].send(AlarmRaised.usual(AlarmType.POWER_LOST, at), at=at)
    watch.look()
    (one,) = running(staff, mender)
    assert (one.about, one.total, one.care, one.rings) == ("power_lost", 5, True, True)
    assert mass_alarms.take(staff, mender, one.id) == 5
    assert {row.acknowledged_by for row in rows(staff, tables.alarm)} == {"p2"}
    assert mass_alarms.close(staff, mender, one.id, AlarmOutcome.MENDED) == 5
    watch.look()
    assert running(staff, mender) == []
    assert rows(staff, tables.mass_alarm)[0].ended_at is not None


def test_checks_that_nobody_reported_are_one_alarm(
    make_home: Callable[[str], EnrolledHome], staff_app: Flask, staff: Staff
) -> None:
    """The homes of a fault report no checks: one care alarm, which technicians do not see."""
    homes = [make_home(name) for name in ("h1", "h2", "h3", "h4", "h5")]
    boss = add_user(staff_app, "p1", ["coordinator"])
    mender = add_user(staff_app, "p2", ["technician"])
    now = homes[0].clock.now()
    for home in homes:
        home.send(CheckPlanned(check="n@1", slot=now, report_by=now))
    homes[0].clock.advance(60)
    Watch(staff, settle_s=0).look()
    (one,) = running(staff, boss)
    assert (one.about, one.total, one.rings) == ("check_unreported", 5, True)
    assert running(staff, mender) == []


def test_what_a_person_needs_is_never_gathered(
    make_home: Callable[[str], EnrolledHome], staff: Staff
) -> None:
    """Six pendants are six alarms."""
    homes = [make_home(f"h{number}") for number in range(1, 7)]
    for home in homes:
        home.send_urgent(AlarmRaised.usual(AlarmType.PENDANT, home.clock.now()))
    Watch(staff, settle_s=0).look()
    assert len(alone(staff)) == 6
