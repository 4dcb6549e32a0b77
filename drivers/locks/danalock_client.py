"""One Bluetooth session with a Danalock V3, and what its advertisements say.

Put together from the public parts of `pydanalock-ble` (frames, channel, TLS, commands).  Its
facade, `DanalockLock`, is not used: it gives a command again, over a new session, when the channel
closed under the first; it calls a lost link connected; and it waits longer than it is told to.

Where the bolt is, the lock tells in its advertisements (locked, blocked, battery, a counter),
encrypted for those who have its broadcast key.  The numbers that it answers over a session are not
published, and so not used.

Not for: when to connect, or what an answer means for the door.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bleak import BleakClient
from bleak.backends.device import BLEDevice

from drivers.locks.credentials import readable
from drivers.locks.operation import LockAction, OnStatus
from drivers.radio.connection import (
    connection,
    need_library,
    subscribe,
    translated,
    unless_lost,
    within,
)
from gateway.errors import (
    DeviceError,
    DeviceRefused,
    DeviceUnavailable,
    ProtocolError,
    SecretError,
)
from gateway.ports import Advert, Bolt, LockStatus, Scanner

if TYPE_CHECKING:
    from pydanalock.ble import BroadcastReport, RpdChannel, Tls12DmiClient

OPEN_S = 12.0
"""Seconds to open a session on a connected lock: about twenty round trips, and a signature that a
lock's small processor makes."""

ANSWER_S = 5.0
"""Seconds for each of the lock's records while the session is opened."""

GOODBYE_S = 1.0
"""Seconds to end a session as the lock expects it; then the link is cut off."""

RESTART_S = 60.0
"""Seconds without an advertisement that counts on from the last, until one that counts from
anywhere is believed: the lock's batteries were changed.  Before that it is an old one, sent again
by somebody else."""

LOCAL_ADDRESS = bytes.fromhex("000000000100")
"""Our address in the lock's frames: any is accepted; that of the vendor's own client."""

OK, NOTHING_CHANGED, TIMED_OUT = 0x00, 0x07, 0x19

WHY: dict[str, str] = {
    "BUSY": "busy",
    "CRITICAL_BATTERY": "low_voltage",
    "BLOCKED": "jammed",
    "NOT_LOGGED_IN": "not_paired",
    "TOKEN_VALIDITY": "not_paired",
}
"""The lock's status names, as in `LockOperationEnded.why`; all others are `refused_by_lock`."""


