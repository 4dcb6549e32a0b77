"""A radio device has not been heard for a day: it is offline, and online when it is heard again.

A wired sensor fails in its driver and says so; a radio one just falls silent.  Any word of it
counts as heard, `device.heard` included, which its driver tells when it has nothing else to say.
A device that was never heard counts from the first event that these rules see.

Not for: the gateway itself (the server notices within 180 s), or what follows (`device_health`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import DeviceOffline, DeviceOnline, GatewayStarted, Ref
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of, later

NAME = "device_silent"
VERSION = 1

HEARD = frozenset(
    {
        "device.heard",
        "device.battery_low",
        "device.battery_ok",
        "mat.pressed",
        "mat.released",
        "door.opened",
        "door.closed",
        "motion.detected",
        "motion.cleared",
        "moisture.detected",
        "moisture.cleared",
        "temperature.measured",
        "contact.changed",
        "button.pressed",
        "pendant.pressed",
    }
)
"""What only a device that is there can say."""

KINDS = HEARD | {"device.offline", "device.online", "gateway.started"}

REASON = "silent"


class Settings(RuleSettings):
    """How long a radio device may be silent."""

    silent_h: float = Field(default=24.0, ge=1, le=240)
    """Hours without a word.  The market's own devices take 72."""
    drivers: tuple[str, ...] = ("bthome",)
    """Whose devices are radio devices."""


@dataclass(frozen=True)
class Radio:
    """One device: when it was last heard (or first waited for), whether it is called offline."""

    heard_at: datetime
    said: Ref
    offline: bool = False
    tried: datetime | None = None


@dataclass(frozen=True)
class State:
    """The radio devices, by id; empty until the first event."""

    radios: Mapping[str, Radio] = field(default_factory=dict)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nothing was heard."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _tick(state, event.at, settings)
    facts = settings.home.devices.get(event.device or "")
    if isinstance(event.data, GatewayStarted):
        # nobody listened meanwhile: the waiting begins anew
        return State(
            {
                device: Radio(
                    event.at,
                    event.ref,
                    offline=device in state.radios and state.radios[device].offline,
                )
                for device, one in settings.home.devices.items()
                if one.driver in settings.drivers
            }
        ), ()
    if facts is None or facts.driver not in settings.drivers:
        return state, ()
    radio = state.radios.get(facts.id)
    match event.data:
        case DeviceOffline(reason=reason):
            if radio is None or reason != REASON:
                return state, ()
            return _put(state, facts.id, replace(radio, offline=True, tried=None)), ()
        case DeviceOnline():
            return _put(state, facts.id, Radio(event.at, event.ref)), ()
        case _:
            heard = Radio(event.at, event.ref, offline=radio is not None and radio.offline)
            decisions: tuple[Decision, ...] = ()
            if heard.offline and radio is not None:
                decisions = (
                    Decision(DeviceOnline(), rests_on=(radio.said, event.ref), device=facts.id),
                )
            return _put(state, facts.id, heard), decisions


def hears(kind: str, device: str | None, settings: Settings) -> bool:
    """Radio devices, and the start."""
    facts = settings.home.devices.get(device or "")
    return kind == "gateway.started" or (facts is not None and facts.driver in settings.drivers)


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the next device has been silent for too long."""
    return first_of(*(_due(radio, settings) for radio in state.radios.values()))


def _due(radio: Radio, settings: Settings) -> datetime | None:
    if radio.offline:
        return None
    return due(later(radio.heard_at, minutes=settings.silent_h * 60.0), radio.tried)


def _put(state: State, device: str, radio: Radio) -> State:
    return State({**state.radios, device: radio})


def _tick(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    decisions, radios = [], dict(state.radios)
    for device, radio in state.radios.items():
        at = _due(radio, settings)
        if at is None or at > now:
            continue
        offline = DeviceOffline(reason=REASON)
        decisions.append(Decision(offline, rests_on=(radio.said,), device=device))
        radios[device] = replace(radio, tried=now)
    return State(radios), decisions
