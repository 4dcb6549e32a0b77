"""The slot ringer: each slot planned once and rung once, whatever the clock does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from gateway.clock import Clock, FileClock, ManualClock
from gateway.events import CheckDue, CheckPlanned, CheckWithdrawn, Data
from gateway.schedule import Plan, Slot, merged
from gateway.services import slot_ringer
from gateway.services.slot_ringer import BACK, EARLY, UNSURE_S, SlotRinger
from gateway.state.home_view import KnownCheck

EVENING = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


class Book:
    """What the ringer submitted, and which slots the log knows by that."""

    def __init__(self) -> None:
        self.known: dict[str, KnownCheck] = {}
        self.all: list[Data] = []
        self.sure = True

    def submit(self, data: Data) -> None:
        self.all.append(data)
        match data:
            case CheckPlanned(check=check, slot=slot):
                self.known.setdefault(check, KnownCheck(slot, rung=False))
            case CheckDue(check=check, slot=slot):
                self.known[check] = KnownCheck(slot, rung=True)
            case CheckWithdrawn(check=check):
                self.known.pop(check, None)

    @property
    def rung(self) -> list[str]:
        return [data.check for data in self.all if isinstance(data, CheckDue)]

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
        known=lambda: dict(book.known),
        report_by=lambda slot: slot + timedelta(minutes=10),
        sure=lambda: book.sure,
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
    slot = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)
    book.known["night@2026-11-23T23:00Z"] = KnownCheck(slot, rung=False)
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


NIGHT = "night@2026-11-23T23:00Z"


async def test_a_slot_rung_by_a_wrong_clock_rings_again_at_its_time(
    clock: ManualClock, book: Book, ringers: list[SlotRinger]
) -> None:
    """The clock ran ahead and is set back before the slot: it is planned and rung once more, by a
    name of its own, when its time really comes; as often as that happens, and never after."""
    ringer = make(clock, book, time(23, 0))
    ringers.append(ringer)
    ringer.start(None)
    for _ in range(2):
        clock.step(6 * 3600)
        ringer.ring_and_plan()
        clock.step(-6 * 3600)
        ringer.ring_and_plan()
    assert book.rung == [NIGHT, f"{NIGHT}~2"]
    clock.advance(5 * 3600 - 1)
    ringer.ring_and_plan()
    assert len(book.rung) == 2
    for _ in range(3):
        clock.advance(1)
        ringer.ring_and_plan()
    assert book.rung == [NIGHT, f"{NIGHT}~2", f"{NIGHT}~3"]
    assert len(set(book.due)) == 1
    assert [data for data in book.all if isinstance(data, CheckWithdrawn)] == []


@pytest.mark.parametrize("went", ["while it ran", "while it was off"])
async def test_a_restart_does_not_lose_what_was_rung_too_early(
    went: str, clock: ManualClock, book: Book, ringers: list[SlotRinger]
) -> None:
    """Whether the clock is set right before the gateway ends or after: the log says it."""
    ringer = make(clock, book, time(23, 0))
    ringers.append(ringer)
    ringer.start(None)
    clock.step(6 * 3600)
    ringer.ring_and_plan()
    if went == "while it ran":
        clock.step(-6 * 3600)
        ringer.ring_and_plan()
    last = clock.now()
    ringer.stop()
    if went == "while it was off":
        clock.step(-6 * 3600)
    for hours in (2, 3, 1):
        ringers.append(make(clock, book, time(23, 0)))
        ringers[-1].start(last)
        clock.advance(hours * 3600)
        ringers[-1].ring_and_plan()
        ringers[-1].stop()
    assert book.rung == [NIGHT, f"{NIGHT}~2"]


async def test_a_clock_that_is_behind_rings_nothing_twice(
    clock: ManualClock, book: Book, ringers: list[SlotRinger]
) -> None:
    """Rung in time; then the power goes, and the Pi boots with the time of two hours before.  Until
    its clock is right nothing is planned anew, and then there is nothing to plan."""
    ringer = make(clock, book, time(23, 0))
    ringers.append(ringer)
    ringer.start(None)
    clock.advance(5 * 3600 + 60)
    ringer.ring_and_plan()
    last = clock.now()
    ringer.stop()
    clock.step(-2 * 3600)
    book.sure = False
    ringers.append(make(clock, book, time(23, 0)))
    ringers[-1].start(last)
    clock.advance(60)
    ringers[-1].ring_and_plan()
    clock.step(2 * 3600)
    book.sure = True
    ringers[-1].ring_and_plan()
    assert book.rung == [NIGHT]


@pytest.mark.parametrize(
    "boot", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC)]
)
@pytest.mark.parametrize("first", [True, False])
async def test_a_boot_in_another_year_plans_and_rings_nothing(
    boot: datetime, first: bool, clock: ManualClock, book: Book, ringers: list[SlotRinger]
) -> None:
    """The server would miss nights of 1970, each an alarm.  Set right, the home goes on from where
    it was: what passed while it was off is rung, and nothing of before it ever ran."""
    ringer = make(clock, book, time(17, 0), time(23, 0))
    ringers.append(ringer)
    clock.at, book.sure = boot, False
    ringer.start(None if first else EVENING - timedelta(hours=2))
    clock.advance(24 * 3600)
    ringer.ring_and_plan()
    assert book.all == []
    assert ringer.next_slots() == ()
    clock.at = EVENING
    ringer.rearm()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert book.due == ([] if first else [EVENING.replace(hour=17)])
    assert min(book.planned) == EVENING.replace(hour=23)
    clock.advance(5 * 3600)
    ringer.ring_and_plan()
    assert book.due[-1] == EVENING.replace(hour=23)


async def test_a_clock_days_behind_what_the_log_knows_rings_when_it_is_known_to_be_right(
    clock: ManualClock, book: Book, ringers: list[SlotRinger]
) -> None:
    """It is the log that was written by a clock ahead."""
    ringer = make(clock, book, time(23, 0))
    ringers.append(ringer)
    book.sure = False
    ringer.start(EVENING + timedelta(days=3))
    assert book.all == []
    book.sure = True
    ringer.ring_and_plan()
    assert min(book.planned) == EVENING.replace(hour=23)


async def test_a_home_that_nobody_tells_the_time_is_not_without_checks_for_ever(
    clock: ManualClock, book: Book, ringers: list[SlotRinger]
) -> None:
    """Its log was written by a clock ahead, perhaps months ago: within the hour the clock of now
    counts, and the night's check comes."""
    ringer = make(clock, book, time(23, 0))
    ringers.append(ringer)
    book.sure = False
    ringer.start(EVENING + timedelta(days=300))
    clock.advance(UNSURE_S - 1)
    ringer.ring_and_plan()
    assert book.all == []
    clock.advance(1)
    ringer.ring_and_plan()
    assert min(book.planned) == EVENING.replace(hour=23)
    clock.advance(4 * 3600)
    ringer.ring_and_plan()
    assert book.due == [EVENING.replace(hour=23)]


