"""The watch over a lock, with a clock that stands until it is moved."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from drivers.locks import watch as module
from drivers.locks.watch import Watch
from gateway.events import (
    BatteryLow,
    BatteryOk,
    LockAsleep,
    LockAwake,
    LockJammed,
    LockLocked,
    LockOperationOutcome,
    LockUnknown,
    LockUnlocked,
)
from gateway.ports import Bolt, LockResult, LockStatus

DAY_S = 86_400.0
SOON_S = 5.0
LOCKED = LockStatus(Bolt.LOCKED)


class Clock:
    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


@pytest.fixture
def watch(clock: Clock) -> Watch:
    """Of a lock that is awake and was found locked."""
    made = Watch(sleep_after_s=30.0, ask_every_s=DAY_S)
    made.heard(False)
    assert made.hearing(0.0) == [LockAwake()]
    assert made.ask_is_due()
    made.answered(LOCKED)
    assert made.news() == [LockLocked()]
    return made


def test_a_lock_is_given_time_to_be_heard(clock: Clock) -> None:
    """Not asleep before it could have been heard; never asked while it is not awake."""
    watch = Watch(sleep_after_s=30.0, ask_every_s=DAY_S)
    assert watch.hearing(float("inf")) == []
    clock.now_s += 31
    assert watch.hearing(float("inf")) == [LockAsleep()]
    assert watch.hearing(float("inf")) == []
    assert not watch.ask_is_due()
    assert watch.hearing(1.0) == [LockAwake()]
    assert watch.ask_is_due()


def test_asked_once_a_day(watch: Watch, clock: Clock) -> None:
    """A lock that stays as it is costs one connection a day."""
    clock.now_s += DAY_S - 1
    assert not watch.ask_is_due()
    clock.now_s += 2
    assert watch.ask_is_due()
    watch.answered(LOCKED)
    assert watch.news() == []
    assert not watch.ask_is_due()


def test_a_change_is_asked_for_at_once_and_told_once(watch: Watch) -> None:
    """The beacon's bit rises: ask; it falls: all is well."""
    assert watch.heard(True)
    assert watch.ask_is_due()
    watch.answered(LockStatus(Bolt.UNLOCKED))
    assert watch.news() == [LockUnlocked()]
    watch.heard(False)
    assert watch.news() == []
    assert not watch.ask_is_due()


def test_a_bit_that_is_never_cleared_costs_little(watch: Watch, clock: Clock) -> None:
    """Asked in growing pauses, once a minute at the most."""
    asked = 0
    for _ in range(int(DAY_S)):
        clock.now_s += 1
        watch.heard(True)
        if watch.ask_is_due():
            asked += 1
            watch.answered(LOCKED)
    assert 1400 < asked < 1450


def wait_for_question(watch: Watch, clock: Clock) -> float:
    """Seconds until the watch asks a lock whose bit stays set."""
    began_s = clock.now_s
    while not watch.ask_is_due():
        clock.now_s += 1
        watch.heard(True)
    return clock.now_s - began_s


def test_a_bit_that_stays_set_delays_no_jam_for_long(watch: Watch, clock: Clock) -> None:
    """It says nothing any more: a jam is found within a minute; what was found changed, or was
    turned by us, is looked at again soon."""
    for _ in range(20):
        wait_for_question(watch, clock)
        watch.answered(LOCKED)
    assert wait_for_question(watch, clock) <= module.STILL_MAX_S
    watch.answered(LockStatus(Bolt.UNLOCKED))
    assert wait_for_question(watch, clock) <= SOON_S
    watch.answered(LockStatus(Bolt.JAMMED))
    assert watch.news() == [LockJammed()]
    for _ in range(20):
        wait_for_question(watch, clock)
        watch.answered(LOCKED)
    watch.operated(LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED), LockStatus(Bolt.UNLOCKED))
    assert wait_for_question(watch, clock) <= SOON_S


def test_a_bolt_that_goes_out_of_range_in_mid_turn_is_unknown(watch: Watch, clock: Clock) -> None:
    """It was moving when it was last heard: nobody knows where it came to rest."""
    watch.heard(True)
    watch.answered(LockStatus(Bolt.MOVING))
    clock.now_s += 31
    assert watch.hearing(31.0) == [LockAsleep()]
    assert watch.news() == [LockUnknown()]
    assert watch.hearing(0.0) == [LockAwake()]
    assert watch.ask_is_due()
    watch.answered(LOCKED)
    assert watch.news() == [LockLocked()]


