"""The gateway's own ways to a receiver: a text message over the modem.

A sender hands one message over and tells later whether it came.  Not for: who is told (`teller`),
or the modem itself (`drivers.modem`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.events import AnyAlarmType, Ref, Severity
from gateway.ports import Modem, ModemReport, ModemState

WAITING_MAX = 50
"""Messages whose report is waited for."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a receiver is told: `where` names the home as far as it may be named outside, `reply` is
    the word to answer with, `attempt` how often this receiver is told of it."""

    alarm: Ref
    type: AnyAlarmType
    severity: Severity
    device: str | None
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

    async def state(self) -> ModemState:
        """Whether it works now, as far as can be known without sending; never raises."""


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

    async def state(self) -> ModemState:
        """See `Sender`."""
        return await self._modem.state()

    def _reported(self, report: ModemReport) -> None:
        done = self._waiting.pop(report.reference, None)
        if done is not None:
            done(report.came)
