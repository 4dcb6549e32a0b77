"""A Danalock V3 over Bluetooth (kind `lock_danalock`).

How it is used, what its results mean, and what is never done twice: `radio_lock`.  Needs the extra
`danalock`.  A Danalock tells in its advertisements where its bolt is, so it is connected to for
nothing but a turn; and after one it is its next advertisement that says what became of it.

The login token comes from the vendor's cloud and ends; it is fetched anew before, where the account
allows it.  Without the certificate of who signs the vendor's locks the driver does not run: an
impostor at the door could take the token.

What only a real lock can show: docs/locks.md.  Not for: who may turn the lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from drivers.locks import danalock_client as client
from drivers.locks import danalock_cloud as cloud
from drivers.locks.danalock_client import Broadcasts, Credentials, Session
from drivers.locks.operation import LockAction, StatusSource
from drivers.locks.radio_lock import CONNECT_S, HEAR_S, RadioLock, find, scanner_of
from gateway.errors import DeviceError, DeviceRefused, DeviceUnavailable, SecretError
from gateway.events import Data, DeviceFailed, DeviceOnline
from gateway.ports import Advert, Bolt, DriverContext, Guide, LockResult, LockStatus, OnStep

log = logging.getLogger(__name__)

KIND = "lock"
NEEDS_PINS = False
NEEDS_RADIO = True

CONTRARY_S = 10.0
"""Seconds after a command that was taken for which the bolt may be reported unmoved: the lock does
not tell that its motor runs."""

RENEW_BEFORE = timedelta(days=7)
"""A token is fetched anew this long before its end: a home may be without the internet for days."""

RENEW_PAUSE_S = 3600.0
"""Seconds between tries to fetch a token."""

PAIR_WAIT_S = 60.0
"""Seconds for the technician to wake the lock."""


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "lock_danalock"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    secret: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the secret that pairing writes; `danalock-<id>` when left out."""
    battery_low_pct: int = Field(20, ge=0, le=100)
    """The battery is low at and below this; the lock itself tells only a percentage."""
    deadline_s: float = Field(25.0, ge=1.0, le=60.0)
    """Seconds for one operation, whatever the radio does; waking not included."""
    sleep_after_s: float = Field(30.0, gt=0.0)
    """Seconds without an advertisement until the lock is called asleep."""
    ask_every_s: float = Field(86_400.0, gt=0.0)
    """Seconds between questions when the lock is silent; each advertisement answers one."""


def pins(_config: Config) -> tuple[int, ...]:
    """It takes no pins."""
    return ()


def secret_name(config: Config, device: str) -> str:
    """The secret that holds the lock's token and keys."""
    return config.secret or f"danalock-{device}"


class Driver(RadioLock):
    """A Danalock whose token is known (`gateway.ports.Lock`).

    Raises `SecretError` when it is not paired or the certificate is missing, `DeviceUnavailable`
    without a scanner or without the library.
    """

    contrary_s = CONTRARY_S

    def __init__(self, config: Config, context: DriverContext) -> None:
        client.library()
        self._config = config
        self._secrets = context.secrets
        self._secret = secret_name(config, context.device)
        self._device = context.device
        self._credentials = _read_credentials(config, context)
        self._broadcasts = Broadcasts(self._credentials)
        self._before: int | None = None  # the advertisements' counter when the turn began
        self._last: LockStatus | None = None
        self._waiting: set[asyncio.Future[LockStatus]] = set()
        self._renewing: asyncio.Task[None] | None = None
        self._renew_at_s = float("-inf")
        self._trouble: str | None = None
        self._told_trouble: str | None = None
        self._listen = self._listening
        super().__init__(config, scanner_of(context))

    async def unlock(self, on_step: OnStep, wake_s: float) -> LockResult:
        """See `gateway.ports.Lock`."""
        return await self._turn(LockAction.UNLOCK, on_step, wake_s)

    async def _turn(self, order: LockAction, on_step: OnStep, wake_s: float) -> LockResult:
        if self._turning:
            return await super()._turn(order, on_step, wake_s)
        self._before = self._broadcasts.counter
        try:
            return await super()._turn(order, on_step, wake_s)
        finally:
            self._before = None

    async def close(self) -> None:
        """See `gateway.ports.Lock`."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait({self._renewing})
        await super().close()

    def _session(self, advert: Advert) -> AbstractAsyncContextManager[Session]:
        return client.open_session(advert.device, self._scanner, self._credentials, CONNECT_S)

    # --- what it advertises -----------------------------------------------------------------------

    def _is_ours(self, advert: Advert) -> bool:
        return self._broadcasts.open(advert) is not None

    def _take(self, advert: Advert) -> bool:
        woke = self._watch.heard(None)
        report = self._broadcasts.read(advert)
        if report is None:
            return woke
        status = client.told(report, self._config.battery_low_pct)
        if status.bolt is Bolt.JAMMED and report.counter == self._before:
            # Said before the command that is being asked about: nobody knows yet.
            status = replace(status, bolt=Bolt.UNKNOWN)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(status)
        if self._turning:
            return woke
        changed = status != self._last
        self._last = status
        self._watch.found(status)
        return woke or changed

    async def _ask(self) -> LockStatus:
        async with asyncio.timeout(HEAR_S), self._listening() as ear:
            return await ear.status()

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[StatusSource]:
        """Hears the lock's next advertisements, also while `run` does not."""
        stop = self._scanner.watch(self._on_advert)
        try:
            yield _Ear(self._waiting)
        finally:
            stop()

    # --- the token --------------------------------------------------------------------------------

    def _look_after(self) -> list[Data]:
        """Fetch the next token when the last one ends soon, and tell when that does not work."""
        ends = self._credentials.valid_to
        if ends is None or ends - datetime.now(UTC) > RENEW_BEFORE:
            self._trouble = None
        elif self._credentials.refresh_token is None:
            self._trouble = self._ending("pair it again: tryggve gateway pair " + self._device)
        elif self._renewing is None and self._clock_s() >= self._renew_at_s:
            self._renewing = asyncio.create_task(self._renew(self._credentials.refresh_token))
        if self._trouble == self._told_trouble:
            return []
        self._told_trouble = self._trouble
        if self._trouble is None:
            return [DeviceOnline()]
        return [DeviceFailed(error="TokenEnds", text=self._trouble, retry_s=RENEW_PAUSE_S)]

    def _ending(self, mend: str) -> str:
        ends = self._credentials.valid_to
        day = "" if ends is None else f" on {ends:%Y-%m-%d}"
        return f"the lock's login token ends{day}, and then it opens no more; {mend}"

    async def _renew(self, refresh_token: str) -> None:
        try:
            got = await cloud.fetch(self._credentials.serial, account=refresh_token)
            made = self._credentials.with_token(got.login_token, got.valid_to, got.refresh_token)
            self._secrets.write(self._secret, made.to_json())
            self._credentials, self._trouble = made, None
        except (DeviceError, SecretError) as error:
            log.warning("no new token", extra={"device": self._device, "why": error.text})
            self._trouble = self._ending(f"fetching the next one failed: {error.text}")
        finally:
            self._renew_at_s = self._clock_s() + RENEW_PAUSE_S
            self._renewing = None
            self._heard.set()

    def _clock_s(self) -> float:
        return asyncio.get_running_loop().time()


