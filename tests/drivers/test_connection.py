"""Bluetooth errors made ours, and deadlines that hold."""

from __future__ import annotations

import asyncio
import inspect

import bleak.exc
import bleak_retry_connector
import pytest

from drivers.radio.connection import need_library, translated, unless_lost, within
from gateway.errors import DeviceRefused, DeviceUnavailable

EXAMPLES = {
    "BleakBluetoothNotAvailableError": (
        "off",
        bleak.exc.BleakBluetoothNotAvailableReason.POWERED_OFF,
    ),
    "BleakDBusError": ("org.bluez.Error.Failed", ["le-connection-abort-by-local"]),
    "BleakGATTProtocolError": (0x0E,),
    "BleakCharacteristicNotFoundError": ("a92ee202",),
    "BleakDeviceNotFoundError": ("AA:BB", "gone"),
}


def library_errors() -> list[BaseException]:
    """One of each error that bleak, its retry library and D-Bus have."""
    found: list[BaseException] = []
    for module in (bleak.exc, bleak_retry_connector):
        for cls in vars(module).values():
            if inspect.isclass(cls) and issubclass(cls, bleak.exc.BleakError):
                found.append(cls(*EXAMPLES.get(cls.__name__, ("text",))))
    found += [TimeoutError(), EOFError(), BrokenPipeError(), FileNotFoundError("bus"), KeyError(1)]
    found += [AttributeError("bus")]
    dbus = pytest.importorskip("dbus_fast.errors")
    for cls in (dbus.AuthError, dbus.InvalidMessageError, dbus.InterfaceNotFoundError):
        found.append(cls("text"))
    found.append(dbus.DBusError("org.bluez.Error.Failed", "text"))
    return found


@pytest.mark.parametrize("error", library_errors(), ids=lambda e: type(e).__name__)
def test_every_library_error_becomes_ours(error: BaseException) -> None:
    """None of them leaves a driver as itself; ours says what was being done, and keeps the name."""
    with pytest.raises(DeviceUnavailable, match="while testing") as caught, translated("testing"):
        raise error
    assert caught.value.data["library_error"] == type(error).__name__


def test_the_list_of_library_errors_is_not_empty() -> None:
    """Bleak's whole tree is in it, so that a new bleak is noticed."""
    names = {type(error).__name__ for error in library_errors()}
    assert names >= {"BleakError", "BleakDBusError", "BleakGATTProtocolError", "BleakNotFoundError"}


def test_ours_and_bugs_pass() -> None:
    """Our own errors stay as they are, and a mistake of ours is not dressed up as the radio's."""
    with pytest.raises(DeviceRefused), translated("testing"):
        raise DeviceRefused("no", why="busy")
    with pytest.raises(ZeroDivisionError), translated("testing"):
        raise ZeroDivisionError


async def test_within_gives_the_result_or_the_error() -> None:
    """What ends in time is as if awaited."""

    async def fail() -> None:
        raise EOFError

    assert await within(1.0, asyncio.sleep(0, "done")) == "done"
    with pytest.raises(EOFError):
        await within(1.0, fail())


async def test_within_leaves_behind_what_ignores_its_cancellation() -> None:
    """The caller gets its time-out though the call goes on; nothing is reported as lost."""
    release = asyncio.Event()
    ended = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        ended.set()
        raise OSError("too late for anybody")

    with pytest.raises(TimeoutError):
        await within(0.01, stubborn(), grace_s=0.01)
    release.set()
    await ended.wait()


async def test_within_passes_a_cancellation_on() -> None:
    """Cancelled from outside, the call is cancelled too, before the caller goes on."""
    tidied = False

    async def work() -> None:
        nonlocal tidied
        try:
            await asyncio.Event().wait()
        finally:
            tidied = True

    task = asyncio.create_task(within(5.0, work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tidied


async def test_a_lost_link_ends_a_wait_that_does_not_notice() -> None:
    """The library waits on for an answer; its caller is told that the link is gone."""
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(unless_lost(lost, 5.0, asyncio.sleep(60.0)))
    await asyncio.sleep(0)
    lost.set_result(None)
    with pytest.raises(DeviceUnavailable, match="lost"):
        await waiting


async def test_a_library_that_notices_is_believed() -> None:
    """Its own error, or an answer that came with the loss, is what counts."""
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    lost.set_result(None)

    async def refuse() -> None:
        await asyncio.sleep(0)
        raise DeviceRefused("no", why="jammed")

    with pytest.raises(DeviceRefused):
        await unless_lost(lost, 5.0, refuse())
    assert await unless_lost(lost, 5.0, asyncio.sleep(0, "answer")) == "answer"


async def test_silence_on_a_link_that_stands() -> None:
    """It ends with a time-out, as `within`."""
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        await unless_lost(lost, 0.01, asyncio.sleep(60.0))


def test_a_missing_library_is_named_with_its_extra() -> None:
    """One sentence says what to install."""
    assert need_library("json", extra="none").dumps([]) == "[]"
    with pytest.raises(DeviceUnavailable, match=r"no_such_lock.*'tryggve\[lock\]'"):
        need_library("no_such_lock", extra="lock")
