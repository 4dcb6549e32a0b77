"""A Danalock V3 over Bluetooth (kind `lock_danalock`).

How it is used, what its results mean, and what is never done twice: `drivers.locks.radio_lock`.
Needs the extra `danalock`.  A Danalock tells in its advertisements where its bolt is, so it is
connected to for nothing but a turn; and after one it is its next advertisement that says what
became of it.

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

from drivers.locks import credentials
from drivers.locks import danalock_client as client
from drivers.locks import danalock_cloud as cloud
from drivers.locks.config import BatteryOption
from drivers.locks.danalock_client import Broadcasts, Credentials, Session
from drivers.locks.operation import LockAction, StatusSource
from drivers.locks.radio_lock import CONNECT_S, RadioLock
from drivers.radio.listening import first_advert, scanner_of
from gateway.errors import DeviceError, DeviceRefused, SecretError, TryggveError
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


class Config(BatteryOption):
    """`[devices.<id>]` with `driver = "lock_danalock"`."""

    MAKE = "danalock"


secret_name = Config.secret_name


class Driver(RadioLock[Credentials]):
    """A Danalock whose token is known (`gateway.ports.Lock`).

    Raises `SecretError` when the certificate is missing, `DeviceUnavailable` without the library
    too.
    """

    contrary_s = CONTRARY_S

    _config: Config

    def __init__(self, config: Config, context: DriverContext) -> None:
        client.library()
        super().__init__(config, context, Credentials)
        self._broadcasts = Broadcasts(self._credentials)
        self._before: int | None = None  # the advertisements' counter when the operation began
        self._last: LockStatus | None = None
        self._waiting: set[asyncio.Future[LockStatus]] = set()
        self._renewing: asyncio.Task[None] | None = None
        self._unkept = False  # the card did not take the newest token
        self._renew_at_s = float("-inf")
        self._trouble: str | None = None
        self._told_trouble: str | None = None
        self._listen = self._listening

    async def _operate(self, action: LockAction, on_step: OnStep, wake_s: float) -> LockResult:
        if self._operating:
            return await super()._operate(action, on_step, wake_s)
        self._before = self._broadcasts.counter
        try:
            return await super()._operate(action, on_step, wake_s)
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

    def _advertised(self, advert: Advert) -> bool:
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
        if self._operating:
            return woke
        changed = status != self._last
        self._last = status
        self._watch.answered(status)
        return woke or changed

    async def _ask(self) -> LockStatus:
        async with asyncio.timeout(self.hear_s), self._listening() as ear:
            return await ear.status()

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[StatusSource]:
        """Hears the lock's next advertisements, also while `run` does not."""
        stop = self._scanner.watch(self._on_advert)
        try:
            yield _Ear(self._waiting, self.hear_s)
        finally:
            stop()

    # --- the token --------------------------------------------------------------------------------

    def _upkeep(self) -> list[Data]:
        """Fetch the next token when the last one ends soon, and tell when that does not work."""
        ends = self._credentials.valid_to
        if ends is None or ends - datetime.now(UTC) > RENEW_BEFORE:
            self._trouble = None
            if self._unkept and self._renewing is None and self._clock_s() >= self._renew_at_s:
                self._renewing = asyncio.create_task(self._keep())
        elif self._credentials.refresh_token is None:
            self._trouble = self._ending(
                "pair it again: tryggve gateway pair " + self._context.device
            )
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
        def refreshed(token: str) -> None:  # the vendor may take each one once
            self._credentials, self._unkept = replace(self._credentials, refresh_token=token), True

        serial = self._credentials.serial
        try:
            got = await cloud.fetch(serial, account=refresh_token, on_refreshed=refreshed)
            newer = self._credentials.with_token(got.login_token, got.valid_to, got.refresh_token)
        except Exception as error:  # whatever a library raises: it is tried again
            text = error.text if isinstance(error, TryggveError) else type(error).__name__
            log.warning("no new token", extra={"device": self._context.device, "why": text})
            self._trouble = self._ending(f"fetching the next one failed: {text}")
        else:  # it opens, whether or not the card takes it
            self._credentials, self._unkept, self._trouble = newer, True, None
        if self._unkept:
            await self._keep()
        else:
            self._renewed()

    async def _keep(self) -> None:
        """Keep the newest token; a card that refuses is asked again."""
        try:
            await asyncio.to_thread(
                credentials.write, self._config, self._context, self._credentials
            )
            self._unkept = False
        except SecretError as error:
            why = {"device": self._context.device, "why": error.text}
            log.warning("a token is not kept", extra=why)
        finally:
            self._renewed()

    def _renewed(self) -> None:
        self._renew_at_s = self._clock_s() + RENEW_PAUSE_S
        self._renewing = None
        self._heard.set()

    def _clock_s(self) -> float:
        return asyncio.get_running_loop().time()


class _Ear:
    """Waits for what the lock advertises next."""

    def __init__(self, waiting: set[asyncio.Future[LockStatus]], hear_s: float) -> None:
        self._waiting, self._hear_s = waiting, hear_s

    async def status(self) -> LockStatus:
        """The next advertisement's word.  Raises `TimeoutError`."""
        heard: asyncio.Future[LockStatus] = asyncio.get_running_loop().create_future()
        self._waiting.add(heard)
        try:
            async with asyncio.timeout(self._hear_s):
                return await heard
        finally:
            self._waiting.discard(heard)


def knows(advert: Advert) -> bool | None:
    """Whether it waits to be paired: a Danalock never says so.  None: it is none, or its library is
    not installed."""
    try:
        ours = len(advert.manufacturer_data.get(client.library().COMPANY_ID, b"")) == 24
    except DeviceError:
        return None
    return False if ours else None


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
    fetched = Credentials(serial, got.login_token, got.broadcast_key, anchor).with_token(
        got.login_token, got.valid_to, got.refresh_token
    )
    guide("Take the lock's handle, or knock on the door, so that it wakes.")
    missing = f"no Danalock {serial.hex()} was heard (company {library.COMPANY_ID})"
    advert = await first_advert(
        scanner, lambda heard: client.is_from(heard, serial), PAIR_WAIT_S, missing
    )
    if Broadcasts(fetched).read(advert) is None:
        raise DeviceRefused("the cloud's key does not open what the lock says", why="not_paired")
    guide("Found the lock; logging in.")
    async with (
        credentials.pairing(),
        client.open_session(advert.device, scanner, fetched, CONNECT_S),
    ):
        pass
    credentials.write(config, context, fetched)
    ends = f"until {fetched.valid_to:%Y-%m-%d}" if fetched.valid_to else "without an end"
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
