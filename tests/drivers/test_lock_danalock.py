"""What is Danalock's own: its advertisements, its certificate, its token, the libraries' errors.

What holds for every make is in `test_locks_contract.py`.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pydanalock.ble
import pydanalock.cloud
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from drivers import lock_danalock
from drivers.locks import danalock_client as client
from drivers.locks import danalock_cloud as cloud
from drivers.locks.danalock_client import Broadcasts, Credentials
from drivers.virtual import State
from drivers.virtual.lock_danalock import VirtualDanalock
from gateway.errors import (
    DeviceError,
    DeviceRefused,
    DeviceUnavailable,
    ProtocolError,
    SecretError,
)
from gateway.events import LockOperationOutcome, LockOperationStep
from gateway.ports import Advert, Bolt, LockResult
from tests.drivers.locks import LockHome, lock_home, make_of
from tests.drivers.parts import SOON_S, MemorySecrets, Technician, driver_context, until

DANALOCK = make_of("lock_danalock")
DONE_OPEN = LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED)
SERIAL = bytes.fromhex("0a1b2c3d4e5f")
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that only spare a real lock's mechanics are short here."""
    monkeypatch.setattr(lock_danalock.Driver, "contrary_s", 0.5)


def credentials(home: LockHome) -> Credentials:
    return Credentials.from_json(home.secrets.read("danalock-door"))


# --- turning --------------------------------------------------------------------------------------


async def test_ok_is_not_open() -> None:
    """The lock only took the command: open is what it advertises, after the motor has run."""
    async with lock_home(DANALOCK, turn_s=0.4) as home:
        home.virtual.faults.only_takes = True
        unlocking = asyncio.create_task(home.unlock())
        await until(lambda: home.turns == ["unlock"])
        await home.idle()
        assert not unlocking.done()
        assert await unlocking == DONE_OPEN
        assert LockOperationStep.ASKING not in home.steps
        assert home.virtual.state is State.UNLOCKED


async def test_ok_and_nothing_happens() -> None:
    """The lock says OK and its bolt stays: unknown, with the bolt as it says; given once."""
    async with lock_home(DANALOCK) as home:
        home.virtual.faults.never_turns = True
        turn = await home.unlock()
        assert turn == LockResult(LockOperationOutcome.UNKNOWN, Bolt.LOCKED, "no_answer")
        assert home.turns == []


async def test_ok_and_then_a_jam() -> None:
    """The jam comes after the OK, by advertisement: failed, jammed."""
    async with lock_home(DANALOCK, turn_s=0.2) as home:
        home.virtual.faults.only_takes = home.virtual.faults.jammed = True
        assert await home.unlock() == LockResult(LockOperationOutcome.FAILED, Bolt.JAMMED, "jammed")
        assert home.turns == ["unlock"]


async def test_a_jam_of_before() -> None:
    """The lock still says that it is blocked while it turns: that was before this command."""
    async with lock_home(DANALOCK, turn_s=0.3) as home:
        home.virtual.faults.only_takes = True
        await home.virtual.turn_by_hand(State.JAMMED)
        await until(lambda: home.scanner.last(home.virtual.address) is not None)
        async with home.watched() as heard:
            await until(lambda: "lock.jammed" in heard.kinds())
            assert await home.unlock() == DONE_OPEN
            assert home.turns == ["unlock"]


async def test_open_already() -> None:
    """ "Nothing changed" is no refusal: the bolt is where it should be, in the lock's own words."""
    async with lock_home(DANALOCK) as home:
        await home.virtual.turn_by_hand(State.UNLOCKED)
        assert await home.unlock() == DONE_OPEN
        assert home.turns == []
        assert home.virtual.refused == [0x07]


async def test_the_locks_own_time_out() -> None:
    """What its motor did the lock does not say then: it is asked, and its word decides."""
    async with lock_home(DANALOCK) as home:
        home.virtual.faults.error = 0x19
        turn = await home.unlock()
        assert turn == LockResult(LockOperationOutcome.UNKNOWN, Bolt.LOCKED, "no_answer")
        assert home.steps[-1] is LockOperationStep.ASKING


