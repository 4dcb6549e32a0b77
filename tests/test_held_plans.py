"""Changes of plan while the real ringer rings and the real view remembers: each slot once, by the
plan that held then; what a change took away is withdrawn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from gateway.clock import ManualClock
from gateway.envelope import GENESIS, Draft, Event, seal
from gateway.events import (
    CheckDue,
    CheckPlanned,
    CheckWithdrawn,
    Data,
    Night,
    PlanHeld,
    PlanTerms,
)
from gateway.schedule import Plan, zone
from gateway.services.slot_ringer import SlotRinger
from gateway.state import held_plans
from gateway.state.home_view import HomeView

SWEDEN = "Europe/Stockholm"
EVENING = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
TERMS = PlanTerms(times=("23:00", "02:30"), nights=Night.offered())


class Gateway:
    """A ringer and a view over one log in memory, which is all that outlasts a restart."""

    def __init__(self, clock: ManualClock, *file: time) -> None:
        self.clock = clock
        self.file = {"night": Plan(name="night", times=file)} if file else {}
        self.log: list[Event] = []
        self.start(None)

    def start(self, since: datetime | None) -> None:
        """The gateway starts: the view is folded from the log."""
        self.view = HomeView()
        for event in self.log:
            self.view.apply(event)
        self.ringer = SlotRinger(
            slots=lambda start, end: held_plans.slots(
                self.file, self.view.plans, SWEDEN, start, end
            ),
            clock=self.clock,
            submit=self.submit,
            known=lambda: self.view.known_checks(),  # noqa: PLW0108 - the view of then
            sure=lambda: True,
            report_by=lambda slot: slot + timedelta(minutes=10),
        )
        self.ringer.start(since)

    def submit(self, data: Data) -> None:
        event, _, _ = seal(
            Draft(data), origin="home:h1", seq=len(self.log) + 1, at=self.clock.now(),
            clock="synced", boot="b", mono_s=0.0, previous=GENESIS,
        )  # fmt: skip
        self.log.append(event)
        self.view.apply(event)
        self.ringer.see(event)

    def hold(self, number: int, terms: PlanTerms) -> None:
        """The rule `plan` says that this one holds."""
        self.submit(PlanHeld(number=number, terms=terms, looks_agreed=False))

    def until(self, local: str, step_min: int = 1) -> None:
        """Minute by minute."""
        end = datetime.fromisoformat(local).replace(tzinfo=zone(SWEDEN))
        while self.clock.now() < end:
            self.clock.advance(60 * step_min)
            self.ringer.ring_and_plan()

    def told(self, kind: type[Data]) -> list[str]:
        """The local times of the checks of this kind, by their name."""
        found = []
        for event in self.log:
            if isinstance(event.data, kind):
                name: str = event.data.check  # type: ignore[attr-defined]
                at = datetime.fromisoformat(name.partition("@")[2])
                found.append(f"{at.astimezone(zone(SWEDEN)):%d %H:%M}")
        return found


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A home whose file says 22:00 and 02:30."""
    made = Gateway(ManualClock(EVENING), time(22), time(2, 30))
    yield made
    made.ringer.stop()
    await asyncio.sleep(0)


async def test_the_servers_plan_takes_the_place_of_the_file_from_the_next_slot(
    gateway: Gateway,
) -> None:
    """At 22:30 a plan of 23:00 and 02:30 comes: 22:00 was rung, 23:00 rings, 02:30 is one check;
    22:00 of the next night is withdrawn, and the file's plan does not come back."""
    gateway.until("2026-11-23T22:30")
    gateway.hold(1, TERMS)
    gateway.until("2026-11-25T12:00")
    assert gateway.told(CheckDue) == ["23 22:00", "23 23:00", "24 02:30", "24 23:00", "25 02:30"]
    assert gateway.told(CheckWithdrawn) == ["24 22:00"]
    assert sorted(set(gateway.told(CheckPlanned))) == sorted(
        {*gateway.told(CheckDue), *gateway.told(CheckWithdrawn), "25 23:00", "26 02:30", "26 23:00"}
    )


