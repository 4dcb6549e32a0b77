"""A Yale or August door lock over Bluetooth (kind `lock_yale`), as Linus, Doorman L3S or Assure.

How it is used, what its results mean, and what is never done twice: `radio_lock`.  Needs the extra
`yale`.  The lock's offline key and its slot come from the vendor's cloud; `tryggve gateway pair`
asks for them and tries them on the lock.

What only a real lock can show: docs/locks.md.  Not for: who may turn the lock.
"""

from __future__ import annotations

import json
import re
from contextlib import AbstractAsyncContextManager

from pydantic import BaseModel, ConfigDict, Field

from drivers.locks import yale_client as client
from drivers.locks.operation import LockAction
from drivers.locks.radio_lock import CONNECT_S, RadioLock, find, scanner_of
from drivers.locks.yale_client import Credentials, Session, Unanswered
from drivers.radio.connection import drop_stale
from gateway.errors import DeviceRefused, DeviceUnavailable, SecretError
from gateway.ports import Advert, DriverContext, Guide, LockResult, LockStatus, OnStep

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


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "lock_yale"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    secret: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the secret that pairing writes; `yale-<id>` when left out."""
    unlatch: bool = False
    """Pull the latch too when unlocking: for doors with a fixed knob outside."""
    door_sensor: bool = False
    """The lock has a door sensor (DoorSense), and is asked for it."""
    battery_low_pct: int = Field(20, ge=0, le=100)
    """The battery is low at and below this; the lock itself tells only a percentage."""
    deadline_s: float = Field(25.0, ge=1.0, le=60.0)
    """Seconds for one operation, whatever the radio does; waking not included."""
    sleep_after_s: float = Field(30.0, gt=0.0)
    """Seconds without an advertisement until the lock is called asleep."""
    ask_every_s: float = Field(86_400.0, gt=0.0)
    """Seconds between questions for battery and bolt when nothing else gives cause to ask."""


def pins(_config: Config) -> tuple[int, ...]:
    """It takes no pins."""
    return ()


def secret_name(config: Config, device: str) -> str:
    """The secret that holds the lock's key."""
    return config.secret or f"yale-{device}"


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


class Driver(RadioLock):
    """A Yale lock whose key is known (`gateway.ports.Lock`).

    Raises `SecretError` when it is not paired, `DeviceUnavailable` without a scanner or without the
    library.
    """

    stale_s = STALE_S
    contrary_s = STALE_S + 2.0
    """A question after a turn may be answered with the state before it."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        self._config = config
        client.library()
        self._credentials = _read_credentials(config, context)
        self._unanswered = Unanswered()
        self._bit: int | None = None
        self._asked_bit: int | None = None
        super().__init__(config, scanner_of(context))

    async def unlock(self, on_step: OnStep, wake_s: float) -> LockResult:
        """See `gateway.ports.Lock`."""
        order = LockAction.UNLATCH if self._config.unlatch else LockAction.UNLOCK
        return await self._turn(order, on_step, wake_s)

    async def _begin(self) -> None:
        await drop_stale(self._credentials.address)

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

    def _last_advert(self) -> Advert | None:
        return self._scanner.last(self._credentials.address) or self._advert

    def _is_ours(self, advert: Advert) -> bool:
        return advert.address == self._credentials.address

    def _take(self, advert: Advert) -> bool:
        bit = changes(advert.manufacturer_data)
        if bit is not None:
            self._bit = bit
            if self._asked_bit is None:
                self._asked_bit = bit
        return self._watch.heard(None if self._bit is None else self._bit != self._asked_bit)


def _read_credentials(config: Config, context: DriverContext) -> Credentials:
    try:
        return Credentials.from_json(context.secrets.read(secret_name(config, context.device)))
    except SecretError as error:
        raise SecretError(
            f"{error.text.rstrip('.')}; pair the lock with `tryggve gateway pair {context.device}`."
        ) from error


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
    advert = await find(scanner, is_it, PAIR_WAIT_S, f"no lock {name or wanted} was heard")
    guide(f"Found {advert.name or 'the lock'} at {advert.address}; trying the key.")
    fields = {"address": advert.address, "key": key, "slot": slot}
    try:
        made = Credentials.from_json(json.dumps(fields))
    except SecretError as error:
        raise DeviceRefused(f"that is no key: {error.text}", why="not_paired") from error
    try:
        async with client.open_session(
            advert.device, scanner, made, CONNECT_S, Unanswered()
        ) as session:
            status = await session.status()
    except TimeoutError as error:
        raise DeviceUnavailable("the lock did not answer while pairing; try again") from error
    context.secrets.write(secret_name(config, context.device), made.to_json())
    guide(f"Paired.  The bolt is {status.bolt.value}.")
