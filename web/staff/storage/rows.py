"""Rows of the projections as pages read them: each column with its type, checked by mypy.

A row is read whole, as `select(table)` gives it.  A test holds each class to its table.

Not for: writing (the folds in `web.staff.events.projections`), or rows of a few columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Select

from web.staff.storage import coming
from web.staff.storage.coming import Coming

R = TypeVar("R")

Whole = Select[*tuple[Any, ...]]
"""A query for whole rows of one table."""


def read_all(conn: Connection, cls: type[R], query: Whole) -> list[R]:
    """The rows of a query, as the class of its table."""
    return [cls(*row) for row in conn.execute(query).all()]


def read_one(conn: Connection, cls: type[R], query: Whole) -> R | None:
    """The first row of a query; None: there is none."""
    row = conn.execute(query).first()
    return None if row is None else cls(*row)


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm.  What has not been seen yet is None: an event may overtake an older one."""

    id: str
    ref: str
    home_id: str
    type: str | None
    severity: str | None
    device: str | None
    person: str | None
    since: datetime | None
    raised_at: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    outcome: str | None
    reason: str | None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    shown_at: datetime | None = None
    first_acknowledged_at: datetime | None = None
    departed_at: datetime | None = None
    departed_by: str | None = None
    arrived_at: datetime | None = None
    arrived_by: str | None = None
    arrived_visit: str | None = None
    acknowledged_seq: int | None = None
    lapsed_at: datetime | None = None
    lapsed_by: str | None = None
    lapsed_seq: int | None = None
    step: int | None = None
    round: int | None = None
    escalated_seq: int | None = None
    finding: str | None = None
    explained_by: str | None = None
    explained_seq: int | None = None
    coming: str | None = None
    coming_at: datetime | None = None
    coming_seq: int | None = None
    last_acknowledged_at: datetime | None = None

    @property
    def way(self) -> tuple[Coming, datetime] | None:
        """How far who has it is on the way, and since when; None: they have not set out."""
        return coming.of(
            self.coming,
            self.coming_at,
            self.coming_seq,
            taken_at=self.acknowledged_at,
            departed_at=self.departed_at,
        )


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A night check."""

    home_id: str
    check: str
    state: str
    state_at: datetime
    slot: datetime | None
    report_by: datetime | None
    asked_at: datetime | None
    asked_ref: str | None
    answer_by: datetime | None
    attempt: int | None
    why: str | None
    started_by: str | None
    started_at: datetime | None
    answered_by: str | None
    answered_at: datetime | None
    finding: str | None
    looked: str | None
    done_by: str | None
    closed_at: datetime | None
    unreported_at: datetime | None
    closed_ref: str | None = None
    before_by: str | None = None
    before_at: datetime | None = None
    before_why: str | None = None
    visit_asked_at: datetime | None = None
    visit_why: str | None = None
    visit_by: str | None = None
    visit_by_at: datetime | None = None
    settled_at: datetime | None = None
    settled_by: str | None = None
    settled_why: str | None = None
    settled_ref: str | None = None
    look: str | None = None
    look_by: str | None = None
    look_state: str | None = None
    look_at: datetime | None = None
    look_why: str | None = None
    look_pictures: int | None = None


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A visit; a correction stands beside the original."""

    id: str
    home_id: str
    person: str | None
    since: datetime | None
    since_source: str | None
    until: datetime | None
    until_source: str | None
    overdue: bool
    corrected_since: datetime | None
    corrected_until: datetime | None
    corrected_by: str | None
    correction_reason: str | None
    corrected_ref: str | None
    approved_by: str | None
    approved_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device, and the newest that is known of it."""

    home_id: str
    id: str
    present: bool
    driver: str | None
    type: str | None
    role: str | None
    room: str | None
    state: str
    state_at: datetime | None
    state_origin: str | None
    state_seq: int | None
    health: str
    health_at: datetime | None
    health_origin: str | None
    health_seq: int | None
    health_text: str | None
    battery: str
    battery_pct: int | None
    battery_at: datetime | None
    battery_origin: str | None
    battery_seq: int | None


@dataclass(frozen=True, slots=True)
class HomeRow:
    """A home as it is now."""

    home_id: str
    in_bed: str
    bed_since: datetime | None
    bed_origin: str | None
    bed_seq: int | None
    clock: str
    version: str | None
    started_at: datetime | None
    run_origin: str | None
    run_seq: int | None
    resident: str | None
    described_origin: str | None
    described_seq: int | None
    described_at: datetime | None
    power: str
    power_at: datetime | None
    power_origin: str | None
    power_seq: int | None
    page_url: str | None
    page_fingerprint: str | None
    page_key: str | None
    page_origin: str | None
    page_seq: int | None
    memory_since: datetime | None
    memory_origin: str | None
    memory_seq: int | None
    silent_since: datetime | None
    silent_alarm: str | None
    visits_locked_before: datetime | None


@dataclass(frozen=True, slots=True)
class TurnRow:
    """One turn of a lock, by its grant."""

    grant: str
    home_id: str
    device: str | None
    person: str | None
    action: str | None
    reason: str | None
    issued_at: datetime | None
    expires_at: datetime | None
    step: str
    step_at: datetime
    outcome: str | None
    why: str | None
    took_s: float | None


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A technician's request, and what became of it.  A row begins with its `grant.requested`, so
    what was asked for is always there."""

    id: str
    home_id: str
    person: str
    device: str
    action: str
    why: str | None
    asked_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class AsideRow:
    """A request that an event be set aside.  A row begins with its `event.aside_asked`, so what was
    asked for is always there."""

    id: str
    home_id: str
    event: str
    why: str
    asked_by: str
    asked_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A home's last test alarm, and whether it could tell somebody by itself."""

    home_id: str
    test: str | None
    test_origin: str | None
    test_seq: int | None
    why: str | None
    sent_at: datetime | None
    next_by: datetime | None
    answered_at: datetime | None
    broken: str | None
    passed_at: datetime | None
    hop: str | None
    missed_at: datetime | None
    missed_alarm: str | None
    path: str | None
    path_at: datetime | None
    path_origin: str | None
    path_seq: int | None
    path_why: str | None
    signal_pct: int | None