class _Ear:
    """Waits for what the lock advertises next."""

    def __init__(self, waiting: set[asyncio.Future[LockStatus]]) -> None:
        self._waiting = waiting

    async def status(self) -> LockStatus:
        """The next advertisement's word.  Raises `TimeoutError`."""
        heard: asyncio.Future[LockStatus] = asyncio.get_running_loop().create_future()
        self._waiting.add(heard)
        try:
            async with asyncio.timeout(HEAR_S):
                return await heard
        finally:
            self._waiting.discard(heard)


def _read_credentials(config: Config, context: DriverContext) -> Credentials:
    try:
        return Credentials.from_json(context.secrets.read(secret_name(config, context.device)))
    except SecretError as error:
        raise SecretError(
            f"{error.text.rstrip('.')}; pair the lock with `tryggve gateway pair {context.device}`."
        ) from error


async def pair(config: Config, context: DriverContext, guide: Guide) -> None:
    """Fetch the lock's token from the vendor's cloud, try it on the lock, and keep it.

    Raises `DeviceError` when the cloud or the lock would not, or no certificate was given.
    """
    scanner = scanner_of(context)
    library = client.library()
    serial = _serial(await guide.ask("The lock's serial number, 12 characters 0-9 a-f: "))
    file = await guide.ask("File of the certificate that signs the vendor's locks (PEM or DER): ")
    anchor = await asyncio.to_thread(_anchor, Path(file))
    user = await guide.ask("User name at the vendor's cloud: ")
    password = await guide.ask("Password (used once, not kept): ", hidden=True)
    guide("Asking the vendor's cloud for the lock's token.")
    got = await cloud.fetch(serial, account=(user, password))
    made = Credentials(serial, got.login_token, got.broadcast_key, anchor)
    made = made.with_token(got.login_token, got.valid_to, got.refresh_token)
    guide("Take the lock's handle, or knock on the door, so that it wakes.")
    missing = f"no Danalock {serial.hex()} was heard (company {library.COMPANY_ID})"
    advert = await find(scanner, lambda heard: client.is_from(heard, serial), PAIR_WAIT_S, missing)
    if Broadcasts(made).read(advert) is None:
        raise DeviceRefused("the cloud's key does not open what the lock says", why="not_paired")
    guide("Found the lock; logging in.")
    try:
        async with client.open_session(advert.device, scanner, made, CONNECT_S):
            pass
    except TimeoutError as error:
        raise DeviceUnavailable("the lock did not answer while pairing; try again") from error
    context.secrets.write(secret_name(config, context.device), made.to_json())
    ends = f"until {made.valid_to:%Y-%m-%d}" if made.valid_to else "without an end"
    guide(f"Paired.  The token is valid {ends}.")


def _serial(text: str) -> bytes:
    plain = text.replace(":", "").replace("-", "").strip()
    try:
        serial = bytes.fromhex(plain)
    except ValueError:
        serial = b""
    if len(serial) != 6:
        raise DeviceRefused(f"{text!r} is no serial number of a Danalock", why="not_paired")
    return serial


def _anchor(file: Path) -> bytes:
    """The certificate in `file`, as DER.  Raises `DeviceRefused`."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    load: Callable[[bytes], x509.Certificate]
    try:
        raw = file.read_bytes()
        pem = raw.lstrip().startswith(b"-----")
        load = x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate
        return load(raw).public_bytes(Encoding.DER)
    except (OSError, ValueError) as error:
        raise DeviceRefused(
            f"{file} holds no certificate; without the one that signs the vendor's locks an "
            "impostor could take the login token, so the lock is not paired",
            why="not_paired",
        ) from error
