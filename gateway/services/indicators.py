"""Sets a light or a tone as a rule says, through the driver that runs.

Not for: when one should be set (the rules), or how (drivers).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.ports import Indicator
from gateway.rules import DeviceFacts

log = logging.getLogger(__name__)

SET_S = 5.0
"""Seconds that a light or a tone may take to be set."""


class Indicators:
    """`devices` are the drivers by the id of their device, as they come and go; `known` what the
    home's configuration says of them."""

    def __init__(self, devices: Mapping[str, Any], known: Iterable[DeviceFacts] = ()) -> None:
        self._devices = devices
        self.know(known)

    def know(self, known: Iterable[DeviceFacts]) -> None:
        """From now on the home consists of these."""
        self._known = tuple(known)

    async def set_role(self, role: str, on: bool) -> bool:
        """Set what has this role: somebody hears or sees the home, or nobody any more; whether a
        lamp says it now."""
        meant = [one.id for one in self._known if one.role == role and one.type == "indicator"]
        return any([await self.set(device, on) for device in meant])

    async def set(self, device: str, on: bool) -> bool:
        """Begin or end; whether it is done.  A device that cannot be had now is set as soon as it
        can."""
        driver = self._devices.get(device)
        if not isinstance(driver, Indicator):
            log.warning("no such indicator runs", extra={"device": device})
            return False
        try:
            async with asyncio.timeout(SET_S):
                await driver.set(on)
        except Exception as error:  # whatever its driver raises: it is set as soon as it can be had
            log.warning("an indicator waits", extra={"device": device, "error": repr(error)})
            return False
        return True
