"""Tells receivers of an alarm that the server has not got, one after the other, until one answers.

An alarm is the gateway's to tell when the server has not confirmed it `after_s` seconds after it
was raised, whatever the link says of itself; and one that the server had confirmed, when the server
has been away for `AWAY_S` since and nobody has taken the alarm.  Once the server confirms it no new
step begins: what is on its way stays so, and an answer counts all the same.

Who cannot be told is passed over at once, as is who has not got the message in `DELIVER_S`.  When
the alarm's cause comes again and nobody has answered, who was told is told anew, beside the round:
a press each minute holds up nobody's turn.  Each step is an event, so a gateway that is started
anew goes on where it was.  Where nobody can be told at all, that is told too
(`gateway.second_path_failed`), once.

Not for: whom to tell (`receivers_file`), or how a message is sent (`senders`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway.clock import Clock
from gateway.envelope import Event
from gateway.errors import DeviceError
from gateway.events import (
    AlarmRaised,
    AlarmRepeated,
    AlarmType,
    Data,
    GatewayMessageAnswered,
    GatewayMessageDelivered,
    GatewayMessageFailed,
    GatewayMessageSent,
    GatewaySecondPathFailed,
    GatewaySecondPathReady,
    PathChannel,
    PathReceiver,
    Ref,
    Severity,
)
from gateway.second_path.path_state import AGAIN_S, Confirmed, PathAlarm, PathMessage, PathState
from gateway.second_path.receivers_file import ReceiversFile
from gateway.second_path.replies import is_number, is_reply
from gateway.second_path.senders import Note, Sender

log = logging.getLogger(__name__)

POLL_S = 1.0
"""Seconds between looks while an alarm is open that may have to be told: a small part of the minute
in which somebody must know."""

AWAY_S = 60.0
"""Seconds that the server may be away after it took an alarm until the gateway goes on itself: a
restart of the server takes less."""

DELIVER_S = 60.0
"""Seconds in which a message must be on the telephone; one that is off, or out of reach, is passed
over then."""

RETRY_S = 30.0
"""Seconds until all are tried again when none could be told: a modem that lost its network looks
for another in that time."""

MESSAGES_MAX = 30
"""Messages about one alarm at the most: each costs money, and after thirty nobody reads on."""

STALE_S = 6 * 3600.0
"""Seconds after which an alarm is no longer told by the gateway: it has been told for hours, or was
raised before the gateway was switched on."""

OTHER_LOG_S = 1800.0
"""The same for an alarm of an earlier log, of which it is not known whether the server has it."""

BEFORE_S = 600.0
"""The same for an alarm of an earlier run that the gateway had not begun to tell."""

TECHNICAL = frozenset({AlarmType.CHAIN_BROKEN})
"""The technical alarms that are told so: others can wait for the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """What the link knows, asked at each look: `has(origin, seq)` whether the server has an event
    by the batches, `is_own(origin)` whether that log is the one in use, `up()` whether it
    answers."""

    has: Callable[[str, int], bool]
    is_own: Callable[[str], bool]
    up: Callable[[], bool]


