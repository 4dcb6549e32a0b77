"""A front door's contact that says "open" day and night: told once, and not rung about."""

from __future__ import annotations

from gateway.events import (
    AlarmOutcome,
    AlarmResolved,
    DeviceFailed,
    DoorClosed,
    DoorOpened,
    GatewayStarted,
    LockLocked,
    PreviousRun,
)
from tests.rules.conftest import Story, Tell


def told(story: Story, word: str) -> list[str]:
    return [words for words in story.said("alarm.raised") if word in words]


def day(story: Story, *, wrong: bool) -> None:
    """From 21:00: three times out and in, a minute each; with a wrong contact open in between."""
    for local in ("08:30", "14:00", "20:00"):
        first, second = (DoorClosed(), DoorOpened()) if wrong else (DoorOpened(), DoorClosed())
        story.at(f"{local}", first, "front")
        story.at(f"{local}:50", second, "front")
    story.until("21:00")


def test_a_contact_that_is_wrong_is_told_and_ends_the_ringing(tell: Tell) -> None:
    """Nobody is woken by it on the first evening: it stands in the list without haste, and is the
    technician's after twenty minutes, once; the later nights are quiet."""
    story = tell("front", "motion")
    story.at("21:55", DoorOpened(), "front")
    for _ in range(4):
        day(story, wrong=True)
    assert told(story, "contact") == ["22:15:00 alarm.raised front contact_reversed technical"]
    listed = told(story, "door_left_open")
    assert listed[0] == "22:10:00 alarm.raised front door_left_open routine"
    assert [words for words in listed if words.endswith("care")] == []
    assert len(listed) <= 2


def test_it_is_said_again_and_mended_it_ends(tell: Tell) -> None:
    """Every six days while it lasts; a day that is mostly shut ends it, and the door rings anew."""
    story = tell("front", "motion")
    story.at("21:55", DoorOpened(), "front")
    for _ in range(8):
        day(story, wrong=True)
    assert len(told(story, "contact")) == 2
    story.at("21:10", DoorClosed(), "front")
    for _ in range(2):
        day(story, wrong=False)
    ended = [w.split()[-1] for w in story.said("alarm.cancelled") if "front" in w]
    assert ended[-2:] == ["told_again", "recovered"]
    story.at("23:00", DoorOpened(), "front")
    story.until("23:20")
    assert told(story, "door_left_open")[-1].startswith("23:15:00")


def test_closed_by_a_person_the_door_is_believed_again(tell: Tell) -> None:
    """The technician says it is mended: the next open door at night rings."""
    story = tell("front", "motion")
    story.at("21:55", DoorOpened(), "front")
    day(story, wrong=True)
    story.at("21:05", DoorClosed(), "front")
    (alarm,) = [e for e in story.decided("alarm.raised") if "contact" in str(e.data)]
    done = AlarmResolved(alarm=alarm.ref, outcome=AlarmOutcome.NO_NEED)
    story.staff("21:06", done, person="p5")
    story.at("23:00", DoorOpened(), "front")
    story.until("23:20")
    assert told(story, "door_left_open")[-1].startswith("23:15:00")


def test_a_door_that_is_open_in_summer_is_believed(tell: Tell) -> None:
    """Open from breakfast to four in the afternoon: no fault of its contact."""
    story = tell("front", "motion")
    story.at("21:05", DoorClosed(), "front")
    for _ in range(3):
        story.at("08:30", DoorOpened(), "front")
        story.at("16:00", DoorClosed(), "front")
        story.until("21:00")
    assert told(story, "contact") == []


# --- before the first noon ------------------------------------------------------------------------

FAILED = DeviceFailed(error="DeviceUnavailable", text="no pin", retry_s=2.0)
STARTED = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT)


def test_a_contact_that_has_shown_itself_rings_the_same_evening(tell: Tell) -> None:
    """Installed at three, shut for an hour and a half, open at ten in the evening: it rings, also
    after a restart and a driver that failed in between."""
    story = tell("front", "motion")
    story.until("15:00")
    story.at("15:01", DoorOpened(), "front")
    story.at("15:10", DoorClosed(), "front")
    story.at("16:50", FAILED, "front")
    story.at("16:51", DoorClosed(), "front")
    story.at("16:55", STARTED)
    story.at("16:55:02", DoorClosed(), "front")
    story.at("22:00", DoorOpened(), "front")
    story.until("22:40")
    assert told(story, "door_left_open") == ["22:15:00 alarm.raised front door_left_open care"]
    assert told(story, "contact") == []


def test_an_open_door_that_nobody_can_vouch_for_is_in_the_list_all_the_same(tell: Tell) -> None:
    """Never silent: open in the night right after the installation, and nothing is known of the
    contact: the list has it, the technician is asked; shut for good, both end."""
    story = tell("front", "motion")
    story.at("23:00", DoorOpened(), "front")
    story.until("23:40")
    assert story.said("alarm.raised") == [
        "23:15:00 alarm.raised front door_left_open routine",
        "23:20:00 alarm.raised front contact_reversed technical",
    ]
    story.at("23:50", DoorClosed(), "front")
    story.until("01:00")
    assert story.said("alarm.cancelled") == [
        "23:50:00 alarm.cancelled front closed",
        "00:50:00 alarm.cancelled front recovered",
    ]
    story.at("02:00", DoorOpened(), "front")
    story.until("02:30")
    assert told(story, "door_left_open")[1:] == ["02:15:00 alarm.raised front door_left_open care"]


def test_while_it_is_doubted_each_opening_is_listed(tell: Tell) -> None:
    """The technician was asked, and an hour has not passed: an open door is still told."""
    story = tell("front", "motion")
    story.at("23:00", DoorOpened(), "front")
    story.at("23:30", DoorClosed(), "front")
    story.at("23:40", DoorOpened(), "front")
    story.until("00:10")
    assert told(story, "door_left_open")[1:] == [
        "23:55:00 alarm.raised front door_left_open routine"
    ]


def test_a_door_aired_on_the_first_day_does_not_prove_a_wrong_contact(tell: Tell) -> None:
    """The wrong way round: "closed" for an hour and a half of fitting the lock, then "open" of a
    shut door all day; nobody is woken in the evening."""
    story = tell("front", "motion")
    story.until("08:59")
    story.at("09:00", DoorClosed(), "front")
    story.at("10:30", DoorOpened(), "front")
    story.at("17:00", DoorClosed(), "front")
    story.at("17:00:40", DoorOpened(), "front")
    story.at("21:50", DoorClosed(), "front")
    story.at("21:50:40", DoorOpened(), "front")
    story.until("23:59")
    assert [words for words in told(story, "door_left_open") if words.endswith("care")] == []
    assert told(story, "contact") != []


def test_open_while_the_bolt_is_shut_is_asked_within_minutes(tell: Tell) -> None:
    """The lock reports its bolt shut and a contact that nobody knows says "open": one of them is
    wrong.  One that is proved is believed: a bolt can be thrown in the air."""
    story = tell("front", "door", "motion")
    story.at("21:30", DoorOpened(), "front")
    story.at("21:35", LockLocked(), "door")
    story.until("21:40")
    assert told(story, "contact") == ["21:37:00 alarm.raised front contact_reversed technical"]
    story = tell("front", "door", "motion")
    story.at("21:05", DoorClosed(), "front")
    story.at("22:30", DoorOpened(), "front")
    story.at("22:31", LockLocked(), "door")
    story.until("23:00")
    assert told(story, "contact") == []
    assert told(story, "door_left_open") == ["22:45:00 alarm.raised front door_left_open care"]
