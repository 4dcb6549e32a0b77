"""`tryggve gateway run | check | enroll | file | pin | pair | calibrate`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from contextlib import suppress
from dataclasses import replace
from getpass import getpass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from gateway.cli import only_one
from gateway.cli.common import (
    Commands,
    add_config,
    add_state,
    in_force,
    set_up_logging,
    state_of,
)
from gateway.config.held_config import THE_FILE
from gateway.config.home_file import DeviceConfig, HomeConfig, load
from gateway.config.mqtt import KEPT_IN, check_devices
from gateway.config.secrets import FileSecrets
from gateway.errors import ConfigError, UserError
from gateway.events import LISTENING_ROLE

if TYPE_CHECKING:
    from drivers import Guided
    from gateway.ports import DriverContext

PAIR_TIMEOUT_S = 180.0
"""A pairing waits for a technician who holds a button; longer, and nobody is there."""

CALIBRATE_TIMEOUT_S = 900.0
"""A calibration waits for a bed to be made and for somebody to lie down in it."""


def add_commands(commands: Commands) -> None:
    """Add the commands to the subparsers of `tryggve gateway`."""
    run = commands.add_parser("run", help="run the home")
    add_config(run)
    add_state(run)
    run.add_argument("--verbose", action="store_true", help="tell more in the journal")
    run.add_argument("--clock", metavar="FILE", help=argparse.SUPPRESS)  # the demo's clock
    run.set_defaults(run=_run)

    check = commands.add_parser("check", help="check the configuration, and say what will run")
    add_config(check)
    add_state(check)
    check.set_defaults(run=_check)

    enroll = commands.add_parser("enroll", help="make this gateway a home's own")
    enroll.add_argument("url", metavar="URL", help="the staff server, https://…")
    enroll.add_argument("code", metavar="CODE", help="the one-time code, XXXXX-XXXXX-XXXXXXXX")
    enroll.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="PEM of the server's authority"
    )
    add_config(enroll)
    add_state(enroll)
    enroll.set_defaults(run=_enroll)

    file = commands.add_parser("file", help="print the least that this home's file says")
    add_state(file)
    file.set_defaults(run=_file)

    pin = commands.add_parser("pin", help="draw the resident's PIN for the page the Pi serves")
    add_state(pin)
    pin.set_defaults(run=_pin)

    for name, text, do in (
        ("pair", "pair a device, as a lock or a pendant", _pair),
        ("calibrate", "calibrate a device, as a mat of pressure cells", _calibrate),
    ):
        guided = commands.add_parser(name, help=text)
        guided.add_argument("device", metavar="DEVICE", help="its id in the configuration")
        add_config(guided)
        add_state(guided)
        guided.set_defaults(run=do)


def _run(args: argparse.Namespace) -> None:
    from gateway.app.start_files import StartFiles

    state = state_of(args, make=True)
    only_one.take(state)
    set_up_logging(args.verbose)
    files = StartFiles(state, args.config)
    assert files.found is not None  # noqa: S101 - it was given a path
    config = files.found.config
    from gateway.clock import open_clock

    async def home() -> None:
        from gateway.app.home import Home

        running = Home(config, state_dir=state, clock=open_clock(args.clock), files=files)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, running.stop)
        await running.run()

    asyncio.run(home())


def _pin(args: argparse.Namespace) -> None:
    from gateway.doors.page_pin import make_pin, written

    pin = make_pin(FileSecrets.from_environment(state_of(args)))
    print(f"The resident's PIN is  {written(pin)}")
    print("It opens the home's own page and no door. It is shown this once: write it down for the")
    print("resident. An older one no longer works.")


def _check(args: argparse.Namespace) -> None:
    from gateway.link.enrolment import load_enrolment
    from gateway.services.driver_supervisor import open_pins

    held = in_force(args)
    for damaged in held.damaged:
        raise UserError(damaged.said)
    config = held.config
    state = state_of(args)
    secrets = FileSecrets.from_environment(state)
    enrolled = load_enrolment(state, secrets, config)
    if enrolled is None and config.staff is not None:
        raise UserError(
            f"{config.path} names the staff server {config.staff.url}, and this gateway is not "
            f"enrolled; run: tryggve gateway enroll {config.staff.url} CODE"
        )
    if config.gpio is not None and config.needs_pins():
        open_pins(config.gpio, state, str(config.path)).close()
    require_secrets(config, secrets)
    require_phone(config)
    check_devices(str(config.path), config.mqtt, config.devices)
    if config.mqtt is not None and config.mqtt.user:
        secrets.read(KEPT_IN)
    for line in report(config):
        print(line)
    if held.number != THE_FILE:
        print(f"devices  and rules are those of the server's configuration {held.number}")
    server = f"{enrolled.link.url}, enrolled" if enrolled else "none: alarms reach nobody"
    print(f"server   {server}")
    print("All is in order.")


def require_secrets(config: HomeConfig, secrets: FileSecrets) -> None:
    """Raise `ConfigError` for a device whose secret is missing, and `SecretError` for one that
    others can read: a home does not start without them."""
    for device in config.devices.values():
        if device.driver.secret_name is None:
            continue
        name = device.driver.secret_name(device.settings, device.id)
        if name is None:
            continue
        if secrets.has(name):
            secrets.read(name)
            continue
        paired = device.driver.pair is not None
        raise ConfigError(
            str(config.path),
            f"devices.{device.id}",
            f"needs the secret {name!r}, which is missing",
            f"pair it: tryggve gateway pair {device.id}"
            if paired
            else f"write it to {secrets.path(name)} with mode 0600",
        )


def require_phone(config: HomeConfig) -> None:
    """Raise `ConfigError` where an alarm centre may call and something for that is missing.  Not at
    a start: a home without it does all else."""
    if config.centre_calls is None:
        return
    from gateway.media.sip_call import missing

    file, wrong = str(config.path), missing()
    if wrong is not None:
        raise ConfigError(
            file, "centre_calls", f"lets alarm centres call, and {wrong}", "install it"
        )
    devices = config.devices.values()
    if not any(device.driver.kind == "speaker" for device in devices):
        raise ConfigError(
            file, "centre_calls", "needs a speaker with a microphone", "add a speakerphone"
        )
    if not any(device.role == LISTENING_ROLE for device in devices):
        raise ConfigError(
            *(file, "centre_calls", "needs a lamp that shines while somebody listens"),
            f'add an indicator with role = "{LISTENING_ROLE}"',
        )


def report(config: HomeConfig) -> list[str]:
    """What will run, for a technician."""
    from gateway.rules import bind

    lines = [f"home     {config.home.id}, {config.home.timezone}, {config.path}"]
    for device in config.devices.values():
        facts = [device.driver.name]
        if device.role:
            facts.append(f"role {device.role}")
        if device.pins:
            facts.append(f"pins {', '.join(map(str, device.pins))} (BCM)")
        lines.append(f"device   {device.id}: {', '.join(facts)}")
    for rule in bind(config.rule_settings(), config.facts()):
        lines.append(f"rule     {rule.name}, version {rule.version}")
    off = sorted(name for name, own in config.rules.items() if not own.enabled)
    lines += [f"rule     {name}: switched off" for name in off]
    for name, plan in config.plans.items():
        times = ", ".join(f"{local:%H:%M}" for local in plan.times)
        days = " ".join(plan.weekdays) if len(plan.weekdays) < 7 else "every day"
        lines.append(f"checks   {name}: {times}, {days}")
    calls = config.centre_calls
    if calls is not None:
        lines.append(f"calls    of alarm centres at {calls.domain}, port {calls.port}")
    if config.mqtt is not None:
        named = ", ".join(("alarms", *config.mqtt.devices))
        lines.append(f"told     {named}, to the broker at {config.mqtt.host}:{config.mqtt.port}")
    if config.web.enabled:
        lines.append(f"page     http://{config.web.host}:{config.web.port}/")
    return lines


def _enroll(args: argparse.Namespace) -> None:
    from gateway.link.enrolment import enroll

    state = state_of(args, make=True)
    home = ""
    with suppress(ConfigError):  # a file that is missing or wrong says nothing; `check` says why
        home = load(args.config).home.id
    secrets = FileSecrets.from_environment(state)
    done = enroll(args.url, args.code, state, secrets, ca_file=args.ca_file, home=home)
    print(f"This gateway is now {done.home}'s own. Write id = {done.home!r} under [home].")


FILE = """\
# What only the home may say (docs/configuration.md): the rest is set on the server, or here.
[home]
id = {home}

