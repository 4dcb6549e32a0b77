"""The resident hears what becomes of an alarm: that the home has it, and that a person took it.

Only of alarms that the resident knows of: the pendant, and a fall.  At another one a voice in the
night would frighten.  The first sound needs no server; the second says no more than the event: that
somebody took the alarm, not that they are on their way.

Not for: how a sound is made (drivers), or when an alarm is raised (rules).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from gateway.envelope import Event
from gateway.errors import DeviceError
from gateway.events import (
    AlarmAcknowledged,
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    Ref,
)
from gateway.ports import Signal, Speaker

log = logging.getLogger(__name__)

TOLD = frozenset({AlarmType.PENDANT, AlarmType.ON_FLOOR})
"""Alarms that the resident hears of."""

WAITING_MAX = 4
"""Sounds that may wait for the speaker; more are of no use to anybody."""


class AlarmSounds:
    """`speaker` gives the home's speaker (None: none runs), `quiet` says whether a person speaks in
    the home now, so that no sound is needed."""

    def __init__(
        self, speaker: Callable[[], Speaker | None], quiet: Callable[[], bool] = lambda: False
    ) -> None:
        self._speaker, self._quiet = speaker, quiet
        self._open: dict[Ref, bool] = {}
        """Alarms that the resident knows of, and whether a person took them."""
        self._waiting: asyncio.Queue[Signal] = asyncio.Queue(WAITING_MAX)

    def apply(self, event: Event) -> None:
        """Fold one event: which alarms the resident knows of, and who hears that they are taken."""
        if isinstance(event.data, AlarmRaised) and event.data.type in TOLD:
            self._open[event.ref] = False
        elif isinstance(event.data, AlarmAcknowledged) and event.data.alarm in self._open:
            self._open[event.data.alarm] = True
        elif isinstance(event.data, AlarmCancelled | AlarmResolved):
            self._open.pop(event.data.alarm, None)

    def forget(self) -> None:
        """The log is folded anew."""
        self._open.clear()

    def see_live(self, event: Event) -> None:
        """Something happened now, and is folded already."""
        if isinstance(event.data, AlarmRaised) and event.data.type in TOLD:
            self._say(Signal.RAISED)
        elif isinstance(event.data, AlarmAcknowledged) and self._open.pop(event.data.alarm, False):
            self._say(Signal.TAKEN)

    def _say(self, signal: Signal) -> None:
        if not self._waiting.full():
            self._waiting.put_nowait(signal)

    async def run(self) -> None:
        """Say what is to be said, one after the other, until cancelled."""
        while True:
            signal = await self._waiting.get()
            speaker = self._speaker()
            if speaker is None or self._quiet():
                continue
            try:
                await speaker.play(signal)
            except DeviceError as error:
                log.warning("the resident was not told", extra={"why": error.text})
            except Exception:  # a driver broke its promise: the next one is said
                log.exception("the resident was not told")