class Teller:
    """`record` writes an event; `spawn` keeps a task; `senders` are the ways that this home has;
    `rooms` says where a device is.  In the home's loop."""

    def __init__(
        self,
        *,
        home: str,
        boot: str,
        after_s: float,
        receivers: ReceiversFile,
        senders: Mapping[PathChannel, Sender],
        link: LinkView,
        record: Callable[[Data], None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[Any]],
        clock: Clock,
        rooms: Mapping[str, str | None],
    ) -> None:
        self._rooms = rooms
        self._home, self._boot, self._after_s = home, boot, after_s
        self._receivers, self._senders, self._link = receivers, senders, link
        self._record, self._spawn, self._clock = record, spawn, clock
        self.state = PathState()
        self.failed: set[str] = set()
        """Why nobody could be told, as it was told since a receiver last could be."""
        self._passed_over: set[tuple[Ref, str, str]] = set()
        self._confirmed = Confirmed()
        self._up_s = clock.mono_s()
        self._begun_s = clock.mono_s()
        self._workers: dict[Ref, asyncio.Event] = {}
        self._devices: dict[Ref, str | None] = {}
        self._live = False

    # --- what happens -----------------------------------------------------------------------------

    def forget(self) -> None:
        """The events are about to be told anew."""
        self.state = PathState()
        self.failed = set()

    def apply(self, event: Event) -> None:
        """Fold one event."""
        self.state.apply(event)
        self._receivers.apply(event)
        if isinstance(event.data, GatewaySecondPathFailed):
            self.failed.add(event.data.why)
        elif isinstance(event.data, GatewaySecondPathReady):
            self.failed.clear()
        elif isinstance(event.data, AlarmRaised):
            self._devices[event.ref] = event.device
            if self._live:
                self._begin(event.ref)
        elif isinstance(event.data, AlarmRepeated) and self._live:
            self._begin(event.data.alarm)
        self._nudge()

    def start(self) -> None:
        """From now on tell; begin with what is open from before."""
        self._live = True
        for ref in list(self.state.alarms):
            self._begin(ref)

    def confirmed(self, events: Iterable[tuple[str, int]]) -> None:
        """The server has these."""
        self._confirmed.add(events)
        self._up_s = self._clock.mono_s()
        self._nudge()

    def text_came(self, number: str, text: str) -> None:
        """A text message came in: the answer of somebody who was told, or nothing to us."""
        settings = self._receivers.settings
        if settings is None or not is_reply(text, settings.reply):
            log.info("a text message is no answer")
            return
        senders = {
            one.id
            for one in settings.receivers
            if one.channel is PathChannel.SMS and is_number(self._receivers.address(one.id), number)
        }
        told = self.state.told(senders)
        if not told:
            log.info("an answer of nobody who was told is passed over")
        for message in told:
            self._record(
                GatewayMessageAnswered(
                    message=message.ref, alarm=message.alarm, receiver=message.receiver
                )
            )

    # --- one alarm --------------------------------------------------------------------------------

    def _begin(self, ref: Ref) -> None:
        alarm = self.state.alarms.get(ref)
        if alarm is not None and ref not in self._workers and self._may_be_ours(alarm):
            self._workers[ref] = asyncio.Event()
            self._spawn(self._work(ref))

    def _may_be_ours(self, alarm: PathAlarm) -> bool:
        if alarm.severity is Severity.TECHNICAL and alarm.type not in TECHNICAL:
            return False
        longest_s = STALE_S if alarm.messages or alarm.boot == self._boot else BEFORE_S
        return alarm.severity is not Severity.ROUTINE and self._age_s(alarm) < longest_s

    async def _work(self, ref: Ref) -> None:
        try:
            place = _Place()
            while (alarm := self._open(ref)) is not None:
                try:
                    await self._go_on(alarm, place)
                except Exception:  # whatever breaks: nobody else may know of this alarm
                    log.exception("an alarm could not be told")
                    await self._pause(ref, RETRY_S)
        finally:
            self._workers.pop(ref, None)
            self._devices.pop(ref, None)
            self._passed_over = {one for one in self._passed_over if one[0] != ref}

    async def _go_on(self, alarm: PathAlarm, place: _Place) -> None:
        """Tell who is next, or wait."""
        receivers = self._receivers.wanted(alarm.type, alarm.severity)
        anew = self._anew(alarm, receivers)
        if anew is not None:
            if not await self._tell(alarm, anew) and anew.id in alarm.again:
                alarm.again.remove(anew.id)  # the round comes to them too
            return
        wait_s = self._wait_s(alarm) if receivers else POLL_S
        if wait_s > 0:
            await self._pause(alarm.ref, min(wait_s, POLL_S))
            return
        turn = _first(alarm, receivers) if place.turn is None else place.turn
        place.turn = turn + 1
        told = await self._tell(alarm, receivers[turn % len(receivers)])
        place.missed = 0 if told else place.missed + 1
        if place.missed and place.missed % len(receivers) == 0:
            await self._pause(alarm.ref, RETRY_S)

    def _open(self, ref: Ref) -> PathAlarm | None:
        """The alarm, as long as somebody must be told of it, by us or by the server."""
        alarm = self.state.alarms.get(ref)
        if alarm is None or alarm.taken:
            return None
        full = len(alarm.messages) >= MESSAGES_MAX and not alarm.again
        return None if full or self._age_s(alarm) >= STALE_S else alarm

    def _anew(self, alarm: PathAlarm, receivers: tuple[PathReceiver, ...]) -> PathReceiver | None:
        """Who was told and is to be told anew now; None: nobody."""
        if not alarm.again or self._is_servers(alarm):
            return None
        now_s = self._clock.mono_s()
        told = {one.receiver: _mono(one, self._boot, self._clock) for one in alarm.every()}
        wanted = (one for one in receivers if one.id in alarm.again)
        return next((one for one in wanted if now_s - told[one.id] >= AGAIN_S), None)

    def _wait_s(self, alarm: PathAlarm) -> float:
        """Seconds until the next receiver is to be told; as long as it is the server's, a look
        later."""
        if self._is_servers(alarm) or len(alarm.messages) >= MESSAGES_MAX:
            return POLL_S
        if alarm.messages:
            return self._answer_s(alarm.messages[-1])
        if self._has(alarm):
            return 0.0
        # a gateway that has just started gives its link the same time
        began_s = max(_mono(alarm, self._boot, self._clock), self._begun_s)
        return began_s + self._after_s - self._clock.mono_s()

    def _has(self, alarm: PathAlarm) -> bool:
        """Whether the server has got it."""
        key = (alarm.origin, alarm.seq)
        return key in self._confirmed or self._link.has(*key)

    def _is_servers(self, alarm: PathAlarm) -> bool:
        """Whether it is the server's to tell, as far as is known now."""
        up = self._link.up()
        if up:
            self._up_s = self._clock.mono_s()
        if self._has(alarm):
            return up or self._clock.mono_s() - self._up_s < AWAY_S
        own = self._link.is_own(alarm.origin)
        return not own and (up or self._age_s(alarm) > OTHER_LOG_S)

    def _answer_s(self, last: PathMessage) -> float:
        """Seconds that the last receiver still has."""
        if last.came is False:
            return 0.0
        sent_s = self._clock.mono_s() - _mono(last, self._boot, self._clock)
        if last.came is None:
            if sent_s >= DELIVER_S:
                self._undelivered(last)
                return POLL_S  # it is on its way into the log
            return DELIVER_S - sent_s
        assert self._receivers.settings is not None  # noqa: S101 - there are receivers
        return self._receivers.settings.wait_s - sent_s

    async def _tell(self, alarm: PathAlarm, receiver: PathReceiver) -> bool:
        """Tell one receiver; whether the message went out."""
        attempt = alarm.attempts(receiver.id) + 1
        sender = self._senders.get(receiver.channel)
        address = self._receivers.address(receiver.id)
        try:
            if address is None:
                raise DeviceError("the receiver's number is not here", why="no_address")
            if sender is None:
                lacks = "no_modem" if receiver.channel is PathChannel.SMS else "no_channel"
                raise DeviceError("the gateway has no such way", why=lacks)
            done = _Done(self, alarm.ref, receiver.id, attempt)
            await sender.send(address, self._note(alarm, attempt), done)
        except Exception as error:  # whatever a library raises: the next one is told
            data = error.data if isinstance(error, DeviceError) else None
            why = str((data or {}).get("why", "refused"))
            said = {"why": why, "text": str(error)}
            log.warning("a receiver was not told", extra=said, exc_info=data is None)
            self._not_told(alarm.ref, receiver, why)
            return False
        self._record(
            GatewayMessageSent(
                alarm=alarm.ref, receiver=receiver.id, channel=receiver.channel, attempt=attempt
            )
        )
        if self.failed:
            self.failed = set()
            self._record(GatewaySecondPathReady())
        await self._written(alarm.ref, receiver.id, attempt)
        done.tell()
        return True

    def _not_told(self, alarm: Ref, receiver: PathReceiver, why: str) -> None:
        """Told once for each receiver and reason, however often it is tried."""
        if (alarm, receiver.id, why) not in self._passed_over:
            self._passed_over.add((alarm, receiver.id, why))
            self._record(
                GatewayMessageFailed(
                    alarm=alarm, receiver=receiver.id, channel=receiver.channel, why=why
                )
            )
        self.cannot(why)

    def _note(self, alarm: PathAlarm, attempt: int) -> Note:
        settings = self._receivers.settings
        return Note(
            alarm=alarm.ref,
            type=alarm.type,
            severity=alarm.severity,
            room=self._rooms.get(self._devices.get(alarm.ref) or ""),
            where=self._receivers.label or f"hem {self._home}",
            reply="OK" if settings is None else settings.reply,
            attempt=attempt,
        )

    def cannot(self, why: str) -> None:
        """A receiver cannot be told: told once for each reason."""
        if why not in self.failed:
            self.failed.add(why)
            self._record(GatewaySecondPathFailed(why=why))

    def message(self, alarm: Ref, receiver: str, attempt: int) -> PathMessage | None:
        """What was sent to a receiver; None: its event is not numbered yet."""
        found = self.state.alarms.get(alarm)
        messages = self.state.messages.values() if found is None else found.every()
        wanted = (alarm, receiver, attempt)
        return next((m for m in messages if (m.alarm, m.receiver, m.attempt) == wanted), None)

    def came(self, message: PathMessage, *, came: bool) -> None:
        """A report about a message."""
        if message.came is not None:
            return
        if came:
            self._record(GatewayMessageDelivered(message=message.ref))
        else:
            self._undelivered(message)

    def _undelivered(self, message: PathMessage) -> None:
        message.came = False  # its event is on the way: it is told once
        self._record(
            GatewayMessageFailed(
                alarm=message.alarm,
                receiver=message.receiver,
                channel=message.channel,
                why="undelivered",
                message=message.ref,
            )
        )

    # --- waiting ----------------------------------------------------------------------------------

    def _age_s(self, alarm: PathAlarm) -> float:
        return self._clock.mono_s() - _mono(alarm, self._boot, self._clock)

    async def _written(self, alarm: Ref, receiver: str, attempt: int) -> None:
        """Until the log has numbered what was sent: at its next turn."""
        until_s = self._clock.mono_s() + POLL_S
        while self.message(alarm, receiver, attempt) is None:
            if self._clock.mono_s() >= until_s:
                return
            await self._pause(alarm, POLL_S)

    async def _pause(self, ref: Ref, seconds: float) -> None:
        """Wait; what happens meanwhile ends it early."""
        news = self._workers[ref]
        news.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), seconds / max(self._clock.rate(), 1e-3))

    def _nudge(self) -> None:
        for news in self._workers.values():
            news.set()