@pytest.mark.parametrize(
    ("status", "why"),
    [(0x05, "busy"), (0x0B, "low_voltage"), (0x17, "jammed"), (0x18, "refused_by_lock")],
)
async def test_the_lock_refuses(status: int, why: str) -> None:
    """Each status is a failure with its own word, and the motor did not run."""
    async with lock_home(DANALOCK) as home:
        home.virtual.faults.error = status
        bolt = Bolt.JAMMED if why == "jammed" else Bolt.LOCKED
        assert await home.unlock() == LockResult(LockOperationOutcome.FAILED, bolt, why)
        assert home.turns == []


async def test_an_impostor_is_told_nothing() -> None:
    """Somebody with the right serial number and another's certificate gets no token."""
    async with lock_home(DANALOCK) as home:
        home.virtual.faults.impostor = True
        turn = await home.unlock()
        assert (turn.outcome, turn.bolt) == (LockOperationOutcome.FAILED, Bolt.UNKNOWN)
        assert home.virtual.tokens_heard == []
        assert home.turns == []
        home.virtual.faults.impostor = False
        assert await home.unlock() == DONE_OPEN


async def test_found_by_its_serial_number() -> None:
    """Its address may be any: two locks side by side, and only ours is opened."""
    async with lock_home(DANALOCK) as home:
        other = VirtualDanalock(
            home.radio, address="DA:7A:10:C0:00:02", serial=bytes.fromhex("aabbccddeeff")
        )
        await other.start()
        await until(lambda: home.scanner.last(other.address) is not None)
        assert await home.unlock() == DONE_OPEN
        assert other.turns == []
        await other.stop()


async def test_a_state_costs_no_connection() -> None:
    """Where its bolt is and how full its battery, it tells without being connected to."""
    async with lock_home(DANALOCK, battery_pct=61) as home:
        asking = asyncio.create_task(home.driver.status())
        while not asking.done():
            assert not home.virtual.connected
            await asyncio.sleep(0.002)
        status = asking.result()
        assert (status.bolt, status.battery_pct, status.battery_low) == (Bolt.LOCKED, 61, False)
        assert status.door_open is None
        await home.virtual.turn_by_hand(State.JAMMED)
        await until(lambda: home.scanner.last(home.virtual.address) is not None)
        assert (await home.driver.status()).bolt in (Bolt.LOCKED, Bolt.JAMMED)
        assert (await home.driver.status()).bolt is Bolt.JAMMED


# --- advertisements -------------------------------------------------------------------------------


def advert(data: bytes, heard_s: float) -> Advert:
    return Advert("DA:7A:10:C0:00:01", None, -60, {456: data}, {}, (), None, heard_s)


class Air:
    """A virtual lock's advertisements, without a radio."""

    def __init__(self) -> None:
        radio: Any = None
        self.lock = VirtualDanalock(radio, serial=SERIAL)
        self.who = Credentials.from_json(self.lock.trust())

    def says(self, state: State, counter: int, heard_s: float) -> Advert:
        self.lock.state, self.lock._counter = state, counter & 0xFFFF
        raw = self.lock._advertisement()
        return advert(raw[raw.index(b"\xc8\x01") + 2 :], heard_s)


def test_an_old_advertisement_sent_again() -> None:
    """A recording of "locked" does not hide that the door stands open."""
    air = Air()
    heard = Broadcasts(air.who)
    old = air.says(State.LOCKED, 7, 0.0)
    assert heard.read(old) is not None
    report = heard.read(air.says(State.UNLOCKED, 8, 1.0))
    assert report is not None
    assert not report.locked
    assert heard.read(replace(old, heard_s=2.0)) is None
    again = heard.read(air.says(State.UNLOCKED, 8, 3.0))
    assert again is not None


