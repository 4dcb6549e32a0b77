"""A radio device has not been heard for a day: it is offline, and online when it is heard again.

A wired sensor fails in its driver and says so; a radio one just falls silent.  Any word of it
counts as heard, `device.heard` included, which its driver tells when it has nothing else to say.
A device that was never heard counts from the first start that these rules see.

A restart does not begin the waiting anew, or a home that restarts each day would hide a dead
pendant for ever: only the time in which nobody listened does not count.

Not for: the gateway itself (the server notices within 180 s), or what follows (`device_health`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    ButtonPressed,
    DeviceOffline,
    DeviceOnline,
    GatewayStarted,
    GatewayStopped,
    Offline,
    PendantPressed,
    PreviousRun,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of, later

NAME = "device_silent"
VERSION = 2

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

KINDS = HEARD | {"device.offline", "device.online", "gateway.started", "gateway.stopped"}

OFF_MAX = timedelta(hours=36)
"""A run that was cut leaves no word of when it ended.  With no start and no word of any radio
device for longer than this the home was off and the waiting begins anew; less, and it counts: a
home that is cut each day must not hide a dead device."""

LISTEN = timedelta(minutes=15)
"""After a run that was cut, how long a device may speak up before it is called offline: what has
anything like a beacon does within minutes."""

ALIVE_EVERY = timedelta(hours=1)
"""How closely it is known that the home ran: with `OFF_MAX` of a day and a half, close enough."""


class Settings(RuleSettings):
    """How long a radio device may be silent."""

    silent_h: float = Field(default=24.0, ge=1, le=144)
    """Hours without a word.  The market's own devices take 72; a week is forgotten at a restart."""
    drivers: tuple[str, ...] = ("bthome",)
    """Whose devices are radio devices."""


@dataclass(frozen=True)
class Radio:
    """One device: when it was last heard (or first waited for), later by the time in which nobody
    listened; whether it is called offline; before when it is not."""

    heard_at: datetime
    said: Ref
    offline: bool = False
    not_before: datetime | None = None
    tried: datetime | None = None


@dataclass(frozen=True)
class State:
    """The radio devices, by id; empty until the first event.  `alive`: when the home is known to
    have run, None before that."""

    radios: Mapping[str, Radio] = field(default_factory=dict)
    alive: datetime | None = None


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nothing was heard."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _tick(state, event.at, settings)
    if isinstance(event.data, GatewayStarted):
        return _started(state, event, event.data, settings), ()
    if isinstance(event.data, GatewayStopped):
        return replace(state, alive=event.at), ()
    facts = settings.home.devices.get(event.device or "")
    if facts is None or facts.driver not in settings.drivers:
        return state, ()
    if state.alive is None or event.at - state.alive >= ALIVE_EVERY:
        state = replace(state, alive=event.at)
    radio = state.radios.get(facts.id)
    match event.data:
        case DeviceOffline(reason=reason):
            if reason != Offline.SILENT:
                return state, ()
            radio = radio or Radio(event.at, event.ref)  # told more than a rebuild ago
            return _put(state, facts.id, replace(radio, offline=True, tried=None)), ()
        case PendantPressed(verified=False) | ButtonPressed(verified=False):
            return state, ()  # anybody can send what is not proved genuine
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
    """Radio devices, and the gateway's starts and stops."""
    facts = settings.home.devices.get(device or "")
    return kind.startswith("gateway.") or (facts is not None and facts.driver in settings.drivers)


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the next device has been silent for too long."""
    return first_of(*(_due(radio, settings) for radio in state.radios.values()))


def _due(radio: Radio, settings: Settings) -> datetime | None:
    if radio.offline:
        return None
    at = later(radio.heard_at, minutes=settings.silent_h * 60.0)
    return due(at if radio.not_before is None else max(at, radio.not_before), radio.tried)


def _put(state: State, device: str, radio: Radio) -> State:
    return replace(state, radios={**state.radios, device: radio})


def _started(state: State, event: Event, data: GatewayStarted, settings: Settings) -> State:
    """Go on waiting, without the time in which nobody listened."""
    at = event.at
    off = timedelta() if state.alive is None else max(timedelta(), at - state.alive)
    clean = data.previous is PreviousRun.CLEAN
    radios = {}
    for device, facts in settings.home.devices.items():
        if facts.driver not in settings.drivers:
            continue
        radio = state.radios.get(device)
        if radio is None or (off > OFF_MAX and not clean and not radio.offline):
            radio = Radio(at, event.ref)
        elif clean:
            radio = replace(radio, heard_at=radio.heard_at + off, tried=None)
        else:
            radio = replace(radio, not_before=at + LISTEN, tried=None)
        radios[device] = radio
    return State(radios, at)


def _tick(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    decisions, radios = [], dict(state.radios)
    for device, radio in state.radios.items():
        at = _due(radio, settings)
        if at is None or at > now:
            continue
        offline = DeviceOffline(reason=Offline.SILENT)
        decisions.append(Decision(offline, rests_on=(radio.said,), device=device))
        radios[device] = replace(radio, tried=now)
    return replace(state, radios=radios), decisions
