"""Which homes are heard, and which have fallen silent.

Judged by the monotonic clock of the process that looks: each round it sees whether a home's
`heard_at` is another one than before, and how long ago that was.  What `heard_at` says is not
looked at, so that a wall clock that jumps calls nobody silent.  Every worker looks and one tells;
who takes the lead has looked for as long as it runs.  A process that begins has heard nobody yet
and gives every home the whole time to come back, and while it could not look (the database was
away or saved nothing, it was stopped) nobody's time runs.

Not for: when to look (`watch`), what of it rings together (`gathering`), or noting that a home was
heard (`web.staff.homelink.ingest`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, select

from gateway.envelope import Draft
from gateway.events import AlarmCancelled, AlarmRaised, AlarmType, HomeHeard, HomeSilent
from web.staff.core.context import Staff
from web.staff.events.append_many import HOMES_AT_ONCE, write_many
from web.staff.runtime import gathering
from web.staff.storage import event_store, tables

BLIND_AFTER_S = 20.0
"""Seconds between two looks of which no more than this many count: homes speak every 15 s, so after
a longer pause it was the server that was away."""

T = TypeVar("T")


@dataclass(slots=True)
class _Heard:
    """What a home's `heard_at` was last seen to be, and since when (seconds that were looked)."""

    mark: datetime
    since_s: float


class Silence:
    """What one process has heard.  `observe` at every round; `tell` where this process leads."""

    def __init__(self, staff: Staff, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._staff = staff
        self._monotonic = monotonic
        self._last_s: float | None = None
        self._looked_s = 0.0
        self._homes: dict[str, _Heard] = {}
        self._told_silent: dict[str, datetime] = {}
        """Homes that are called silent, and what was last heard of them when that was first
        seen."""
        self._turned: dict[str, float] = {}
        self._back: list[str] = []

    def observe(self) -> None:
        """See who was heard since the last look: one statement, however many homes there are."""
        now_s = self._monotonic()
        blind = self._staff.db.saving.now is not None  # nobody can be noted as heard
        if self._last_s is not None and not blind:
            self._looked_s += min(now_s - self._last_s, BLIND_AFTER_S)
        self._last_s = now_s
        limit_s = self._staff.config.silent_after_s
        self._turned, self._back = {}, []
        seen: set[str] = set()
        with self._staff.db.read() as conn:
            for home, mark, silent_since in conn.execute(_ALL_HEARD):
                seen.add(home)
                known = self._homes.get(home)
                if known is None or known.mark != mark:
                    known = self._homes[home] = _Heard(mark, self._looked_s)
                if silent_since is None:
                    self._told_silent.pop(home, None)
                    silent_s = self._looked_s - known.since_s
                    if silent_s > limit_s:
                        self._turned[home] = silent_s
                elif self._told_silent.setdefault(home, mark) != mark:
                    self._back.append(home)
        for gone in self._homes.keys() - seen:
            del self._homes[gone]
            self._told_silent.pop(gone, None)

    def tell(self, alive: Callable[[], None] = lambda: None) -> None:
        """Write what the last look found; `alive` is called after each part of it."""
        for part in _parts(sorted(self._turned)):
            self._silent({home: self._turned[home] for home in part})
            alive()
        for part in _parts(sorted(self._back)):
            self._heard(part)
            alive()

    def _silent(self, turned: Mapping[str, float]) -> None:
        """Tell that these homes are silent, unless one spoke meanwhile or another was first."""
        with self._staff.write() as tx:
            event_store.lock_homes(tx.conn, list(turned))
            told = {}
            now = self._staff.clock.now()
            for home, mark, silent_since in tx.conn.execute(_ALL_HEARD.where(_of(turned))):
                if silent_since is None and mark == self._homes[home].mark:
                    # nothing there can be seen or raised: that concerns care, not only technicians
                    raised = AlarmRaised.usual(AlarmType.HOME_SILENT, now)
                    silent = HomeSilent(silent_s=round(turned[home], 1))
                    told[home] = (Draft(silent), Draft(raised))
                    self._told_silent[home] = mark
            write_many(self._staff, tx, told, at=now)
            if told:
                gathering.gather(self._staff, tx)

    def _heard(self, homes: Sequence[str]) -> None:
        """Tell that these homes are heard again, and cancel the alarm about it while it is open."""
        with self._staff.write() as tx:
            event_store.lock_homes(tx.conn, homes)
            s = tables.home_state.c
            query = select(s.home_id, s.silent_alarm).where(
                s.home_id.in_(homes), s.silent_since.is_not(None)
            )
            alarms = {row.home_id: row.silent_alarm for row in tx.conn.execute(query)}
            opened = _open_ones(tx.conn, [ref for ref in alarms.values() if ref is not None])
            told = {}
            for home, ref in alarms.items():
                drafts = [Draft(HomeHeard())]
                if ref in opened:
                    drafts.append(Draft(AlarmCancelled(alarm=ref, reason="home_heard")))
                told[home] = drafts
            write_many(self._staff, tx, told)


_ALL_HEARD = (
    select(
        tables.home_link.c.home_id, tables.home_link.c.heard_at, tables.home_state.c.silent_since
    )
    .select_from(
        tables.home_link.outerjoin(
            tables.home_state, tables.home_state.c.home_id == tables.home_link.c.home_id
        )
    )
    .where(tables.home_link.c.heard_at.is_not(None))
)
"""Every home that ever spoke."""


def _of(homes: Mapping[str, float]) -> ColumnElement[bool]:
    return tables.home_link.c.home_id.in_(list(homes))


def _open_ones(conn: Connection, alarms: Sequence[str]) -> set[str]:
    t = tables.alarm.c
    query = select(t.id).where(t.id.in_(alarms), t.closed_at.is_(None))
    return set(conn.execute(query).scalars())


def _parts(homes: Sequence[T]) -> Iterator[list[T]]:
    left = iter(homes)
    while part := list(islice(left, HOMES_AT_ONCE)):
        yield part