def test_the_counter_begins_again() -> None:
    """At its end, at once; after a change of batteries, when nothing newer came for a minute."""
    air = Air()
    heard = Broadcasts(air.who)
    assert heard.read(air.says(State.LOCKED, 0xFFFF, 0.0)) is not None
    assert heard.read(air.says(State.LOCKED, 0x10000, 1.0)) is not None
    assert heard.read(air.says(State.LOCKED, 0x5000, 2.0)) is not None
    restarted = air.says(State.UNLOCKED, 1, 3.0)
    assert heard.read(restarted) is None
    late = heard.read(replace(restarted, heard_s=2.0 + client.RESTART_S))
    assert late is not None
    assert not late.locked


@given(st.dictionaries(st.sampled_from([456, 76]), st.binary(max_size=30)), st.binary(max_size=16))
def test_any_strangers_bytes_are_read(data: dict[int, bytes], tail: bytes) -> None:
    """What is not from the lock says nothing; nothing raises."""
    air = Air()
    heard = Broadcasts(air.who)
    sent = replace(advert(b"", 0.0), manufacturer_data=data)
    assert heard.read(sent) is None
    forged = b"\x02" + SERIAL + b"\x00" + tail.ljust(16, b"\x00")
    assert heard.read(advert(forged, 0.0)) is None


# --- the libraries' errors ------------------------------------------------------------------------


def errors_of_the_libraries() -> list[tuple[Any, Exception]]:
    """One of each that the two libraries and the HTTP client have, with who maps it."""
    found: list[tuple[Any, Exception]] = []
    for cls in vars(pydanalock.ble).values():
        if inspect.isclass(cls) and issubclass(cls, Exception):
            error = cls(0x05) if cls is pydanalock.ble.CommandError else cls("text")
            found.append((client.ours, error))
    for cls in vars(pydanalock.cloud).values():
        if inspect.isclass(cls) and issubclass(cls, Exception):
            api = cls is pydanalock.cloud.ApiError
            make: Any = cls
            found.append((cloud.ours, make("text", status=500) if api else cls("0a1b2c3d4e5f")))
    for cls in (httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.InvalidURL):
        found.append((cloud.ours, cls("text")))
    return found


@pytest.mark.parametrize(
    ("ours", "error"), errors_of_the_libraries(), ids=lambda v: type(v).__name__
)
def test_every_library_error_becomes_ours(ours: Callable[..., Any], error: Exception) -> None:
    """None of them leaves the driver as itself."""
    doing = ("testing",) if ours is client.ours else ()
    with pytest.raises(DeviceError) as caught, ours(*doing):
        raise error
    assert caught.value.__cause__ is error


def test_the_lists_of_errors_are_not_empty() -> None:
    """The libraries' whole trees are in them."""
    names = {type(error).__name__ for _, error in errors_of_the_libraries()}
    assert names >= {"CommandError", "ChannelClosed", "CertificateError", "HandshakeError"}
    assert names >= {"AuthError", "ApiError", "DeviceNotFoundError"}


def test_every_status_has_a_word() -> None:
    """Those of the library by name, and one it has never heard of."""
    for status in (*pydanalock.ble._afi.STATUS_NAMES, 0x5E, 0x73, 0xEE):
        with pytest.raises((DeviceRefused, TimeoutError)) as caught, client.ours("testing"):
            raise pydanalock.ble.CommandError(status)
        assert isinstance(caught.value, DeviceRefused)
        assert caught.value.why in {*client.WHY.values(), "refused_by_lock"}
    names = {pydanalock.ble.status_name(status) for status in range(256)}
    assert set(client.WHY) <= names


# --- the secret -----------------------------------------------------------------------------------


def test_credentials() -> None:
    """They are kept whole, and what is not whole is refused."""
    air = Air()
    made = air.who.with_token(b"token", NOW, "refresh")
    assert Credentials.from_json(made.to_json()) == made
    fields = json.loads(made.to_json())
    for key, wrong in (
        ("serial", "0a"),
        ("login_token", ""),
        ("broadcast_key", "00"),
        ("valid_to", "2026-01-01T00:00:00"),
        ("trust_anchor", base64.b64encode(b"no certificate").decode()),
    ):
        with pytest.raises(SecretError):
            Credentials.from_json(json.dumps(fields | {key: wrong}))