async def test_a_clock_that_is_set_back_a_little_rings_nothing_twice(
    clock: ManualClock, book: Book, ringers: list[SlotRinger]
) -> None:
    """By seconds, or by as much as a check may come before its slot."""
    ringer = make(clock, book, time(23, 0))
    ringers.append(ringer)
    ringer.start(None)
    clock.advance(5 * 3600)
    ringer.ring_and_plan()
    for back_s in (1, EARLY.total_seconds()):
        clock.step(-back_s)
        ringer.ring_and_plan()
        clock.advance(back_s)
        ringer.ring_and_plan()
    assert book.rung == [NIGHT]


async def test_what_the_plan_has_no_more_is_not_planned_again(
    clock: ManualClock, book: Book, ringers: list[SlotRinger]
) -> None:
    """Rung too early, set back, and then the plan has another time: the second ring is withdrawn,
    once, and does not come back."""
    ringer = make(clock, book, time(23, 0))
    ringers.append(ringer)
    ringer.start(None)
    clock.step(6 * 3600)
    ringer.ring_and_plan()
    clock.step(-6 * 3600)
    ringer.ring_and_plan()
    other = make(clock, book, time(22, 0))
    ringer._slots = other._slots
    for _ in range(7 * 12):
        clock.advance(300)
        ringer.ring_and_plan()
    assert [slot.hour for slot in book.due] == [23, 22]
    withdrawn = [data.check for data in book.all if isinstance(data, CheckWithdrawn)]
    assert withdrawn.count(f"{NIGHT}~2") == 1


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
        sure=lambda: True,
    )
    ringer.start(EVENING - timedelta(days=1))
    ringer.rearm()
    await asyncio.sleep(0)
    ringer.stop()
    ringer.stop()
    assert book.all == []
    assert ringer.next_slots() == ()
