"""The home as it is now, folded from its events: for the page the Pi serves, and for the door.

One writer shows it every event in order (live, and when the log is read back at the start); readers
use what they need, `snapshot` from any thread.

Not for: deciding anything.  The rules have states of their own, and access judges a grant.
"""

# ruff: noqa: ARG001 - every function of the fold is given the same three arguments

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from gateway import events as e
from gateway.envelope import Event
from gateway.events import Ref
from gateway.events.handlers import Handlers
from gateway.ports import Bolt, Level
from gateway.state.device_view import DEVICE_KINDS, DeviceView, Health, heard
from gateway.state.doors import Doors
from gateway.state.held_plans import THE_FILE, HeldPlan, with_held
from gateway.state.rights import Rights

__all__ = [
    "BedView",
    "CheckView",
    "DeviceView",
    "Health",
    "HomeView",
    "LookView",
    "OpenAlarm",
    "OpenVisit",
    "Snapshot",
]

LAST_EVENTS = 100
"""Events kept to be shown; the log has them all."""

CLOSED_CHECKS = 50
"""Closed checks kept to be shown: some two weeks of a plan with three a night."""


@dataclass(frozen=True, slots=True)
class OpenAlarm:
    """An alarm that nobody has closed.  `returned_at`: for one about the bed, when the resident was
    last seen back in it."""

    ref: Ref
    type: e.AnyAlarmType
    severity: e.Severity
    since: datetime
    raised_at: datetime
    device: str | None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    returned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BedView:
    """`occupied` None: not known.  `since` is when that was decided, `empty_since` the last sign of
    somebody in it."""

    occupied: bool | None = None
    since: datetime | None = None
    empty_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenVisit:
    """A caregiver who is there."""

    ref: Ref
    person: str | None
    since: datetime
    source: e.Stamp
    overdue: bool = False


class KnownCheck(NamedTuple):
    """What the log says of a check: its slot, and whether that was rung."""

    slot: datetime
    rung: bool


@dataclass(frozen=True, slots=True)
class CheckView:
    """A night check.  `state` is the last word about it: planned, due, asked, started, answered,
    done, missed, escalated; `why` its reason where it has one.  One that was withdrawn is gone."""

    check: str
    slot: datetime
    state: str
    at: datetime
    why: str | None = None
    answer_by: datetime | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class LookView:
    """A look that goes on: the camera may be open."""

    look: str
    person: str | None
    camera: str | None
    why: e.LookWhy
    picture: e.PictureKind
    since: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The home at one moment; every field is immutable."""

    at: datetime | None
    devices: tuple[DeviceView, ...]
    alarms: tuple[OpenAlarm, ...]
    bed: BedView
    visits: tuple[OpenVisit, ...]
    checks: tuple[CheckView, ...]
    last: tuple[Event, ...]
    mains: bool | None
    away: bool
    timezone: str | None
    plan: HeldPlan
    looks_agreed: bool
    look: LookView | None = None


_CHECK_CLOSED = ("done", "missed", "escalated")


@dataclass(slots=True)
class HomeView:
    """What is open and what is known.  `apply` in one thread only."""

    devices: dict[str, DeviceView] = field(default_factory=dict)
    alarms: dict[Ref, OpenAlarm] = field(default_factory=dict)
    visits: dict[Ref, OpenVisit] = field(default_factory=dict)
    checks: dict[str, CheckView] = field(default_factory=dict)
    grants: dict[str, e.GrantIssued] = field(default_factory=dict)
    last: deque[Event] = field(default_factory=lambda: deque(maxlen=LAST_EVENTS))
    at: datetime | None = None
    mains: bool | None = None
    battery_low: bool = False
    undervolted: bool = False
    away_until: datetime | None = None
    away: bool = False
    timezone: str | None = None
    look: LookView | None = None
    plans: tuple[HeldPlan, ...] = ()
    """Those of the server's that held, the oldest first."""
    looks_agreed: bool = False
    """Whether everybody who lives there has agreed to looks: else there is none."""
    _bed: BedView = field(default_factory=BedView)
    rights: Rights = field(default_factory=Rights)
    _doors: Doors = field(default_factory=Doors)

    # --- what access asks -------------------------------------------------------------------------

    def used(self, grant: str) -> bool:
        """Whether this grant was used before."""
        return self.rights.used(grant)

    def revoked(self, grant: str) -> bool:
        """Whether this grant was revoked."""
        return self.rights.revoked(grant)

    def check_open(self, check: str) -> bool:
        """Whether somebody must still go because of this night check."""
        return self.rights.check_open(check)

    def approved(self, ref: Ref, person: str, device: str) -> bool:
        """Whether a second person approved a turn of this lock by this person."""
        return self.rights.approved(ref, person, device)

    def not_before(self) -> datetime | None:
        """The server wrote at this time: it is not earlier now, whatever the clock says."""
        return self.rights.server_at

    def alarm_open(self, ref: Ref) -> bool:
        """Whether this alarm is known and nobody has closed it."""
        return ref in self.alarms

    def care_alarm_open(self, ref: Ref) -> bool:
        """Whether this alarm is open, and a matter of care."""
        alarm = self.alarms.get(ref)
        return alarm is not None and alarm.severity is not e.Severity.TECHNICAL

    def check_not_done(self, check: str) -> bool:
        """Whether this is a night check of this home that nobody has called done."""
        known = self.checks.get(check)
        return known is not None and known.state != "done"

    def door_open(self, contact: str) -> bool:
        """Whether the door that has this contact stands open."""
        return contact in self._doors.open

    # --- what the ringer asks ---------------------------------------------------------------------

    def known_checks(self) -> dict[str, KnownCheck]:
        """The checks, by name."""
        return {
            name: KnownCheck(one.slot, one.state != "planned") for name, one in self.checks.items()
        }

    @property
    def plan(self) -> HeldPlan:
        """The plan of night checks that holds."""
        return self.plans[-1] if self.plans else THE_FILE

    # --- what the pages ask -----------------------------------------------------------------------

    @property
    def bed(self) -> BedView:
        """The bed; not known while none of its mats can be trusted."""
        mats = [d for d in tuple(self.devices.values()) if d.role == "bed"]
        if mats and all(mat.level is Level.UNKNOWN for mat in mats):
            return BedView(None, max((m.changed_at for m in mats if m.changed_at), default=None))
        return self._bed

    def snapshot(self) -> Snapshot:
        """Everything to show.  From any thread: each part is copied in one step."""
        return Snapshot(
            at=self.at,
            devices=tuple(self.devices.values()),
            alarms=tuple(self.alarms.values()),
            bed=self.bed,
            visits=tuple(self.visits.values()),
            checks=tuple(sorted(self.checks.values(), key=lambda check: check.slot)),
            last=tuple(self.last),
            mains=self.mains,
            away=self.away
            and (self.away_until is None or not self.at or self.at < self.away_until),
            timezone=self.timezone,
            look=self.look,
            plan=self.plan,
            looks_agreed=self.looks_agreed,
        )

    # --- folding ----------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Fold one event.  A kind that is shown nowhere only joins the last events."""
        if self.at is None or event.at > self.at:
            self.at = event.at
        self.last.append(event)
        self.rights.apply(event)
        self._doors.apply(event)
        if event.device is not None:
            self._device(event, event.device)
        _FOLD.apply(self, event, event.data)

    def _device(self, event: Event, device: str) -> None:
        if event.kind.startswith(DEVICE_KINDS):
            self.devices[device] = heard(self.devices.get(device) or DeviceView(device), event)


