"""The rules: what events mean.  One file here is one rule; adding a rule is adding a file.

A rule module has

    VERSION: int                       raised when the same events would give another decision
    KINDS: frozenset[str]              the kinds it wants to see (its own decisions included)
    class Settings(RuleSettings)       its keys in `[rules.<name>]` of the home's TOML
    State                              a frozen dataclass
    start(settings) -> State
    step(state, event, settings) -> (State, list[Decision | Command])
    wake_at(state, settings) -> datetime | None
    hears(kind, device, settings) -> bool    may be left out: False promises that such an event,
                                       of one of KINDS, changes no state and decides nothing;
                                       the rule is then not shown it

and is pure: no I/O, no clock, no asyncio, no random.  Time reaches it only as the `at` of an event,
or of the `Tick` that it asked for with `wake_at`.  What a rule decides becomes an event, which is
then shown to every rule, the one that decided included: that is how a rule learns the reference
of the alarm it raised, and why a rebuild from the log, which throws decisions away and reads the
logged ones instead, ends in the same state.  So a state must follow from the events seen, never
from "I have just decided so".

A module whose name begins with `_` helps rules and is none.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import Data, Ref


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What a rule may know of a device.  `role` is what it is for (`bed`, `front_door`, …), None
    when the configuration does not say; `type` is `sensor`, `lock`, `indicator` or `speaker`."""

    id: str
    driver: str
    type: str
    role: str | None = None
    room: str | None = None


@dataclass(frozen=True, slots=True)
class HomeFacts:
    """What a rule may know of the home.  `resident` is a person id, None when not said; `timezone`
    an IANA name."""

    id: str
    timezone: str
    resident: str | None = None
    devices: Mapping[str, DeviceFacts] = field(default_factory=dict)

    def with_role(self, role: str) -> tuple[str, ...]:
        """The ids of the devices with this role, in the order of the configuration."""
        return tuple(d.id for d in self.devices.values() if d.role == role)


class RuleSettings(BaseModel):
    """A rule's settings: its own keys (each with a default, a unit in its name and a docstring),
    and the home, which the loader fills in."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    home: HomeFacts = Field(default_factory=lambda: HomeFacts("", "UTC"), exclude=True)
    """Filled in by the loader; not a key of the file."""

    enabled: bool = True
    """False switches the rule off in this home."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The moment that a rule asked for with `wake_at` has come."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """An event that a rule wants written.  `rests_on` are the events it was decided from."""

    data: Data
    rests_on: tuple[Ref, ...] = ()
    device: str | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule module with its settings, ready to fold."""

    name: str
    version: int
    kinds: frozenset[str]
    settings: Any
    start: Callable[[Any], Any]
    step: Callable[[Any, Event | Tick, Any], tuple[Any, Sequence[Decision | Command]]]
    wake_at: Callable[[Any, Any], datetime | None]
    hears: Callable[[str, str | None, Any], bool] | None = None
    """None: it hears every event of its kinds."""


def names() -> tuple[str, ...]:
    """The names of all rules: the modules of this package, sorted."""
    return tuple(
        sorted(
            info.name
            for info in pkgutil.iter_modules(__path__)
            if not info.ispkg and info.name != "fold"
        )
    )


def settings_class(name: str) -> type[RuleSettings]:
    """The `Settings` of the rule `name`.  Raises `KeyError` for a name that is no rule."""
    if name not in names():
        raise KeyError(name)
    cls: type[RuleSettings] = import_module(f"{__name__}.{name}").Settings
    return cls


def bind(settings: Mapping[str, RuleSettings], home: HomeFacts) -> tuple[Rule, ...]:
    """Every enabled rule, in the order of its name, with its settings (defaults where `settings`
    has none) and the home."""
    rules = []
    for name in names():
        module = import_module(f"{__name__}.{name}")
        own = settings.get(name) or module.Settings()
        if own.enabled:
            own = own.model_copy(update={"home": home})
            rules.append(
                Rule(
                    name=name,
                    version=module.VERSION,
                    kinds=module.KINDS,
                    settings=own,
                    start=module.start,
                    step=module.step,
                    wake_at=module.wake_at,
                    hears=getattr(module, "hears", None),
                )
            )
    return tuple(rules)