def test_without_the_certificate_it_does_not_run() -> None:
    """An impostor could take the token: one sentence says so, and how to mend it."""
    fields = json.loads(Air().lock.trust())
    for missing in ("", None):
        text = json.dumps(fields | {"trust_anchor": missing})
        parts = driver_context(secrets=MemorySecrets(**{"danalock-door": text}))
        with pytest.raises(SecretError, match="impostor") as caught:
            lock_danalock.Driver(lock_danalock.Config(), parts)
        assert "tryggve gateway pair door" in caught.value.text


@pytest.mark.parametrize("module", ["pydanalock.ble"])
def test_without_the_library(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """One sentence that names the extra."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DeviceUnavailable, match=r"pip install 'tryggve\[danalock\]'"):
        lock_danalock.Driver(lock_danalock.Config(), driver_context())


# --- the token and the cloud ----------------------------------------------------------------------


class Cloud:
    """The vendor's cloud, as far as the library asks it: one account with one lock."""

    def __init__(self, lock: VirtualDanalock, valid_to: datetime) -> None:
        self.lock = lock
        self.valid_to = valid_to
        self.asked: list[str] = []
        self.down = self.half_down = False
        self.broken: Exception | None = None
        self.refresh_token = "refresh-1"

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if self.broken is not None:
            raise self.broken
        if self.down or (self.half_down and request.url.path != "/oauth2/token"):
            raise httpx.ConnectError("no route", request=request)
        if request.url.path == "/oauth2/token":
            form = dict(pair.split("=") for pair in request.content.decode().split("&"))
            good = form.get("password") == "right" or (
                form.get("refresh_token") == self.refresh_token
            )
            if not good:
                return httpx.Response(400, json={})
            self.refresh_token = f"refresh-{len(self.asked) + 1}"
            tokens = {"access_token": "a", "refresh_token": self.refresh_token, "expires_in": 3600}
            return httpx.Response(200, json=tokens)
        serial = ":".join(f"{byte:02x}" for byte in self.lock.serial)
        if request.url.path != f"/devices/v1/{serial}/login_token":
            return httpx.Response(404, json={})
        token, key = self.lock.token()
        body = {
            "device": {"serial_number": serial, "name": "Door"},
            "blob": base64.b64encode(token).decode(),
            "broadcast_key": base64.b64encode(key).decode(),
            "metadata": {
                "valid_from": None,
                "valid_to": self.valid_to.isoformat(),
                "permissions": [],
            },
        }
        return httpx.Response(200, json=body)

    def client(self, storage: Any) -> pydanalock.cloud.AsyncDanalockCloud:
        transport = httpx.MockTransport(self.answer)
        return pydanalock.cloud.AsyncDanalockCloud(storage=storage, transport=transport)


async def test_the_next_token_is_fetched_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that ends soon is replaced and kept, and the new one opens the door."""
    async with lock_home(DANALOCK) as home:
        soon, later = NOW + timedelta(days=2), NOW + timedelta(days=300)
        vendor = Cloud(home.virtual, later)
        monkeypatch.setattr(cloud, "client", vendor.client)
        home.secrets.write(
            "danalock-door", home.virtual.trust(valid_to=soon, refresh_token="refresh-1")
        )
        parts = driver_context(secrets=home.secrets, scanner=home.scanner)
        home.driver = lock_danalock.Driver(lock_danalock.Config(), parts)
        async with home.watched() as heard:
            await until(lambda: credentials(home).valid_to == later)
            assert credentials(home).refresh_token == vendor.refresh_token != "refresh-1"
            assert home.driver._credentials == credentials(home)
            assert await home.unlock() == DONE_OPEN
            assert home.virtual.tokens_heard == [credentials(home).login_token]
            assert "device.failed" not in heard.kinds()
        await home.driver.close()


class FullCard(MemorySecrets):
    """Secrets on a card that refuses until somebody makes room."""

    full = True

    def write(self, name: str, value: str) -> None:
        if self.full:
            raise SecretError("no space left", name=name)
        super().write(name, value)


async def test_a_token_that_the_card_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next token opens the door at once, and is kept when the card takes it: nobody fetches it
    a second time, for the vendor may give each one once."""
    monkeypatch.setattr(lock_danalock, "RENEW_PAUSE_S", 0.05)
    async with lock_home(DANALOCK) as home:
        soon, later = NOW + timedelta(days=2), NOW + timedelta(days=300)
        vendor = Cloud(home.virtual, later)
        monkeypatch.setattr(cloud, "client", vendor.client)
        trusted = home.virtual.trust(valid_to=soon, refresh_token="refresh-1")
        home.secrets = card = FullCard(**{"danalock-door": trusted})
        parts = driver_context(secrets=card, scanner=home.scanner)
        home.driver = lock_danalock.Driver(lock_danalock.Config(sleep_after_s=0.5), parts)
        async with home.watched() as heard:
            await until(lambda: home.driver._credentials.valid_to == later)
            assert await home.unlock() == DONE_OPEN
            assert home.virtual.tokens_heard == [home.driver._credentials.login_token]
            asked = len(vendor.asked)
            card.full = False
            await until(lambda: credentials(home).valid_to == later)
            assert len(vendor.asked) == asked
            assert "device.failed" not in heard.kinds()
        await home.driver.close()


async def test_a_token_that_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once, with what to do, and again when it is mended; the lock opens meanwhile."""
    monkeypatch.setattr(lock_danalock, "RENEW_PAUSE_S", 0.05)
    async with lock_home(DANALOCK) as home:
        soon, later = NOW + timedelta(days=2), NOW + timedelta(days=300)
        vendor = Cloud(home.virtual, later)
        vendor.down = True
        monkeypatch.setattr(cloud, "client", vendor.client)
        home.secrets.write(
            "danalock-door", home.virtual.trust(valid_to=soon, refresh_token="refresh-1")
        )
        parts = driver_context(secrets=home.secrets, scanner=home.scanner)
        home.driver = lock_danalock.Driver(lock_danalock.Config(sleep_after_s=0.5), parts)
        async with home.watched() as heard:
            await until(lambda: "device.failed" in heard.kinds() and len(vendor.asked) > 2)
            assert heard.kinds().count("device.failed") == 1
            assert await home.unlock() == DONE_OPEN
            vendor.down = False
            await until(lambda: heard.kinds()[-1] == "device.online")
        await home.driver.close()


@pytest.mark.parametrize("broken", [None, RecursionError("nested"), OverflowError("too large")])
async def test_a_line_that_breaks_between_two_answers(
    monkeypatch: pytest.MonkeyPatch, broken: Exception | None
) -> None:
    """What the account is known by from then on is kept, for the one before is worth nothing any
    more; an error that nobody knew ends no trying.  The lock opens again with the next token."""
    monkeypatch.setattr(lock_danalock, "RENEW_PAUSE_S", 0.05)
    async with lock_home(DANALOCK) as home:
        soon, later = NOW + timedelta(days=2), NOW + timedelta(days=300)
        vendor = Cloud(home.virtual, later)
        vendor.half_down, vendor.broken = True, broken
        monkeypatch.setattr(cloud, "client", vendor.client)
        home.secrets.write(
            "danalock-door", home.virtual.trust(valid_to=soon, refresh_token="refresh-1")
        )
        parts = driver_context(secrets=home.secrets, scanner=home.scanner)
        home.driver = lock_danalock.Driver(lock_danalock.Config(sleep_after_s=0.5), parts)
        async with home.watched() as heard:
            await until(lambda: "device.failed" in heard.kinds() and len(vendor.asked) > 2)
            await until(lambda: credentials(home).refresh_token == vendor.refresh_token)
            vendor.half_down, vendor.broken = False, None
            await until(lambda: credentials(home).valid_to == later)
            assert credentials(home).refresh_token == vendor.refresh_token
        await home.driver.close()


async def test_a_token_that_nobody_can_fetch() -> None:
    """Without an account the end of the token is told in time, with how to pair again."""
    async with lock_home(DANALOCK) as home:
        home.secrets.write("danalock-door", home.virtual.trust(valid_to=NOW + timedelta(days=2)))
        parts = driver_context(secrets=home.secrets, scanner=home.scanner)
        home.driver = lock_danalock.Driver(lock_danalock.Config(), parts)
        async with home.watched() as heard:
            await until(lambda: "device.failed" in heard.kinds())
        told: Any = heard.data[heard.kinds().index("device.failed")]
        assert "tryggve gateway pair door" in told.text
        await home.driver.close()


@pytest.mark.parametrize(
    ("account", "error"),
    [(("u", "wrong"), DeviceRefused), ("refresh-0", DeviceRefused)],
)
async def test_the_cloud_refuses(
    monkeypatch: pytest.MonkeyPatch, account: Any, error: type[DeviceError]
) -> None:
    """A wrong password, or an old refresh token, is a refusal."""
    monkeypatch.setattr(cloud, "client", Cloud(Air().lock, NOW).client)
    with pytest.raises(error):
        await cloud.fetch(SERIAL, account=account)


async def test_a_lock_of_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cloud does not know it: a refusal, in one sentence."""
    monkeypatch.setattr(cloud, "client", Cloud(Air().lock, NOW).client)
    with pytest.raises(DeviceRefused, match="knows no such lock"):
        await cloud.fetch(bytes(6), account=("u", "right"))


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
async def test_pairing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: Encoding) -> None:
    """The token is fetched, tried on the lock and kept; the password is not."""
    async with lock_home(DANALOCK) as home:
        vendor = Cloud(home.virtual, NOW + timedelta(days=300))
        monkeypatch.setattr(cloud, "client", vendor.client)
        home.secrets.kept.clear()
        file = tmp_path / "ca"
        await asyncio.to_thread(
            file.write_bytes, home.virtual.authority.certificate.public_bytes(encoding)
        )
        technician = Technician(
            serial="0a:1b:2c:3d:4e:5f", certificate=str(file), user="somebody", password="right"
        )
        parts = driver_context(secrets=home.secrets, scanner=home.scanner)
        await lock_danalock.pair(lock_danalock.Config(), parts, technician)
        assert technician.said[-1].startswith("Paired.")
        assert len(technician.hidden) == 1
        assert "right" not in home.secrets.kept["danalock-door"]
        await home.idle()
        driver = lock_danalock.Driver(lock_danalock.Config(), parts)
        assert await driver.unlock(home.steps.append, 5.0) == DONE_OPEN
        await driver.close()