# --- one function a kind: what it changes beside its device ---------------------------------------

_FOLD = Handlers[HomeView, Event]()


@_FOLD.on(e.HomeDescribed)
def _described(view: HomeView, event: Event, data: e.HomeDescribed) -> None:
    view.timezone = data.timezone
    devices: dict[str, DeviceView] = {}
    for device in data.devices:
        old = view.devices.get(device.id) or DeviceView(device.id)
        devices[device.id] = replace(
            old, driver=device.driver, type=device.type, role=device.role, room=device.room
        )
    view.devices = devices


@_FOLD.on(e.GatewayStarted)
def _started(view: HomeView, event: Event, data: e.GatewayStarted) -> None:
    view.look = None  # its process ended with the gateway's
    # nobody watched while the gateway was off: what was read before is no reading of now
    view.devices = {
        name: replace(
            old,
            health=Health.UNKNOWN,
            level=Level.UNKNOWN,
            bolt=Bolt.UNKNOWN,
            why=None,
            asleep=False,
            changed_at=event.at,
        )
        for name, old in view.devices.items()
    }


@_FOLD.on(e.AlarmRaised)
def _raised(view: HomeView, event: Event, data: e.AlarmRaised) -> None:
    view.alarms[event.ref] = OpenAlarm(
        event.ref, data.type, data.severity, data.since, event.at, event.device
    )


@_FOLD.on(e.AlarmAcknowledged)
def _acknowledged(view: HomeView, event: Event, data: e.AlarmAcknowledged) -> None:
    alarm = view.alarms.get(data.alarm)
    if alarm is not None and alarm.acknowledged_at is None:
        view.alarms[alarm.ref] = replace(
            alarm, acknowledged_by=event.person, acknowledged_at=event.at
        )


@_FOLD.on(e.AlarmLapsed)
def _lapsed(view: HomeView, _event: Event, data: e.AlarmLapsed) -> None:
    alarm = view.alarms.get(data.alarm)
    if alarm is not None:
        view.alarms[alarm.ref] = replace(alarm, acknowledged_by=None, acknowledged_at=None)


@_FOLD.on(e.AlarmCancelled, e.AlarmResolved)
def _closed(view: HomeView, event: Event, data: e.AlarmCancelled | e.AlarmResolved) -> None:
    view.alarms.pop(data.alarm, None)


