"""The virtual home: the gateway as it is, on virtual pins and a virtual radio with a virtual lock
and a virtual pendant.

`python -m gateway.demo.home --config HOME.toml --state DIR --clock FILE` runs until standard input
ends.  It takes one JSON object a line (`{"do": "to_bed"}`, `{"do": "take_handle"}` …: `_ORDERS`)
and prints one a line: `{"ready": true, …}` once, then an answer for each.

Not for: real hardware; no real pin and no real adapter is touched.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from drivers.bthome import MarksFile
from drivers.camera_virtual import Config as CameraConfig
from drivers.radio.bthome_replay_guard import Marks
from drivers.virtual import (
    State,
    VirtualBthome,
    VirtualLock,
    VirtualPins,
    VirtualShutter,
    twin,
    virtual_home_radio,
)
from drivers.virtual.modem import VirtualModem
from gateway.app.home import Home
from gateway.clock import FileClock, open_clock
from gateway.config import home_file as configuration
from gateway.config.secrets import FileSecrets
from gateway.demo.leash import STOP_S
from gateway.demo.pace import Pace
from gateway.demo.resident import Act, House, Resident
from gateway.demo.scene import Scene
from gateway.envelope import Draft, Event
from gateway.events import (
    AlarmOutcome,
    AlarmResolved,
    GatewayStarted,
    LockOperationProgressed,
    LockOperationStep,
    MatLearned,
    MatQuality,
    VisitEnded,
)

MAT_PIN, FLOOR_PIN, BATHROOM_PIN, FRONT_PIN, ANSWER_PIN = 17, 27, 22, 23, 24
LIGHT_PIN, TONE_PIN, EAR_PIN = 5, 6, 16
LOOK_PIN, SERVO_PIN, FLAP_PIN = 20, 12, 13
LOCK = "door"
PENDANT = "pendant"
PENDANT_ADDRESS = "E8:E0:7E:11:22:33"

BUTTON_S = 0.2
"""Real seconds that a finger holds a button, or a foot a mat."""

HANDLE_S = 3.0
"""Real seconds after the phone said so that somebody takes the handle, unless told otherwise."""

KNOWN_MAT = MatLearned(
    quality=MatQuality.GOOD,
    nights=10,
    gaps=0,
    gap_p50_s=0.0,
    gap_p95_s=0.0,
    gap_p99_s=0.0,
    on_share_pct=95.0,
)
"""What a home knows of its bed mat after ten nights.  The demo begins there: a mat that is still
learned asks and does not ring, for three nights."""

PACE_S = 0.5
"""Real seconds between looks at whether somebody is still needed, and where the resident is."""


class VirtualHome:
    """The hardware's other side, and the resident."""

    def __init__(self, args: argparse.Namespace, radio: Any) -> None:
        self.args = args
        self.clock = open_clock(args.clock)
        self.pins = VirtualPins()
        self.mat = self.pins.mat(MAT_PIN)
        self.config = configuration.load(Path(args.config))
        self.locks: dict[str, VirtualLock[Any]] = {
            device.id: twin(device.driver.name)(radio, sleepy=not args.awake)
            for device in self.config.devices.values()
            if device.driver.kind == "lock"
        }
        if args.new:  # it hangs on the door, and the home does not know it yet
            self.locks[LOCK] = twin(args.new)(radio, sleepy=False)
        self.lock = self.locks[LOCK]
        self.front = self.pins.contact(FRONT_PIN, closed=True)
        self.answer = self.pins.contact(ANSWER_PIN)
        self.lamp = self.pins.lamp(LIGHT_PIN)
        self.ear = self.pins.lamp(EAR_PIN)
        self.look = self.pins.lamp(LOOK_PIN)
        self.flap = VirtualShutter(self.pins, SERVO_PIN, FLAP_PIN)
        self.pendant = VirtualBthome(radio, address=PENDANT_ADDRESS, key=secrets.token_bytes(16))
        self.floor = self.pins.mat(FLOOR_PIN)
        house = House(
            bed=self.mat,
            floor=self.floor,
            bathroom=self.pins.contact(BATHROOM_PIN, drives=True),
        )
        self.pace: Pace | None = None
        self.resident = Resident(
            args.seed,
            house,
            self.clock,
            self.config.home.timezone,
            waits=lambda: self.pace is not None and self.pace.waiting,
        )
        self.scenes = [
            Scene(one.settings.scene, self.resident, self.clock, self.config.home.timezone)
            for one in self.config.devices.values()
            if isinstance(one.settings, CameraConfig) and one.settings.scene is not None
        ]
        self._tell_scenes()
        if isinstance(self.clock, FileClock) and args.pace:
            needed = Path(args.clock).with_name("needed") / self.config.home.id
            self.pace = Pace(self.clock, args.pace, lambda text: _print({"say": text}), needed)
        self._helpers: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Live until standard input ends."""
        for lock in self.locks.values():
            await lock.start()
        await self.pendant.start()
        state = Path(self.args.state)
        self._pair(state)
        home = Home(
            self.config,
            state_dir=state,
            clock=self.clock,
            pin_factory=self.pins.factory,
            modem=VirtualModem(self.args.modem) if self.args.modem else None,
        )
        home.watchers.append(self._see)
        home.watchers.append(lambda event: self._know_mats(home, event))
        tasks = [
            asyncio.create_task(home.run()),
            asyncio.create_task(self.resident.run(planned=not self.args.still)),
            asyncio.create_task(self._keep_pace()),
        ]
        reader = asyncio.create_task(self._obey(home))
        await asyncio.wait({tasks[0], reader}, return_when=asyncio.FIRST_COMPLETED)
        # whoever started this may be gone: nobody would end a home that does not stop
        overdue = threading.Timer(STOP_S, os._exit, (1,))
        overdue.daemon = True
        overdue.start()
        home.stop()
        await tasks[0]
        for task in [*tasks[1:], reader, *self._helpers]:
            task.cancel()
        await asyncio.gather(*tasks[1:], reader, *self._helpers, return_exceptions=True)
        await self.pendant.stop()
        for lock in self.locks.values():
            await lock.stop()
        self.pins.close()

    def _pair(self, state: Path) -> None:
        """As a technician leaves the home: the locks and the pendant are paired."""
        if self.args.new:
            return
        secrets = FileSecrets.from_environment(state)
        for device, lock in self.locks.items():
            configured = self.config.devices[device]
            assert configured.driver.secret_name is not None  # noqa: S101 - every lock is paired
            name = configured.driver.secret_name(configured.settings, device)
            assert name is not None  # noqa: S101 - as above
            secrets.write(name, lock.trust())
        assert self.pendant.key is not None  # noqa: S101 - made above
        secrets.write(f"bthome-{PENDANT}", self.pendant.key.hex())
        folder = state / "devices" / PENDANT
        folder.mkdir(parents=True, exist_ok=True)
        MarksFile(folder, self.pendant.key).save(Marks(self.pendant.counter))

    def _see(self, event: Event) -> None:
        if self.pace is not None:
            self.pace.see(event)
        data = event.data
        helped = isinstance(data, AlarmResolved) and data.outcome is AlarmOutcome.HELPED
        if helped or isinstance(data, VisitEnded):
            self.resident.helped(event.at)  # whoever came did not leave them there
        if (
            isinstance(data, LockOperationProgressed)
            and data.step is LockOperationStep.WAKING
            and not self.args.nobody_at_door
        ):
            self._later(HANDLE_S, self.locks[event.device or LOCK].take_handle)

    def _know_mats(self, home: Home, event: Event) -> None:
        """Its bed mats are known from the first minute."""
        if isinstance(event.data, GatewayStarted):
            for device in self.config.devices.values():
                if device.role == "bed":
                    home.engine.submit(Draft(KNOWN_MAT, device=device.id))

    def _later(self, delay_s: float, do: Callable[[], Awaitable[None]]) -> None:
        async def wait() -> None:
            await asyncio.sleep(delay_s)
            await do()

        task = asyncio.create_task(wait())
        self._helpers.add(task)
        task.add_done_callback(self._helpers.discard)

    async def _keep_pace(self) -> None:
        while True:
            await asyncio.sleep(PACE_S)
            if self.pace is not None:
                self.pace.apply()
            self._tell_scenes()

    def _tell_scenes(self) -> None:
        for scene in self.scenes:
            scene.tell()

    async def _obey(self, home: Home) -> None:
        """Read orders from standard input until it ends."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        _print({"ready": True, "home": home.config.home.id})
        while line := await reader.readline():
            try:
                order = json.loads(line)
                answer = await self._do(home, order)
            except (ValueError, KeyError, TypeError) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            _print(answer)

    async def _do(self, home: Home, order: dict[str, Any]) -> dict[str, Any]:
        name = order["do"]
        moment = time.perf_counter()
        if name in set(Act):
            self.resident.do(Act(name))
            self._tell_scenes()
        elif name in _ORDERS:
            done = _ORDERS[name](self, order)
            if done is not None:
                await done
        elif name != "tell":
            raise ValueError(f"nothing is called {name}")
        return {
            "done": name,
            "moment": moment,
            "turns": sum(len(lock.turns) for lock in self.locks.values()),
            "bolt": self.lock.state.name,
            "in_bed": self.resident.in_bed,
            "lock_address": self.lock.address,
            "pendant_key": self.pendant.key.hex() if self.pendant.key else "",
            "light": self.lamp.lit,
            "listening": self.ear.lit,
            "looking": self.look.lit,
            "shutter_open": self.flap.is_open,
            "durable": home.engine.log.durable,
            "backlog": home.engine.inputs_waiting + home.engine.turns_waiting,
            "origin": home.engine.log.origin,
        }


