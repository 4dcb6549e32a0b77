"""One call at a time: permit, record, light and tone, then the child that carries sound.

In this order, and no step without the one before it: the permit is judged and used up in the log;
the lamp of the role `listening` shines and the tone has been heard; only then does the child open
the microphone.  The child is killed when the time is out, whatever it does itself; its own two
layers come first (`gateway.media.child`).

Not for: signing permits (the server), or what a permit says (`gateway.access.permits`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.access import permits
from gateway.access.permits import Permit
from gateway.envelope import Draft, Event
from gateway.errors import DescriptionRefused, DeviceError, LogUnwritable, PermitRefused
from gateway.events import (
    Data,
    Ref,
    Severity,
    VoiceAdmitted,
    VoiceBegun,
    VoiceEnd,
    VoiceEnded,
    VoiceExtended,
    VoiceParty,
    VoiceRefusal,
    VoiceRefused,
)
from gateway.media import description
from gateway.media.process import START_S, MediaProcess, Stuck
from gateway.ports import Signal, Speaker
from gateway.state.home_view import HomeView
from gateway.wire import CallOrder, CallSignal

log = logging.getLogger(__name__)

RECORD_S = 2.0
"""Seconds that the log may take to keep that a permit is used up; then nobody listens."""

KILL_AFTER_S = 3.0
"""Seconds past the limit after which the parent kills the child: the third layer."""

CONNECT_S = 20.0
"""Seconds from the child's start of work until sound must flow, at the most: its own timers (15 s
for a way, twice at the worst) and some."""


class Writer(Protocol):
    """What a call needs of the engine."""

    def submit(self, draft: Draft) -> None: ...

    async def write(self, draft: Draft, timeout_s: float | None = None) -> Event: ...


class CallRecord:
    """A fold of the calls that this home admitted: which permits are used up, what has no end."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.open: dict[str, str | None] = {}

    def apply(self, event: Event) -> None:
        """Fold one event."""
        data = event.data
        if isinstance(data, VoiceAdmitted):
            self.used.add(data.permit)
            self.open[data.call] = event.person
        elif isinstance(data, VoiceExtended):
            self.used.add(data.permit)
        elif isinstance(data, VoiceEnded):
            self.open.pop(data.call, None)


@dataclass(slots=True)
class _Running:
    """The call that goes on."""

    permit: Permit
    process: MediaProcess | None = None
    began_s: float | None = None
    ends_s: float | None = None
    extended: bool = False
    ending: VoiceEnd | None = None
    """Why it was told to end from here."""
    refused: VoiceRefusal | None = None
    died: VoiceEnd = VoiceEnd.MEDIA_DIED