@_FOLD.on(e.BedEntered)
def _bed_entered(view: HomeView, event: Event, data: e.BedEntered) -> None:
    view._bed = BedView(True, event.at)
    for ref, alarm in view.alarms.items():
        if e.Trait.OUT_OF_BED in alarm.type.traits:
            view.alarms[ref] = replace(alarm, returned_at=event.at)


@_FOLD.on(e.BedLeft)
def _bed_left(view: HomeView, event: Event, data: e.BedLeft) -> None:
    view._bed = BedView(False, event.at, data.empty_since)
    for ref, alarm in view.alarms.items():
        if alarm.returned_at is not None:
            view.alarms[ref] = replace(alarm, returned_at=None)


@_FOLD.on(e.VisitStarted)
def _visit_started(view: HomeView, event: Event, data: e.VisitStarted) -> None:
    view.visits[event.ref] = OpenVisit(event.ref, event.person, data.since, data.source)


@_FOLD.on(e.VisitEnded, e.VisitCorrected)
def _visit_closed(view: HomeView, event: Event, data: e.VisitEnded | e.VisitCorrected) -> None:
    if data.until is not None:
        view.visits.pop(data.visit, None)


@_FOLD.on(e.VisitOverdue)
def _visit_overdue(view: HomeView, event: Event, data: e.VisitOverdue) -> None:
    visit = view.visits.get(data.visit)
    if visit is not None:
        view.visits[visit.ref] = replace(visit, overdue=True)


@_FOLD.on(
    e.CheckPlanned,
    e.CheckDue,
    e.CheckAsked,
    e.CheckStarted,
    e.CheckAnswered,
    e.CheckDone,
    e.CheckMissed,
    e.CheckEscalated,
)
def _check(view: HomeView, event: Event, data: e.Data) -> None:
    name: str = data.check  # type: ignore[attr-defined]
    old = view.checks.get(name)
    slot = getattr(data, "slot", None) or (old.slot if old else event.at)
    state = event.kind.partition(".")[2]
    if old is not None and old.state in _CHECK_CLOSED:
        return  # a closed check stays as it was closed
    view.checks[name] = CheckView(
        check=name,
        slot=slot,
        state=state,
        at=event.at,
        why=getattr(data, "why", None),
        answer_by=getattr(data, "answer_by", old.answer_by if old else None),
        attempt=getattr(data, "attempt", old.attempt if old else 0),
    )
    if state in _CHECK_CLOSED:
        closed = [c.check for c in view.checks.values() if c.state in _CHECK_CLOSED]
        for oldest in closed[: max(0, len(closed) - CLOSED_CHECKS)]:
            del view.checks[oldest]


@_FOLD.on(e.CheckWithdrawn)
def _withdrawn(view: HomeView, event: Event, data: e.CheckWithdrawn) -> None:
    known = view.checks.get(data.check)
    if known is not None and known.state == "planned":
        del view.checks[data.check]


@_FOLD.on(e.PlanHeld)
def _held(view: HomeView, event: Event, data: e.PlanHeld) -> None:
    view.plans = with_held(view.plans, HeldPlan(data.number, data.terms, event.at))
    view.looks_agreed = data.looks_agreed


@_FOLD.on(e.ConsentSettled)
def _settled(view: HomeView, event: Event, data: e.ConsentSettled) -> None:
    view.looks_agreed = data.held


@_FOLD.on(e.GrantIssued)
def _issued(view: HomeView, event: Event, data: e.GrantIssued) -> None:
    view.grants = {g: data for g, data in view.grants.items() if data.expires > event.at}
    view.grants[data.grant] = data


@_FOLD.on(e.PowerUndervolted, e.PowerSteadied)
def _voltage(view: HomeView, event: Event, data: e.PowerUndervolted | e.PowerSteadied) -> None:
    view.undervolted = isinstance(data, e.PowerUndervolted)


@_FOLD.on(e.PowerBatteryLow)
def _battery_low(view: HomeView, event: Event, data: e.PowerBatteryLow) -> None:
    view.battery_low = True


@_FOLD.on(e.PowerLost, e.PowerRestored)
def _power(view: HomeView, event: Event, data: e.PowerLost | e.PowerRestored) -> None:
    view.mains = isinstance(data, e.PowerRestored)
    view.battery_low = False


@_FOLD.on(e.AbsenceStarted, e.AbsenceEnded)
def _absence(view: HomeView, event: Event, data: e.AbsenceStarted | e.AbsenceEnded) -> None:
    view.away = isinstance(data, e.AbsenceStarted)
    view.away_until = data.until if isinstance(data, e.AbsenceStarted) else None


@_FOLD.on(e.LookBegun)
def _look_begun(view: HomeView, event: Event, data: e.LookBegun) -> None:
    view.look = LookView(
        data.look, event.person, event.device, data.why, data.picture, since=event.at
    )


@_FOLD.on(e.LookEnded)
def _look_ended(view: HomeView, event: Event, data: e.LookEnded) -> None:
    if view.look is not None and view.look.look == data.look:
        view.look = None
