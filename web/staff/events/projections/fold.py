"""The projections: folds over the events of one home into the tables that pages read.

`Fold` reads the rows that it needs once, applies events in memory, and writes each changed row
once. Urgent events come before older ones, and again with their batch; every step here is written
so that neither changes the outcome.  `rebuild` makes the tables anew with the same code.

Not for: storing events, or deciding anything.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection, Delete, Select, Table, bindparam, delete, select

from gateway.envelope import Event
from gateway.errors import TryggveError
from gateway.events import CodesGiven, CodesIssued, GrantIssued
from gateway.events.handlers import Handlers
from gateway.origin import is_newer
from web.staff.events.judgement import is_ref_of
from web.staff.storage import tables
from web.staff.storage.event_store import upsert

log = logging.getLogger(__name__)

Row = dict[str, object]
"""Columns by name, without the key's."""

_DEFAULTS: dict[str, Row] = {
    "alarm": {},
    "alarm_repeat": {},
    "battery_point": {},
    "night_check": {},
    "visit": {"overdue": False},
    "visit_declined": {},
    "device": {"present": False, "state": "unknown", "health": "unknown", "battery": "unknown"},
    "home_state": {"in_bed": "unknown", "clock": "unknown", "power": "unknown"},
    "turn": {},
    "door_code": {},
    "service_request": {},
    "set_aside": {},
    "path_message": {},
    "chain_test": {},
    "check_plan": {},
    "plan_state": {},
    "home_trial": {},
    "home_update": {},
    "home_config": {},
    "config_state": {},
    "ssh_hour": {},
}


class NotOurs(TryggveError):
    """A row belongs to another home."""

    def __init__(self) -> None:
        super().__init__("a row belongs to another home")


@dataclass(eq=False)
class _Cell:
    table: Table
    key: dict[str, object]
    row: Row
    found: bool
    dirty: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One event on its way into the tables.  `ref` is its identity (an orphan of the urgent lane
    has one of its own), `shift` what corrects the times that an unsynced clock wrote into its
    data."""

    event: Event
    ref: str
    shift: timedelta

    @property
    def at(self) -> datetime:
        """The event's corrected time."""
        return self.event.at + self.shift


