"""A virtual modem: its text messages go to, and come from, a provider of the demo over HTTP.

Not for: ModemManager's own ways (`drivers.modem.modem_manager` and its tests).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress

import urllib3

from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.ports import ModemReport, ModemState

TIMEOUT_S = 5.0
"""Seconds for one request; it is to this machine."""

LOOK_S = 1.0
"""Seconds between looks for what came in."""


class VirtualModem:
    """See `gateway.ports.Modem`.  `url` is the provider's; None: nothing is there, as when the
    modem is unplugged."""

    def __init__(self, url: str | None) -> None:
        self.url = url
        self._http = urllib3.PoolManager(retries=False, timeout=TIMEOUT_S, maxsize=4)
        self._numbers = itertools.count(1)
        self._looking: asyncio.Task[None] | None = None
        self._on_report: Callable[[ModemReport], None] | None = None
        self._on_text: Callable[[str, str], None] | None = None

    async def start(
        self, on_text: Callable[[str, str], None], on_report: Callable[[ModemReport], None]
    ) -> None:
        """See `gateway.ports.Modem`."""
        self._on_text, self._on_report = on_text, on_report
        self._looking = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """See `gateway.ports.Modem`."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
            self._looking = None

    async def state(self) -> ModemState:
        """See `gateway.ports.Modem`."""
        return ModemState(problem="no_modem" if self.url is None else None, signal_pct=80)

    async def send(self, number: str, text: str) -> int:
        """See `gateway.ports.Modem`."""
        if self.url is None:
            raise DeviceUnavailable("there is no modem", why="no_modem")
        form = {"to": number, "text": text}
        try:
            answer = await asyncio.to_thread(
                self._http.request, "POST", f"{self.url}/modem", fields=form
            )
        except urllib3.exceptions.HTTPError as error:
            raise DeviceUnavailable("the network does not answer", why="no_network") from error
        if answer.status != 200:
            raise DeviceRefused(
                "the network refused the message", why="refused", code=answer.status
            )
        reference = next(self._numbers)
        if self._on_report is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(LOOK_S, self._on_report, ModemReport(reference, True))
        return reference

    async def _look(self) -> None:
        """Take in what was answered, over and over."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self.url is None or self._on_text is None:
                continue
            with suppress(urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError):
                answer = await asyncio.to_thread(
                    self._http.request, "POST", f"{self.url}/modem/inbox"
                )
                for text in answer.json():
                    self._on_text(str(text["from"]), str(text["text"]))
