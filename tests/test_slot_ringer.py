"""The slot ringer: each slot planned once and rung once, whatever the clock does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from gateway.clock import Clock, FileClock, ManualClock
from gateway.events import CheckDue, CheckPlanned, Data
from gateway.schedule import Plan, Slot, merged
from gateway.services import slot_ringer
from gateway.services.slot_ringer import BACK, SlotRinger

EVENING = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


class Book:
    """What the ringer submitted, and which slots the log knows."""

    def __init__(self) -> None:
        self.known: dict[str, datetime | None] = {}
        self.all: list[Data] = []

    def submit(self, data: Data) -> None:
        self.all.append(data)

    @property
    def due(self) -> list[datetime]:
        return [data.slot for data in self.all if isinstance(data, CheckDue)]

    @property
    def planned(self) -> list[datetime]:
        return [data.slot for data in self.all if isinstance(data, CheckPlanned)]


def make(clock: Clock, book: Book, *times: time, tz: str = "UTC") -> SlotRinger:
    plans = {"night": Plan(name="night", times=times)}
    return SlotRinger(
        slots=lambda start, end: merged(plans, tz, start, end),
        clock=clock,
        submit=book.submit,
        known=lambda: book.known,
        report_by=lambda slot: slot + timedelta(minutes=10),
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(EVENING)


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
async def ringers() -> AsyncIterator[list[SlotRinger]]:
    made: list[SlotRinger] = []
    yield made
    for ringer in made:
        ringer.stop()
    await asyncio.sleep(0)  # the schedulers end in the loop


async def test_a_slot_is_told_before_and_rung_when_its_time_comes(
    clock: ManualClock, book: Book, ringers: list[SlotRinger]
) -> None:
    """Planned once with its deadline, rung once at its time, not before, not again."""
    ringer = make(clock, book, time(23, 0))
    ringers.append(ringer)
    ringer.start(None)
    slot = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)
    assert book.planned == [slot, slot + timedelta(days=1)]
    first = book.all[0]
    assert isinstance(first, CheckPlanned)
    assert (first.check, first.report_by) == ("night@2026-11-23T23:00Z", slot.replace(minute=10))
    clock.advance(5 * 3600 - 1)
    ringer.ring_and_plan()
    assert book.due == []
    clock.advance(1)
    ringer.ring_and_plan()
    ringer.ring_and_plan()
    assert book.due == [slot]
    assert next(check for check, _ in ringer.next_slots()) == "night@2026-11-24T23:00Z"


async def test_what_the_log_knows_is_not_told_again(
    clock: ManualClock, book: Book, ringers: list[SlotRinger]
) -> None:
    """After a restart the slots that were told are not told again."""
    book.known["night@2026-11-23T23:00Z"] = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)
    ringer = make(clock, book, time(23, 0))
    ringers.append(ringer)
    ringer.start(None)
    assert book.planned == [datetime(2026, 11, 24, 23, 0, tzinfo=UTC)]


async def test_slots_that_passed_while_the_home_was_off_are_rung_at_the_start(
    clock: ManualClock, book: Book, ringers: list[SlotRinger]
) -> None:
    """Nothing passes in silence: each slot since the last run is rung, at most two days back."""
    ringer = make(clock, book, time(2, 0), time(17, 0))
    ringers.append(ringer)
    ringer.start(EVENING - timedelta(hours=17))
    assert book.due == [EVENING.replace(hour=2), EVENING.replace(hour=17)]
    older = Book()
    other = make(clock, older, time(2, 0), time(17, 0))
    ringers.append(other)
    other.start(EVENING - timedelta(days=400))
    assert len(older.due) == 4
    assert min(older.due) >= EVENING - BACK


async def test_a_clock_that_jumps_ahead_rings_what_it_jumped_over(
    clock: ManualClock, book: Book, ringers: list[SlotRinger]
) -> None:
    """NTP sets the clock a night ahead: the slots between are rung at once."""
    ringer = make(clock, book, time(23, 0), time(2, 0))
    ringers.append(ringer)
    ringer.start(None)
    clock.step(10 * 3600)
    ringer.rearm()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [slot.hour for slot in book.due] == [23, 2]


async def test_a_slot_rung_by_a_wrong_clock_rings_again_at_its_time(
    clock: ManualClock, book: Book, ringers: list[SlotRinger]
) -> None:
    """The clock ran ahead and is set back before the slot: it rings when its time really comes."""
    ringer = make(clock, book, time(23, 0))
    ringers.append(ringer)
    ringer.start(None)
    clock.step(6 * 3600)
    ringer.ring_and_plan()
    clock.step(-6 * 3600)
    ringer.ring_and_plan()
    assert len(book.due) == 1
    clock.advance(5 * 3600)
    ringer.ring_and_plan()
    assert len(book.due) == 2
    assert book.due[0] == book.due[1]


@pytest.mark.parametrize(
    ("day", "slot"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
    ids=["March: 02:30 does not exist", "October: 02:30 is there twice"],
)
async def test_half_past_two_rings_once_on_both_daylight_saving_nights(
    ringers: list[SlotRinger], book: Book, day: datetime, slot: datetime
) -> None:
    """Minute by minute through the night in Stockholm: exactly one ring, at the right moment."""
    clock = ManualClock(day)
    ringer = make(clock, book, time(2, 30), tz="Europe/Stockholm")
    ringers.append(ringer)
    ringer.start(None)
    for _ in range(24 * 60):
        clock.advance(60)
        ringer.ring_and_plan()
    assert book.due == [slot]


async def test_a_pause_of_the_clock_rings_nothing_and_a_fast_one_rings_by_itself(
    tmp_path: Path, book: Book, ringers: list[SlotRinger]
) -> None:
    """On the demo's clock the real scheduler rings: not while time stands, soon when it flies."""
    clock = FileClock.create(tmp_path / "clock", EVENING, 0.0)
    ringer = make(clock, book, time(18, 30))
    ringers.append(ringer)
    ringer.start(None)
    assert book.due == []
    clock.set(rate=36_000.0)
    ringer.rearm()
    async with asyncio.timeout(60):
        while not book.due:
            await asyncio.sleep(0.01)
    assert book.due[0] == EVENING.replace(minute=30)
    assert clock.now() >= book.due[0]


