"""The gateway's own ways to a receiver: a text message over the modem, an alarm centre over SIP.

A sender hands one message over and tells later whether it came.  Not for: who is told (`teller`),
or the modem itself (`drivers.modem`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import BadMessage, DeviceRefused
from gateway.events import AnyAlarmType, Ref, Severity
from gateway.ports import Modem, ModemReport, ModemState
from gateway.scaip.alarm_codes import alarm_message
from gateway.scaip.message import Voice
from gateway.scaip.sender import Centre, Patience, ScaipSender, Verdict

WAITING_MAX = 50
"""Messages whose report is waited for."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a receiver is told: `where` names the home as far as it may be named outside, `reply` is
    the word to answer with, `attempt` how often this receiver is told of it."""

    alarm: Ref
    type: AnyAlarmType
    severity: Severity
    room: str | None
    where: str
    reply: str
    attempt: int

    def text(self) -> str:
        """As a text message: one part, without what the alarm is about."""
        what = "LARM" if self.severity is Severity.CARE else "TEKNISKT LARM"
        again = "" if self.attempt == 1 else f" ({self.attempt}:a gången)"
        return (
            f"Tryggve: {what}, {self.where}{again}. Larmservern går inte att nå. "
            f"Svara {self.reply} om du tar larmet."
        )


class Sender(Protocol):
    """One way.  Every call in the home's loop."""

    async def send(self, address: str, note: Note, done: Callable[[bool], None]) -> None:
        """Hand one message over; `done` is called once it is known whether it came, perhaps before
        this returns.  Raises `DeviceError`, with `why` among its data, when it did not go out."""

    async def state(self, addresses: Sequence[str], *, thorough: bool) -> ModemState:
        """Whether it works now, as far as can be known without telling anybody; `thorough`: it may
        ask those at `addresses` whether they are there.  Never raises."""


class SmsSender:
    """Text messages.  `on_text(number, text)` hears what comes in."""

    def __init__(self, modem: Modem, on_text: Callable[[str, str], None]) -> None:
        self._modem = modem
        self._on_text = on_text
        self._waiting: dict[int, Callable[[bool], None]] = {}

    async def start(self) -> None:
        """Listen."""
        await self._modem.start(self._on_text, self._reported)

    async def stop(self) -> None:
        """Listen no more."""
        await self._modem.stop()

    async def send(self, address: str, note: Note, done: Callable[[bool], None]) -> None:
        """See `Sender`."""
        reference = await self._modem.send(address, note.text())
        self._waiting.pop(reference, None)
        self._waiting[reference] = done
        while len(self._waiting) > WAITING_MAX:
            self._waiting.pop(next(iter(self._waiting)))

    async def state(self, addresses: Sequence[str], *, thorough: bool) -> ModemState:  # noqa: ARG002
        """See `Sender`: people are not asked."""
        return await self._modem.state()

    def _reported(self, report: ModemReport) -> None:
        done = self._waiting.pop(report.reference, None)
        if done is not None:
            done(report.came)


HURRY = Patience(answer_s=8.0, tries=2, busy_s=2.0, busy_max_s=4.0)
"""A centre that is there answers within a second or two; with 20 s before it and another receiver
after it, somebody is told within the minute all the same."""

_VERDICTS = {
    Verdict.SILENT: "no_answer",
    Verdict.UNREACHABLE: "no_answer",
    Verdict.BUSY: "busy",
}
"""What a centre's silence is called; all else is that it refuses."""


WantsToCall = Callable[[Ref, str, Voice], None]
"""Is told of a centre (its address) whose answer about an alarm asks for a call."""


class CentreSender:
    """An alarm centre, straight from the home.  `cid` is what centres know the home by; `password`
    goes with `username` where a centre asks for one; `call_back` is where it may call the home,
    None: nowhere."""

    def __init__(
        self,
        scaip: ScaipSender,
        cid: Callable[[], str | None],
        *,
        username: str | None = None,
        password: str | None = None,
        call_back: str | None = None,
        wants_to_call: WantsToCall = lambda _alarm, _uri, _voice: None,
    ) -> None:
        self._scaip, self._cid = scaip, cid
        self._call_back, self._wants_to_call = call_back, wants_to_call
        self._username, self._password = username, password

    async def start(self) -> None:
        """Listen for answers."""
        await self._scaip.start()

    async def stop(self) -> None:
        """Listen no more."""
        await self._scaip.close()

    async def send(self, address: str, note: Note, done: Callable[[bool], None]) -> None:
        """See `Sender`.  The message has the same `ref` each time, so that the centre sees one
        alarm."""
        ref = hashlib.sha256(note.alarm.encode()).hexdigest()[:16]
        cid = self._known()
        try:
            message = alarm_message(ref, cid, note.type, room=note.room, call_back=self._call_back)
        except BadMessage as error:
            raise DeviceRefused(error.text, why="refused") from error
        sent = await self._scaip.send(message, [self._centre(address)])
        if not sent.received:
            last = sent.last
            why = _VERDICTS.get(last.verdict, "refused")
            raise DeviceRefused(f"the centre: {last.verdict} {last.detail}", why=why)
        done(True)
        voice = None if sent.answer is None else sent.answer.voice
        if voice is not None and self._call_back is not None:
            self._wants_to_call(note.alarm, address, voice)

    async def state(self, addresses: Sequence[str], *, thorough: bool) -> ModemState:
        """See `Sender`: a heartbeat to each centre, where that is wanted."""
        if self._cid() is None:
            return ModemState(problem="no_address")
        for address in addresses if thorough else ():
            one = await self._scaip.beat(self._known(), self._centre(address))
            if one.verdict is not Verdict.RECEIVED:
                return ModemState(problem=_VERDICTS.get(one.verdict, "refused"))
        return ModemState(problem=None)

    def _known(self) -> str:
        cid = self._cid()
        if cid is None:
            raise DeviceRefused("the home has no number at the centre", why="no_address")
        return cid

    def _centre(self, address: str) -> Centre:
        return Centre(address, username=self._username, password=self._password)
