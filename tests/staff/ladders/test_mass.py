"""Many homes with one cause are one ladder: one message with a number, not five hundred."""

from __future__ import annotations

from sqlalchemy import func, insert, select

from gateway.envelope import Draft
from gateway.events import AlarmRaised, AlarmType
from tests.staff.ladders.hand import Hand
from web.staff.care import mass_alarms
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
