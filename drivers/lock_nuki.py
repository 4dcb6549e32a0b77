"""A Nuki door lock over Bluetooth (kind `lock_nuki`).

How it is used, what its results mean, and what is never done twice: `drivers.locks.radio_lock`.
What only a real lock can show: docs/locks.md.  Not for: who may turn the lock.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Literal

from pydantic import Field

from drivers.locks import credentials
from drivers.locks import nuki_client as client
from drivers.locks import nuki_protocol as nuki
from drivers.locks.config import UnlatchOption
from drivers.locks.nuki_client import Credentials, Session
from drivers.locks.radio_lock import CONNECT_S, RadioLock
from drivers.radio.listening import first_advert, scanner_of
from gateway.errors import DeviceRefused
from gateway.ports import Advert, DriverContext, Say

KIND = "lock"
NEEDS_PINS = False
NEEDS_RADIO = True

PAIR_WAIT_S = 120.0
"""Seconds for the technician to go to the door and hold the button."""


class Config(UnlatchOption):
    """`[devices.<id>]` with `driver = "lock_nuki"`."""

    MAKE = "nuki"

    address: str | None = Field(None, pattern=r"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$")
    """The lock's Bluetooth address.  Not needed after pairing; while pairing, only this lock."""
    pair_as: Literal["app", "bridge"] = "app"
    """What the lock takes us for.  It knows only one bridge."""


secret_name = Config.secret_name


class Driver(RadioLock[Credentials]):
    """A paired Nuki lock (`gateway.ports.Lock`)."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        super().__init__(config, context, Credentials)

    def _session(self, advert: Advert) -> AbstractAsyncContextManager[Session]:
        return client.open_session(advert.device, self._scanner, self._credentials, CONNECT_S)

    def _advertised(self, advert: Advert) -> bool:
        return self._watch.heard(nuki.state_changed(advert.manufacturer_data))


def knows(advert: Advert) -> bool | None:
    """Whether a Nuki waits to be paired, its button held; None: it is none."""
    wants = _advertises(advert, nuki.PAIRING_SERVICE) or _is_fifth(advert)
    return wants if wants or _advertises(advert, nuki.SERVICE) else None


async def pair(config: Config, context: DriverContext, say: Say) -> None:
    """Pair with a lock whose button is held, and keep its key as a secret.

    Raises `DeviceError` when no lock is found, when it would not, or when it is of a generation
    that is not supported.
    """
    scanner = scanner_of(context)
    say("Hold the lock's button for five seconds, until its light ring stays lit.")
    advert = await first_advert(
        scanner,
        lambda heard: (
            (config.address is None or heard.address == config.address.upper())
            and (_advertises(heard, nuki.PAIRING_SERVICE) or _is_fifth(heard))
        ),
        PAIR_WAIT_S,
        "no lock in pairing mode was heard",
    )
    if _is_fifth(advert):
        raise DeviceRefused(
            f"{advert.name or 'the lock'} at {advert.address} is of the fifth generation "
            "(Ultra, Go, Pro), which is not supported: see docs/locks.md",
            why="not_supported",
        )
    say(f"Found {advert.name or 'a lock'} at {advert.address}; pairing.")
    id_type = nuki.IdType.BRIDGE if config.pair_as == "bridge" else nuki.IdType.APP
    async with (
        credentials.pairing(),
        client.open_link(
            advert.device, scanner, nuki.PAIRING_IO, nuki.pairing_bytes, CONNECT_S
        ) as link,
    ):
        paired = await client.exchange_keys(link, advert.address, id_type, "Tryggve")
    credentials.write(config, context, paired)
    say("Paired.")


def _advertises(advert: Advert, service: str) -> bool:
    return nuki.advertises(
        service, advert.service_uuids, advert.service_data, advert.manufacturer_data
    )


def _is_fifth(advert: Advert) -> bool:
    """Whether only the pairing service of the fifth generation is named."""
    fifth = _advertises(advert, nuki.PAIRING_SERVICE_5)
    return fifth and not _advertises(advert, nuki.PAIRING_SERVICE)
