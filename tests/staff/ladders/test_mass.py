"""Many homes with one cause are one ladder: one message with a number, not five hundred."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select

from gateway.envelope import Draft
from gateway.events import AlarmRaised, AlarmType
from tests.staff.ladders.hand import Hand
from web.staff.care import actions, mass_alarms
from web.staff.core.rights import Actor
from web.staff.events.append_many import write_many
from web.staff.ladders import progress
from web.staff.runtime import gathering
from web.staff.signin.auth import actor_of
from web.staff.storage import tables
from web.staff.storage.ladder_tables import escalation

HOMES = 500


def town(hand: Hand, count: int) -> list[str]:
    """So many homes."""
    names = [f"t{number:03}" for number in range(count)]
    common = {"org_id": "org1", "label": "Lgh", "timezone": "Europe/Stockholm"}
    with hand.staff.db.write() as tx:
        tx.conn.execute(insert(tables.home), [{"id": name, **common} for name in names])
    return names


def cut(hand: Hand, homes: list[str], about: AlarmType) -> None:
    """They all tell of it within a second."""
    now = hand.clock.now()
    for first in range(0, len(homes), 100):
        with hand.staff.write() as tx:
            told = [Draft(AlarmRaised.usual(about, now))]
            write_many(hand.staff, tx, dict.fromkeys(homes[first : first + 100], told))
        hand.settle()


def test_five_hundred_homes_without_power_are_one_message(hand: Hand) -> None:
    """And one ladder: who mends is told of one home and how many more; taken once, nobody else is
    told."""
    hand.person("p1", "push:ok-1", roles=["technician"], homes=[])
    hand.person("p2", "push:ok-2", roles=["coordinator"], homes=[])
    homes = town(hand, HOMES)
    cut(hand, homes, AlarmType.POWER_LOST)
    assert hand.provider.got == [], "it waits whether others have it too"
    hand.clock.advance(2)
    gathering.look(hand.staff)
    hand.settle()
    hand.later(10)
    (one,) = hand.provider.got
    assert (one["to"], one["others"], one["home"]) == ("ok-1", HOMES - 1, None)
    with hand.staff.db.read() as conn:
        e = escalation.c
        left = conn.execute(select(e.id).where(e.ended_at.is_(None))).scalars().all()
        mass = conn.execute(select(tables.mass_alarm.c.id)).scalar_one()
        far = progress.of_alarm(hand.staff, conn, f"staff:{homes[7]}/1")
    assert left == [f"mass:{mass}"]
    assert far is not None
    assert (far.mass, far.step) == (mass, 1)
    hand.later(900)
    assert len(hand.provider.got) == 2
    user = _user(hand, "p2")
    boss = actor_of(hand.staff, user)
    assert boss is not None
    mass_alarms.take(hand.staff, boss, mass)
    hand.later(4 * 3600)
    assert len(hand.provider.got) == 2


def _user(hand: Hand, person: str) -> int:
    u = tables.user.c
    with hand.staff.db.read() as conn:
        return int(conn.execute(select(u.id).where(u.person_id == person)).scalar_one())


def darkness(hand: Hand) -> tuple[list[str], Actor, str]:
    """Twelve homes lose their power, and all who are told of it were: the homes, their carer, the
    id of the mass alarm."""
    homes = town(hand, 12)
    carer = hand.person("p1", "push:ok-1", homes=homes)
    hand.person("p2", "push:ok-2", roles=["coordinator"], homes=[])
    cut(hand, homes, AlarmType.POWER_FAILING)
    hand.clock.advance(2)
    gathering.look(hand.staff)
    hand.settle()
    hand.later(10)
    with hand.staff.db.read() as conn:
        mass = conn.execute(select(tables.mass_alarm.c.id)).scalar_one()
    return homes, carer, mass


@pytest.mark.parametrize("answer", [None, "there", "still"])
def test_who_sets_out_to_one_of_its_homes_and_does_not_arrive(
    hand: Hand, answer: str | None
) -> None:
    """Is asked as of any alarm, and without an answer that home is others' again, by the ladder of
    all of them; the other homes stay theirs.  Answered, it is not."""
    homes, carer, mass = darkness(hand)
    alarm, there = f"staff:{homes[3]}/1", homes[3]
    mass_alarms.take(hand.staff, carer, mass)
    hand.later(60)
    actions.set_out(hand.staff, carer, alarm)
    hand.settle()
    with hand.staff.db.read() as conn:
        far = progress.of_alarm(hand.staff, conn, alarm)
        other = progress.of_alarm(hand.staff, conn, f"staff:{homes[4]}/1")
    assert far is not None and other is not None
    assert (far.state, far.next_at) == ("coming", hand.clock.now() + timedelta(minutes=30))
    assert (other.mass, other.state) == (mass, "taken")
    told = len(hand.provider.got)
    hand.later(30 * 60 - 1)
    assert "arrival_asked p1" not in hand.told(there)
    hand.later(1)
    assert hand.told(there)[-2:] == ["arrival_asked p1", "sent p1"]
    assert [one["to"] for one in hand.provider.got[told:]] == ["ok-1"]
    if answer is not None:
        actions.answer_arrival(hand.staff, carer, alarm, there=answer == "there")
        hand.settle()
    hand.later(5 * 60)
    assert ("lapsed p1" in hand.told(there)) is (answer is None)
    hand.later(25 * 60)
    asked = hand.told(there).count("arrival_asked p1")
    assert asked == (2 if answer == "still" else 1)
    gone_on = [one for one in hand.provider.to("ok-2") if one["said"] is None]
    assert bool(gone_on) is (answer is None)
    assert {one["others"] for one in gone_on} <= {0}
    others = {line for home in homes if home != there for line in hand.told(home)}
    assert not {"lapsed p1", "arrival_asked p1"} & others
    with hand.staff.db.read() as conn:
        e = escalation.c
        left = conn.execute(select(e.id).where(e.ended_at.is_(None))).scalars().all()
        (shown,) = mass_alarms.running(conn, carer, mass=mass)
    assert set(left) == {f"mass:{mass}", *([alarm] if answer == "still" else [])}
    assert (shown.rings, shown.waiting) == (answer is None, 1 if answer is None else 0)


def test_each_home_that_is_others_again_is_told_of_at_once(hand: Hand) -> None:
    """Also while the ladder of all of them pauses between two rounds, which it goes on doing; and
    the step after a lapse lasts as long as any."""
    homes, carer, mass = darkness(hand)
    mass_alarms.take(hand.staff, carer, mass)
    hand.later(100)
    actions.set_out(hand.staff, carer, f"staff:{homes[3]}/1")
    hand.settle()
    hand.later(30 * 60)
    hand.later(5 * 60)
    step = hand.ladder(f"mass:{mass}")
    assert (step.state, step.due_at - step.step_at) == ("climbing", timedelta(seconds=180))
    hand.later(3600)
    actions.set_out(hand.staff, carer, f"staff:{homes[5]}/1")
    hand.settle()
    hand.later(30 * 60)
    hand.later(5 * 60 - 1)
    paused, told = hand.ladder(f"mass:{mass}"), len(hand.provider.to("ok-2"))
    assert paused.due_at - hand.clock.now() > timedelta(seconds=30), "it does not go on by itself"
    hand.later(1)
    assert [one["others"] for one in hand.provider.to("ok-2")[told:]] == [1]
    assert hand.told(homes[3])[-2:] == ["escalated 3.5 lapsed", "sent p2"]
    assert hand.ladder(f"mass:{mass}").due_at == paused.due_at


def test_a_few_ring_for_themselves(hand: Hand) -> None:
    """Three homes without power are three alarms, told when more could have come."""
    hand.person("p1", "push:ok-1", roles=["technician"], homes=[])
    homes = town(hand, 3)
    cut(hand, homes, AlarmType.POWER_LOST)
    gathering.look(hand.staff)
    hand.later(6)
    assert len(hand.provider.got) == 3


def test_five_hundred_pendants_are_each_told_once(hand: Hand) -> None:
    """Each alarm to its first receiver, once, in some seconds; and what it costs is bounded: the
    alarm, its step, and what was sent."""
    hand.person("p1", "push:ok-1", roles=["coordinator", "caregiver"], homes=[])
    homes = town(hand, HOMES)
    with hand.staff.db.write() as tx:
        user = tx.conn.execute(select(tables.user.c.id)).scalar_one()
        links = [{"user_id": user, "home_id": home} for home in homes]
        tx.conn.execute(insert(tables.assignment), links)
    cut(hand, homes, AlarmType.PENDANT)
    assert len(hand.provider.got) == HOMES
    assert set(hand.provider.ids().values()) == {1}
    e = tables.event.c
    with hand.staff.db.read() as conn:
        counted = conn.execute(select(e.kind, func.count()).group_by(e.kind))
        kinds = {row[0]: row[1] for row in counted}
    assert kinds == {"alarm.raised": HOMES, "alarm.escalated": HOMES, "alarm.sent": HOMES}
