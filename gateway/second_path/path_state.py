"""What the log says of the way past the server: alarms that are open, who was told, who answered.

A fold of events, live and after a restart, so that nobody is told twice because the gateway was
started anew.  Not for: whom to tell next (`teller`).
"""

# ruff: noqa: ARG001 - every function of the fold is given the same three arguments

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from gateway import events as e
from gateway.envelope import Event
from gateway.events import Ref
from gateway.events.handlers import Handlers

AGAIN_S = 30.0
"""Seconds between two messages to a receiver because the cause came again, as the server's ladders
have it: somebody who presses and presses is heard, and fills nobody's telephone."""

AGAIN_MAX = 10
"""Such messages about one alarm at the most, beside those of the round."""

MESSAGES_KEPT = 500
"""Messages that are remembered: an alarm ends after some ten."""


CONFIRMED_KEPT = 1000
"""Urgent events of which it is remembered that the server took them; the batches tell of older
ones."""


class Confirmed:
    """Urgent events that the server took, by origin and number: the last `CONFIRMED_KEPT`."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], None] = {}

    def add(self, events: Iterable[tuple[str, int]]) -> None:
        """It took these."""
        self._kept.update(dict.fromkeys(events))
        while len(self._kept) > CONFIRMED_KEPT:
            self._kept.pop(next(iter(self._kept)))

    def __contains__(self, event: object) -> bool:
        return event in self._kept


@dataclass(slots=True)
class PathMessage:
    """A message that was sent.  `came` None: nothing was said of it yet."""

    ref: Ref
    alarm: Ref
    receiver: str
    channel: e.PathChannel
    attempt: int
    at: datetime
    boot: str
    mono_s: float
    came: bool | None = None


@dataclass(slots=True)
class PathAlarm:
    """An alarm that nobody has closed.  `taken`: somebody goes, or an alarm centre has it."""

    ref: Ref
    origin: str
    seq: int
    type: e.AnyAlarmType
    severity: e.Severity
    at: datetime
    boot: str
    mono_s: float
    taken: bool = False
    told_by_server: str | None = None
    """The person whom the server told last."""
    messages: list[PathMessage] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    """Receivers who were told and are to be told anew, for its cause came again."""
    anew: list[PathMessage] = field(default_factory=list)
    """Those messages: beside the round, whose times stand."""

    def attempts(self, receiver: str) -> int:
        """How often a receiver was told."""
        return sum(message.receiver == receiver for message in self.every())

    def every(self) -> list[PathMessage]:
        """All that was sent about it, in order."""
        return sorted([*self.messages, *self.anew], key=lambda message: message.at)


@dataclass(slots=True)
class PathState:
    """What is open.  `apply` in one thread only."""

    alarms: dict[Ref, PathAlarm] = field(default_factory=dict)
    messages: dict[Ref, PathMessage] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        """Fold one event."""
        _FOLD.apply(self, event, event.data)

    def told(self, receivers: Iterable[str]) -> list[PathMessage]:
        """The last message to one of these about each open alarm."""
        wanted = set(receivers)
        last = {}
        for alarm in self.alarms.values():
            for message in alarm.every():
                if message.receiver in wanted:
                    last[alarm.ref] = message
        return list(last.values())


_FOLD = Handlers[PathState, Event]()


@_FOLD.on(e.AlarmRaised)
def _raised(state: PathState, event: Event, data: e.AlarmRaised) -> None:
    if event.origin.startswith("staff:"):
        return  # the server has it, for it raised it
    state.alarms[event.ref] = PathAlarm(
        *(event.ref, event.origin, event.seq, data.type, data.severity),
        *(event.at, event.boot, event.mono_s),
    )


@_FOLD.on(e.AlarmCancelled, e.AlarmResolved)
def _closed(state: PathState, event: Event, data: e.AlarmCancelled | e.AlarmResolved) -> None:
    state.alarms.pop(data.alarm, None)


@_FOLD.on(e.AlarmAcknowledged, e.GatewayMessageAnswered)
def _taken(
    state: PathState, event: Event, data: e.AlarmAcknowledged | e.GatewayMessageAnswered
) -> None:
    alarm = state.alarms.get(data.alarm)
    if alarm is not None:
        alarm.taken = True


@_FOLD.on(e.AlarmRepeated)
def _repeated(state: PathState, event: Event, data: e.AlarmRepeated) -> None:
    alarm = state.alarms.get(data.alarm)
    if alarm is not None and not alarm.taken:
        told = dict.fromkeys(message.receiver for message in alarm.messages)
        alarm.again = list(told)[: AGAIN_MAX - len(alarm.anew)]


@_FOLD.on(e.AlarmLapsed)
def _lapsed(state: PathState, event: Event, data: e.AlarmLapsed) -> None:
    alarm = state.alarms.get(data.alarm)
    if alarm is not None:
        alarm.taken = False


@_FOLD.on(e.AlarmSent)
def _sent_by_server(state: PathState, event: Event, data: e.AlarmSent) -> None:
    alarm = state.alarms.get(data.alarm)
    if alarm is not None and event.person is not None:
        alarm.told_by_server = event.person


@_FOLD.on(e.GatewayMessageSent)
def _sent(state: PathState, event: Event, data: e.GatewayMessageSent) -> None:
    message = PathMessage(
        *(event.ref, data.alarm, data.receiver, data.channel, data.attempt),
        *(event.at, event.boot, event.mono_s),
    )
    state.messages[event.ref] = message
    while len(state.messages) > MESSAGES_KEPT:
        state.messages.pop(next(iter(state.messages)))
    alarm = state.alarms.get(data.alarm)
    if alarm is None:
        return
    if data.receiver in alarm.again and _is_anew(alarm, message):
        alarm.again.remove(data.receiver)
        alarm.anew.append(message)
    else:
        alarm.messages.append(message)


def _is_anew(alarm: PathAlarm, message: PathMessage) -> bool:
    """Whether a message is beside the round: what comes sooner is the round's own."""
    last = next(m for m in reversed(alarm.every()) if m.receiver == message.receiver)
    return last.boot != message.boot or message.mono_s - last.mono_s >= AGAIN_S


@_FOLD.on(e.GatewayMessageDelivered)
def _delivered(state: PathState, event: Event, data: e.GatewayMessageDelivered) -> None:
    message = state.messages.get(data.message)
    if message is None:
        return
    message.came = True
    alarm = state.alarms.get(message.alarm)
    if alarm is not None and message.channel is e.PathChannel.SCAIP:
        alarm.taken = True  # a centre is manned day and night, and goes on from here


@_FOLD.on(e.GatewayMessageFailed)
def _failed(state: PathState, event: Event, data: e.GatewayMessageFailed) -> None:
    message = None if data.message is None else state.messages.get(data.message)
    if message is not None and message.came is None:
        message.came = False
