"""The trial of a home: what its devices and what they told since make of it, wherever it is shown.

Not for: beginning one, or keeping its events (`web.staff.installs.trial` at the server,
`gateway.app.home_trial` in a home), or which event ticks what (`steps`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from gateway.envelope import Event
from gateway.events import (
    InstallBegun,
    InstallRetried,
    InstallSkipped,
    SkipWhy,
    TrialStep,
    Tried,
)
from gateway.installs import steps
from gateway.installs.steps import Device, Step, steps_of

TRIAL_S = 4 * 3600.0
"""Seconds that a trial goes on at the most: half a working day; an hour is meant to be enough."""

EVENTS_MAX = 4_000
"""Events of a trial that are looked at: a mat that chatters says some hundreds in an hour."""

OWN = frozenset({InstallRetried.KIND, InstallSkipped.KIND})
"""Kinds by which a trial goes on, beside those that tick (`steps.TOLD`)."""

_OF_MATS = frozenset(
    {TrialStep.STEPPED_ON, TrialStep.STEPPED_OFF, TrialStep.LAY_DOWN, TrialStep.FELL}
)


@dataclass(slots=True)
class Standing:
    """One step of a trial, as it stands.  `reversed`: its mat says that somebody is on it while
    nobody is, so that nothing it says can tick anything."""

    step: Step
    seen: Event | None = None
    skipped: Event | None = None
    reversed: bool = False

    @property
    def done(self) -> bool:
        """Whether it needs nothing more."""
        return self.seen is not None or self.skipped is not None

    @property
    def why(self) -> SkipWhy | None:
        """Why it was skipped; None where it was not, or was seen after all."""
        data = self.skipped.data if self.skipped is not None and self.seen is None else None
        return data.why if isinstance(data, InstallSkipped) else None

    def forget(self) -> None:
        """It is tried anew."""
        self.seen = self.skipped = None


@dataclass(slots=True)
class Trial:
    """A trial that was begun.  `accepted` None: it goes on, or was left."""

    begun: Event
    accepted: Event | None = None
    steps: list[Standing] = field(default_factory=list)
    skips: list[Event] = field(default_factory=list)
    """Every step that was skipped, also of a thing that is gone since."""

    @property
    def until(self) -> datetime:
        """When it ends by itself: who installs a home has no business with who lies in its bed
        tomorrow."""
        return self.begun.at + timedelta(seconds=TRIAL_S)

    def goes_on(self, now: datetime) -> bool:
        """Whether it may still be ticked and accepted."""
        return self.accepted is None and now < self.until

    @property
    def left(self) -> int:
        """Steps that are neither seen nor skipped."""
        return sum(not one.done for one in self.steps)

    @property
    def next(self) -> Standing | None:
        """What is to be done first."""
        return next((one for one in self.steps if not one.done), None)

    @property
    def tried(self) -> tuple[Tried, ...]:
        """Its steps, as an acceptance says them."""
        return tuple(
            Tried(
                step=one.step.what,
                device=one.step.device,
                seen=None if one.seen is None else one.seen.ref,
                why=one.why,
            )
            for one in self.steps
        )

    def apply(self, event: Event) -> None:
        """Something was told, or done at a page, after what was applied before."""
        data = event.data
        if isinstance(data, InstallRetried):
            for one in self.steps:
                if one.step.device == event.device:
                    one.forget()
                    one.reversed = data.pressed and one.step.what in _OF_MATS
            return
        if isinstance(data, InstallSkipped):
            self.skips.append(event)
            for one in self.steps:
                if one.step == Step(data.step, event.device):
                    one.skipped = event
            return
        for one in self.steps:
            if one.seen is None and not one.reversed and steps.ticks(one.step, event):
                first = steps.AFTER.get(one.step.what)
                if first is None or self._was_seen(Step(first, one.step.device)):
                    one.seen = event

    def _was_seen(self, step: Step) -> bool:
        return any(one.step == step and one.seen is not None for one in self.steps)


def trial_of(
    begun: Event, accepted: Event | None, devices: Iterable[Device], said: Iterable[Event]
) -> Trial | None:
    """The trial that this event began, in a home that has these devices, after what was said since,
    in order.  None: it is no beginning."""
    data = begun.data
    if not isinstance(data, InstallBegun):
        return None
    trial = Trial(begun, accepted, [Standing(step) for step in steps_of(in_order(devices))])
    for one in trial.steps:
        one.reversed = one.step.device in data.pressed and one.step.what in _OF_MATS
    for event in said:
        trial.apply(event)
    return trial


Some = TypeVar("Some", bound=Device)

_ORDER = ("bed", "floor", "seat", "pendant", "button", "front_door")


def in_order(devices: Iterable[Some]) -> list[Some]:
    """Devices in the order in which they are tried: beds, mats, buttons, doors."""
    return sorted(devices, key=_place)


def _place(device: Device) -> tuple[int, bool, str]:
    known = device.role in _ORDER
    return (_ORDER.index(device.role) if known and device.role else 99), known, device.id
