"""A Nuki door lock over Bluetooth (kind `lock_nuki`).

The lock's battery decides how it is used: the driver connects for an operation, and for a question
when the lock advertises that its state changed; between them it only listens.

An operation ends as done, failed or unknown.  After *unknown* the lock is asked where its bolt is;
a command that may have arrived is never sent again (`_nuki_turn`).  What was turned through
`unlock` and `lock` is in the `Turn` and not told by `run`; `run` tells what happened by hand.

What only a real lock can show: docs/hardware.md.  Not for: who may turn the lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers import _nuki_client as client
from drivers import _nuki_protocol as nuki
from drivers._ble import GRACE_S, within
from drivers._nuki_client import Credentials, Session
from drivers._nuki_protocol import Action
from drivers._nuki_turn import TurnOnce
from drivers._nuki_watch import Watch
from gateway.errors import DeviceError, DeviceUnavailable, SecretError
from gateway.events import TurnOutcome, UnlockStep
from gateway.ports import Advert, Bench, Bolt, Emit, LockStatus, OnStep, Say, Scanner, Turn

log = logging.getLogger(__name__)

KIND = "lock"
NEEDS_PINS = False
NEEDS_RADIO = True

CONNECT_S = 10.0
"""Seconds for one attempt to connect, so that a deadline of 25 s has room for two."""

HEAR_S = 5.0
"""Seconds that a question waits for a lock that is not heard, as just after a start; a connection
to one that sleeps would only keep the adapter from others."""

STATUS_S = 15.0
"""Seconds to ask the lock where its bolt is, connecting included."""

CLOSE_S = 2.0
"""Seconds that `close` gives a connection to end by itself, and then when cut off."""

RADIO_CHECK_S = 5.0
"""Seconds between looks at whether the radio still listens."""

LEAST_WAIT_S = 0.1
"""Seconds that the watch rests at the least: a question that is due waits for a turn."""

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


class Driver:
    """A paired Nuki lock (`gateway.ports.Lock`).

    Raises `SecretError` when it is not paired, `DeviceUnavailable` without a scanner.
    """

    def __init__(self, config: Config, bench: Bench) -> None:
        self._config = config
        self._credentials = _read_credentials(config, bench)
        self._scanner = _scanner(bench)
        self._advert: Advert | None = None
        self._heard = asyncio.Event()
        self._spoke_s = float("-inf")  # when the lock last answered over a connection
        self._turning = False
        self._no_turn = asyncio.Event()
        self._no_turn.set()
        self._radio = asyncio.Lock()  # one connection to this lock at a time
        self._tidying: set[asyncio.Task[Turn]] = set()
        self._asking: asyncio.Task[LockStatus] | None = None
        self._watch = Watch(config.sleep_after_s, config.ask_every_s)

    async def status(self) -> LockStatus:
        """See `gateway.ports.Lock`.  A turn goes first: its answer is newer than the question."""
        try:
            status = await self._ask_in_turn()
        except (DeviceError, TimeoutError):
            return LockStatus(Bolt.UNKNOWN)
        self._watch.known(status)
        return status

    async def unlock(self, on_step: OnStep, wake_s: float) -> Turn:
        """See `gateway.ports.Lock`."""
        action = Action.UNLATCH if self._config.unlatch else Action.UNLOCK
        return await self._turn(action, on_step, wake_s)

    async def lock(self, on_step: OnStep, wake_s: float) -> Turn:
        """See `gateway.ports.Lock`."""
        return await self._turn(Action.LOCK, on_step, wake_s)

    async def run(self, emit: Emit) -> None:
        """See `gateway.ports.Lock`.  Raises `DeviceUnavailable` while the radio does not listen."""
        await client.drop_stale(self._credentials.address)
        stop = self._scanner.watch(self._on_advert)
        self._watch.begin()
        try:
            while True:
                if (problem := self._scanner.problem()) is not None:
                    raise DeviceUnavailable(problem)
                for data in self._watch.hearing(self._silent_s()):
                    emit(data)
                if self._watch.ask_is_due() and not self._turning:
                    try:
                        self._watch.found(await self._ask_in_turn())
                    except (DeviceError, TimeoutError):
                        self._watch.no_answer()
                for data in self._watch.news():
                    emit(data)
                look_s = min(RADIO_CHECK_S, self._config.sleep_after_s)
                await self._wait(min(look_s, max(LEAST_WAIT_S, self._watch.due_in_s())))
        finally:
            stop()

    async def close(self) -> None:
        """See `gateway.ports.Lock`.  A turn that goes on is given a moment, then cut off."""
        if self._asking is not None:
            self._asking.cancel()
        tasks: set[asyncio.Task[Any]] = {*self._tidying}
        tasks |= {self._asking} if self._asking is not None else set()
        if tasks:
            _, still = await asyncio.wait(tasks, timeout=CLOSE_S)
            for task in still:
                task.cancel()
            if still:
                await asyncio.wait(still, timeout=CLOSE_S)

    # --- turning ----------------------------------------------------------------------------------

    async def _turn(self, action: Action, on_step: OnStep, wake_s: float) -> Turn:
        if self._turning:
            return Turn(TurnOutcome.FAILED, Bolt.UNKNOWN, "busy")
        self._turning = True
        self._no_turn.clear()
        try:
            if self._scanner.problem() is not None:
                return self._not_turned("unreachable")
            if not await self._awake(on_step, wake_s):
                return self._not_turned("asleep")
            return await self._turn_awake(action, on_step)
        finally:
            self._turning = False
            self._no_turn.set()
            self._heard.set()

    async def _turn_awake(self, action: Action, on_step: OnStep) -> Turn:
        once = TurnOnce(
            action=action,
            app_id=self._credentials.app_id,
            connect=self._session,
            on_step=on_step,
            deadline_s=self._config.deadline_s,
        )

        async def alone() -> Turn:
            if self._asking is not None:
                self._asking.cancel()  # a person at the door goes before a question
            async with self._radio:
                return await once.run()

        task = asyncio.create_task(alone())
        self._tidying.add(task)
        task.add_done_callback(self._tidied)
        try:
            # BlueZ takes two seconds to disconnect: the answer does not wait for that.
            await asyncio.wait(
                {task, once.decided},
                timeout=self._config.deadline_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task}, timeout=GRACE_S)
            raise
        if once.decided.done():
            turn = once.decided.result()
        elif task.done() and not task.cancelled():
            turn = task.result()
        else:
            task.cancel()
            turn = once.progress.cut_off()
        self._watch.turned(turn, once.progress.status)
        return turn

    def _not_turned(self, why: str) -> Turn:
        turn = Turn(TurnOutcome.FAILED, Bolt.UNKNOWN, why)
        self._watch.turned(turn, None)
        return turn

    def _tidied(self, task: asyncio.Task[Turn]) -> None:
        self._tidying.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a turn failed behind its answer", exc_info=error)

    async def _awake(self, on_step: OnStep, wake_s: float) -> bool:
        """Whether the lock is heard now, or is within `wake_s`."""
        if self._silent_s() <= self._config.sleep_after_s:
            return True
        on_step(UnlockStep.WAKING)
        return await self._hear(wake_s)

    async def _hear(self, limit_s: float) -> bool:
        """Whether the lock advertises within `limit_s`."""
        heard = asyncio.Event()

        def on_advert(advert: Advert) -> None:
            if advert.address == self._credentials.address:
                self._advert = advert
                heard.set()

        stop = self._scanner.watch(on_advert)
        try:
            async with asyncio.timeout(limit_s):
                await heard.wait()
            return True
        except TimeoutError:
            return False
        finally:
            stop()

    # --- asking -----------------------------------------------------------------------------------

    async def _ask_in_turn(self) -> LockStatus:
        """The lock's answer; a turn that comes meanwhile goes first.

        Raises `DeviceError` or `TimeoutError`.
        """
        while True:
            await self._no_turn.wait()
            async with self._radio:
                if self._turning:
                    continue
                self._asking = asyncio.create_task(self._ask())
                try:
                    await asyncio.wait({self._asking})
                finally:
                    asked, self._asking = self._asking, None
                    if not asked.done():
                        asked.cancel()
                        await asyncio.wait({asked}, timeout=GRACE_S)
                if not asked.cancelled():
                    return asked.result()

    async def _ask(self) -> LockStatus:
        async def ask() -> LockStatus:
            asleep = self._silent_s() > self._config.sleep_after_s
            if asleep and not await self._hear(HEAR_S):
                raise DeviceUnavailable("the lock is not heard")
            async with self._session() as session:
                return await session.status()

        return await within(STATUS_S, ask())

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        advert = self._last_advert()
        if advert is None:
            raise DeviceUnavailable("the lock was never heard")
        opening: AbstractAsyncContextManager[Session] = client.open_session(
            advert.device, self._scanner, self._credentials, CONNECT_S
        )
        async with opening as session:
            self._spoke_s = time.monotonic()
            yield session
            self._spoke_s = time.monotonic()

    # --- hearing ----------------------------------------------------------------------------------

    def _last_advert(self) -> Advert | None:
        return self._scanner.last(self._credentials.address) or self._advert

    def _silent_s(self) -> float:
        """Seconds since the lock was heard, by advertisement or connection."""
        advert = self._last_advert()
        heard_s = float("-inf") if advert is None else advert.heard_s
        return time.monotonic() - max(heard_s, self._spoke_s)

    def _on_advert(self, advert: Advert) -> None:
        if advert.address != self._credentials.address:
            return
        self._advert = advert
        if self._watch.heard(nuki.state_changed(advert.manufacturer_data)):
            self._heard.set()

    async def _wait(self, limit_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._heard.wait()
        self._heard.clear()


def _scanner(bench: Bench) -> Scanner:
    if bench.scanner is None:
        raise DeviceUnavailable("this home has no Bluetooth radio")
    return bench.scanner


def _read_credentials(config: Config, bench: Bench) -> Credentials:
    try:
        return Credentials.from_json(bench.secrets.read(secret_name(config, bench.device)))
    except SecretError as error:
        raise SecretError(
            f"{error.text.rstrip('.')}; pair the lock with `tryggve gateway pair {bench.device}`."
        ) from error


async def pair(config: Config, bench: Bench, say: Say) -> None:
    """Pair with a lock whose button is held, and keep its key as a secret.

    Raises `DeviceError` when no lock is found, or when it would not.
    """
    scanner = _scanner(bench)
    say("Hold the lock's button for five seconds, until its light ring stays lit.")
    advert = await _find_pairing(scanner, config.address)
    say(f"Found {advert.name or 'a lock'} at {advert.address}; pairing.")
    id_type = nuki.IdType.BRIDGE if config.pair_as == "bridge" else nuki.IdType.APP
    try:
        async with client.open_link(
            advert.device, scanner, nuki.PAIRING_IO, nuki.pairing_bytes, CONNECT_S
        ) as link:
            made = await client.exchange_keys(link, advert.address, id_type, "Tryggve")
    except TimeoutError as error:
        raise DeviceUnavailable("the lock did not answer while pairing; try again") from error
    bench.secrets.write(secret_name(config, bench.device), made.to_json())
    say("Paired.")


async def _find_pairing(scanner: Scanner, address: str | None) -> Advert:
    found: asyncio.Future[Advert] = asyncio.get_running_loop().create_future()

    def heard(advert: Advert) -> None:
        wanted = address is None or advert.address == address.upper()
        if wanted and nuki.PAIRING_SERVICE in advert.service_uuids and not found.done():
            found.set_result(advert)

    stop = scanner.watch(heard)
    try:
        async with asyncio.timeout(PAIR_WAIT_S):
            return await found
    except TimeoutError as error:
        problem = scanner.problem()
        raise DeviceUnavailable(problem or "no lock in pairing mode was heard") from error
    finally:
        stop()
