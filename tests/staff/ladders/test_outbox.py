"""What is handed out of the outbox: what is due and still so, the oldest first, as much as there is
room for."""

from __future__ import annotations

import pytest

from gateway.events import AlarmOutcome
from tests.staff.ladders.hand import Hand
from web.staff.care import actions
from web.staff.ladders import climbing, outbox


def climb(hand: Hand) -> None:
    """What is due is in the outbox, and nobody has sent it yet."""
    climbing.look(hand.staff, hand.dispatcher.channels.keys())


@pytest.mark.parametrize("meanwhile", ["closed", "taken"])
def test_what_is_over_is_not_sent_any_more(hand: Hand, meanwhile: str) -> None:
    """Closed, or taken by a colleague, between the ladder's step and the sending: the message is
    dropped, and not looked at again."""
    carer = hand.person("p1", "push:ok-1")
    alarm = hand.ring()
    climb(hand)
    assert [row.state for row in hand.messages()] == ["queued"]
    actions.acknowledge(hand.staff, carer, alarm)
    if meanwhile == "closed":
        actions.resolve(hand.staff, carer, alarm, AlarmOutcome.NO_NEED)
    assert outbox.take(hand.staff, {"push": 5}) == []
    assert [(row.state, row.tries) for row in hand.messages()] == [("dropped", 0)]
    hand.settle()
    assert hand.provider.got == []


def test_the_oldest_are_sent_first_as_many_as_there_is_room_for(hand: Hand) -> None:
    """Each once while its lease lasts; without room nothing is taken."""
    hand.person("p1", "push:ok-1")
    first = hand.ring()
    climb(hand)
    hand.clock.advance(1)
    second = hand.ring()
    climb(hand)
    assert outbox.take(hand.staff, {"push": 0, "sms": 5}) == []
    taken = [outbox.take(hand.staff, {"push": 1}) for _ in range(3)]
    assert [[one.message.alarm for one in some] for some in taken] == [[first], [second], []]
    assert [(row.state, row.tries) for row in hand.messages()] == [("sending", 1)] * 2
    with hand.staff.db.read() as conn:
        assert outbox.waiting_by_channel(conn) == {"push": 2}
