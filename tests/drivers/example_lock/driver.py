"""An example of a lock over Bluetooth (kind `lock_example`).

How it is used, what its results mean, and what is never done twice: `drivers.locks.radio_lock`.
Not for: who may turn the lock.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from drivers.locks import credentials
from drivers.locks.config import LockConfig
from drivers.locks.radio_lock import CONNECT_S, RadioLock
from drivers.radio.listening import first_advert, scanner_of
from gateway.ports import Advert, DriverContext, Guide
from tests.drivers.example_lock import protocol
from tests.drivers.example_lock.protocol import Credentials, Session

KIND = "lock"
NEEDS_PINS = False
NEEDS_RADIO = True

PAIR_WAIT_S = 60.0
"""Seconds for the technician to wake the lock."""


class Config(LockConfig):
    """`[devices.<id>]` with `driver = "lock_example"`."""

    MAKE = "example"


secret_name = Config.secret_name


class Driver(RadioLock[Credentials]):
    """A paired lock (`gateway.ports.Lock`)."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        super().__init__(config, context, Credentials)

    def _session(self, advert: Advert) -> AbstractAsyncContextManager[Session]:
        return protocol.open_session(advert.device, self._scanner, self._credentials, CONNECT_S)

    def _advertised(self, advert: Advert) -> bool:
        return self._watch.heard(protocol.state_changed(advert.manufacturer_data))


async def pair(config: Config, context: DriverContext, guide: Guide) -> None:
    """Ask for the lock's key, try it on the lock, and keep it as a secret."""
    scanner = scanner_of(context)
    key = await guide.ask("Key, 32 characters 0-9 a-f: ", hidden=True)
    slot = await guide.ask("Slot of the key, as 1: ")
    advert = await first_advert(
        scanner,
        lambda heard: protocol.state_changed(heard.manufacturer_data) is not None,
        PAIR_WAIT_S,
        "no lock was heard",
    )
    typed = credentials.typed(Credentials, address=advert.address, slot=slot, key=key)
    async with (
        credentials.pairing(),
        protocol.open_session(advert.device, scanner, typed, CONNECT_S) as session,
    ):
        await session.prepare()
    credentials.write(config, context, typed)
    guide("Paired.")
