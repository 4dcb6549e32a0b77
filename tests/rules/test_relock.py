"""The rules `relock`, `lock_open` and `deviation`: what happens at a door that is not as it
should."""

from __future__ import annotations

import pytest

from gateway.commands import LockDoor
from gateway.events import (
    DOOR_OPEN,
    AlarmOutcome,
    AlarmResolved,
    CodesPaused,
    Data,
    DoorClosed,
    DoorOpened,
    GatewayStarted,
    LockJammed,
    LockLocked,
    LockOperationDeviated,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationRefused,
    LockOperationRequested,
    LockUnknown,
    LockUnlocked,
    PreviousRun,
    Refusal,
)
from tests.rules.conftest import BEGIN, Story, Tell

TWO = {"relock_s": {"front_door": 120}}


def shut(story: Story) -> list[str]:
    """When the bolt was ordered shut."""
    return story.said("relock.ordered")


def ask(story: Story, local: str, grant: str, action: str = "unlock") -> None:
    story.at(local, LockOperationRequested(grant=grant, action=action, reason="x"), "door", "p1")


def end(
    story: Story,
    local: str,
    grant: str,
    why: str | None,
    outcome: LockOperationOutcome | None = None,
) -> None:
    how = outcome or (LockOperationOutcome.DONE if why is None else LockOperationOutcome.FAILED)
    story.at(local, LockOperationEnded(grant=grant, outcome=how, why=why), "door", "p1")


def test_a_bolt_is_shut_after_its_time(tell: Tell) -> None:
    """Two minutes after the lock said open, and only then; the command can only shut."""
    story = tell(relock=TWO)
    story.at("22:00", LockUnlocked(), "door", "p1")
    story.until("22:01:59")
    assert shut(story) == []
    story.until("22:02")
    assert shut(story) == ["22:02:00 relock.ordered door"]
    assert story.commands == [LockDoor("door")]
    story.at("22:02:05", LockLocked(), "door")
    story.until("23:00")
    assert len(shut(story)) == 1


def test_a_bolt_that_was_opened_by_hand_is_shut_as_well(tell: Tell) -> None:
    """The lock knows nobody's name: its time counts all the same, from each opening anew."""
    story = tell(relock=TWO)
    story.at("22:00", LockUnlocked(), "door")
    story.at("22:01", LockLocked(), "door")
    story.at("22:01:30", LockUnlocked(), "door")
    story.until("22:03:29")
    assert shut(story) == []
    story.until("22:03:30")
    assert shut(story) == ["22:03:30 relock.ordered door"]
    assert story.commands == [LockDoor("door")]


def test_each_lock_has_a_time_and_a_door_of_its_own(tell: Tell) -> None:
    """When one is due, the other keeps the time that it has left; and a door that stands open is
    left alone whatever becomes of the other's bolt."""
    settings = {"relock_s": {"front_door": 120, "back_door": 300}, "contacts": {"back_door": "c"}}
    story = tell("door", "back", relock=settings)
    first = story.at("22:00", LockUnlocked(), "door", "p1")
    story.at("22:00:30", LockUnlocked(), "back", "p1")
    story.until("22:02")
    assert shut(story) == ["22:02:00 relock.ordered door"]
    (ordered,) = story.decided("relock.ordered")
    assert ordered.because is not None
    assert list(ordered.because.events) == [first.ref]
    story.at("22:02:05", LockLocked(), "door")
    story.until("22:05:30")
    assert shut(story)[1:] == ["22:05:30 relock.ordered back"]
    story.at("22:05:35", LockLocked(), "back")
    story.at("22:06", DoorOpened(), "c")
    story.at("22:07", LockUnlocked(), "back", "p1")
    story.at("22:20", LockUnlocked(), "door", "p1")
    story.until("22:22")
    assert shut(story)[2:] == ["22:22:00 relock.ordered door"]
    assert story.commands == [LockDoor("door"), LockDoor("back", "c"), LockDoor("door")]


def test_a_request_that_was_recorded_too_late_leaves_the_bolt_its_time(tell: Tell) -> None:
    """The door was not opened, and the next time that it is, it is shut again; it is one failure,
    not two."""
    story = tell(relock=TWO, deviation={"failures": 2})
    ask(story, "21:00", "g1")
    refused = LockOperationRefused(grant="g1", why=Refusal.NOT_RECORDED)
    story.at("21:00:02", refused, "door", "p1")
    end(story, "21:00:02", "g1", "not_recorded")
    assert story.said("unlock.deviated") == []
    story.at("22:00", LockUnlocked(), "door", "p1")
    story.until("22:02")
    assert shut(story) == ["22:02:00 relock.ordered door"]


