"""Connections and deadlines that hold whatever a Bluetooth library does, and its errors made ours.

bleak is used plainly, inside deadlines of our own.  `bleak-retry-connector` is used only to drop a
connection that an earlier, killed run left behind: its `establish_connection` gives each attempt
20 s that cannot be changed (81 s on a sleeping lock by default, measured), and hides its client, so
that a cancelled attempt cannot be disconnected by us.

Not for: any one device's protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from bleak import BleakClient
from bleak.backends.device import BLEDevice
from bleak.exc import BleakBluetoothNotAvailableError, BleakDeviceNotFoundError, BleakError

from gateway.errors import DeviceUnavailable
from gateway.ports import Scanner

T = TypeVar("T")

GRACE_S = 3.0
"""Seconds that a cancelled library call may tidy up before it is left behind.  BlueZ takes 2 s to
disconnect (measured on Debian 13, BlueZ 5.82)."""

SUBSCRIBE_S = 5.0
"""Seconds to subscribe: one round trip, a second at worst on a weak radio."""

DISCONNECT_S = 5.0
"""Seconds to disconnect: BlueZ takes 2 (measured on BlueZ 5.82)."""

NOTICE_S = 0.1
"""Seconds that a library has to notice a lost link by itself: it knows better what it was doing."""

_left_behind: set[asyncio.Future[Any]] = set()
"""Calls that ignored their cancellation, kept so that they are not collected while they run."""

LIBRARY_ERRORS: tuple[type[BaseException], ...] = (
    BleakError,  # and all of its tree
    TimeoutError,  # bleak lets it through
    EOFError,  # the D-Bus socket closed (dbus-fast)
    OSError,  # no D-Bus, no adapter, a broken pipe
    AttributeError,  # bleak's BlueZ back end when the bus dies under it
    KeyError,  # the same, when a service vanishes while it is read
)
"""What bleak's BlueZ back end is known to raise; `bleak-retry-connector` names the same."""


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise `DeviceUnavailable` for any error of the Bluetooth libraries while `doing` something.

    Our own errors and a cancellation pass as they are.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, LIBRARY_ERRORS) and not _is_dbus(error):
            raise
        raise unavailable(doing, error) from error


def unavailable(doing: str, error: BaseException) -> DeviceUnavailable:
    """A library's `error` as ours."""
    if isinstance(error, TimeoutError):
        text = f"no answer in time while {doing}"
    elif isinstance(error, BleakDeviceNotFoundError):
        text = f"the device is no longer there while {doing}"
    elif isinstance(error, BleakBluetoothNotAvailableError):
        text = f"Bluetooth is off or missing while {doing}"
    else:
        text = f"the radio failed while {doing} ({type(error).__name__}: {error})"
    return DeviceUnavailable(text, library_error=type(error).__name__)


def _is_dbus(error: BaseException) -> bool:
    # dbus-fast exists on Linux only, and its errors share no base with bleak's.
    return any(cls.__module__.startswith("dbus_fast") for cls in type(error).__mro__)


async def within(limit_s: float, work: Coroutine[Any, Any, T], *, grace_s: float = GRACE_S) -> T:
    """The result of `work`, or `TimeoutError` after `limit_s` and at most `grace_s` of tidying.

    `asyncio.timeout` waits for as long as the cancelled call likes; libraries were seen to swallow
    a cancellation for 42 s.  Here such a call is left behind, and its caller goes on.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=max(0.0, limit_s))
        if done:
            if task.cancelled():
                raise BleakError("the library cancelled its own call")
            return task.result()
        await _leave(task, grace_s)
        if task.done() and not task.cancelled() and task.exception() is None:
            return task.result()  # it came in the very last moment
        raise TimeoutError
    except asyncio.CancelledError:
        if not task.done():
            await _leave(task, grace_s)
        raise


async def unless_lost(
    lost: asyncio.Future[None], limit_s: float, work: Coroutine[Any, Any, T]
) -> T:
    """The result of `work`; `DeviceUnavailable` when the link is `lost`, `TimeoutError` after
    `limit_s`; each with at most `GRACE_S` of tidying.

    Libraries were seen to wait on for an answer over a link that was gone (on Python 3.11 also
    because `asyncio.wait_for` swallows a cancellation that comes with the result).
    """
    task = asyncio.ensure_future(work)
    either: set[asyncio.Future[Any]] = {task, lost}
    try:
        await asyncio.wait(either, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and lost.done():
            await asyncio.wait({task}, timeout=NOTICE_S)
    finally:
        if not task.done():
            await _leave(task, GRACE_S)
    if task.done() and not task.cancelled():
        return task.result()
    if lost.done():
        raise DeviceUnavailable("the link to the lock was lost")
    raise TimeoutError


async def _leave(task: asyncio.Future[Any], grace_s: float) -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=grace_s)
    if not task.done():
        _left_behind.add(task)
    task.add_done_callback(_forget)


def _forget(task: asyncio.Future[Any]) -> None:
    _left_behind.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, so that asyncio does not call it never retrieved


@contextlib.asynccontextmanager
async def connection(
    device: BLEDevice, scanner: Scanner, on_lost: Callable[[Any], None], connect_s: float
) -> AsyncIterator[BleakClient]:
    """A connected client.  However it is left, also by a cancellation while connecting, nothing
    stays connected.  Raises `DeviceUnavailable`."""
    given_up = False

    async def connect(client: BleakClient) -> None:
        await client.connect()
        if given_up:  # it ignored its cancellation: nobody wants the connection any more
            await client.disconnect()

    with translated("preparing to connect"):
        client = BleakClient(device, disconnected_callback=on_lost, timeout=connect_s)
    try:
        async with scanner.connecting():
            with translated("connecting to the lock"):
                await within(connect_s, connect(client))
        yield client
    finally:
        given_up = True
        await disconnect(client)


async def subscribe(
    client: BleakClient, uuid: str, on_piece: Callable[[Any, bytearray], None]
) -> None:
    """Have `on_piece` called for each notification.  Raises `DeviceUnavailable`."""
    with translated("subscribing to the lock"):
        await within(SUBSCRIBE_S, client.start_notify(uuid, on_piece))


async def disconnect(client: BleakClient) -> None:
    """Drop a connection.  Never raises `DeviceError`."""
    with contextlib.suppress(DeviceUnavailable), translated("disconnecting"):
        await within(DISCONNECT_S, client.disconnect())


async def drop_stale(address: str) -> None:
    """Drop a connection that BlueZ still holds for a run that was killed: a connected lock does not
    advertise, and would be called asleep for ever.  Never raises `DeviceError`."""
    with contextlib.suppress(DeviceUnavailable), translated("dropping an old connection"):
        # Imported here: the scanner's and the command line's other users need no D-Bus.
        from bleak_retry_connector import close_stale_connections_by_address

        await within(DISCONNECT_S, close_stale_connections_by_address(address))


def need_library(name: str, *, extra: str) -> Any:
    """The library `name`, which the extra `extra` installs.  Raises `DeviceUnavailable`, which says
    how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DeviceUnavailable(
            f"the library {name} is missing ({error}); install it: pip install 'tryggve[{extra}]'"
        ) from error