class Calls:
    """The calls of one home.  In the event loop."""

    def __init__(
        self,
        *,
        home: str,
        keys: Callable[[], Mapping[str, Ed25519PublicKey]],
        view: Callable[[], HomeView],
        record: Callable[[], CallRecord],
        writer: Writer,
        now: Callable[[], datetime | None],
        speaker: Callable[[], Speaker | None],
        light: Callable[[bool], Awaitable[bool]],
        signal: Callable[[CallSignal], Coroutine[Any, Any, None]],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        start: Callable[[], Awaitable[MediaProcess]] = MediaProcess.start,
        taken: Callable[[], bool] = lambda: False,
    ) -> None:
        """`light` sets the lamp that says that somebody listens, and tells whether it did; `signal`
        tells the server, and may take its time; `taken` says whether somebody else has the home's
        microphone (an alarm centre)."""
        self._home, self._keys, self._view, self._record = home, keys, view, record
        self._writer, self._now = writer, now
        self._speaker, self._light = speaker, light
        self._signal, self._spawn, self._start = signal, spawn, start
        self._taken = taken
        self._running: _Running | None = None
        self._admitted: set[str] = set()

    @property
    def busy(self) -> bool:
        """Whether a call goes on, or is being begun."""
        return self._running is not None

    def settle(self, left_open: CallRecord) -> None:
        """After a start: end the calls that the last run left open.  Its child ended with it."""
        for call, person in list(left_open.open.items()):
            ended = VoiceEnded(call=call, why=VoiceEnd.RESTARTED)
            self._writer.submit(Draft(ended, person=person))

    async def order(self, order: CallOrder) -> None:
        """Do as the server's page asks, or say why not."""
        running = self._running
        if order.what == "begin":
            await self._begin(order)
        elif order.what == "extend":
            await self._extend(order)
        elif running is None or running.permit.call != order.call:
            return
        elif order.what == "candidates" and running.process is not None:
            ways = description.candidates(order.candidates)
            running.process.tell({"do": "candidates", "candidates": ways})
        elif order.what == "end":
            self._end(running, VoiceEnd.HUNG_UP)

    def reconsider(self) -> None:
        """Something happened: a call ends with its alarm."""
        running = self._running
        if running is not None and not self._care_alarm_open(running.permit.alarm):
            self._end(running, VoiceEnd.ALARM_CLOSED)

    async def close(self) -> None:
        """The gateway stops: nobody listens from here on."""
        running = self._running
        if running is None:
            return
        await self._hang_up(running, VoiceEnd.STOPPED)

    async def _hang_up(self, running: _Running, why: VoiceEnd = VoiceEnd.HUNG_UP) -> None:
        """End a call at once, and wait a moment until it is written."""
        self._end(running, why)
        if running.process is not None:
            running.process.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(RECORD_S):
                while self._running is running:  # noqa: ASYNC110 - it ends within a moment
                    await asyncio.sleep(0.01)

    # --- from permit to child

    def _judged(self, token: str) -> Permit:
        """The permit, if it holds here and now.  Raises `PermitRefused`."""
        permit = permits.read(token, self._keys())
        used = self._record().used | self._admitted
        permits.judge(
            permit,
            home=self._home,
            now=self._now(),
            used=used.__contains__,
            care_alarm_open=self._care_alarm_open,
        )
        return permit

    def _care_alarm_open(self, ref: Ref) -> bool:
        alarm = self._view().alarms.get(ref)
        return alarm is not None and alarm.severity is not Severity.TECHNICAL

    async def _begin(self, order: CallOrder) -> None:
        try:
            permit = self._judged(order.permit)
            if permit.call != order.call or permit.extends:
                raise PermitRefused(VoiceRefusal.FORGED, call=permit.call, person=permit.person)
            if self._running is not None and self._running.permit.person == permit.person:
                await self._hang_up(self._running)  # their page was loaded anew
            if self._running is not None or self._taken():
                raise PermitRefused(VoiceRefusal.BUSY, call=permit.call, person=permit.person)
        except PermitRefused as error:
            self._refuse(VoiceRefusal(error.why), order.call, error.call, error.person)
            return
        self._admitted.add(permit.id)
        running = self._running = _Running(permit)
        try:
            await self._carry(running, order)
        finally:
            if self._running is running:
                self._running = None

    async def _carry(self, running: _Running, order: CallOrder) -> None:
        permit = running.permit
        speaker = self._speaker()
        try:
            sdp = description.clean(order.sdp)
        except DescriptionRefused:
            self._refuse_admitted(permit, VoiceRefusal.BAD_OFFER)
            return
        if speaker is None:
            self._refuse_admitted(permit, VoiceRefusal.NO_SPEAKER)
            return
        admitted = VoiceAdmitted(
            call=permit.call, permit=permit.id, alarm=permit.alarm, party=VoiceParty.STAFF
        )
        try:
            await self._writer.write(Draft(admitted, person=permit.person), timeout_s=RECORD_S)
        except LogUnwritable:
            self._refuse_admitted(permit, VoiceRefusal.NOT_RECORDED)
            return
        why = VoiceEnd.REFUSED
        try:
            why = await self._listen(running, speaker, order, sdp)
        finally:
            took_s = 0.0 if running.began_s is None else time.monotonic() - running.began_s
            self._write(permit, VoiceEnded(call=permit.call, why=why, took_s=round(took_s, 1)))
            if running.refused is None:
                self._tell(CallSignal(call=permit.call, state="ended", why=why.value))
            await self._light(False)
            self._running = None  # who presses again need not wait for the tone
            if running.began_s is not None:
                with suppress(DeviceError):
                    await speaker.play(Signal.LISTENED)

    async def _listen(
        self, running: _Running, speaker: Speaker, order: CallOrder, sdp: str
    ) -> VoiceEnd:
        """Light and tone, then the child; why it ended."""
        permit = running.permit
        try:
            running.process = await self._start()  # its libraries load while the tone sounds
        except OSError:
            return self._not(running, VoiceRefusal.NO_MEDIA)
        try:
            if not await self._light(True):
                return self._not(running, VoiceRefusal.NO_LIGHT)
            try:
                await speaker.play(Signal.LISTENING)
            except DeviceError:
                return self._not(running, VoiceRefusal.NO_TONE)
            if running.ending is not None:
                return running.ending
            place = speaker.place()
            begin = {
                "sdp": sdp,
                "limit_s": permit.limit_s,
                "ice": [one.model_dump(exclude_none=True) for one in order.ice],
                "sound": {
                    "kind": place.kind,
                    "microphone": place.microphone,
                    "speaker": place.speaker,
                    "echo_cancelled": place.echo_cancelled,
                },
            }
            return await self._hear(running, begin)
        finally:
            running.process.kill()
            await running.process.gone()

    async def _hear(self, running: _Running, begin: dict[str, Any]) -> VoiceEnd:
        """What the child says, until its end or ours."""
        assert running.process is not None  # noqa: S101 - it was started
        running.ends_s = time.monotonic() + START_S + CONNECT_S
        killer = asyncio.create_task(self._kill_in_time(running))
        ended: VoiceEnd | None = None
        try:
            async for word in running.process.said(START_S):
                match word.get("say"):
                    case "ready":
                        self._write_begun(running)
                        running.process.tell(begin)
                    case "answered":
                        sdp = str(word.get("sdp", ""))
                        self._tell(CallSignal(call=running.permit.call, state="answered", sdp=sdp))
                    case "begun":
                        running.ends_s = time.monotonic() + running.permit.limit_s + KILL_AFTER_S
                        self._tell(CallSignal(call=running.permit.call, state="begun"))
                    case "refused":
                        return self._not(running, VoiceRefusal.BAD_OFFER)
                    case "ended":
                        ended = VoiceEnd(word["why"])
        except Stuck:
            return running.ending or VoiceEnd.MEDIA_STUCK
        finally:
            killer.cancel()
        if running.began_s is None and ended is None and running.ending is None:
            return self._not(running, VoiceRefusal.NO_MEDIA)
        return running.ending or ended or running.died

    def _write_begun(self, running: _Running) -> None:
        """From here on the microphone may be open: the record comes first."""
        permit = running.permit
        running.began_s = time.monotonic()
        begun = VoiceBegun(call=permit.call, alarm=permit.alarm, party=VoiceParty.STAFF)
        self._write(permit, begun)

    async def _kill_in_time(self, running: _Running) -> None:
        """The third layer: whatever the child does, it is gone then."""
        assert running.process is not None  # noqa: S101 - it was started
        while running.ends_s is not None:
            left_s = running.ends_s - time.monotonic()
            if left_s <= 0:
                running.died = VoiceEnd.LIMIT_REACHED
                running.process.kill()
                return
            await asyncio.sleep(min(left_s, 1.0))

    # --- while it goes on

    async def _extend(self, order: CallOrder) -> None:
        running = self._running
        try:
            permit = self._judged(order.permit)
            fits = (
                running is not None
                and running.process is not None
                and running.ends_s is not None
                and not running.extended
                and permit.call == running.permit.call
                and permit.person == running.permit.person
            )
            if not fits:
                raise PermitRefused(VoiceRefusal.REPLAYED, call=permit.call, person=permit.person)
        except PermitRefused as error:
            log.info("a call is not made longer", extra={"why": error.why})
            return
        assert running is not None  # noqa: S101 - seen above
        assert running.process is not None  # noqa: S101 - as above
        assert running.ends_s is not None  # noqa: S101 - as above
        self._admitted.add(permit.id)
        running.extended = True
        running.ends_s += permit.limit_s
        self._write(permit, VoiceExtended(call=permit.call, permit=permit.id))
        running.process.tell({"do": "extend", "limit_s": permit.limit_s})

    def _end(self, running: _Running, why: VoiceEnd) -> None:
        if running.ending is None:
            running.ending = why
            if running.process is not None:
                running.process.tell({"do": "end", "why": why.value})
            if running.ends_s is not None:  # one that does not obey is killed, as at its limit
                running.ends_s = min(running.ends_s, time.monotonic() + KILL_AFTER_S)

    # --- what is told

    def _not(self, running: _Running, why: VoiceRefusal) -> VoiceEnd:
        """It was admitted, and nobody will listen."""
        running.refused = why
        self._refuse_admitted(running.permit, why)
        return VoiceEnd.REFUSED

    def _refuse_admitted(self, permit: Permit, why: VoiceRefusal) -> None:
        self._refuse(why, permit.call, permit.call, permit.person)

    def _refuse(self, why: VoiceRefusal, asked: str, call: str | None, person: str | None) -> None:
        refused = VoiceRefused(call=call, why=why, party=VoiceParty.STAFF)
        self._writer.submit(Draft(refused, person=person))
        self._tell(CallSignal(call=asked, state="refused", why=why.value))

    def _tell(self, signal: CallSignal) -> None:
        """In a task of its own: a server that is slow or gone holds up no call, and no end."""
        self._spawn(self._signal(signal))

    def _write(self, permit: Permit, data: Data) -> None:
        self._writer.submit(Draft(data, person=permit.person))
