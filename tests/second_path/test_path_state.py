"""What the log says of the way past the server, folded: of what nobody knows nothing follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway import events as e
from gateway.envelope import Event
from gateway.second_path.path_state import PathState

NOW = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
SMS = e.PathChannel.SMS


class Log:
    """Folds events as they happen."""

    def __init__(self) -> None:
        self.state, self._seq = PathState(), 0

    def happens(self, data: e.Data, origin: str = "home:h1", **more: Any) -> str:
        self._seq += 1
        event = Event(
            **{
                "origin": origin,
                "seq": self._seq,
                "at": NOW,
                "clock": "synced",
                "boot": "b",
                "mono_s": float(self._seq),
                "data": data,
                **more,
            }
        )
        self.state.apply(event)
        return event.ref

    def raised(self, origin: str = "home:h1") -> str:
        return self.happens(e.AlarmRaised.usual(e.AlarmType.PENDANT, NOW), origin)


def test_what_the_server_raised_it_tells_itself() -> None:
    """The home tells nobody of it."""
    log = Log()
    log.raised("staff:h1")
    assert log.state.alarms == {}
    mine = log.raised()
    assert list(log.state.alarms) == [mine]


OF_NOBODY: list[Callable[[], e.Data]] = [
    lambda: e.AlarmAcknowledged(alarm="home:h1/99"),
    lambda: e.AlarmRepeated(alarm="home:h1/99"),
    lambda: e.AlarmLapsed(alarm="home:h1/99"),
    lambda: e.AlarmCancelled(alarm="home:h1/99", reason="x"),
    lambda: e.AlarmSent(alarm="home:h1/99", message="m", channel="sms", step=1),
    lambda: e.GatewayMessageSent(alarm="home:h1/99", receiver="p1", channel=SMS, attempt=1),
    lambda: e.GatewayMessageDelivered(message="home:h1/98"),
    lambda: e.GatewayMessageFailed(
        alarm="home:h1/99", receiver="p1", channel=SMS, why="x", message="home:h1/98"
    ),
    lambda: e.GatewayMessageAnswered(message="home:h1/98", alarm="home:h1/99", receiver="p1"),
]


@pytest.mark.parametrize("of_nobody", range(len(OF_NOBODY)))
def test_a_word_of_an_alarm_that_is_not_known_changes_no_other(of_nobody: int) -> None:
    """It was closed, or is older than what was read: nothing breaks, and what is open stays."""
    log = Log()
    mine = log.raised()
    before = log.state.alarms[mine]
    log.happens(OF_NOBODY[of_nobody](), person="p1")
    assert log.state.alarms == {mine: before}
    assert (before.taken, before.again, before.messages, before.told_by_server) == (
        *(False, [], []),
        None,
    )


@pytest.mark.parametrize("first", [True, False])
def test_that_a_message_came_is_never_taken_back(first: bool) -> None:
    """Two reports of one message, in either order: it came."""
    log = Log()
    mine = log.raised()
    sent = log.happens(e.GatewayMessageSent(alarm=mine, receiver="p1", channel=SMS, attempt=1))
    failed = e.GatewayMessageFailed(
        alarm=mine, receiver="p1", channel=SMS, why="undelivered", message=sent
    )
    came = e.GatewayMessageDelivered(message=sent)
    other = e.GatewayMessageFailed(alarm=mine, receiver="p2", channel=SMS, why="no_modem")
    for data in (other, *((came, failed) if first else (failed, came))):
        log.happens(data)
    assert log.state.messages[sent].came is True
    assert not log.state.alarms[mine].taken, "that a telephone has it is nobody who goes"


def test_only_what_was_told_is_told_anew_and_only_while_nobody_has_it() -> None:
    """Each once, in order; who took it hears nothing more, until they give it back."""
    log = Log()
    mine = log.raised()
    alarm = log.state.alarms[mine]
    log.happens(e.AlarmRepeated(alarm=mine))
    assert alarm.again == []
    for receiver in ("p1", "p2", "p1"):
        log.happens(e.GatewayMessageSent(alarm=mine, receiver=receiver, channel=SMS, attempt=1))
    log.happens(e.AlarmRepeated(alarm=mine))
    assert alarm.again == ["p1", "p2"]
    alarm.again = []
    log.happens(e.AlarmAcknowledged(alarm=mine), person="p3")
    log.happens(e.AlarmRepeated(alarm=mine))
    assert (alarm.taken, alarm.again) == (True, [])
    log.happens(e.AlarmLapsed(alarm=mine))
    assert not alarm.taken
    log.happens(e.AlarmSent(alarm=mine, message="m", channel="sms", step=1), "staff:h1")
    assert alarm.told_by_server is None, "a centre is no person"
    log.happens(
        e.AlarmSent(alarm=mine, message="m", channel="sms", step=1), "staff:h1", person="p3"
    )
    assert alarm.told_by_server == "p3"
