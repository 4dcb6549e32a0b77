"""One Bluetooth session with a Yale lock: connect, speak, disconnect.

Over `yalexs_ble.Lock`, the library's own lower half.  Its upper half, `PushLock`, is not used: it
gives an unlock again when no acknowledgement came, up to four times, and connects by itself
whenever the lock advertises a change.  The lower half gives a command once; what became of it when
no answer comes is for us to find out (`operation`).

The library connects through `bleak-retry-connector`, which cannot be told a time: it stands inside
deadlines of ours, and what it left connected is dropped.

Not for: when to connect, or what an answer means for the door.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bleak.backends.device import BLEDevice

from drivers.locks.credentials import readable
from drivers.locks.operation import LockAction, OnStatus
from drivers.radio.connection import disconnect, need_library, translated, unless_lost, within
from gateway.errors import (
    DeviceError,
    DeviceRefused,
    DeviceUnavailable,
    ProtocolError,
    SecretError,
)
from gateway.ports import Bolt, LockStatus, Scanner

if TYPE_CHECKING:
    from yalexs_ble import Lock

ANSWER_S = 5.0
"""Seconds that the lock has to answer a question; it takes well under one.  The library would wait
for ten."""

GOODBYE_S = 3.0
"""Seconds to end a session as the lock expects it; then the link is cut off."""

UNANSWERED_S = 86_400.0
"""Seconds that a lock is not asked again for what it did not answer, battery or door: some models
do not tell, and each time-out keeps the radio on."""

BOLTS: dict[str, Bolt] = {
    "UNKNOWN": Bolt.UNKNOWN,
    "UNKNOWN_01": Bolt.UNKNOWN,  # calibrating
    "UNLOCKING": Bolt.MOVING,
    "UNLOCKED": Bolt.UNLOCKED,
    "LOCKING": Bolt.MOVING,
    "LOCKED": Bolt.LOCKED,
    "UNKNOWN_06": Bolt.UNKNOWN,  # finding out which way its motor turns
    "JAMMED": Bolt.JAMMED,
    "UNLATCHING": Bolt.MOVING,
    "UNLATCHED": Bolt.UNLOCKED,
    "SECUREMODE": Bolt.LOCKED,
}
"""Each `yalexs_ble.LockStatus` by name.  A lock that must be set up tells nothing of its bolt."""

DOORS: dict[str, bool | None] = {
    "UNKNOWN": None,
    "CLOSED": False,
    "AJAR": True,
    "OPENED": True,
    "UNKNOWN_04": None,
}
"""Each `yalexs_ble.DoorStatus` by name: whether the door is open."""

_JAMS = ("MECH_",)
_WHY = {
    "BUSY": "busy",
    "VBAT_LOW": "low_voltage",
    "PARAM_NOT_PAIRED": "not_paired",
    "WRONG_KEY": "not_paired",
    "NOT_AUTHORIZED": "not_paired",
    "MECH_TIMEOUT_CAL": "not_calibrated",
    "UNINITIALIZED": "not_calibrated",
    "CAL_BAD_EXTENTS": "not_calibrated",
    "CAL_BAD_ANGLE": "not_calibrated",
}


def why(error: str) -> str:
    """What the lock said with a `yalexs_ble` operation error, as in `LockOperationEnded.why`."""
    if error in _WHY:
        return _WHY[error]
    return "jammed" if error.startswith(_JAMS) else "refused_by_lock"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The lock's address, its 16-byte offline key and that key's slot, 0 to 255."""

    address: str
    key: bytes
    slot: int

    def to_json(self) -> str:
        """As it is kept in the secret."""
        return json.dumps({"address": self.address, "key": self.key.hex(), "slot": self.slot})

    @classmethod
    def from_json(cls, text: str) -> Credentials:
        """Raises `SecretError` when it is not what `to_json` made."""
        with readable():
            fields = json.loads(text)
            made = cls(
                address=str(fields["address"]).upper(),
                key=bytes.fromhex(fields["key"]),
                slot=int(fields["slot"]),
            )
        if len(made.key) != 16:
            raise SecretError("the lock's offline key is not 16 bytes long")
        if not 0 <= made.slot <= 255:
            raise SecretError("the slot of the lock's offline key is not between 0 and 255")
        return made


@dataclass
class Unanswered:
    """What a lock did not answer, and when (`time.monotonic()`)."""

    since_s: dict[str, float] = field(default_factory=dict)

    def worth_asking(self, what: str) -> bool:
        """Whether to ask for it now."""
        return time.monotonic() - self.since_s.get(what, float("-inf")) > UNANSWERED_S


def library() -> Any:
    """`yalexs_ble`.  Raises `DeviceUnavailable` where it is not installed."""
    return need_library("yalexs_ble", extra="yale")