@dataclass(slots=True)
class _Place:
    """Where a round is: whose turn it is (None: not begun), and how many were missed in a row."""

    turn: int | None = None
    missed: int = 0


class _Done:
    """What a sender says of a message, which may be before the log has numbered it."""

    def __init__(self, teller: Teller, alarm: Ref, receiver: str, attempt: int) -> None:
        self._teller, self._key = teller, (alarm, receiver, attempt)
        self._came: bool | None = None

    def __call__(self, came: bool) -> None:
        self._came = came
        self.tell()

    def tell(self) -> None:
        """Tell it, if it is known and the message has its name."""
        message = self._teller.message(*self._key)
        if message is not None and self._came is not None:
            self._teller.came(message, came=self._came)


def _mono(seen: PathAlarm | PathMessage, boot: str, clock: Clock) -> float:
    """When it was, by the clock that never goes back: of this boot as it was noted, of another by
    how long ago its time is."""
    if seen.boot == boot:
        return seen.mono_s
    return clock.mono_s() - max(0.0, (clock.now() - seen.at).total_seconds())


def _first(alarm: PathAlarm, receivers: tuple[PathReceiver, ...]) -> int:
    """Whose turn it is: after whom we told last, else after whom the server told last."""
    last = alarm.messages[-1].receiver if alarm.messages else alarm.told_by_server
    ids = [receiver.id for receiver in receivers]
    return ids.index(last) + 1 if last in ids else 0
