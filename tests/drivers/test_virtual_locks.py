"""The virtual Yale and Danalock are as strict as real ones, and speak to the libraries' own upper
halves; which show here why the drivers do not use them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from bleak import BleakClient
from bleak.exc import BleakError
from pydanalock.ble import NOTIFY_UUID as DANALOCK_OUT
from pydanalock.ble import UNLOCK as DANALOCK_UNLOCK
from pydanalock.ble import (
    X_FIN,
    CommandError,
    DanalockLock,
    GattTransport,
    RpdChannel,
    Tls12DmiClient,
    lock_operate,
    parse_incoming,
)
from yalexs_ble import DisconnectedError, PushLock
from yalexs_ble.const import WRITE_CHARACTERISTIC

from drivers.locks.danalock_client import LOCAL_ADDRESS, Credentials
from drivers.locks.operation import LockAction
from drivers.locks.yale_client import Credentials as YaleCredentials
from drivers.virtual import Moment, State
from drivers.virtual.lock_danalock import VirtualDanalock
from gateway.events import LockOperationOutcome
from tests.drivers.locks import LockHome, lock_home, make_of

YALE, DANALOCK = make_of("lock_yale"), make_of("lock_danalock")


def facade(home: LockHome, **changed: Any) -> DanalockLock:
    """The library's own upper half, as its manual shows it."""
    who = Credentials.from_json(home.secrets.read("danalock-door"))

    async def transport(_address: str) -> GattTransport:
        advert = home.scanner.last(home.virtual.address)
        assert advert is not None
        made = BleakClient(advert.device)
        await made.connect()
        return GattTransport(made)

    fields = {"login_token": who.login_token, "trust_anchor": who.trust_anchor} | changed
    return DanalockLock("", serial=who.serial, transport_factory=transport, **fields)


async def test_danalock_by_the_librarys_own_facade() -> None:
    """Connect, log in, unlock, lock: the twin speaks the protocol as the library knows it."""
    async with lock_home(DANALOCK) as home:
        lock = facade(home)
        await lock.unlock()
        await lock.lock()
        await lock.disconnect()
        assert home.turns == ["unlock", "lock"]
        await home.idle()


async def test_danalock_refuses() -> None:
    """A token that nobody gave out, and the wrong authority."""
    async with lock_home(DANALOCK) as home:
        with pytest.raises(CommandError, match="TOKEN_VALIDITY"):
            await facade(home, login_token=b"guess").connect()
        await home.idle()
        assert home.virtual.refused == [0x5E]
        assert home.turns == []


async def on_a_channel(home: LockHome, talk: Callable[..., Awaitable[None]]) -> None:
    """Handshake without a login, then `talk`."""
    who = Credentials.from_json(home.secrets.read("danalock-door"))
    advert = home.scanner.last(home.virtual.address)
    assert advert is not None
    async with BleakClient(advert.device) as peer:
        transport = GattTransport(peer)
        channel = RpdChannel(who.serial, LOCAL_ADDRESS, transport.write)
        await peer.start_notify(DANALOCK_OUT, lambda _s, data: channel.feed_chunk(bytes(data)))
        await channel.open()
        tls = Tls12DmiClient(who.trust_anchor, expected_serial=who.serial)
        await tls.handshake(channel.send, channel.recv)
        await talk(tls, channel)
        await channel.stop()


async def test_danalock_opens_for_nobody_without_a_login() -> None:
    """A command before the login is refused, and the motor does not run."""
    async with lock_home(DANALOCK) as home:

        async def talk(tls: Tls12DmiClient, channel: RpdChannel) -> None:
            await tls.send_app_data(lock_operate(DANALOCK_UNLOCK), channel.send)
            answer = parse_incoming(await tls.recv_app_data(channel.recv))
            assert getattr(answer, "status", None) == 0x41

        await on_a_channel(home, talk)
        assert home.turns == []


