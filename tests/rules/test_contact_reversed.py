"""A front door's contact that says "open" day and night: told once, and not rung about."""

from __future__ import annotations

from gateway.events import AlarmOutcome, AlarmResolved, DoorClosed, DoorOpened
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
    """One night of "open" rings; at noon it is the technician's, and the later nights are quiet."""
    story = tell("front", "motion")
    story.at("21:55", DoorOpened(), "front")
    for _ in range(4):
        day(story, wrong=True)
    assert told(story, "contact") == ["12:00:00 alarm.raised front contact_reversed technical"]
    assert [w for w in told(story, "door_left_open") if w.endswith("care")] == [
        "22:10:00 alarm.raised front door_left_open care"
    ]


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
    for _ in range(3):
        story.at("08:30", DoorOpened(), "front")
        story.at("16:00", DoorClosed(), "front")
        story.until("21:00")
    assert told(story, "contact") == []
