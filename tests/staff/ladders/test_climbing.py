"""An alarm climbs its ladder: who is told, in which order, and what stops it."""

from __future__ import annotations

from gateway.envelope import Draft
from gateway.events import AlarmRepeated, AlarmType
from tests.staff.ladders.hand import Hand
from web.staff.care import actions
from web.staff.events import append


def test_an_alarm_is_told_step_by_step_until_somebody_takes_it(hand: Hand) -> None:
    """Who works in the home, then the coordinators; nobody more once it is taken."""
    carer = hand.person("p1", "push:ok-1")
    hand.person("p2", "push:ok-2", roles=["coordinator"], homes=[])
    alarm = hand.ring()
    hand.settle()
    assert [one["to"] for one in hand.provider.got] == ["ok-1"]
    hand.later(119)
    assert len(hand.provider.got) == 1
    hand.later(1)
    assert [one["to"] for one in hand.provider.got] == ["ok-1", "ok-2"]
    actions.acknowledge(hand.staff, carer, alarm)
    hand.later(600)
    assert len(hand.provider.got) == 2
    assert hand.told() == [
        "raised",
        "escalated 1.1 begun",
        "sent p1",
        "escalated 2.1 timed_out",  # nobody of a team: it goes on at once
        "escalated 3.1 undelivered",
        "sent p2",
        "acknowledged p1",
    ]


def test_the_last_step_is_repeated_until_somebody_answers(hand: Hand) -> None:
    """And says which round it is; pauses grow, up to a quarter of an hour."""
    hand.person("p1", "push:ok-1", roles=["coordinator"], homes=[])
    hand.ring()
    hand.settle()
    for _ in range(5):
        hand.later(180)
    assert [one["round"] for one in hand.provider.got] == [1, 2, 3, 4, 5, 6]
    assert hand.told()[-2:] == ["escalated 3.6 repeated", "sent p1"]
    hand.later(359)
    assert len(hand.provider.got) == 6
    hand.later(1)
    assert len(hand.provider.got) == 7
    hand.later(720)
    hand.later(900)
    assert len(hand.provider.got) == 9


def test_late_rounds_do_not_add_up(hand: Hand) -> None:
    """A step that a round took a moment late ends when it would have; one that was held up for a
    minute has its whole time from then on."""
    hand.person("p1", "push:ok-1")
    hand.person("p2", "push:ok-2", roles=["coordinator"], homes=[])
    hand.ring()
    hand.settle()
    hand.later(121.5)  # due after 120
    assert len(hand.provider.got) == 2
    hand.later(178.3)
    assert len(hand.provider.got) == 2
    hand.later(0.3)  # 180 after 120
    assert len(hand.provider.got) == 3
    hand.later(240)  # a minute late
    assert len(hand.provider.got) == 4
    hand.later(179)
    assert len(hand.provider.got) == 4
    hand.later(1)
    assert len(hand.provider.got) == 5


def test_a_cause_that_comes_again_is_told_again(hand: Hand) -> None:
    """Who presses once more while nobody has taken the alarm is heard: the same step is told again,
    at most twice a minute, and the next one comes when it would have."""
    hand.person("p1", "push:ok-1")
    hand.person("p2", "push:ok-2", roles=["coordinator"], homes=[])
    alarm = hand.ring()
    hand.settle()

    def press(after_s: float) -> None:
        hand.clock.advance(after_s)
        with hand.staff.write() as tx:
            append.write(hand.staff, tx, "h1", Draft(AlarmRepeated(alarm=alarm)))
        hand.settle()

    press(10)
    assert len(hand.provider.got) == 1
    press(50)
    press(1)
    assert [(one["to"], one["round"]) for one in hand.provider.got] == [("ok-1", 1), ("ok-1", 2)]
    hand.later(59)
    assert [one["to"] for one in hand.provider.got] == ["ok-1", "ok-1", "ok-2"]


def test_a_routine_alarm_rings_nowhere(hand: Hand) -> None:
    """It waits for the next visit."""
    hand.person("p1", "push:ok-1")
    hand.ring(AlarmType.MOISTURE)
    hand.settle()
    assert hand.provider.got == []
    assert hand.told() == ["raised"]
