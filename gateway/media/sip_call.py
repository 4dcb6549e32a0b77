"""An alarm centre calls the home: only whom an alarm named, and nobody hears before lamp and tone.

While the answer of an alarm centre lets it call (`expect`), and not a minute longer than its alarm
is open, the home listens at a port of its own (`gateway.media.sip_front`).  A call is taken when it
comes from the centre's own addresses, from whom the answer named, in time; who else calls is
refused and noted.  Then, in this order, as with a caregiver: the record in the log, the lamp, the
tone to its end, and only then the microphone.

Three layers end it: a timer here says so to the centre and kills the phone; the phone has its own
(`baresip -t`); and a task kills whatever is left some seconds later.

Not for: what baresip is given (`gateway.media.baresip`), or a caregiver's call (`calls`).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.access.centre_calls import CentreCall
from gateway.envelope import Draft
from gateway.errors import DeviceError, LogUnwritable
from gateway.events import (
    Data,
    Ref,
    Severity,
    VoiceAdmitted,
    VoiceBegun,
    VoiceEnd,
    VoiceEnded,
    VoiceParty,
    VoiceRefusal,
    VoiceRefused,
)
from gateway.media import baresip
from gateway.media.baresip import Line, NoPhone, Phone
from gateway.media.sessions import RECORD_S, Writer
from gateway.media.sip_front import Call, Front
from gateway.media.sip_ports import FrontHere
from gateway.ports import Signal, Speaker
from gateway.state.home_view import HomeView

log = logging.getLogger(__name__)

LIMIT_S = 600
"""Seconds of a call, as a caregiver's; the centre may call again while the alarm is open."""

KILL_AFTER_S = 3.0
"""Seconds past the limit after which whatever is left is killed: the third layer."""

ANSWER_S = 10.0
"""Seconds from taking a call until the centre has said that it knows; it takes one."""

LINGER_S = 60.0
"""Seconds for which the home still listens after the alarm was closed, to say so to who calls."""

EXPECTED_MAX = 8
"""Alarms of which a centre may call at once; the oldest goes."""

NOTED_MAX = 5
"""Refusals that are written into the log while the home listens: who calls a thousand times fills
no log.  Each place is noted once for each reason."""

PORT_AGAIN_S = 5.0
"""Seconds until a port that was taken is tried again."""

RESOLVE_S = 5.0
"""Seconds for the addresses of a centre's name."""

PARTY = VoiceParty.ALARM_CENTRE

CODES: dict[VoiceRefusal, tuple[int, str]] = {
    VoiceRefusal.NOT_ASKED: (403, "Forbidden"),
    VoiceRefusal.ALARM_CLOSED: (403, "Forbidden"),
    VoiceRefusal.BUSY: (486, "Busy Here"),
}
"""What a caller is told; of anything else, that it does not work now."""

NOT_NOW = 480, "Temporarily Unavailable"


@dataclass(frozen=True, slots=True)
class CentrePorts:
    """Where the home listens for calls, and the ports for their sound."""

    here: FrontHere
    sound: tuple[int, int]
    runtime: Path | None = None
    """A folder in memory for the phone's configuration; None: a temporary one."""


@dataclass(eq=False, slots=True)
class _Expected:
    """Somebody who may call."""

    call: CentreCall
    until_s: float
    addresses: frozenset[str] = frozenset()


@dataclass(eq=False, slots=True)
class _Running:
    """The call that goes on."""

    id: str
    alarm: Ref
    call: Call
    phone: Phone | None = None
    began_s: float | None = None
    ending: VoiceEnd | None = None
    refused: VoiceRefusal | None = None
    told: asyncio.Event = field(default_factory=asyncio.Event)


