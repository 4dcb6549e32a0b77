"""Rings the night plan: says which slots lie ahead (`check.planned`), and rings each (`check.due`).

Which slots there are it is told (`gateway.state.held_plans`); APScheduler only wakes us, once at a
time, with a one-shot `DateTrigger` (its CronTrigger rings 02:30 twice in October).  Whatever wakes
us, a change of the plan too, we do the same: ring what came due since the last time, plan what lies
ahead and take back what does so no longer (`check.withdrawn`), set the next alarm.  So an alarm
that comes too early, too late or twice does no harm.

A slot that a clock running ahead rang minutes or hours too early was no look at that time: it is
planned once more, under a name of its own (`…~2`), as soon as the clock is right, and rung when its
time comes.  What says so is the log, so a restart changes nothing of it.  A clock that is behind
makes a slot that was rung in time look the same; as long as the clock is not sure, and did not go
back in this run, nothing is planned for it.

A clock that shows a time before this program was made, or days before what the log knows, is none:
until it is set, or known to be right, nothing is planned and nothing rung.  The server knows the
slots of a day and a half from before and misses them by itself.  It may be the log that is wrong,
written by a clock ahead, in a home that nobody tells the time: after `UNSURE_S` the clock counts.

Not for: what a check means, or whether a slot was done already (the rule `night_check` drops
twins).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from gateway.clock import MADE, Clock
from gateway.envelope import Event
from gateway.events import CheckDue, CheckPlanned, CheckWithdrawn, Data, PlanHeld
from gateway.schedule import Slot
from gateway.state.home_view import KnownCheck

log = logging.getLogger(__name__)

AHEAD = timedelta(hours=36)
"""How far ahead slots are told: a whole night more than the next, so that the server knows them
even when the home falls silent for a day."""

BACK = timedelta(hours=48)
"""How far back a start, or a clock that jumped ahead, looks for slots that nobody rang."""

LOOK_S = 300.0
"""Real seconds between two looks at the plan at the most: were a jump of the clock ever overlooked,
a check would be at most this late.  It costs nothing."""

UNSURE_S = 3600.0
"""Seconds for which a log that is days ahead of a clock is believed: whoever can tell the home the
time has done so by then, and a home that nobody tells it must not be without checks for ever."""

EARLY = timedelta(minutes=5)
"""How much before its slot a check still means it: as old as a reading of a mat may be, which
answers one (`night_check`)."""

AGAIN = "~"
"""Stands between a check's name and the number of its ring; no plan has it in its name."""

_MOMENT = timedelta(microseconds=1)

EARLY_S = 0.01
"""Real seconds added to each alarm, so that it does not come a rounding before its slot."""