def test_a_role_without_a_time_is_never_shut(tell: Tell) -> None:
    """Nothing is guessed about a lock that the configuration does not name, or no longer."""
    story = tell(relock={"relock_s": {"garage": 10}})
    story.at("22:00", LockUnlocked(), "door", "p1")
    story.at("22:00", LockUnlocked(), "taken_away", "p1")
    story.until("23:00")
    assert shut(story) == []


def test_never_while_somebody_turns(tell: Tell) -> None:
    """A caregiver who opens again just then is not locked out in the middle of it."""
    story = tell(relock=TWO)
    story.at("22:00", LockUnlocked(), "door", "p1")
    ask(story, "22:01:58", "g2")
    story.until("22:02:30")
    assert shut(story) == []
    story.at("22:02:40", LockUnlocked(), "door", "p1")
    end(story, "22:02:41", "g2", None)
    story.until("22:04:39")
    assert shut(story) == []
    story.until("22:04:40")
    assert shut(story) == ["22:04:40 relock.ordered door"]


def test_it_survives_a_restart(tell: Tell) -> None:
    """The time began before; what came due while the gateway was off is ordered after the start,
    and being asked anew is no new opening."""
    story = tell(relock=TWO)
    story.at("22:00", LockUnlocked(), "door", "p1")
    story.at("22:30", GatewayStarted(version="1", config_sha256="", previous=PreviousRun.CUT))
    story.at("22:30:01", LockUnlocked(), "door")
    story.until("22:30:02")
    assert shut(story) == ["22:30:00 relock.ordered door"]


def test_a_lock_that_does_not_obey_is_told_three_times(tell: Tell) -> None:
    """Then it needs a person; and a jammed lock is not told again at all."""
    story = tell(relock=TWO)
    story.at("22:00", LockUnlocked(), "door", "p1")
    story.until("22:03")
    story.at("22:03", LockUnlocked(), "door")
    story.until("23:30")
    assert len(shut(story)) == 3
    again = tell(relock=TWO)
    again.at("22:00", LockUnlocked(), "door", "p1")
    again.at("22:01", LockJammed(), "door")
    again.until("23:00")
    assert shut(again) == []


def test_a_door_that_stands_open_is_left_alone(tell: Tell) -> None:
    """A bolt shot beside its frame breaks the frame: it is shut when the contact says closed."""
    story = tell(relock=TWO | {"contacts": {"front_door": "contact"}})
    story.at("22:00", LockUnlocked(), "door", "p1")
    story.at("22:01", DoorOpened(), "contact")
    story.until("22:20")
    assert shut(story) == []
    story.at("22:20", DoorClosed(), "contact")
    story.until("22:20:01")
    assert shut(story) == ["22:20:00 relock.ordered door"]


def test_an_order_that_a_door_took_back_is_no_try(tell: Tell) -> None:
    """However often the door was opened just then: when it is closed for good, the bolt is shut,
    and a lock that does not obey is told three times as ever."""
    story = tell(relock=TWO | {"contacts": {"front_door": "contact"}})
    story.at("22:00", LockUnlocked(), "door", "p1")
    for minute in (2, 5, 8, 11):
        story.until(f"22:{minute:02}")
        assert len(shut(story)) == (minute + 1) // 3
        story.at(
            f"22:{minute:02}",
            LockOperationRequested(grant="r", action="lock", reason="relock"),
            "door",
        )
        story.at(f"22:{minute:02}:10", DoorOpened(), "contact")
        end(story, f"22:{minute:02}:11", "r", DOOR_OPEN)
        story.at(f"22:{minute + 3:02}", DoorClosed(), "contact")
    story.until("23:30")
    assert len(shut(story)) == 4 + 3
    assert story.commands == [LockDoor("door", "contact")] * 7


def test_what_a_lock_did_not_obey_counts_on(tell: Tell) -> None:
    """Twice it did not, and the third order was taken back by the door: one is left.  An order that
    was taken back of a bolt that somebody shut meanwhile says nothing."""
    story = tell(relock=TWO | {"contacts": {"front_door": "contact"}})
    story.at("22:00", LockUnlocked(), "door", "p1")
    for minute in (2, 4):
        story.until(f"22:0{minute}")
        ask(story, f"22:0{minute}", f"r{minute}", action="lock")
        end(story, f"22:0{minute}:20", f"r{minute}", "no_answer")
    story.until("22:06")
    assert len(shut(story)) == 3
    ask(story, "22:06", "r", action="lock")
    story.at("22:06:10", DoorOpened(), "contact")
    end(story, "22:06:11", "r", DOOR_OPEN)
    story.at("22:10", DoorClosed(), "contact")
    story.until("23:00")
    assert len(shut(story)) == 4
    story.at("23:00", LockLocked(), "door")
    ask(story, "23:01", "r2", action="lock")
    end(story, "23:01:11", "r2", DOOR_OPEN)
    story.until("23:30")
    assert len(shut(story)) == 4