def library() -> Any:
    """`pydanalock.ble`.  Raises `DeviceUnavailable` where it is not installed."""
    return need_library("pydanalock.ble", extra="danalock")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the vendor's cloud gave for one lock, and the certificate of who signs its locks.

    `valid_to` is the end of the login token (UTC; None: it has none), `refresh_token` what fetches
    the next one (None: nothing does), `trust_anchor` a certificate in DER.
    """

    serial: bytes
    login_token: bytes
    broadcast_key: bytes
    trust_anchor: bytes
    valid_to: datetime | None = None
    refresh_token: str | None = None

    @property
    def address(self) -> None:
        """It changes; the lock is known by its serial number."""

    def to_json(self) -> str:
        """As it is kept in the secret."""
        fields = {
            "serial": self.serial.hex(),
            "login_token": base64.b64encode(self.login_token).decode(),
            "broadcast_key": self.broadcast_key.hex(),
            "trust_anchor": base64.b64encode(self.trust_anchor).decode(),
            "valid_to": self.valid_to.isoformat() if self.valid_to else None,
            "refresh_token": self.refresh_token,
        }
        return json.dumps(fields)

    @classmethod
    def from_json(cls, text: str) -> Credentials:
        """Raises `SecretError` when it is not what `to_json` made, or has no certificate."""
        with readable():
            fields = json.loads(text)
            ends = fields["valid_to"]
            made = cls(
                serial=bytes.fromhex(fields["serial"]),
                login_token=base64.b64decode(fields["login_token"], validate=True),
                broadcast_key=bytes.fromhex(fields["broadcast_key"]),
                trust_anchor=base64.b64decode(fields.get("trust_anchor") or "", validate=True),
                valid_to=datetime.fromisoformat(ends) if ends else None,
                refresh_token=fields.get("refresh_token"),
            )
        if len(made.serial) != 6 or len(made.broadcast_key) != 16 or not made.login_token:
            raise SecretError("the lock's serial number, token or broadcast key is not whole")
        if made.valid_to is not None and made.valid_to.tzinfo is None:
            raise SecretError("the end of the lock's token has no time zone")
        check_anchor(made.trust_anchor)
        return made

    def with_token(
        self, login_token: bytes, valid_to: datetime | None, refresh_token: str | None
    ) -> Credentials:
        """The same lock with a newer token."""
        return replace(
            self, login_token=login_token, valid_to=valid_to, refresh_token=refresh_token
        )


def check_anchor(der: bytes) -> None:
    """Raise `SecretError` when this is no certificate to know the lock by."""
    from cryptography import x509

    if not der:
        raise SecretError(
            "the certificate of who signs the vendor's locks is missing; without it an impostor at "
            "the door could take the login token, so the lock is not used"
        )
    try:
        x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise SecretError("the certificate of who signs the vendor's locks is damaged") from error


# --- advertisements -------------------------------------------------------------------------------


def is_from(advert: Advert, serial: bytes) -> bool:
    """Whether an advertisement names this lock; its address changes, its serial number does not."""
    data = advert.manufacturer_data.get(library().COMPANY_ID, b"")
    return len(data) == 24 and data[1:7] == serial


class Broadcasts:
    """The advertisements of one lock, opened and in order."""

    def __init__(self, who: Credentials) -> None:
        self._who = who
        self.counter: int | None = None
        """Counts the changes of the lock's state; None before it was heard."""
        self._believed_s = float("-inf")

    def open(self, advert: Advert) -> BroadcastReport | None:
        """What the lock said, once; None for what it never said.  Never raises."""
        ble = library()
        if not is_from(advert, self._who.serial):
            return None
        data = advert.manufacturer_data[ble.COMPANY_ID]
        try:
            report: BroadcastReport = ble.parse_broadcast(data, self._who.broadcast_key)
        except ble.BroadcastError:
            return None
        return report

    def read(self, advert: Advert) -> BroadcastReport | None:
        """What the lock says; None for what is not from it, or was said before.  Never raises."""
        report = self.open(advert)
        if report is None:
            return None
        ahead = 0 if self.counter is None else (report.counter - self.counter) & 0xFFFF
        if ahead >= 0x8000 and advert.heard_s - self._believed_s < RESTART_S:
            return None
        self.counter, self._believed_s = report.counter, advert.heard_s
        return report


def told(report: BroadcastReport, low_pct: int) -> LockStatus:
    """What an advertisement says of the lock.  It has no door sensor."""
    bolt = Bolt.LOCKED if report.locked else Bolt.UNLOCKED
    if "blocked" in report.lock_flags:
        bolt = Bolt.JAMMED
    pct = report.battery_raw if report.battery_raw <= 100 else None
    return LockStatus(bolt, battery_pct=pct, battery_low=None if pct is None else pct <= low_pct)


# --- sessions -------------------------------------------------------------------------------------


@contextlib.contextmanager
def ours(doing: str) -> Iterator[None]:
    """Raise our errors for those of the library, and of the libraries below, while `doing`
    something."""
    ble = library()
    try:
        yield
    except ble.CommandError as error:
        name = error.name or "?"
        raise DeviceRefused(
            f"the lock said no while {doing}: {error}",
            why=WHY.get(name, "refused_by_lock"),
            code=error.status,
        ) from error
    except ble.ChannelClosed as error:
        text = f"the link to the lock was lost while {doing} ({error})"
        raise DeviceUnavailable(text, library_error="ChannelClosed") from error
    except ble.CertificateError as error:
        raise ProtocolError(
            f"somebody else answered for the lock, {doing}: {error}; nothing was told to them"
        ) from error
    except (ble.TlsSessionError, ble.FrameError, ble.BroadcastError, ValueError) as error:
        raise ProtocolError(
            f"the lock said what it may not, {doing} ({type(error).__name__}: {error})"
        ) from error
    except TimeoutError:
        raise  # silence on a link that may stand is not the radio's failure
    except Exception:  # bleak's errors and those below it; our own pass
        with translated(doing):
            raise