async def test_danalock_takes_no_record_twice() -> None:
    """A record that was altered, or sent again, ends in an alert."""
    async with lock_home(DANALOCK) as home:

        async def talk(tls: Tls12DmiClient, channel: RpdChannel) -> None:
            sent: list[bytes] = []

            async def keep(record: bytes) -> None:
                sent.append(record)

            await tls.send_app_data(lock_operate(DANALOCK_UNLOCK), keep)
            await channel.send(sent[0][:-1] + bytes([sent[0][-1] ^ 1]))
            assert (await channel.recv())[0] == 0x15
            await channel.send(sent[0])
            await tls.recv_app_data(channel.recv)
            await channel.send(sent[0])
            assert (await channel.recv())[0] == 0x15

        await on_a_channel(home, talk)
        assert home.turns == []


async def test_the_danalock_facade_gives_a_command_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the lock ends the session in place of an answer, it is told again over a new one.

    Should this fail, the library has mended it, and our own session could go."""
    told: list[LockAction] = []
    command = VirtualDanalock._command

    async def counted(self: Any, session: Any, action: LockAction) -> None:
        told.append(action)
        await command(self, session, action)

    async def hang_up(self: Any, session: Any, status: int) -> None:
        if len(told) > 1:
            await self._result(session, (4, 1), status)
        else:
            await session.link._frame(X_FIN, b"")

    monkeypatch.setattr(VirtualDanalock, "_command", counted)
    monkeypatch.setattr(VirtualDanalock, "_operated", hang_up)
    async with lock_home(DANALOCK) as home:
        lock = facade(home)
        with pytest.raises(CommandError, match="NOTHING_CHANGED"):
            await lock.unlock()
        assert told == [LockAction.UNLOCK, LockAction.UNLOCK]
        await lock.disconnect()
        told.clear()
        await home.virtual.turn_by_hand(State.LOCKED)
        await home.idle()
        assert (await home.unlock()).outcome is LockOperationOutcome.DONE
        assert told == [LockAction.UNLOCK], "and our driver asks"


def push_lock(home: LockHome) -> PushLock:
    """The library's own upper half."""
    who = YaleCredentials.from_json(home.secrets.read("yale-door"))
    advert = home.scanner.last(home.virtual.address)
    assert advert is not None
    made = PushLock(address=who.address, key=who.key.hex(), key_index=who.slot)
    made.set_ble_device(advert.device)
    return made


async def test_yale_by_the_librarys_own_push_lock() -> None:
    """The twin speaks the protocol as the library knows it."""
    async with lock_home(YALE) as home:
        lock = push_lock(home)
        stop = await lock.start()
        await lock.unlock()
        assert home.virtual.state is State.UNLOCKED
        stop()
        await home.idle()


async def test_the_yale_push_lock_gives_a_command_twice() -> None:
    """When the link is lost before the acknowledgement, the motor runs again for one order.  Should
    this fail, the library has mended it, and its lower half need not be used."""
    async with lock_home(YALE) as home:
        home.virtual.faults.drop_at = Moment.COMMAND_TAKEN
        lock = push_lock(home)
        stop = await lock.start()
        await lock.unlock()
        assert home.turns == ["unlock", "unlock"]
        stop()
        await home.idle()
        home.virtual.turns.clear()
        home.virtual.faults.drops = 1
        assert (await home.unlock()).outcome is LockOperationOutcome.DONE
        assert home.turns == ["unlock"], "and our driver asks"


async def test_yale_refuses_a_command_without_a_session() -> None:
    """18 bytes from somebody who never agreed on a key turn nothing."""
    async with lock_home(YALE) as home:
        advert = home.scanner.last(home.virtual.address)
        assert advert is not None
        async with BleakClient(advert.device) as peer:
            with pytest.raises((BleakError, DisconnectedError)):
                await peer.write_gatt_char(WRITE_CHARACTERISTIC, bytes(18), response=True)
        assert home.turns == []
        assert home.virtual.refused == [0x0E]
