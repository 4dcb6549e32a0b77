"""A Yale or August door lock over Bluetooth (kind `lock_yale`), as Linus, Doorman L3S or Assure.

How it is used, what its results mean, and what is never done twice: `drivers.locks.radio_lock`.
Needs the extra `yale`.  The lock's offline key and its slot come from the vendor's cloud; `tryggve
gateway pair` asks for them and tries them on the lock.

What only a real lock can show: docs/locks.md.  Not for: who may turn the lock.
"""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager

from drivers.locks import credentials
from drivers.locks import yale_client as client
from drivers.locks.config import BatteryOption, UnlatchOption
from drivers.locks.radio_lock import CONNECT_S, RadioLock
from drivers.locks.yale_client import Credentials, Session, Unanswered
from drivers.radio.listening import first_advert, scanner_of
from gateway.ports import Advert, DriverContext, Guide, LockStatus

KIND = "lock"
NEEDS_PINS = False
NEEDS_RADIO = True

COMPANIES = (465, 302)
"""Bluetooth company numbers under which the lock advertises, August's before ASSA ABLOY's."""

STALE_S = 6.1
"""Seconds after a turn for which the lock may tell its old state (`yalexs_ble.push` waits as
long)."""

PAIR_WAIT_S = 60.0
"""Seconds for the technician to wake the lock."""

_ADDRESS = r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}"


class Config(UnlatchOption, BatteryOption):
    """`[devices.<id>]` with `driver = "lock_yale"`."""

    MAKE = "yale"

    door_sensor: bool = False
    """The lock has a door sensor (DoorSense), and is asked for it."""


secret_name = Config.secret_name


def changes(manufacturer_data: dict[int, bytes]) -> int | None:
    """The bit that the lock flips with each change of its state, 0 or 1; None when this
    advertisement does not carry it.

    One byte under the vendor's company number.  The same number also carries 18 bytes of another
    meaning, and a byte of 255 means nothing.
    """
    for company in COMPANIES:
        data = manufacturer_data.get(company, b"")
        if len(data) == 1 and data[0] in (0, 1):
            return data[0]
    return None


class Driver(RadioLock[Credentials]):
    """A Yale lock whose key is known (`gateway.ports.Lock`).

    Raises `DeviceUnavailable` without the library too.
    """

    stale_s = STALE_S
    contrary_s = STALE_S + 2.0
    """A question after a turn may be answered with the state before it."""

    _config: Config

    def __init__(self, config: Config, context: DriverContext) -> None:
        client.library()
        self._unanswered = Unanswered()
        self._bit: int | None = None
        self._asked_bit: int | None = None
        super().__init__(config, context, Credentials)

    def _session(self, advert: Advert) -> AbstractAsyncContextManager[Session]:
        return client.open_session(
            advert.device,
            self._scanner,
            self._credentials,
            CONNECT_S,
            self._unanswered,
            door=self._config.door_sensor,
            low_pct=self._config.battery_low_pct,
        )

    async def _ask(self) -> LockStatus:
        bit = self._bit  # a flip from now on is news, whether the answer knew of it or not
        status = await super()._ask()
        self._asked_bit = bit
        return status

    def _advertised(self, advert: Advert) -> bool:
        bit = changes(advert.manufacturer_data)
        if bit is not None:
            self._bit = bit
            if self._asked_bit is None:
                self._asked_bit = bit
        return self._watch.heard(None if self._bit is None else self._bit != self._asked_bit)


def knows(advert: Advert) -> bool | None:
    """Whether it waits to be paired: a Yale or August lock never says so.  None: it is none."""
    return False if any(company in advert.manufacturer_data for company in COMPANIES) else None


async def pair(config: Config, context: DriverContext, guide: Guide) -> None:
    """Ask for the lock's key, try it on the lock, and keep it as a secret.

    Raises `DeviceError` when no such lock is heard, when it does not know the key, or when what was
    typed cannot be a key.
    """
    scanner = scanner_of(context)
    yale = client.library()
    guide("The offline key and its slot are kept by the vendor's cloud; docs/locks.md says how.")
    key = await guide.ask("Offline key, 32 characters 0-9 a-f: ", hidden=True)
    slot = await guide.ask("Slot of the key, as 1: ")
    which = await guide.ask("The lock's serial number (as M1XXXXXXXXX) or Bluetooth address: ")
    wanted = which.upper()
    name = None if re.fullmatch(_ADDRESS, wanted) else yale.serial_to_local_name(wanted)

    def is_it(advert: Advert) -> bool:
        return advert.address == wanted if name is None else advert.name == name

    guide("Take the lock's handle, or knock on the door, so that it wakes.")
    advert = await first_advert(scanner, is_it, PAIR_WAIT_S, f"no lock {name or wanted} was heard")
    guide(f"Found {advert.name or 'the lock'} at {advert.address}; trying the key.")
    typed = credentials.typed(Credentials, address=advert.address, key=key, slot=slot)
    async with (
        credentials.pairing(),
        client.open_session(advert.device, scanner, typed, CONNECT_S, Unanswered()) as session,
    ):
        status = await session.status()
    credentials.write(config, context, typed)
    guide(f"Paired.  The bolt is {status.bolt.value}.")
