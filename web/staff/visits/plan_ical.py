"""Reading a plan from an iCalendar file (RFC 5545): one VEVENT a visit, or a series of them.

The home is `X-TRYGGVE-HOME`, else the one given, else LOCATION; persons are ATTENDEE addresses;
SUMMARY is what; `X-TRYGGVE-TEAM` and `X-TRYGGVE-STAFF` as in CSV.  A series is written out for the
days of `days_of`; what the same source had planned of it there and the file no longer names is
taken out (`Claim`), and so is what is cancelled, by STATUS or by METHOD.

What cannot be honoured is refused with the line's number.  Not for: what a plan may hold
(`plan_import`), or when a series is due (`ical_series`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from gateway.errors import UserError
from web.staff.core.i18n import ZONE
from web.staff.visits import ical_lines
from web.staff.visits.ical_lines import Component, Property, Wrong
from web.staff.visits.ical_series import REPEATS, Series, Times, Visit, series_of, times_of
from web.staff.visits.ical_values import Moment, day_start, one_moment, wall_in
from web.staff.visits.ical_who import kept
from web.staff.visits.ical_zones import Zones
from web.staff.visits.plan_import import (
    ROWS_MAX,
    Before,
    Claim,
    Draft,
    Flaw,
    LineError,
    PlanRefused,
    slot_name,
    visit_id,
)

AHEAD = timedelta(days=62)
"""How far repeating visits are written out: two months, as plans are made for one at a time."""

BACK = timedelta(days=1)
"""And how far back: the visits of a night that is not over."""

WALK_MAX_DAYS = 500_000
"""Days that the rules of one file may be followed over: 7,800 series for two months, or 1,300 that
have a COUNT and began a year ago.  At 23 µs a day (measured on a busy machine) it is 12 s."""

CLAIMS_MAX = 2_000
"""Visits of one series that a file may cancel one by one: one an hour for two months."""

METHODS = ("", "PUBLISH", "REQUEST", "CANCEL")
"""What a calendar may be for (RFC 5546).  ADD would need what came before; the rest are answers."""

STATUSES = ("", "TENTATIVE", "CONFIRMED", "CANCELLED")

NO_VISIT = ("VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY", "VPOLL")
"""Components that would be lost without a word."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says: visits, and what is no more."""

    drafts: list[Draft]
    claims: list[Claim]


@dataclass(slots=True)
class _Event:
    """One VEVENT.  `named`: the slot that it stands for; None: it is the event, or series, itself.
    `onward`: it stands for the later ones too."""

    component: Component
    zones: Zones
    uid: str
    home: str
    claimed: str | None  # the home that what it takes out is in; None: any
    zone: tzinfo  # for times that name none: the home's
    cancelled: bool
    named: Property | None
    onward: bool
    times: Times | None = None
    _kept: dict[str, Any] | None = None

    @property
    def line(self) -> int:
        return self.component.line

    @property
    def kept(self) -> dict[str, Any]:
        """What is the same for all its visits, as a `Draft` has it.  Raises `Wrong`."""
        if self._kept is None:
            self._kept = kept(self.component)
        return self._kept


@dataclass(slots=True)
class _Group:
    """The events of one UID: the series (or single visits), and what stands for single slots."""

    masters: dict[str, _Event] = field(default_factory=dict)  # by home
    changes: list[_Event] = field(default_factory=list)


def days_of(
    now: datetime, span: tuple[datetime, datetime] | None = None
) -> tuple[datetime, datetime]:
    """For which time series are written out: from a day ago for two months, and all of `span`."""
    first, last = now - BACK, now + AHEAD
    return (first, last) if span is None else (min(first, span[0]), max(last, span[1]))


def read_ical(
    data: bytes,
    days: tuple[datetime, datetime],
    *,
    home: str | None = None,
    before: Before | None = None,
) -> Reading:
    """The visits of an iCalendar file; those that repeat in `days`, and as far as the same source
    had them planned `before`.  `home` is where an event names none.

    Raises `PlanRefused`, or `UserError` for what is no calendar.
    """
    try:
        calendars = ical_lines.read(data)
    except Wrong as wrong:
        raise PlanRefused([LineError(wrong.line, wrong.text)]) from wrong
    reader = _Reader(days, home, before or Before())
    for calendar in calendars:
        reader.take(calendar)
    reader.write_out()
    if reader.errors:
        raise PlanRefused(reader.errors)
    return Reading(reader.drafts, reader.claims)