class Session:
    """A lock that is connected, has proved who it is, and knows us (`operation.LockSession`)."""

    def __init__(
        self, channel: RpdChannel, tls: Tls12DmiClient, lost: asyncio.Future[None]
    ) -> None:
        self._channel = channel
        self._tls = tls
        self._lost = lost

    async def open(self, login_token: bytes) -> None:
        """Shake hands and log in.  The token is told only to who could prove to be the lock."""
        ble = library()
        with ours("opening a session"):
            await unless_lost(self._lost, OPEN_S, self._open())
        with ours("logging in"):
            await unless_lost(self._lost, ANSWER_S, self._say(ble.authority_login(login_token)))

    async def _open(self) -> None:
        await self._channel.open()
        await self._tls.handshake(self._channel.send, self._channel.recv)

    async def prepare(self) -> None:
        """See `operation.LockSession`: the session is all that a command needs."""

    async def operate(self, action: LockAction, on_status: OnStatus, until_s: float) -> None:
        """See `operation.LockSession`.  The lock only says that it took the command."""
        del on_status
        ble = library()
        way = ble.LOCK if action is LockAction.LOCK else ble.UNLOCK
        limit_s = max(0.0, until_s - time.monotonic())
        with ours("turning the lock"):
            try:
                await unless_lost(self._lost, limit_s, self._say(ble.lock_operate(way)))
            except ble.CommandError as error:
                if error.status == TIMED_OUT:  # what its motor did, it does not say
                    raise TimeoutError(str(error)) from error
                if error.status != NOTHING_CHANGED:
                    raise

    async def status(self) -> LockStatus:
        """See `operation.LockSession`.  Never: what a session answers has no published meaning."""
        raise DeviceUnavailable("the lock says where its bolt is only when it advertises")

    async def _say(self, request: bytes) -> None:
        """Send one request and wait for its result; events on the way are passed over.  Raises
        `CommandError` unless the result is OK."""
        ble = library()
        await self._tls.send_app_data(request, self._channel.send)
        while True:
            heard = ble.parse_incoming(await self._tls.recv_app_data(self._channel.recv))
            if not isinstance(heard, ble.AfiResult):
                continue
            if (heard.cls, heard.function) != (request[1], request[2]):
                raise ValueError("the result of another request")
            if heard.status != OK:
                raise ble.CommandError(heard.status, heard.cls, heard.function)
            return


@contextlib.asynccontextmanager
async def open_session(
    device: BLEDevice, scanner: Scanner, who: Credentials, connect_s: float
) -> AsyncIterator[Session]:
    """A `Session`.  However it is left, also by a cancellation while connecting, nothing stays
    connected.  Raises `DeviceRefused` (the token does not open it), `DeviceUnavailable`,
    `ProtocolError` (also: an impostor) or `TimeoutError`."""
    ble = library()
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_lost(_client: object) -> None:
        if not lost.done():
            lost.set_result(None)

    async with connection(device, scanner, on_lost, connect_s) as client:
        channel = ble.RpdChannel(
            who.serial,
            LOCAL_ADDRESS,
            lambda piece: _write(client, piece),
            timers=ble.RpdTimers(teardown_timeout=GOODBYE_S),
        )
        tls = ble.Tls12DmiClient(who.trust_anchor, expected_serial=who.serial, timeout=ANSWER_S)
        session = Session(channel, tls, lost)
        try:
            await subscribe(
                client, ble.NOTIFY_UUID, lambda _sender, data: channel.feed_chunk(bytes(data))
            )
            await session.open(who.login_token)
            yield session
        finally:
            with contextlib.suppress(DeviceError, TimeoutError), ours("taking leave of the lock"):
                if client.is_connected:
                    await within(GOODBYE_S * 2, channel.close())
            await channel.stop()


async def _write(client: BleakClient, piece: bytes) -> None:
    await client.write_gatt_char(library().WRITE_UUID, piece, response=False)