class CentreCalls:
    """The calls of alarm centres with one home.  In the event loop."""

    def __init__(
        self,
        ports: CentrePorts,
        *,
        view: Callable[[], HomeView],
        writer: Writer,
        now: Callable[[], datetime | None],
        speaker: Callable[[], Speaker | None],
        light: Callable[[bool], Awaitable[bool]],
        taken: Callable[[], bool],
        spawn: Callable[[Coroutine[Any, Any, None]], Any],
        start: Callable[[Line, Path | None], Awaitable[Phone]] = Phone.start,
        limit_s: float = LIMIT_S,
    ) -> None:
        """`taken` says whether a caregiver speaks with the home; the rest as `gateway.media.calls`
        has it."""
        self._ports, self._view, self._writer, self._now = ports, view, writer, now
        self._speaker, self._light, self._taken = speaker, light, taken
        self._spawn, self._start, self._limit_s = spawn, start, limit_s
        self._expected: list[_Expected] = []
        self._news = asyncio.Event()
        self._front: Front | None = None
        self._listening: asyncio.Task[None] | None = None
        self._running: _Running | None = None
        self._noted: set[tuple[str, VoiceRefusal]] = set()

    @property
    def busy(self) -> bool:
        """Whether a call goes on, or is being begun."""
        return self._running is not None

    @property
    def port(self) -> int:
        """Where the home listens; 0: nowhere."""
        return 0 if self._front is None else self._front.ports.port

    # --- who may call, and when the home listens

    def expect(self, call: CentreCall) -> None:
        """A centre may call."""
        now = self._now()
        if now is None or not call.holds_at(now) or not self._care_alarm_open(call.alarm):
            log.info("an alarm centre may not call", extra={"alarm": call.alarm})
            return
        until_s = time.monotonic() + (call.expires - now).total_seconds()
        self._expected = [one for one in self._expected if one.call != call][1 - EXPECTED_MAX :]
        self._expected.append(_Expected(call, until_s))
        if self._listening is None:
            self._noted.clear()
            self._listening = self._spawn(self._listen())

    def reconsider(self) -> None:
        """Something happened: a call ends with its alarm, and soon nobody may call any more."""
        running = self._running
        if running is not None and not self._care_alarm_open(running.alarm):
            self._end(running, VoiceEnd.ALARM_CLOSED)
        for one in self._expected:
            if not self._care_alarm_open(one.call.alarm):
                one.until_s = min(one.until_s, time.monotonic() + LINGER_S)
        self._news.set()

    async def close(self) -> None:
        """The gateway stops: nobody listens from here on."""
        running = self._running
        if running is not None:
            self._end(running, VoiceEnd.STOPPED)
            with suppress(TimeoutError):
                async with asyncio.timeout(RECORD_S):
                    while self._running is running:  # noqa: ASYNC110 - it ends within a moment
                        await asyncio.sleep(0.01)
        self._expected.clear()
        self._news.set()
        if self._listening is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(RECORD_S):
                    await asyncio.wait([self._listening])

    async def _listen(self) -> None:
        """Listen for as long as somebody may call."""
        front = Front(self._ports.here, self._rings)
        try:
            while not await self._opened(front):
                if not await self._waited(PORT_AGAIN_S):
                    return
            self._front = front
            while await self._waited(1.0):
                await self._resolve()
        finally:
            self._front = self._listening = None
            await front.close()

    async def _opened(self, front: Front) -> bool:
        try:
            await front.open()
        except OSError as error:
            log.error("no port for the calls of alarm centres: %s", error)
            self._note("port", VoiceRefusal.NO_MEDIA, None)
            return False
        return True

    async def _waited(self, seconds: float) -> bool:
        """Wait, at most so long; whether somebody may still call, or a call goes on."""
        self._news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        now_s = time.monotonic()
        self._expected = [one for one in self._expected if one.until_s > now_s]
        return bool(self._expected) or self._running is not None

    async def _resolve(self) -> None:
        """The addresses of who may call, for those that have none yet."""
        for one in [one for one in self._expected if not one.addresses]:
            one.addresses = await _addresses(one.call.places)

    # --- a call comes

    def _rings(self, call: Call) -> None:
        self._spawn(self._judge(call))

    async def _judge(self, call: Call) -> None:
        await self._resolve()
        front = self._front
        if front is None:
            return
        fits = [one for one in self._expected if self._fits(one, call)]
        alarm = next((o.call for o in fits if self._care_alarm_open(o.call.alarm)), None)
        why: VoiceRefusal | None = None
        if not fits:
            why = VoiceRefusal.NOT_ASKED
        elif alarm is None:
            why = VoiceRefusal.ALARM_CLOSED
        elif self._running is not None or self._taken():
            why = VoiceRefusal.BUSY
        if why is not None or alarm is None:
            why = why or VoiceRefusal.NOT_ASKED
            front.refuse(call, *CODES[why])
            self._note(call.peer.host, why, None)
            return
        running = self._running = _Running(secrets.token_urlsafe(12), alarm.alarm, call)
        try:
            await self._carry(front, running, alarm)
        finally:
            self._running = None
            self._news.set()

    def _fits(self, one: _Expected, call: Call) -> bool:
        now = self._now()
        return (
            call.peer.host in one.addresses
            and one.call.names(call.caller)
            and now is not None
            and one.call.holds_at(now)
        )

    def _care_alarm_open(self, ref: Ref) -> bool:
        alarm = self._view().alarms.get(ref)
        return alarm is not None and alarm.severity is not Severity.TECHNICAL

    async def _carry(self, front: Front, running: _Running, expected: CentreCall) -> None:
        """The record, and then the call; whatever comes of it, the lamp is dark at its end."""
        speaker = self._speaker()
        if speaker is None:
            self._refuse(front, running, VoiceRefusal.NO_SPEAKER)
            return
        admitted = VoiceAdmitted(
            call=running.id, permit=running.id, alarm=running.alarm, party=PARTY
        )
        try:
            await self._writer.write(Draft(admitted), timeout_s=RECORD_S)
        except LogUnwritable:
            self._refuse(front, running, VoiceRefusal.NOT_RECORDED)
            return
        why = VoiceEnd.REFUSED
        try:
            why = await self._speak(front, running, speaker, expected)
        finally:
            took_s = 0.0 if running.began_s is None else time.monotonic() - running.began_s
            front.hang_up(running.call)
            front.forget(running.call)
            if running.phone is not None:
                await running.phone.close()
            self._write(VoiceEnded(call=running.id, why=why, took_s=round(took_s, 1)))
            await self._light(False)
            if running.began_s is not None:
                with suppress(DeviceError):
                    await speaker.play(Signal.LISTENED)

    async def _speak(
        self, front: Front, running: _Running, speaker: Speaker, expected: CentreCall
    ) -> VoiceEnd:
        """The phone rings while lamp and tone are given; then it takes the call.  Why it ended."""
        runtime = self._ports.runtime
        try:
            running.phone = await self._start(self._line(running, speaker, expected), runtime)
        except NoPhone as error:
            log.error("no phone for an alarm centre's call: %s", error)
            return self._refuse(front, running, VoiceRefusal.NO_MEDIA)
        front.pass_on(running.call, running.phone.port)
        if not await self._light(True):
            return self._refuse(front, running, VoiceRefusal.NO_LIGHT)
        try:
            await speaker.play(Signal.LISTENING)
        except DeviceError:
            return self._refuse(front, running, VoiceRefusal.NO_TONE)
        if running.call.over.is_set():
            return VoiceEnd.HUNG_UP
        if running.ending is not None:
            return running.ending
        running.began_s = time.monotonic()  # from here on the microphone may be open
        self._write(VoiceBegun(call=running.id, alarm=running.alarm, party=PARTY))
        running.phone.take()
        return await self._until_its_end(running, running.phone)

    def _line(self, running: _Running, speaker: Speaker, expected: CentreCall) -> Line:
        return Line(
            place=speaker.place(),
            address=_own_address(running.call.peer.host),
            ports=self._ports.sound,
            hears=expected.media != "speaker",
            speaks=expected.media != "microphone",
            limit_s=int(self._limit_s + ANSWER_S + KILL_AFTER_S),
        )

    async def _until_its_end(self, running: _Running, phone: Phone) -> VoiceEnd:
        """Wait for the first that ends it."""
        call = running.call
        killer = asyncio.get_running_loop().call_later(self._limit_s + KILL_AFTER_S, phone.kill)
        watched = asyncio.ensure_future(phone.watch())
        over = asyncio.ensure_future(call.over.wait())
        told = asyncio.ensure_future(running.told.wait())
        known = asyncio.ensure_future(call.confirmed.wait())
        try:
            first = asyncio.FIRST_COMPLETED
            ends = {watched, over, told}
            await asyncio.wait({*ends, known}, timeout=ANSWER_S, return_when=first)
            if not any(one.done() for one in (*ends, known)):
                return VoiceEnd.VIEWER_LOST  # it called, and does not answer any more
            left_s = self._limit_s - (time.monotonic() - (running.began_s or 0.0))
            await asyncio.wait(ends, timeout=max(0.0, left_s), return_when=first)
            if running.ending is not None:
                return running.ending
            if over.done():
                return self._by_whom(call, phone)
            if watched.done():
                return VoiceEnd.MEDIA_DIED if watched.result() else VoiceEnd.MEDIA_STUCK
            return VoiceEnd.LIMIT_REACHED
        finally:
            killer.cancel()
            for task in (watched, over, told, known):
                task.cancel()
            await asyncio.gather(watched, over, told, known, return_exceptions=True)

    def _by_whom(self, call: Call, phone: Phone) -> VoiceEnd:
        if not call.by_phone:
            return VoiceEnd.HUNG_UP
        return VoiceEnd.SOUND_FAILED if phone.failed else VoiceEnd.VIEWER_LOST

    def _end(self, running: _Running, why: VoiceEnd) -> None:
        if running.ending is None:
            running.ending = why
            running.told.set()

    # --- what is told

    def _refuse(self, front: Front, running: _Running, why: VoiceRefusal) -> VoiceEnd:
        front.refuse(running.call, *NOT_NOW)
        front.hang_up(running.call)
        running.refused = why
        self._note(running.call.peer.host, why, running.id)
        return VoiceEnd.REFUSED

    def _note(self, place: str, why: VoiceRefusal, call: str | None) -> None:
        if (place, why) in self._noted or len(self._noted) >= NOTED_MAX:
            log.info("a call was refused again", extra={"why": why.value})
            return
        self._noted.add((place, why))
        self._write(VoiceRefused(call=call, why=why, party=PARTY))

    def _write(self, data: Data) -> None:
        self._writer.submit(Draft(data))


async def _addresses(places: tuple[str, ...]) -> frozenset[str]:
    """Of names and addresses; of a name that nobody knows now, none."""
    loop = asyncio.get_running_loop()

    async def of(place: str) -> list[str]:
        with suppress(OSError, UnicodeError, TimeoutError):
            async with asyncio.timeout(RESOLVE_S):
                found = await loop.getaddrinfo(place, None, type=socket.SOCK_DGRAM)
                return [str(one[4][0]) for one in found]
        return []

    found = await asyncio.gather(*(of(place) for place in places))
    return frozenset(address for some in found for address in some)


def _own_address(peer: str) -> str:
    """Our address on the way to the centre, which its sound comes to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((peer, 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def missing() -> str | None:
    """What must be installed for an alarm centre's call, one sentence; None: nothing."""
    return baresip.installed()