class _Reader:
    def __init__(self, days: tuple[datetime, datetime], home: str | None, before: Before) -> None:
        self.first, self.last = days
        self.home, self.before = home, before
        self.groups: dict[str, _Group] = {}
        self.drafts: list[Draft] = []
        self.claims: list[Claim] = []
        self.errors: list[LineError] = []
        self.walked = 0
        self.single: Counter[str] = Counter()

    def take(self, calendar: Component) -> None:
        """Sort the events of a calendar by UID."""
        try:
            method = calendar.one("METHOD")
            name = "" if method is None else method.text().upper()
            if method is not None and name not in METHODS:
                raise Wrong(method.line, "a calendar with METHOD:{name} is no plan.", name=name)
            version = calendar.one("VERSION")
            if version is not None and version.text() == "1.0":
                raise Wrong(version.line, "this is vCalendar; save it as iCalendar (VERSION:2.0).")
            scale = calendar.one("CALSCALE")
            if scale is not None and scale.text().upper() != "GREGORIAN":
                raise Wrong(scale.line, "CALSCALE:{name} is not known.", name=scale.text())
            zones = Zones(calendar.parts)
        except Wrong as wrong:
            self._note(wrong)
            return
        for part in calendar.parts:
            try:
                if part.name in NO_VISIT:
                    raise Wrong(part.line, "a {name} is no visit; a VEVENT is.", name=part.name)
                if part.name == "VEVENT":
                    _check_parts(part)
                    self._sort(part, zones, name == "CANCEL")
            except Wrong as wrong:
                self._note(wrong)

    def _note(self, wrong: Wrong) -> None:
        self.errors.append(LineError(wrong.line, wrong.text))

    def _sort(self, part: Component, zones: Zones, cancel: bool) -> None:
        uid = part.text("UID")
        if not uid:
            raise Wrong(part.line, "the event has no UID.")
        status = part.one("STATUS")
        told = "" if status is None else status.text().upper()
        if status is not None and told not in STATUSES:
            raise Wrong(status.line, "STATUS:{name} is not known.", name=told)
        named = part.one("RECURRENCE-ID")
        event = _Event(
            part, zones, uid, "", None, ZoneInfo(ZONE), cancel or told == "CANCELLED",
            named, _onward(named),
        )  # fmt: skip
        group = self.groups.setdefault(uid, _Group())
        if named is None:
            self._place(event, part.text("X-TRYGGVE-HOME"), part.text("LOCATION"))
            twin = group.masters.setdefault(event.home, event)
            if twin is not event:
                raise Wrong(
                    part.line, "the visit {id} is on line {line} already.", id=uid, line=twin.line
                )
        else:
            group.changes.append(event)

    def _place(self, event: _Event, said: str, location: str) -> None:
        event.home = said or self.home or location
        event.claimed = self.home if not said and self.home else None
        event.zone = ZoneInfo(self.before.zones.get(event.home, ZONE))

    # --- writing out ------------------------------------------------------------------------------

    def write_out(self) -> None:
        """Make drafts and claims of what was sorted."""
        for group in self.groups.values():
            changes: dict[int, list[_Event]] = {}
            for change in group.changes:
                try:
                    master = self._master_of(change, group)
                    changes.setdefault(id(master), []).append(change)
                except Wrong as wrong:
                    self._note(wrong)
            for master in (*group.masters.values(), None):
                try:
                    self._series(master, changes.get(id(master), []))
                except Wrong as wrong:
                    self._note(wrong)
            if len(self.drafts) > ROWS_MAX:
                raise _too_many()

    def _master_of(self, change: _Event, group: _Group) -> _Event | None:
        """The series that a change belongs to, from which it has the home that it does not name."""
        part, masters = change.component, group.masters
        said = part.text("X-TRYGGVE-HOME")
        master = next(iter(masters.values()), None)
        if len(masters) > 1:
            master = masters.get(said or self.home or part.text("LOCATION"))
            if master is None:
                raise Wrong(part.line, "it is not clear which series it belongs to.")
        inherited = "" if master is None else master.component.text("X-TRYGGVE-HOME")
        self._place(change, said or inherited, part.text("LOCATION"))
        return master

    def _series(self, master: _Event | None, changes: list[_Event]) -> None:
        if master is None or master.cancelled:
            if master is not None:
                self._take_out(master)
            for change in changes:
                self._alone(change, cancelled_with=master)
            return
        series = series_of(master.component, master.zones, master.zone)
        last = max(self.last, self.before.last.get(master.uid, self.last))
        self._walk(series.days_walked(self.first, last))
        self.claims.append(Claim(master.line, master.uid, master.claimed, first=self.first))
        single: dict[datetime, _Event] = {}
        onward: list[tuple[datetime, _Event]] = []
        for event in changes:
            slot = self._slot(event, series)
            if not event.cancelled:
                event.times = _once(event)
            if event.onward:
                onward.append((slot, event))
            elif single.setdefault(slot, event) is not event:
                raise Wrong(
                    event.line,
                    "it stands for the same visit as the event on line {line}.",
                    line=single[slot].line,
                )
        onward.sort(key=lambda one: one[0])
        for visit in series.visits(self.first, last):
            if visit.slot not in single:
                self._visit(master, visit, series, onward)
        for slot, event in single.items():
            self._moved(event, slot)

    def _walk(self, days: int) -> None:
        self.walked += days
        if self.walked > WALK_MAX_DAYS:
            raise UserError(
                Flaw.of("The series of this file began too long ago; send it in parts.")
            )

    def _slot(self, event: _Event, series: Series) -> datetime:
        """Which slot of `series` a change stands for.  A day stands for the one visit on it."""
        named = _named(event)
        if event.onward and not series.repeats:
            raise Wrong(
                named.line, "it changes the rest of a series, and the event does not repeat."
            )
        value = one_moment(named, event.zones, series.zone)
        if isinstance(value, Moment):
            slot = value.utc()
            self._walk(series.days_walked(slot, slot))
            if not event.cancelled and not series.has(slot):
                raise Wrong(
                    named.line,
                    "the series has no visit at {said}, which it would change.",
                    said=named.value.strip(),
                )
            return slot
        self._walk(series.days_walked(day_start(value, series.zone), day_start(value, series.zone)))
        found = series.on_day(value)
        if len(found) != 1:
            raise Wrong(
                named.line,
                "on {day} the series has {count} visits, not one.",
                day=value,
                count=len(found),
            )
        return found[0].slot

    def _visit(
        self, master: _Event, visit: Visit, series: Series, onward: list[tuple[datetime, _Event]]
    ) -> None:
        if not series.repeats:
            self._draft(master, visit_id(master.uid), visit.since, visit.until)
            return
        event, since, until = master, visit.since, visit.until
        later = bisect_right(onward, visit.slot, key=lambda one: one[0])
        if later:
            slot, event = onward[later - 1]
            if event.times is None:
                return  # cancelled from there on
            # moved by the clock on the wall, as far as the first one
            wall = wall_in(visit.slot, series.zone)
            wall += wall_in(event.times.start.utc(), series.zone) - wall_in(slot, series.zone)
            moved = Moment(wall, series.zone)
            since, until = moved.utc(), event.times.length.end(moved)
        self._draft(event, self._id(event, visit.slot), since, until)

    def _moved(self, event: _Event, slot: datetime) -> None:
        name = slot_name(slot, event.zone)
        if event.times is None:
            self._claim_one(Claim(event.line, event.uid, event.claimed, slot=name))
            return
        start = event.times.start
        self._draft(event, visit_id(event.uid, name), start.utc(), event.times.length.end(start))

    def _claim_one(self, claim: Claim) -> None:
        """Take one visit out, or the rest of a series: each is held against every visit of it."""
        self.single[claim.uid] += 1
        if self.single[claim.uid] > CLAIMS_MAX:
            raise Wrong(
                claim.line, "the series has more than {most} cancelled visits.", most=CLAIMS_MAX
            )
        self.claims.append(claim)

    def _take_out(self, master: _Event) -> None:
        """A visit, or a series from the first day on."""
        self.claims.append(Claim(master.line, master.uid, master.claimed, slot=""))
        self.claims.append(Claim(master.line, master.uid, master.claimed, first=self.first))

    def _alone(self, event: _Event, cancelled_with: _Event | None) -> None:
        """A change whose series is not in the file, or is cancelled as a whole."""
        named = _named(event)
        slot = one_moment(named, event.zones, event.zone)
        if event.cancelled:
            name = slot_name(slot.utc(), event.zone) if isinstance(slot, Moment) else str(slot)
            self._claim_one(
                Claim(
                    event.line, event.uid, event.claimed, slot=name, onward=event.onward,
                    first=self.first if event.onward else None,
                )
            )  # fmt: skip
            return
        if event.onward:
            if cancelled_with is not None:
                raise Wrong(named.line, "it changes the rest of a series that is cancelled.")
            raise Wrong(named.line, "it changes the rest of a series that is not in the file.")
        if not isinstance(slot, Moment):
            raise Wrong(named.line, "RECURRENCE-ID is a day, and its series is not there.")
        event.times = _once(event)
        self._moved(event, slot.utc())

    def _id(self, event: _Event, slot: datetime) -> str:
        return visit_id(event.uid, slot_name(slot, event.zone))

    def _draft(self, event: _Event, external_id: str, since: datetime, until: datetime) -> None:
        if len(self.drafts) > ROWS_MAX:
            raise _too_many()
        self.drafts.append(
            Draft(
                line=event.line,
                home=event.home,
                external_id=external_id,
                since=since,
                until=until,
                **event.kept,
            )
        )


def _check_parts(event: Component) -> None:
    """An event within another is one whose END was lost; it would be lost too."""
    for part in event.parts:
        if part.name == event.name:
            raise Wrong(
                part.line, "it begins inside the event on line {line}, which has no end.",
                line=event.line,
            )  # fmt: skip


def _too_many() -> UserError:
    return UserError(Flaw.of("A plan has at most {most} visits; send it in parts.", most=ROWS_MAX))


def _onward(named: Property | None) -> bool:
    if named is None or "RANGE" not in named.params:
        return False
    if named.params["RANGE"].upper() != "THISANDFUTURE":
        raise Wrong(named.line, "RANGE={said} is not honoured.", said=named.params["RANGE"])
    return True


def _once(event: _Event) -> Times:
    """When a change is; it cannot repeat again."""
    for name in (*REPEATS, "EXDATE"):
        for found in event.component.all(name):
            raise Wrong(
                found.line, "an event with RECURRENCE-ID has {name}; it is one visit.", name=name
            )
    return times_of(event.component, event.zones, event.zone)


def _named(event: _Event) -> Property:
    assert event.named is not None  # noqa: S101 it is a change of a series
    return event.named