def _set_speed(home: VirtualHome, order: dict[str, Any]) -> None:
    if home.pace is not None:
        home.pace.set_rate(float(order["rate"]))


def _go_on(home: VirtualHome, _order: dict[str, Any]) -> None:
    if home.pace is not None:
        home.pace.go_on()


async def _answer(home: VirtualHome, _order: dict[str, Any]) -> None:
    home.answer.close()
    await asyncio.sleep(BUTTON_S)
    home.answer.open()


async def _step(home: VirtualHome, _order: dict[str, Any]) -> None:
    home.floor.press()
    await asyncio.sleep(BUTTON_S)
    home.floor.release()


async def _press_pendant(home: VirtualHome, _order: dict[str, Any]) -> None:
    await home.pendant.press()


async def _hold_button(home: VirtualHome, _order: dict[str, Any]) -> None:
    await home.lock.hold_button()  # type: ignore[attr-defined]


def _set_battery(home: VirtualHome, order: dict[str, Any]) -> None:
    home.pendant.battery_pct = int(order["pct"])


def _set_faults(home: VirtualHome, order: dict[str, Any]) -> None:
    home.lock.faults = type(home.lock.faults)(**order.get("faults", {}))


_ORDERS: dict[str, Callable[[VirtualHome, dict[str, Any]], Awaitable[None] | None]] = {
    "press": lambda home, _: home.mat.press(),
    "release": lambda home, _: home.mat.release(),
    "cut_mat": lambda home, _: home.mat.cut(),
    "pendant": _press_pendant,
    "pendant_battery": _set_battery,
    "answer": _answer,
    "step": _step,
    "open_front": lambda home, _: home.front.open(),
    "close_front": lambda home, _: home.front.close(),
    "take_handle": lambda home, order: home.locks[order.get("door", LOCK)].take_handle(),
    "lock_sleep": lambda home, _: home.lock.sleep(),
    "lock_away": lambda home, _: home.lock.go_away(),
    "lock_back": lambda home, _: home.lock.come_back(),
    "turn_by_hand": lambda home, order: home.lock.turn_by_hand(State[order["state"]]),
    "faults": _set_faults,
    "hold_button": _hold_button,
    "floor_press": lambda home, _: home.floor.press(),
    "floor_release": lambda home, _: home.floor.release(),
    "speed": _set_speed,
    "go_on": _go_on,
}