def test_open_too_long_at_night_is_an_alarm_until_the_lock_says_locked(tell: Tell) -> None:
    """Counted from the window's begin; a bolt that becomes unknown is not shut."""
    story = tell(lock_open={"minutes": 15})
    story.at("21:10", LockUnlocked(), "door")
    story.until("22:14")
    assert story.decided("alarm.raised") == []
    story.until("22:15")
    (raised,) = story.decided("alarm.raised")
    assert (raised.data.type, raised.data.severity) == ("lock_open", "care")
    story.at("22:20", LockUnknown(), "door")
    assert story.decided("alarm.cancelled") == []
    story.at("22:30", LockLocked(), "door")
    assert len(story.decided("alarm.cancelled")) == 1


def test_open_alarm_is_off_until_it_is_set_and_is_told_once(tell: Tell) -> None:
    """Many live with an unlocked door; and a person who resolved it knows."""
    silent = tell()
    silent.at("22:00", LockUnlocked(), "door")
    silent.until("05:00")
    assert [e for e in silent.decided("alarm.raised") if e.data.type == "lock_open"] == []
    story = tell(lock_open={"minutes": 15})
    story.at("22:00", LockUnlocked(), "door")
    story.until("22:16")
    (raised,) = story.decided("alarm.raised")
    story.staff("22:20", AlarmResolved(alarm=raised.ref, outcome=AlarmOutcome.NO_NEED), "p1")
    story.until("05:00")
    assert len(story.decided("alarm.raised")) == 1


def test_a_window_that_is_too_short_is_no_reason(tell: Tell) -> None:
    """Ten minutes are never fifteen; an all-day window always is."""
    story = tell(lock_open={"minutes": 15, "windows": ["22:00-22:10"]})
    story.at("21:30", LockUnlocked(), "door")
    story.until("05:00")
    assert story.decided("alarm.raised") == []
    whole = tell(lock_open={"minutes": 15, "windows": ["00:00-00:00"]})
    whole.at("21:30", LockUnlocked(), "door")
    whole.until("21:45")
    assert len(whole.decided("alarm.raised")) == 1


@pytest.mark.parametrize("why", ["asleep", "no_answer"])
def test_a_deadline_is_a_deviation_at_once(tell: Tell, why: str) -> None:
    """The lock never woke, or never answered."""
    story = tell()
    ask(story, "22:00", "g1")
    end(story, "22:02", "g1", why, LockOperationOutcome.UNKNOWN)
    assert story.said("unlock.deviated") == ["22:02:00 unlock.deviated door g1 deadline"]
    assert story.decided("unlock.deviated")[0].person == "p1"


def test_three_failures_are_a_deviation_and_success_forgets(tell: Tell) -> None:
    """Refusals count as well; a turn that worked begins the count anew, and locking is none."""
    story = tell()
    for n, why in enumerate(("unreachable", "jammed")):
        ask(story, f"22:0{n}", f"g{n}")
        end(story, f"22:0{n}:30", f"g{n}", why)
    ask(story, "22:02", "ok")
    end(story, "22:02:05", "ok", None)
    for n in (3, 4):
        ask(story, f"22:0{n}", f"g{n}")
        end(story, f"22:0{n}:30", f"g{n}", "unreachable")
    ask(story, "22:05", "lock", action="lock")
    end(story, "22:05:30", "lock", "jammed")
    assert story.decided("unlock.deviated") == []
    refused: Data = LockOperationRefused(grant="g6", why=Refusal.BUSY)
    story.at("22:06", refused, "door", "p1")
    (said,) = story.decided("unlock.deviated")
    assert isinstance(said.data, LockOperationDeviated)
    assert said.data.why == "three_failures"
    assert said.because is not None
    assert len(said.because.events) == 3


def test_a_right_that_ended_is_no_failure_of_the_door(tell: Tell) -> None:
    """Revoked while waking says nothing about the lock."""
    story = tell()
    for n in range(4):
        ask(story, f"22:0{n}", f"g{n}")
        end(story, f"22:0{n}:30", f"g{n}", "revoked")
    assert story.decided("unlock.deviated") == []


def test_a_paused_entry_is_told_to_the_staff(tell: Tell) -> None:
    """Technically: an open alarm for care would let more people in."""
    story = tell()
    story.at("22:00", CodesPaused(tries=5, until=BEGIN))
    (raised,) = story.decided("alarm.raised")
    assert (raised.data.type, raised.data.severity) == ("code_guessing", "technical")
