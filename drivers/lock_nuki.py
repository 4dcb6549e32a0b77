"""A Nuki door lock over Bluetooth (kind `lock_nuki`).

How it is used, what its results mean, and what is never done twice: `radio_lock`.
What only a real lock can show: docs/locks.md.  Not for: who may turn the lock.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers.locks import nuki_client as client
from drivers.locks import nuki_protocol as nuki
from drivers.locks.nuki_client import Credentials, Session
from drivers.locks.operation import LockAction
from drivers.locks.radio_lock import CONNECT_S, RadioLock, find, scanner_of
from drivers.radio.connection import drop_stale
from gateway.errors import DeviceUnavailable, SecretError
from gateway.ports import Advert, DriverContext, LockResult, OnStep, Say

KIND = "lock"
NEEDS_PINS = False
NEEDS_RADIO = True

PAIR_WAIT_S = 120.0
"""Seconds for the technician to go to the door and hold the button."""


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "lock_nuki"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str | None = Field(None, pattern=r"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$")
    """The lock's Bluetooth address.  Not needed after pairing; while pairing, only this lock."""
    secret: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the secret that pairing writes; `nuki-<id>` when left out."""
    unlatch: bool = False
    """Pull the latch too when unlocking: for doors with a fixed knob outside."""
    pair_as: Literal["app", "bridge"] = "app"
    """What the lock takes us for.  It knows only one bridge."""
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
    """The secret that holds the lock's credentials."""
    return config.secret or f"nuki-{device}"


class Driver(RadioLock):
    """A paired Nuki lock (`gateway.ports.Lock`).

    Raises `SecretError` when it is not paired, `DeviceUnavailable` without a scanner.
    """

    def __init__(self, config: Config, context: DriverContext) -> None:
        self._config = config
        self._credentials = _read_credentials(config, context)
        super().__init__(config, scanner_of(context))

    async def unlock(self, on_step: OnStep, wake_s: float) -> LockResult:
        """See `gateway.ports.Lock`."""
        order = LockAction.UNLATCH if self._config.unlatch else LockAction.UNLOCK
        return await self._turn(order, on_step, wake_s)

    async def _begin(self) -> None:
        await drop_stale(self._credentials.address)

    def _session(self, advert: Advert) -> AbstractAsyncContextManager[Session]:
        return client.open_session(advert.device, self._scanner, self._credentials, CONNECT_S)

    def _last_advert(self) -> Advert | None:
        return self._scanner.last(self._credentials.address) or self._advert

    def _is_ours(self, advert: Advert) -> bool:
        return advert.address == self._credentials.address

    def _take(self, advert: Advert) -> bool:
        return self._watch.heard(nuki.state_changed(advert.manufacturer_data))


def _read_credentials(config: Config, context: DriverContext) -> Credentials:
    try:
        return Credentials.from_json(context.secrets.read(secret_name(config, context.device)))
    except SecretError as error:
        raise SecretError(
            f"{error.text.rstrip('.')}; pair the lock with `tryggve gateway pair {context.device}`."
        ) from error


async def pair(config: Config, context: DriverContext, say: Say) -> None:
    """Pair with a lock whose button is held, and keep its key as a secret.

    Raises `DeviceError` when no lock is found, or when it would not.
    """
    scanner = scanner_of(context)
    say("Hold the lock's button for five seconds, until its light ring stays lit.")
    advert = await find(
        scanner,
        lambda heard: (
            (config.address is None or heard.address == config.address.upper())
            and nuki.PAIRING_SERVICE in heard.service_uuids
        ),
        PAIR_WAIT_S,
        "no lock in pairing mode was heard",
    )
    say(f"Found {advert.name or 'a lock'} at {advert.address}; pairing.")
    id_type = nuki.IdType.BRIDGE if config.pair_as == "bridge" else nuki.IdType.APP
    try:
        async with client.open_link(
            advert.device, scanner, nuki.PAIRING_IO, nuki.pairing_bytes, CONNECT_S
        ) as link:
            made = await client.exchange_keys(link, advert.address, id_type, "Tryggve")
    except TimeoutError as error:
        raise DeviceUnavailable("the lock did not answer while pairing; try again") from error
    context.secrets.write(secret_name(config, context.device), made.to_json())
    say("Paired.")