def test_silence_is_unknown_never_locked(watch: Watch, clock: Clock) -> None:
    """One question without answer may be the radio; after the second nobody knows.  Nothing says
    that it was turned: what it said last may still be shown, with its time."""
    clock.now_s += DAY_S
    watch.no_answer()
    assert watch.news() == []
    clock.now_s += module.AGAIN_S
    assert watch.ask_is_due()
    watch.no_answer()
    assert watch.news() == [LockUnknown(unanswered=True)]
    assert not watch.ask_is_due()
    clock.now_s += module.RECHECK_S
    assert watch.ask_is_due()
    watch.answered(LOCKED)
    assert watch.news() == [LockLocked()]


def test_a_lock_that_said_that_it_changed_and_does_not_answer_is_unknown(
    watch: Watch, clock: Clock
) -> None:
    """What it said last stands no more; also when the word comes while it is unanswered already."""
    for _ in range(2):
        watch.no_answer()
    assert watch.news() == [LockUnknown(unanswered=True)]
    watch.heard(True)
    watch.no_answer()
    assert watch.news() == [LockUnknown()]
    watch.no_answer()
    assert watch.news() == []


def test_a_turn_that_never_reached_the_lock_makes_no_doubt(watch: Watch) -> None:
    """Who turned it tells that it did not answer; a word that it changed makes it unknown."""
    watch.operated(LockResult(LockOperationOutcome.FAILED, Bolt.UNKNOWN, "asleep"), None)
    assert watch.news() == []
    watch.heard(True)
    for _ in range(2):
        watch.no_answer()
    assert watch.news() == [LockUnknown()]


def test_a_moving_bolt_is_asked_again_and_not_told(watch: Watch, clock: Clock) -> None:
    """Somebody turns it just now: told where it came to rest."""
    watch.heard(True)
    watch.answered(LockStatus(Bolt.MOVING))
    assert watch.news() == []
    clock.now_s += module.STANDS_S
    assert watch.ask_is_due()
    watch.answered(LockStatus(Bolt.JAMMED))
    assert watch.news() == [LockJammed()]


def test_turns_and_questions_of_others_are_theirs_to_tell(watch: Watch) -> None:
    """Their bolt is not told again, their battery is."""
    watch.operated(
        LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED), LockStatus(Bolt.UNLOCKED, 8, True)
    )
    assert watch.news() == [BatteryLow(level_pct=8)]
    watch.asked_elsewhere(LockStatus(Bolt.LOCKED, 90, False))
    assert watch.news() == [BatteryOk(level_pct=90)]
    watch.answered(LockStatus(Bolt.LOCKED, 90, False))
    assert watch.news() == []


@pytest.mark.parametrize("outcome", [LockOperationOutcome.UNKNOWN, LockOperationOutcome.FAILED])
def test_after_a_turn_that_left_the_bolt_unknown(
    watch: Watch, clock: Clock, outcome: LockOperationOutcome
) -> None:
    """The lock is asked as soon as it can be: unknown must not stay for a day."""
    watch.operated(LockResult(outcome, Bolt.UNKNOWN, "link_lost"), None)
    clock.now_s += module.DOUBT_S
    assert watch.hearing(100.0) == [LockAsleep()]
    assert not watch.ask_is_due()
    assert watch.hearing(0.0) == [LockAwake()]
    assert watch.ask_is_due()
    watch.answered(LOCKED)
    assert watch.news() == [LockLocked()]


def test_a_lock_that_tells_its_old_state_for_a_while(clock: Clock) -> None:
    """After a turn it is not asked until its answer can be believed, whatever it advertises."""
    watch = Watch(sleep_after_s=30.0, ask_every_s=DAY_S, stale_s=6.0)
    watch.heard(False)
    watch.hearing(0.0)
    watch.answered(LOCKED)
    watch.operated(LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED), None)
    assert watch.heard(True)
    assert not watch.ask_is_due()
    assert watch.due_in_s() == 6.0
    clock.now_s += 6.0
    assert watch.ask_is_due()