async def test_a_check_whose_minute_changes_is_planned_anew_and_rung_once(
    gateway: Gateway,
) -> None:
    """Moved before its time: at the new minute.  Moved after it was rung: not again, also when the
    gateway was started anew between the two."""
    gateway.hold(1, TERMS)
    gateway.hold(2, replace(TERMS, tolerance_min=10, offset_min=7))
    gateway.until("2026-11-23T23:06")
    assert gateway.told(CheckDue) == []
    gateway.until("2026-11-23T23:08")
    gateway.hold(3, replace(TERMS, tolerance_min=10, offset_min=10))
    gateway.ringer.stop()
    gateway.start(gateway.clock.now())
    gateway.until("2026-11-24T03:00")
    assert gateway.told(CheckDue) == ["23 23:00", "24 02:30"]
    slots = [event.data.slot for event in gateway.log if isinstance(event.data, CheckDue)]
    assert [slot.minute for slot in slots] == [7, 40]


async def test_what_was_due_before_a_change_is_rung_by_the_plan_of_then(gateway: Gateway) -> None:
    """The gateway was off at 23:00; the plan that it is told of at its start has no 23:00, and the
    slot is rung all the same, once."""
    gateway.hold(1, TERMS)
    gateway.until("2026-11-23T22:59")
    gateway.ringer.stop()
    off = gateway.clock.now()
    gateway.clock.advance(45 * 60)
    gateway.start(off)
    gateway.hold(2, replace(TERMS, times=("05:00",)))
    gateway.ringer.stop()
    gateway.start(off)
    gateway.until("2026-11-24T06:00")
    names = gateway.told(CheckDue)
    assert names == ["23 23:00", "24 05:00"]
    assert "24 02:30" in gateway.told(CheckWithdrawn)


async def test_the_same_said_again_changes_nothing(gateway: Gateway) -> None:
    """At a start, and every third day: nothing is planned or withdrawn by it."""
    gateway.hold(1, TERMS)
    gateway.until("2026-11-24T12:00")
    before = len(gateway.log)
    gateway.hold(1, TERMS)
    assert [event.kind for event in gateway.log[before:]] == ["plan.held"]
    assert len(gateway.view.plans) == 1


async def test_a_plan_back_and_forth_plans_a_slot_as_often_as_it_withdrew_it(
    gateway: Gateway,
) -> None:
    """However often it changes before its time, it is there in the end, and is rung once."""
    for number in range(6):
        gateway.hold(number + 1, TERMS if number % 2 else replace(TERMS, times=("04:00",)))
    gateway.until("2026-11-24T12:00")
    assert gateway.told(CheckDue) == ["23 23:00", "24 02:30"]
    planned, withdrawn = gateway.told(CheckPlanned), gateway.told(CheckWithdrawn)
    assert planned.count("23 23:00") == withdrawn.count("23 23:00") + 1


@pytest.mark.parametrize(
    ("day", "rung"), [("2026-03-28", ["29 03:00"]), ("2026-10-24", ["25 02:30"])],
    ids=["March", "October"],
)  # fmt: skip
async def test_a_change_on_a_daylight_saving_night_rings_each_slot_once(
    day: str, rung: list[str]
) -> None:
    """The file's half past two, and the server's plan of the same at any minute of that hour."""
    for minute in range(0, 60, 7):
        clock = ManualClock(datetime.fromisoformat(f"{day}T20:00+00:00"))
        gateway = Gateway(clock, time(2, 30))
        gateway.until(f"{day[:8]}{int(day[8:]) + 1}T01:{minute:02d}")
        gateway.hold(1, replace(TERMS, times=("02:30",)))
        gateway.until(f"{day[:8]}{int(day[8:]) + 1}T12:00", step_min=5)
        gateway.ringer.stop()
        assert gateway.told(CheckDue) == rung, minute
    await asyncio.sleep(0)


async def test_terms_of_another_version_leave_the_plan_before_in_force(gateway: Gateway) -> None:
    """What this version could not follow rings nothing, and silences nothing."""
    gateway.hold(1, TERMS)
    gateway.hold(2, replace(TERMS, times=("25:00",)))
    gateway.until("2026-11-24T12:00")
    assert gateway.told(CheckDue) == ["23 23:00", "24 02:30"]