@contextlib.contextmanager
def ours(doing: str) -> Iterator[None]:
    """Raise our errors for those of the library, and of the libraries below, while `doing`
    something."""
    yale = library()
    try:
        yield
    except yale.AuthError as error:
        raise DeviceRefused(
            f"the lock does not know the key or its slot ({doing})", why="not_paired"
        ) from error
    except yale.OperationFailedError as error:
        name = getattr(error.error, "name", "")
        raise DeviceRefused(
            f"the lock said no: {error}", why=why(name), code=int(error.error)
        ) from error
    except (yale.DisconnectedError, yale.session.BluetoothError) as error:
        raise _gone(doing, error) from error
    except yale.session.NoAdvertisementError as error:
        raise _gone(doing, error) from error
    except yale.OperationIncompleteError as error:
        # The command was written; whether it was obeyed the library does not know either.
        if isinstance(error.__cause__, yale.DisconnectedError):
            raise _gone(doing, error) from error
        raise TimeoutError(f"no answer while {doing}") from error
    except yale.YaleXSBLEError as error:  # ResponseError, KeycodeError, and what is to come
        raise ProtocolError(
            f"the lock said what it may not, {doing} ({type(error).__name__}: {error})"
        ) from error
    except TimeoutError:
        raise  # silence on a link that may stand is not the radio's failure
    except Exception:  # bleak's errors and those below it; our own pass
        with translated(doing):
            raise


def _gone(doing: str, error: Exception) -> DeviceUnavailable:
    text = f"the link to the lock was lost while {doing}"
    return DeviceUnavailable(text, library_error=type(error).__name__)


class Session:
    """A connected lock that knows our key (`operation.LockSession`).  `door`: it has a door sensor;
    `low_pct`: its battery is low at and below this."""

    def __init__(
        self,
        lock: Lock,
        lost: asyncio.Future[None],
        unanswered: Unanswered,
        *,
        door: bool,
        low_pct: int,
    ) -> None:
        self._lock = lock
        self._lost = lost
        self._unanswered = unanswered
        self._door = door
        self._low_pct = low_pct

    async def prepare(self) -> None:
        """See `operation.LockSession`: the session is all that a command needs."""

    async def operate(self, action: LockAction, on_status: OnStatus, until_s: float) -> None:
        """See `operation.LockSession`.  The lock answers when its motor has stopped."""
        command = {
            LockAction.UNLOCK: self._lock.force_unlock,
            LockAction.UNLATCH: self._lock.force_unlatch,
            LockAction.LOCK: self._lock.force_lock,
        }[action]
        with ours("turning the lock"):
            await unless_lost(self._lost, max(0.0, until_s - time.monotonic()), command())
        on_status(LockStatus(action.target))

    async def status(self) -> LockStatus:
        """See `operation.LockSession`.  Battery and door only where the lock tells them."""
        with ours("asking the lock"):
            told = await unless_lost(self._lost, ANSWER_S, self._lock.lock_status())
        bolt = BOLTS[told.name]
        door = await self._extra("door", self._lock.door_status) if self._door else None
        battery = await self._extra("battery", self._lock.battery)
        pct = None if battery is None else int(battery.percentage)
        return LockStatus(
            bolt,
            battery_pct=pct,
            battery_low=None if pct is None else pct <= self._low_pct,
            door_open=None if door is None else DOORS[door.name],
        )

    async def _extra(self, what: str, ask: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What the lock need not tell; None when it does not."""
        if not self._unanswered.worth_asking(what):
            return None
        try:
            with ours(f"asking the lock for its {what}"):
                return await unless_lost(self._lost, ANSWER_S, ask())
        except (TimeoutError, ProtocolError):
            self._unanswered.since_s[what] = time.monotonic()
            return None


@contextlib.asynccontextmanager
async def open_session(
    device: BLEDevice,
    scanner: Scanner,
    who: Credentials,
    connect_s: float,
    unanswered: Unanswered,
    *,
    door: bool = False,
    low_pct: int = 0,
) -> AsyncIterator[Session]:
    """A `Session`.  However it is left, also by a cancellation while connecting, nothing stays
    connected.  Raises `DeviceRefused` (the key is wrong), `DeviceUnavailable` or
    `ProtocolError`."""
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_lost() -> None:
        if not lost.done():
            lost.set_result(None)

    lock = library().Lock(
        lambda: device,
        who.key.hex(),
        who.slot,
        device.address,
        lambda _states: None,
        disconnect_callback=on_lost,
    )
    given_up = False

    async def connect() -> None:
        await lock.connect(max_attempts=1)
        if given_up:  # it ignored its cancellation: nobody wants the connection any more
            await _hang_up(lock)

    try:
        async with scanner.connecting():
            with translated("connecting to the lock"), ours("connecting to the lock"):
                await unless_lost(lost, connect_s, connect())
        yield Session(lock, lost, unanswered, door=door, low_pct=low_pct)
    finally:
        given_up = True
        await _hang_up(lock)


async def _hang_up(lock: Lock) -> None:
    with contextlib.suppress(DeviceError, TimeoutError), ours("taking leave of the lock"):
        await within(GOODBYE_S, lock.disconnect())
    if lock.client is not None:
        await disconnect(lock.client)