class Fold:
    """The tables of one home while events are applied; call `flush` at the end."""

    def __init__(self, conn: Connection, home: str) -> None:
        self.conn = conn
        self.home = home
        self._makes_rights = False
        self._cells: dict[tuple[str, tuple[object, ...]], _Cell] = {}

    def apply(
        self, event: Event, *, ref: str | None = None, shift: timedelta | None = None
    ) -> None:
        """Fold one event in.  A kind that no table shows changes nothing, nor does what would
        touch another home's row."""
        step = Step(event, ref or event.ref, shift or timedelta())
        self._makes_rights = event.origin == f"staff:{self.home}" and isinstance(
            event.data, GrantIssued | CodesIssued | CodesGiven
        )
        try:
            HANDLERS.apply(self, step, event.data)
        except NotOurs:
            log.warning("an event names a row of another home", extra={"ref": event.ref})

    def row(self, table: Table, **key: object) -> Row:
        """The row with this primary key, to be changed in place: from memory, the database, or
        new.  It is the home's own from then on; raises `NotOurs` when it is another's."""
        cell = self._cell(table, key)
        if "home_id" not in key:
            if cell.row.get("home_id", self.home) != self.home:
                if not self._is_ours_by_name(table, key):
                    raise NotOurs
                # another home's event began it, before homes were held to their own
                self.conn.execute(_delete_of(table, tuple(key)), key)
                cell.row = dict(_DEFAULTS[table.name])
            cell.row["home_id"] = self.home
        cell.dirty = True
        return cell.row

    def known(self, table: Table, **key: object) -> bool:
        """Whether the home has such a row (one begun in this fold counts)."""
        cell = self._cell(table, key)
        ours = "home_id" in key or cell.row.get("home_id") == self.home
        return (cell.found or cell.dirty) and ours

    def _is_ours_by_name(self, table: Table, key: dict[str, object]) -> bool:
        """Whether a row can be of no other home: its name is an event of this one, or this one's
        right, which is being made."""
        if table in (tables.turn, tables.door_code):
            return self._makes_rights
        return is_ref_of(str(key["id"]), self.home)

    def _cell(self, table: Table, key: dict[str, object]) -> _Cell:
        cell = self._cells.get((table.name, tuple(key.values())))
        if cell is None:
            query = _row_of(table, tuple(key))
            found = self.conn.execute(query, key).mappings().one_or_none()
            cell = self.give(table, key, None if found is None else dict(found))
        return cell

    def give(
        self, table: Table, key: dict[str, object], found: Mapping[str, object] | None
    ) -> _Cell:
        """Take a row that somebody has read already; None: there is none."""
        row = dict(_DEFAULTS[table.name]) if found is None else dict(found)
        for name in key:
            row.pop(name, None)
        cell = _Cell(table, key, row, found is not None)
        self._cells[table.name, tuple(key.values())] = cell
        return cell

    def alarm(self, ref: str) -> Row:
        """The alarm that `ref` names: its own row, else an orphan's that had this number first,
        else a new row that waits for its `alarm.raised`."""
        t = tables.alarm
        if not self.known(t, id=ref):
            ref = self._orphan(ref) or ref
        row = self.row(t, id=ref)
        if row.get("ref") is None:
            row["ref"] = ref
        return row

    def _orphan(self, ref: str) -> str | None:
        t = tables.alarm
        for (name, key), cell in self._cells.items():
            if name == t.name and cell.row.get("ref") == ref:
                return str(key[0])
        query = select(t.c.id).where(t.c.ref == ref, t.c.home_id == self.home)
        return self.conn.execute(query).scalars().first()

    def check_of_look(self, look: str) -> str | None:
        """The check for which this look is the newest; None: for none."""
        t = tables.night_check
        for (name, key), cell in self._cells.items():
            if name == t.name and cell.row.get("look") == look:
                return str(key[1])
        query = select(t.c.check).where(t.c.home_id == self.home, t.c.look == look)
        return self.conn.execute(query).scalars().first()

    def devices(self) -> list[str]:
        """Ids of the home's devices in the database and in memory."""
        t = tables.device
        stored = set(self.conn.execute(select(t.c.id).where(t.c.home_id == self.home)).scalars())
        fresh = {str(key[1]) for name, key in self._cells if name == "device"}
        return sorted(stored | fresh)

    def flush(self) -> None:
        """Write every changed row."""
        for table, key, row in self.take_changed():
            upsert(self.conn, table, key, row)

    def take_changed(self) -> list[tuple[Table, dict[str, object], Row]]:
        """Every changed row, for who writes it; the fold forgets all."""
        changed = [(cell.table, cell.key, cell.row) for cell in self._cells.values() if cell.dirty]
        self._cells.clear()
        return changed


@cache
def _row_of(table: Table, key: tuple[str, ...]) -> Select[*tuple[object, ...]]:
    """The query for one row, built once."""
    return select(table).where(*(table.c[name] == bindparam(name) for name in key))


@cache
def _delete_of(table: Table, key: tuple[str, ...]) -> Delete:
    """The statement that takes one row away."""
    return delete(table).where(*(table.c[name] == bindparam(name) for name in key))


def take(row: Row, prefix: str, step: Step) -> bool:
    """Note in `row` that `step` is the newest about `<prefix>_…`; False when it is older than what
    is there.  Newer is a matter of the home's numbers, not of its clock."""
    event = step.event
    known, seq = row.get(f"{prefix}_origin"), row.get(f"{prefix}_seq")
    if (
        isinstance(known, str)
        and isinstance(seq, int)
        and not is_newer(event.origin, event.seq, known, seq)
    ):
        return False
    row[f"{prefix}_origin"], row[f"{prefix}_seq"] = event.origin, event.seq
    return True


def time_in(row: Row, column: str) -> datetime | None:
    """The time in a column of times; None: none is there."""
    at = row.get(column)
    return at if isinstance(at, datetime) else None


HANDLERS = Handlers[Fold, Step]()
"""What each event changes.  Filled by `web.staff.events.projections.rebuild`."""

on = HANDLERS.on