class SlotRinger:
    """`slots(start, end)` are those that hold now; `submit(data)` is called in the event loop;
    `known()` are the checks that the log knows, by name; `report_by` gives a slot's (see
    `check.planned`); `sure()` says whether the clock is right."""

    def __init__(
        self,
        *,
        slots: Callable[[datetime, datetime], list[Slot]],
        clock: Clock,
        submit: Callable[[Data], None],
        known: Callable[[], Mapping[str, KnownCheck]],
        report_by: Callable[[datetime], datetime],
        sure: Callable[[], bool],
    ) -> None:
        self._slots = slots
        self._clock = clock
        self._submit = submit
        self._known = known
        self._report_by = report_by
        self._sure = sure
        self._went_back = False
        self._since: datetime | None = None
        self._started_s = clock.mono_s()
        self._begun = False
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None})
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rung_to = clock.now()
        self._rung: dict[str, datetime] = {}
        self._planned: dict[str, datetime] = {}
        self._withdrawn: set[str] = set()
        self._next: tuple[Slot, ...] = ()

    def start(self, since: datetime | None) -> None:
        """Begin to ring (call inside the event loop).

        Slots since `since` (aware UTC: when the home last ran; None: it never did) are rung at
        once, at most `BACK` of them; those that were done, the rule drops.
        """
        self._loop = asyncio.get_running_loop()
        self._since, self._started_s, self._begun = since, self._clock.mono_s(), False
        known = self._known().items()
        self._planned = {check: one.slot for check, one in known if not one.rung}
        self._scheduler.start()
        self.ring_and_plan()

    def see(self, event: Event) -> None:
        """Another plan may hold now; shown every live event."""
        if isinstance(event.data, PlanHeld) and self._loop is not None:
            self.ring_and_plan()

    def rearm(self) -> None:
        """The clock jumped or changed its pace: look at the plan now.  Any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.ring_and_plan)

    def next_slots(self) -> tuple[tuple[str, datetime], ...]:
        """The slots ahead (check name, UTC), soonest first.  Any thread."""
        now = self._clock.now()
        return tuple((slot.check, slot.at) for slot in self._next if slot.at > now)

    def stop(self) -> None:
        """Ring no more."""
        self._loop = None
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def ring_and_plan(self) -> None:
        """Ring what came due, plan what lies ahead, set the next alarm (in the event loop)."""
        now = self._clock.now()
        if not self._begun and not self._begin(now):
            log.warning("the clock shows no time, no check is planned")
            self._arm(now)
            return
        self._ring(now)
        self._next = tuple(self._slots(now, now + AHEAD))
        self._withdraw(now)
        known = self._known()
        for slot in self._next:
            if slot.check in self._planned or slot.check in self._rung:
                continue
            self._planned[slot.check] = slot.at
            if slot.check not in known or slot.check in self._withdrawn:
                self._withdrawn.discard(slot.check)
                self._submit(
                    CheckPlanned(check=slot.check, slot=slot.at, report_by=self._report_by(slot.at))
                )
        self._plan_again(now)
        self._arm(now)

    def _begin(self, now: datetime) -> bool:
        """Whether the clock is one; from then on it is followed wherever it goes."""
        since = self._since
        is_behind = since is not None and now < since - BACK
        waited = self._clock.mono_s() - self._started_s >= UNSURE_S
        if not self._sure() and (now < MADE or (is_behind and not waited)):
            return False
        self._begun = True
        self._rung_to = now if since is None else max(min(since, now), now - BACK)
        return True

    def _plan_again(self, now: datetime) -> None:
        """What was rung much too early comes once more, if the plan still has it."""
        if not (self._went_back or self._sure()):
            return
        ahead, known = {slot.check: slot.at for slot in self._next}, self._known()
        for check, one in known.items():
            at = ahead.get(_slot_of(check))
            if at is None or not one.rung or one.slot <= now + EARLY:
                continue
            again = _again(check)
            if again not in known and again not in self._planned:
                log.warning("a check was rung too early", extra={"check": check})
                self._planned[again] = at
                self._withdrawn.discard(again)
                self._submit(CheckPlanned(check=again, slot=at, report_by=self._report_by(at)))

    def _withdraw(self, now: datetime) -> None:
        """Take back what was told to lie ahead and does so no longer, or at another time."""
        ahead = {slot.check: slot.at for slot in self._next}
        for check, at in list(self._planned.items()):
            if at < now - BACK:
                del self._planned[check]
            elif (
                now < at < now + AHEAD
                and ahead.get(_slot_of(check)) != at
                and check not in self._rung
            ):
                del self._planned[check]
                self._withdrawn.add(check)
                self._submit(CheckWithdrawn(check=check))

    def _ring(self, now: datetime) -> None:
        if now < self._rung_to:
            # the clock went back: what was rung long before its time comes again (`_plan_again`)
            self._went_back |= self._rung_to - now > EARLY
            self._rung = {check: at for check, at in self._rung.items() if at <= now}
            self._rung_to = now
        begin = max(self._rung_to, now - BACK)
        came = {slot.check: slot.at for slot in self._slots(begin, now + _MOMENT)}
        # what was told to lie ahead is rung also where the plan that said so is known no longer
        came |= {check: at for check, at in self._planned.items() if begin <= at <= now}
        known = self._known()
        for check, at in sorted(came.items(), key=lambda one: one[1]):
            if check not in self._rung:
                self._rung[check] = at
                if check in known and known[check].rung:
                    continue  # before the start, perhaps at another minute; or too early
                log.info("a check is due", extra={"check": check})
                self._submit(CheckDue(check=check, slot=at))
        self._rung_to = now
        old = now - 2 * BACK
        self._rung = {check: at for check, at in self._rung.items() if at > old}

    def _arm(self, now: datetime) -> None:
        if self._loop is None:
            return
        rate = self._clock.rate()
        wait_s = LOOK_S
        ahead = next((slot for slot in self._next if slot.at > now), None)
        if ahead is not None and rate > 0:
            wait_s = min(LOOK_S, (ahead.at - now).total_seconds() / rate + EARLY_S)
        self._scheduler.add_job(
            self._alarm,
            DateTrigger(datetime.now(UTC) + timedelta(seconds=wait_s), timezone=UTC),
            id="next",
            replace_existing=True,
        )

    async def _alarm(self) -> None:
        if self._loop is None:
            return
        self._arm(self._clock.now())  # first: whatever breaks now, it is looked again
        self.ring_and_plan()


def _slot_of(check: str) -> str:
    """The name that the plan has for it."""
    return check.partition(AGAIN)[0]


def _again(check: str) -> str:
    """`night@…` → `night@…~2` → `night@…~3`."""
    name, _, number = check.partition(AGAIN)
    return f"{name}{AGAIN}{int(number or 1) + 1}"
