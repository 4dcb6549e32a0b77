"""What another setting would have meant, with what staff really did: said again where the alarm or
the look comes again, assumed where it never came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from gateway.envelope import Because, Event
from gateway.events import (
    AlarmAcknowledged,
    AlarmOutcome,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    CheckAnswered,
    CheckAsked,
    CheckStarted,
    Data,
    DoorClosed,
    DoorOpened,
    Finding,
    Looked,
    Ref,
    Severity,
)
from gateway.replay.real_team import Heard, RealTeam
from gateway.replay.what_if import Answer, Staffed
from tests.rules.test_what_if import asked, run, written

NIGHT = datetime(2026, 11, 1, 0, 30, tzinfo=UTC)
MIN = timedelta(minutes=1)
BECAUSE = Because("wandering", 2, (Ref("home:h1/1"),))

HEAD = {"settings": {"wandering": {"without_mat": True}}}
"""A home without a mat, where each front door at night is a question to look."""


def nights(count: int, answered: Sequence[int] = ()) -> list[tuple[datetime, Data, Because | None]]:
    """The front door each night; it was asked to look, and on some nights somebody did."""
    told: list[tuple[datetime, Data, Because | None]] = []
    for night in range(count):
        at, check = NIGHT + timedelta(days=night), f"look-{night}"
        by = at + 15 * MIN
        question = CheckAsked(check=check, why="door_at_night", answer_by=by)
        told += [
            (at, DoorOpened(), None),
            (at + MIN, DoorClosed(), None),
            (at + 6 * MIN, question, BECAUSE),
        ]
        if night in answered:
            fine = CheckAnswered(check=check, finding=Finding.OK, looked=Looked.PHONE)
            told.append((at + 9 * MIN, fine, None))
    return told


def tried(told: list[tuple[datetime, Data, Because | None]], **change: object) -> Answer:
    """What came of another time to be back within."""
    return run(asked(**HEAD, change={"wandering": {"back_min": 8.0, **change}}), written(told))


def test_looks_are_answered_as_they_were() -> None:
    """Somebody looked each night: a look a night and no more, in both runs.  Nobody did: each look
    is an alarm, as it was."""
    every = tried(nights(20, range(20)))
    assert every.before == every.after == {"look": 15}
    assert every.staffed == (Staffed(real=15), Staffed(real=15))
    nobody = tried(nights(20))
    assert nobody.before == nobody.after
    assert nobody.after["look"] == 15
    assert sum(nobody.after.values()) > 15, "what nobody answers becomes an alarm"


def test_what_never_came_is_assumed_and_counted() -> None:
    """The home had no such question: with the change there is one each night, which is assumed to
    be answered; nothing of it stands in what is now."""
    told = [one for one in nights(20) if not isinstance(one[1], CheckAsked)]
    found = run(asked(change={"wandering": {"without_mat": True}}), written(told))
    assert (found.before, found.after) == ({}, {"look": 15})
    assert found.staffed == (Staffed(), Staffed(assumed=15))


def test_alarms_that_are_not_of_care_are_left() -> None:
    """A door that stands open by day rings for nobody: where it never came, nobody is assumed to
    take it."""
    told: list[tuple[datetime, Data, Because | None]] = []
    for day in range(20):
        at = NIGHT + timedelta(days=day, hours=11)
        told += [(at, DoorOpened(), None), (at + 20 * MIN, DoorClosed(), None)]
    found = run(asked(change={"door_open": {"open_min": 5.0}}), written(told))
    assert found.staffed == (Staffed(left=15), Staffed(left=15))


# --- the team itself ------------------------------------------------------------------------------


class Noted(RealTeam):
    """A team whose words are kept."""

    def __init__(self, heard: Heard) -> None:
        super().__init__(heard.found)
        self.words: list[tuple[float, Data]] = []

    def later(self, at: datetime, minutes: float, data: Data) -> None:
        """Keep it."""
        assert at.tzinfo is not None
        self.words.append((minutes, data))


def event(at: datetime, data: Data, *, seq: int = 1, device: str | None = None) -> Event:
    """An event that a rule decided."""
    return Event(
        origin="home:h1",
        seq=seq,
        at=at,
        clock="synced",
        boot="b",
        mono_s=0.0,
        data=data,
        device=device,
        person=None,
        because=BECAUSE,
    )


def fall(at: datetime = NIGHT, *, seq: int = 1, device: str | None = None) -> Event:
    """Somebody lies on the floor."""
    return event(at, AlarmRaised.usual(AlarmType.ON_FLOOR, at), seq=seq, device=device)


def heard(*told: tuple[datetime, Event]) -> Heard:
    """What really came."""
    found = Heard()
    for at, one in told:
        found.see(at, one)
    return found


def said(at: datetime, data: Data) -> tuple[datetime, Event]:
    """What a person said."""
    return at, event(at, data, seq=99)


def test_an_alarm_is_taken_and_closed_as_it_was() -> None:
    """So many minutes after it came, with its outcome, by the first who said so; also when it comes
    twenty minutes later now, and once only."""
    ref = Ref("home:h1/1")
    team = Noted(
        heard(
            (NIGHT, fall()),
            said(NIGHT + 12 * MIN, AlarmAcknowledged(alarm=ref)),
            said(NIGHT + 13 * MIN, AlarmAcknowledged(alarm=ref)),
            said(NIGHT + 50 * MIN, AlarmResolved(alarm=ref, outcome=AlarmOutcome.HELPED)),
        )
    )
    team.see(fall(NIGHT + 20 * MIN, seq=7))
    taken = AlarmAcknowledged(alarm=Ref("home:h1/7"))
    closed = AlarmResolved(alarm=Ref("home:h1/7"), outcome=AlarmOutcome.HELPED)
    assert team.words == [(12.0, taken), (50.0, closed)]
    assert team.assumed == []
    team.see(fall(NIGHT + 21 * MIN, seq=8))
    assert team.assumed == [NIGHT + 21 * MIN], "another one is no real one again"
    assert team.words[2:] == [
        (5.0, AlarmAcknowledged(alarm=Ref("home:h1/8"))),
        (30.0, AlarmResolved(alarm=Ref("home:h1/8"), outcome=AlarmOutcome.NO_NEED)),
    ]


@pytest.mark.parametrize(
    ("other", "like"),
    [
        (fall(NIGHT + 30 * MIN), True),
        (fall(NIGHT - 30 * MIN), True),
        (fall(NIGHT + 31 * MIN), False),
        (event(NIGHT, AlarmRaised.usual(AlarmType.BED_EXIT, NIGHT)), False),
    ],
)
def test_what_is_like_a_real_alarm(other: Event, like: bool) -> None:
    """Its type, within half an hour.  One that nobody took is taken by nobody."""
    team = Noted(heard((NIGHT, fall())))
    team.see(other)
    assert (team.words == []) is like
    assert (team.assumed == []) is like


def test_the_device_tells_two_apart() -> None:
    """Of two alarms of one type it is that of the same device, then the nearest."""
    team = Noted(
        heard(
            (NIGHT, fall(device="a")),
            (NIGHT + MIN, fall(NIGHT + MIN, seq=2, device="b")),
            said(NIGHT + 3 * MIN, AlarmAcknowledged(alarm=Ref("home:h1/1"))),
        )
    )
    team.see(fall(NIGHT + MIN, seq=7, device="a"))
    assert team.words == [(3.0, AlarmAcknowledged(alarm=Ref("home:h1/7")))]


def test_each_question_of_a_look_has_its_own_answer() -> None:
    """The first was unclear, the one that followed minutes later was not: each is said again to
    its like, also under another name."""
    first = CheckAsked(check="look-1", why="not_back", answer_by=NIGHT + 15 * MIN)
    again = CheckAsked(check="look-1", why="recheck", answer_by=NIGHT + 40 * MIN, attempt=2)
    unclear = CheckAnswered(check="look-1", finding=Finding.UNCLEAR, looked=Looked.PHONE)
    fine = CheckAnswered(check="look-1", finding=Finding.OK, looked=Looked.IN_PERSON)
    team = Noted(
        heard(
            (NIGHT, event(NIGHT, first)),
            said(NIGHT + 2 * MIN, CheckStarted(check="look-1")),
            said(NIGHT + 4 * MIN, unclear),
            (NIGHT + 20 * MIN, event(NIGHT + 20 * MIN, again)),
            said(NIGHT + 21 * MIN, fine),
        )
    )
    for at, why in ((NIGHT, "not_back"), (NIGHT + 20 * MIN, "recheck")):
        asked_now = CheckAsked(check="look-9", why=why, answer_by=at + 15 * MIN)
        team.see(event(at, asked_now))
    assert team.words == [
        (2.0, CheckStarted(check="look-9")),
        (4.0, CheckAnswered(check="look-9", finding=Finding.UNCLEAR, looked=Looked.PHONE)),
        (1.0, CheckAnswered(check="look-9", finding=Finding.OK, looked=Looked.IN_PERSON)),
    ]
    assert team.assumed == []


def test_a_clock_that_was_behind_makes_nobody_quicker_than_the_alarm() -> None:
    """What was said before the alarm, by the server's clock, is said as it comes; what is said of
    something that never came counts for nothing."""
    ref = Ref("home:h1/1")
    early = said(NIGHT - 2 * MIN, AlarmAcknowledged(alarm=ref))
    team = Noted(heard((NIGHT, fall()), early, said(NIGHT, AlarmAcknowledged(alarm=Ref("x/9")))))
    team.see(fall(seq=7))
    assert team.words == [(0.0, AlarmAcknowledged(alarm=Ref("home:h1/7")))]
    technical = AlarmRaised(type=AlarmType.DEVICE_DOWN, severity=Severity.TECHNICAL, since=NIGHT)
    team.see(event(NIGHT, technical, seq=8))
    assert (team.left, len(team.words)) == ([NIGHT], 1)