async def test_pairing_that_does_not_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No certificate, another's certificate, a wrong password, no serial: nothing is kept."""
    async with lock_home(DANALOCK) as home:
        monkeypatch.setattr(cloud, "client", Cloud(home.virtual, NOW).client)
        home.secrets.kept.clear()
        right, wrong = tmp_path / "right", tmp_path / "wrong"
        other = VirtualDanalock(home.radio, serial=SERIAL).authority
        await asyncio.to_thread(right.write_bytes, home.virtual.authority.der)
        await asyncio.to_thread(wrong.write_bytes, other.der)
        good = {
            "serial": "0a1b2c3d4e5f",
            "certificate": str(right),
            "user": "somebody",
            "password": "right",
        }
        parts = driver_context(secrets=home.secrets, scanner=home.scanner)
        for spoiled, error, text in (
            ({"certificate": str(tmp_path / "none")}, DeviceRefused, "holds no certificate"),
            ({"certificate": str(wrong)}, ProtocolError, "somebody else answered"),
            ({"password": "wrong"}, DeviceRefused, "does not accept the account"),
            ({"serial": "door"}, DeviceRefused, "no serial number"),
        ):
            began_s = time.monotonic()
            with pytest.raises(error, match=text):
                await lock_danalock.pair(
                    lock_danalock.Config(), parts, Technician(**good | spoiled)
                )
            assert time.monotonic() - began_s < SOON_S
        assert home.virtual.tokens_heard == []
        assert home.secrets.kept == {}
