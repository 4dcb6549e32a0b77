"""`tryggve gateway run | check | enroll | pair`."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from gateway.cli._common import (
    Commands,
    add_config,
    add_state,
    config_of,
    set_up_logging,
    state_of,
)
from gateway.config import HomeConfig
from gateway.errors import ConfigError, UserError
from gateway.secrets import FileSecrets

PAIR_TIMEOUT_S = 180.0
"""A pairing waits for a technician who holds a button; longer, and nobody is there."""


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
    add_state(enroll)
    enroll.set_defaults(run=_enroll)

    pair = commands.add_parser("pair", help="pair a device, as a lock")
    pair.add_argument("device", metavar="DEVICE", help="its id in the configuration")
    add_config(pair)
    add_state(pair)
    pair.set_defaults(run=_pair)


def _run(args: argparse.Namespace) -> None:
    config = config_of(args)
    state = state_of(args, make=True)
    require_secrets(config, FileSecrets.from_environment(state))
    set_up_logging(args.verbose)
    from gateway.clock import open_clock

    async def home() -> None:
        from gateway.app import Home

        running = Home(config, state_dir=state, clock=open_clock(args.clock))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, running.stop)
        await running.run()

    asyncio.run(home())


def _check(args: argparse.Namespace) -> None:
    from gateway.enroll import enrolment
    from gateway.supervisor import open_pins

    config = config_of(args)
    state = state_of(args)
    secrets = FileSecrets.from_environment(state)
    enrolled = enrolment(state, secrets, config)
    if enrolled is None and config.staff is not None:
        raise UserError(
            f"{config.path} names the staff server {config.staff.url}, and this gateway is not "
            f"enrolled; run: tryggve gateway enroll {config.staff.url} CODE"
        )
    if config.gpio is not None and config.needs_pins():
        open_pins(config.gpio, state, str(config.path)).close()
    require_secrets(config, secrets)
    for line in report(config):
        print(line)
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
    if config.web.enabled:
        lines.append(f"page     http://{config.web.host}:{config.web.port}/")
    return lines


def _enroll(args: argparse.Namespace) -> None:
    from gateway.enroll import enroll

    state = state_of(args, make=True)
    done = enroll(
        args.url, args.code, state, FileSecrets.from_environment(state), ca_file=args.ca_file
    )
    print(f"This gateway is now {done.home}'s own. Write id = {done.home!r} under [home].")


def _pair(args: argparse.Namespace) -> None:
    config = config_of(args)
    device = config.devices.get(args.device)
    if device is None:
        known = ", ".join(config.devices) or "none"
        raise UserError(f"{config.path} has no device {args.device!r}; it has: {known}.")
    if device.driver.pair is None:
        raise UserError(f"{device.id} ({device.driver.name}) needs no pairing.")
    asyncio.run(_paired(config, args.device, state_of(args, make=True)))
    print(f"{device.id} is paired.")


async def _paired(config: HomeConfig, name: str, state: Path) -> None:
    from gateway.ports import Bench

    device = config.devices[name]
    scanner = None
    if device.driver.needs_radio:
        from drivers.scanner import SharedScanner

        scanner = SharedScanner()
        await scanner.start()
    folder = state / "devices" / name
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(
        device=name,
        state_dir=folder,
        secrets=FileSecrets.from_environment(state),
        scanner=scanner,
    )
    assert device.driver.pair is not None  # noqa: S101 - looked at by the caller
    try:
        async with asyncio.timeout(PAIR_TIMEOUT_S):
            await device.driver.pair(device.settings, bench, print)
    except TimeoutError as error:
        raise UserError(f"{name} was not paired in {PAIR_TIMEOUT_S:.0f} s; try again.") from error
    finally:
        if scanner is not None:
            await scanner.stop()
