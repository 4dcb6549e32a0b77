"""The home's Bluetooth radio is away: the technician is told, and care staff soon after.

Every device that needs the radio says so by itself (`device.offline`, `radio`); it is one fault,
and one alarm.  A pendant that nobody hears and a door that no phone opens are care's concern as
well: the resident presses and nobody comes.

Not for: a single device (`device_health`), or noticing that the radio went away
(`drivers.radio.adapter_watch`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import AlarmType, DeviceOffline, DeviceOnline, GatewayStarted, Offline
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.lasting import KINDS as LASTING
from gateway.rules.common.lasting import Key, Lasting
from gateway.rules.common.replace import replace
from gateway.rules.common.time import first_of, later

NAME = "radio"
VERSION = 1
KINDS = LASTING | {"device.offline", "device.online", "gateway.started"}

DOWN: Key = (None, AlarmType.RADIO_DOWN)
MISSED: Key = (None, AlarmType.RADIO_MISSED)

TOLD_AGAIN_S = 60.0
"""Seconds after a start in which a radio that is still away is told again: a driver says so within
seconds of its own start, and a slow Pi takes some tens.  If nobody does, the radio is well."""


class Settings(RuleSettings):
    """How long the radio may be away."""

    grace_s: float = Field(default=30.0, ge=0, le=3600)
    """Seconds until the technician is told: a service that is restarted is back in five, and its
    devices have been heard for ten more."""
    care_s: float = Field(default=60.0, ge=0, le=3600)
    """Seconds until care staff are told, where a pendant or a lock needs the radio: as long as a
    pendant or a lock of its own may be gone (`device_health`)."""


@dataclass(frozen=True)
class State:
    """The devices that are not heard because the radio is away, and since when it is.  `started`:
    the start since which no device has said so again; None while the last word stands."""

    away: frozenset[str] = frozenset()
    radio: Lasting = field(default_factory=Lasting)
    started: Event | None = None


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """The radio listens until a device says otherwise."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        started = state.started
        if started is not None and event.at >= later(started.at, seconds=TOLD_AGAIN_S):
            return _over(state.radio, started)
        radio, raised = state.radio.tick(event.at)
        return replace(state, radio=radio), raised
    device = event.device
    match event.data:
        case DeviceOffline(reason=Offline.RADIO) if device is not None:
            return _gone(state, event, device, settings), ()
        case DeviceOnline() if device in state.away:
            return _back(state, event, device)
        case DeviceOnline() | DeviceOffline():
            return state, ()
        case GatewayStarted():
            return (replace(state, started=event) if state.away else state), ()
        case _:
            return replace(state, radio=state.radio.see(event)), ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """When the radio has been away for long enough, or is taken to be back after a start."""
    started = state.started
    told_by = None if started is None else later(started.at, seconds=TOLD_AGAIN_S)
    return first_of(state.radio.wake_at(), told_by)


def _gone(state: State, event: Event, device: str, settings: Settings) -> State:
    at = later(event.at, seconds=settings.grace_s)
    radio = state.radio.begin(DOWN, event, at, DOWN[1].severity)
    facts = settings.home.devices.get(device)
    if facts is not None and (facts.type == "lock" or facts.role == "pendant"):
        at = later(event.at, seconds=settings.care_s)
        radio = radio.begin(MISSED, event, at, MISSED[1].severity)
    return State(state.away | {device}, radio)


def _back(
    state: State, event: Event, device: str | None
) -> tuple[State, Sequence[Decision | Command]]:
    """One is heard again; with the last of them it is over."""
    away = state.away - {device}
    if away:
        return replace(state, away=away), ()
    return _over(state.radio, event)


def _over(radio: Lasting, said: Event) -> tuple[State, Sequence[Decision | Command]]:
    radio, decisions = radio.end(DOWN, said, "recovered")
    radio, more = radio.end(MISSED, said, "recovered")
    return State(radio=radio), (*decisions, *more)