async def test_what_breaks_at_one_ring_does_not_silence_the_next(
    tmp_path: Path, book: Book, ringers: list[SlotRinger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a plan of another version makes of it: it is looked again, by itself."""
    monkeypatch.setattr(slot_ringer, "LOOK_S", 0.02)
    clock = FileClock.create(tmp_path / "clock", EVENING, 1.0)
    ringer = make(clock, book, time(23, 0))
    ringers.append(ringer)
    ringer.start(None)
    good, broke = ringer._slots, [0]

    def breaks(start: datetime, end: datetime) -> list[Slot]:
        broke[0] += 1
        raise KeyError("a plan")

    ringer._slots = breaks
    async with asyncio.timeout(60):
        while broke[0] < 2:
            await asyncio.sleep(0.01)
        ringer._slots = good
        clock.set(at=EVENING + timedelta(hours=5))
        while not book.due:
            await asyncio.sleep(0.01)


async def test_a_home_without_plans_is_silent(clock: ManualClock, book: Book) -> None:
    """No plan, no ring, and nothing that breaks."""
    ringer = SlotRinger(
        slots=lambda _start, _end: [],
        clock=clock,
        submit=book.submit,
        known=dict,
        report_by=lambda slot: slot,
    )
    ringer.start(EVENING - timedelta(days=1))
    ringer.rearm()
    await asyncio.sleep(0)
    ringer.stop()
    ringer.stop()
    assert book.all == []
    assert ringer.next_slots() == ()