[staff]
url = {url}

[gpio]
factory = "lgpio"
"""


def _file(args: argparse.Namespace) -> None:
    from gateway.link.enrolment import load_enrolment

    state = state_of(args)
    enrolled = load_enrolment(state, FileSecrets.from_environment(state))
    if enrolled is None:
        raise UserError("This gateway is no home's yet; run: tryggve gateway enroll URL CODE")
    said = {"home": enrolled.home, "url": enrolled.link.url}
    print(FILE.format(**{name: json.dumps(text) for name, text in said.items()}), end="")


def _pair(args: argparse.Namespace) -> None:
    device, context = _device_and_context(args)
    if device.driver.pair is None:
        raise UserError(f"{device.id} ({device.driver.name}) needs no pairing.")
    _guided(device, context, device.driver.pair, PAIR_TIMEOUT_S, "paired")


def _calibrate(args: argparse.Namespace) -> None:
    device, context = _device_and_context(args)
    if device.driver.calibrate is None:
        raise UserError(f"{device.id} ({device.driver.name}) needs no calibration.")
    if device.driver.needs_pins:
        from gateway.services.driver_supervisor import open_pins

        config = in_force(args).config
        assert config.gpio is not None  # noqa: S101 - the configuration sees to that
        pins = open_pins(config.gpio, context.state_dir.parent.parent, str(config.path))
        context = replace(context, pin_factory=pins)
    try:
        _guided(device, context, device.driver.calibrate, CALIBRATE_TIMEOUT_S, "calibrated")
    finally:
        if context.pin_factory is not None:
            context.pin_factory.close()


def _device_and_context(args: argparse.Namespace) -> tuple[DeviceConfig, DriverContext]:
    """The device that the command names, and a context for it without pins and radio."""
    from gateway.ports import DriverContext

    config = in_force(args).config
    device = config.devices.get(args.device)
    if device is None:
        known = ", ".join(config.devices) or "none"
        raise UserError(f"This home has no device {args.device!r}; it has: {known}.")
    state = state_of(args, make=True)
    folder = state / "devices" / device.id
    folder.mkdir(parents=True, exist_ok=True)
    secrets = FileSecrets.from_environment(state)
    return device, DriverContext(
        device=device.id, state_dir=folder, secrets=secrets, role=device.role
    )


def _guided(
    device: DeviceConfig, context: DriverContext, work: Guided, limit_s: float, done: str
) -> None:
    async def guided() -> None:
        scanner = None
        parts = context
        if device.driver.needs_radio:
            from drivers.radio.scanner import SharedScanner

            scanner = SharedScanner()
            await scanner.start()
            parts = replace(context, scanner=scanner)
        try:
            async with asyncio.timeout(limit_s):
                await work(device.settings, parts, Terminal())
        except TimeoutError as error:
            raise UserError(f"{device.id} was not {done} in {limit_s:.0f} s; try again.") from error
        finally:
            if scanner is not None:
                await scanner.stop()

    asyncio.run(guided())
    print(f"{device.id} is {done}.  A gateway that runs must be restarted to use it.")


class Terminal:
    """The technician at this terminal (`gateway.ports.Guide`)."""

    def __call__(self, text: str, /) -> None:
        """See `gateway.ports.Guide`."""
        print(text, flush=True)

    async def ask(self, question: str, *, hidden: bool = False) -> str:
        """See `gateway.ports.Guide`.  Read in a thread that nobody waits for at the end, so that a
        time-out ends the command although nothing was typed."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[str] = loop.create_future()

        def settle(text: str | None) -> None:
            if answered.done():
                return
            if text is None:
                answered.set_exception(UserError("nobody is there to answer."))
            else:
                answered.set_result(text.strip())

        def read() -> None:
            text: str | None = None
            # closed, at its end, or no text
            with suppress(EOFError, OSError, RuntimeError, AttributeError, UnicodeDecodeError):
                text = getpass(f"{question} ") if hidden else input(f"{question} ")
            with suppress(RuntimeError):  # the command ended meanwhile
                loop.call_soon_threadsafe(settle, text)

        Thread(target=read, daemon=True).start()
        return await answered
