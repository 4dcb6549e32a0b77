"""Ladders and rotas: what may be saved, whom it reaches at which hour, and where the holes are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from gateway.clock import ManualClock
from gateway.errors import UserError
from gateway.events import AlarmType
from tests.staff.ladders.hand import Hand
from tests.staff.parts import add_home, add_user
from web.staff.core.rights import Actor
from web.staff.ladders import definitions, foresight, ordering, rotas, steps
from web.staff.ladders.definitions import Refused, Wrong
from web.staff.ladders.rotas import Span
from web.staff.ladders.steps import Ladder, Person, Step
from web.staff.storage import alarm_tables, tables
from web.staff.visits.plan_import import PlanRefused

HOUR = timedelta(hours=1)


@pytest.fixture
def boss(hand: Hand) -> Actor:
    """Who says who works where."""
    return add_user(hand.app, "boss", ["coordinator"])


def draft(*receivers: steps.Receiver, **more: object) -> Ladder:
    """A ladder of one step."""
    known = {"id": "", "name": "Natt", "steps": (Step(receivers=receivers),)} | more
    return Ladder(**known)  # type: ignore[arg-type]


def save(hand: Hand, boss: Actor, wanted: Ladder) -> str:
    return definitions.save(hand.staff, boss, wanted, hand.dispatcher.channels)


def refused(hand: Hand, boss: Actor, wanted: Ladder) -> Wrong:
    with pytest.raises(Refused) as caught:
        save(hand, boss, wanted)
    return caught.value.why


def server_log(hand: Hand) -> list[tuple[str, str | None]]:
    e = tables.event.c
    query = select(e.kind, e.person).where(e.origin == "staff").order_by(e.seq)
    with hand.staff.db.read() as conn:
        return [(kind, person) for kind, person in conn.execute(query)]


def test_the_first_ladder_that_fits_is_climbed(hand: Hand, boss: Actor) -> None:
    """One for pendants before one for the rest; who changed them stands in the server's log."""
    for number in (1, 2):
        hand.person(f"p{number}", f"push:ok-{number}")
    save(hand, boss, draft(Person(id="p1"), name="Allt"))
    pendants = draft(Person(id="p2"), name="Larmknapp", types=frozenset({AlarmType.PENDANT.value}))
    second = save(hand, boss, pendants)
    rung = [hand.ring()]
    hand.settle()
    ordering.ask_earlier(hand.staff, boss, second)
    rung += [hand.ring(), hand.ring(AlarmType.BED_EXIT)]
    hand.settle()
    told = {one["alarm"]: one["to"] for one in hand.provider.got}
    assert [told[alarm] for alarm in rung] == ["ok-1", "ok-2", "ok-1"]
    definitions.remove(hand.staff, boss, second)
    assert server_log(hand) == [
        *[("ladder.saved", "boss")] * 2,
        ("ladder.order_changed", "boss"),
        ("ladder.removed", "boss"),
    ]


def test_a_ladder_that_reaches_nobody_is_refused(hand: Hand, boss: Actor) -> None:
    """Somebody without an address, a team with nobody in it, a rota with nobody on call."""
    hand.person("p1")
    rota = rotas.make(hand.staff, boss, "Natt")
    assert refused(hand, boss, draft(Person(id="p1"))) is Wrong.NOBODY
    assert refused(hand, boss, draft(steps.Area())) is Wrong.NOBODY
    assert refused(hand, boss, draft(steps.OnCall(id=rota))) is Wrong.NOBODY
    hand.person("p2", "push:ok-2")
    now = hand.clock.now()
    rotas.add_shift(hand.staff, boss, rota, "p2", [Span(now + HOUR, now + 2 * HOUR)])
    save(hand, boss, draft(steps.OnCall(id=rota)))


