"""Listening on the shared scanner: it is there, and the one advertisement that is waited for comes.

Not for: scanning (`scanner`); bleak is not imported here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.errors import DeviceUnavailable, RadioAway
from gateway.ports import Advert, DriverContext, Scanner


def scanner_of(context: DriverContext) -> Scanner:
    """The shared scanner.  Raises `DeviceUnavailable` where there is none."""
    if context.scanner is None:
        raise DeviceUnavailable("this home has no Bluetooth radio")
    return context.scanner


async def first_advert(
    scanner: Scanner, wanted: Callable[[Advert], bool], limit_s: float, missing: str
) -> Advert:
    """The first advertisement that is `wanted`.

    Raises `DeviceUnavailable` after `limit_s`, saying what is `missing` unless the radio does not
    listen.
    """
    first: asyncio.Future[Advert] = asyncio.get_running_loop().create_future()

    def heard(advert: Advert) -> None:
        if wanted(advert) and not first.done():
            first.set_result(advert)

    stop = scanner.watch(heard)
    try:
        async with asyncio.timeout(limit_s):
            return await first
    except TimeoutError as error:
        if (problem := scanner.problem()) is not None:
            raise RadioAway(problem) from error
        raise DeviceUnavailable(missing) from error
    finally:
        stop()