def _print(obj: dict[str, Any]) -> None:
    print(json.dumps(obj), flush=True)


def parser() -> argparse.ArgumentParser:
    """The options of this process."""
    options = argparse.ArgumentParser(prog="python -m gateway.demo.home", description=__doc__)
    options.add_argument("--config", required=True)
    options.add_argument("--state", required=True)
    options.add_argument("--clock", default=None, help="the demo's clock file")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--pace", type=float, default=0.0, help="speed while nobody is needed")
    options.add_argument("--still", action="store_true", help="the resident only does what is told")
    options.add_argument(
        "--new", metavar="DRIVER", help="it is installed: nothing is paired, with this lock to be"
    )
    options.add_argument("--awake", action="store_true", help="the lock does not sleep")
    options.add_argument("--nobody-at-door", action="store_true", help="nobody takes the handle")
    options.add_argument("--modem", default=None, help="whose phones its virtual modem reaches")
    options.add_argument("--latency-ms", type=float, default=0.0, help="of each radio packet")
    return options


async def main(args: argparse.Namespace) -> None:
    """Run the virtual home on a virtual radio."""
    async with virtual_home_radio(latency_s=args.latency_ms / 1000) as radio:
        await VirtualHome(args, radio).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asyncio.run(main(parser().parse_args()))