def test_another_organisations_are_refused(hand: Hand, boss: Actor) -> None:
    """Its people, teams, rotas, centres and areas; and whoever may not answer."""
    add_home(hand.app, "h9", org="org2")
    other = hand.person("p9", "push:ok-9", roles=["coordinator"], homes=["h9"], org="org2")
    hand.person("p1", "push:ok-1", roles=["technician"])
    with hand.staff.db.write() as tx:
        tx.conn.execute(insert(tables.team).values(id=9, org_id="org2", name="Nio"))
        tx.conn.execute(insert(tables.area).values(id=9, org_id="org2", name="Nio"))
        centre = {"id": "c9", "org_id": "org2", "name": "Nio", "value": "sip:x@y.example"}
        tx.conn.execute(
            insert(alarm_tables.alarm_centre).values(**centre, created_at=hand.clock.now())
        )
    rota = rotas.make(hand.staff, other, "Nio")
    ours = Person(id="p1")
    for one in (
        Person(id="p9"),
        steps.Team(id=9),
        steps.OnCall(id=rota),
        steps.Centre(id="c9"),
    ):
        assert refused(hand, boss, draft(ours, one, severity="technical")) is Wrong.FOREIGN
    assert refused(hand, boss, draft(ours, severity="technical", area=9)) is Wrong.NOT_FOUND
    assert refused(hand, boss, draft(ours, severity="care")) is Wrong.MAY_NOT
    assert refused(hand, other, draft(Person(id="p9"), id="nothing")) is Wrong.NOT_FOUND
    carer = add_user(hand.app, "p3", ["caregiver"])
    assert refused(hand, carer, draft(ours, severity="technical")) is Wrong.NO_RIGHT
    save(hand, boss, draft(ours, severity="technical"))


def test_hours_pass_midnight() -> None:
    """A ladder from 21 to 07 on Fridays is Friday night's: until Saturday morning."""
    friday = 1 << 4
    night = draft(Person(id="p1"), days=friday, from_min=21 * 60, until_min=7 * 60)

    def on(day: int, hour: int) -> bool:
        return night.is_on(datetime(2026, 11, day, hour, tzinfo=UTC))

    assert [on(27, 20), on(27, 21), on(28, 6), on(28, 7), on(28, 21), on(27, 6)] == [
        False,
        True,
        True,
        False,
        False,
        False,
    ]


def test_who_would_be_reached(hand: Hand, boss: Actor) -> None:
    """For a home and an hour, in order, and by which ladder; holes of a week are told."""
    hand.person("p1", "push:ok-1", homes=[])
    rota = rotas.make(hand.staff, boss, "Natt")
    now = hand.clock.now()
    week = [Span(now + day * 24 * HOUR, now + day * 24 * HOUR + 8 * HOUR) for day in range(7)]
    rotas.add_shift(hand.staff, boss, rota, "p1", [one for one in week if one is not week[3]])
    made = save(hand, boss, draft(steps.OnCall(id=rota), from_min=22 * 60, until_min=6 * 60))
    channels = hand.dispatcher.channels
    with hand.staff.db.read() as conn:
        by_night = foresight.at(conn, channels, "h1", now, "care")
        by_day = foresight.at(conn, channels, "h1", now + 12 * HOUR, "care")
        found = foresight.holes(conn, channels, "h1", now, now + 7 * 24 * HOUR, "care")
        assert foresight.at(conn, channels, "h8", now, "care") is None
    assert by_night is not None
    assert by_day is not None
    assert (by_night.ladder.id, by_night.reaches) == (made, True)
    assert [one.person for _, told in by_night.steps for one in told] == ["p1"]
    assert (by_day.ladder.id, by_day.reaches) == ("care", False)
    third = now + 3 * 24 * HOUR
    assert (found[2].since, found[2].until) == (third - 16 * HOUR, third + 24 * HOUR)
    assert len(found) == 6


CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//x//SV
BEGIN:VEVENT
UID:a
DTSTART;TZID=Europe/Stockholm:20261023T210000
DTEND;TZID=Europe/Stockholm:20261024T070000
RRULE:FREQ=DAILY;COUNT=4
ATTENDEE:mailto:p1@prov.example
SUMMARY:Natt
END:VEVENT
BEGIN:VEVENT
UID:b
DTSTART;TZID=Europe/Stockholm:20261030T210000
DTEND;TZID=Europe/Stockholm:20261031T070000
SUMMARY:Prov p2
END:VEVENT
END:VCALENDAR
"""


def test_a_calendar_says_who_is_on_call(hand: Hand, boss: Actor, clock: ManualClock) -> None:
    """What recurs begins by the clock on the wall and is as long each time (RFC 5545, 3.8.5.3): the
    night in October that has an hour twice ends an hour early, and that is a gap.  Imported again,
    it takes the place of what it was; what was written in the page stays."""
    clock.at = datetime(2026, 10, 20, 12, tzinfo=UTC)
    hand.person("p1", "push:ok-1")
    hand.person("p2", "push:ok-2")
    rota = rotas.make(hand.staff, boss, "Natt")
    by_hand = Span(clock.at + HOUR, clock.at + 2 * HOUR)
    rotas.add_shift(hand.staff, boss, rota, "p2", [by_hand])
    data = CALENDAR.replace("\n", "\r\n").encode()
    assert rotas.take_calendar(hand.staff, boss, rota, data) == 5
    assert rotas.take_calendar(hand.staff, boss, rota, data) == 5
    with hand.staff.db.read() as conn:
        found = rotas.shifts(conn, rota, clock.at, clock.at + 30 * 24 * HOUR)
    assert [one.person for one in found] == ["p2", "p1", "p1", "p1", "p1", "p2"]
    hours = [(one.until - one.since) / HOUR for one in found]
    assert hours == [1, 10, 10, 10, 10, 10]
    assert found[1].since == datetime(2026, 10, 23, 19, tzinfo=UTC)
    assert found[3].since == datetime(2026, 10, 25, 20, tzinfo=UTC)
    early = datetime(2026, 10, 25, 5, tzinfo=UTC)  # 06:00
    assert next(rotas.gaps(found, early - HOUR, early + HOUR)) == Span(early, early + HOUR)
    empty = list(rotas.gaps(found, clock.at, clock.at + 24 * HOUR))
    assert [(one.since, one.until) for one in empty] == [
        (clock.at, clock.at + HOUR),
        (clock.at + 2 * HOUR, clock.at + 24 * HOUR),
    ]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (("p1@prov", "p9@prov"), rotas.Refused),
        (("FREQ=DAILY;COUNT=4", "FREQ=SECONDLY"), PlanRefused),
        (("BEGIN:VCALENDAR", "BEGIN:NOTHING"), UserError),
    ],
)
def test_a_calendar_that_cannot_be_honoured_changes_nothing(
    hand: Hand,
    boss: Actor,
    clock: ManualClock,
    change: tuple[str, str],
    wrong: type[Exception],
) -> None:
    """Somebody who is nobody here, a rule by the second, and what is no calendar."""
    clock.at = datetime(2026, 10, 20, 12, tzinfo=UTC)
    hand.person("p1", "push:ok-1")
    hand.person("p2", "push:ok-2")
    rota = rotas.make(hand.staff, boss, "Natt")
    whole = CALENDAR.replace("\n", "\r\n")
    rotas.take_calendar(hand.staff, boss, rota, whole.encode())
    with pytest.raises(wrong):
        rotas.take_calendar(hand.staff, boss, rota, whole.replace(*change).encode())
    with hand.staff.db.read() as conn:
        assert len(rotas.shifts(conn, rota, clock.at, clock.at + 30 * 24 * HOUR)) == 5


def test_a_rota_that_a_ladder_names_stays(hand: Hand, boss: Actor) -> None:
    """Taken away it would leave a step that reaches nobody."""
    hand.person("p2", "push:ok-2")
    rota = rotas.make(hand.staff, boss, "Natt")
    now = hand.clock.now()
    rotas.add_shift(hand.staff, boss, rota, "p2", [Span(now, now + HOUR)])
    ladder = save(hand, boss, draft(steps.OnCall(id=rota)))
    with pytest.raises(rotas.Refused) as caught:
        rotas.remove(hand.staff, boss, rota)
    assert caught.value.why is rotas.Wrong.IN_USE
    definitions.remove(hand.staff, boss, ladder)
    rotas.remove(hand.staff, boss, rota)
    with pytest.raises(rotas.Refused) as caught:
        rotas.add_shift(hand.staff, boss, rota, "p2", [Span(now, now + HOUR)])
    assert caught.value.why is rotas.Wrong.NOT_FOUND
    assert isinstance(caught.value, rotas.Refused)
