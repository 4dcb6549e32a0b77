"""The watch: notices what does not come.  A home that is silent, a planned check nobody reported.
It also begins what was told in advance, a resident's absence, and draws the
monthly sample of the access log.

One thread looks every few seconds, by the clock and not by traffic; with several workers one leads
(a PostgreSQL advisory lock).  Silence is real seconds; a check's deadline is domain time.

Not for: what a home itself can notice.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.envelope import Draft
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmType,
    CheckUnreported,
    HomeHeard,
    HomeSilent,
)
from web.staff.audit import access_log
from web.staff.core.context import Staff
from web.staff.doors import revocation
from web.staff.events import append
from web.staff.storage import event_store, tables
from web.staff.visits import visit_actions

log = logging.getLogger(__name__)

LEADER_LOCK = 0x7472_7967
"""The advisory lock of the leading worker ("tryg")."""

SETTLE_S = 60.0
"""Seconds after the server's start before a missing report counts: homes that queued while the
server was away send first."""

DRAW_EVERY = timedelta(hours=1)
"""How often a month's sample of the access log is looked for: it is drawn once."""

STOP_TIMEOUT_S = 10
"""Seconds to wait for the last look when the server stops."""


class Watch:
    """Looks for what is missing.  `look` does one round; `start` repeats it in a thread."""

    def __init__(self, staff: Staff, *, settle_s: float = SETTLE_S) -> None:
        self._staff = staff
        self._settle_s = settle_s
        self._began = datetime.now(UTC)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.last_look_s: float | None = None
        """`time.monotonic()` of the last finished round; None before the first."""
        self._drawn_at: datetime | None = None

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, name="tryggve-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End looking; may be called twice."""
        self._stopping.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        every = self._staff.config.watch_every_s
        while not self._stopping.is_set():
            try:
                self._lead() if self._staff.db.postgres else self._round()
            except SQLAlchemyError as error:
                log.error("the watch could not look: %s", type(error).__name__)
            self._stopping.wait(every)

    def _lead(self) -> None:
        """Look for as long as this worker holds the lock; return at once when another does."""
        with self._staff.db.engine.connect() as conn:
            conn.execution_options(isolation_level="AUTOCOMMIT")
            asked = text("SELECT pg_try_advisory_lock(:lock)").bindparams(lock=LEADER_LOCK)
            if not conn.execute(asked).scalar_one():
                self.last_look_s = time.monotonic()  # another worker leads
                return
            try:
                while not self._stopping.is_set():
                    self._round()
                    conn.execute(text("SELECT 1"))  # still ours: the lock ends with the connection
                    self._stopping.wait(self._staff.config.watch_every_s)
            finally:
                conn.execute(text("SELECT pg_advisory_unlock_all()"))

    def _round(self) -> None:
        self.look()
        self.last_look_s = time.monotonic()

    def look(self, real_now: datetime | None = None) -> None:
        """One round.  `real_now` None: the machine's clock."""
        now = real_now or datetime.now(UTC)
        up_s = (now - self._began).total_seconds()
        limit = now - timedelta(seconds=self._staff.config.silent_after_s)
        # nobody could be heard while the server itself was away
        if up_s >= self._staff.config.silent_after_s:
            for home in self._turned_silent(limit):
                self._silent(home, now, limit)
        for home in self._heard_again(limit):
            self._heard(home, limit)
        revocation.look(self._staff)
        visit_actions.begin_absences(self._staff)
        self._draw_samples(now)
        if up_s < self._settle_s:
            return
        for home, check in self._unreported():
            self._unreported_check(home, check)

    def _draw_samples(self, now: datetime) -> None:
        """Last month's sample of the access log: looked for once an hour."""
        if self._drawn_at is None or now - self._drawn_at >= DRAW_EVERY:
            self._drawn_at = now
            access_log.draw_due(self._staff)

    # --- silence

    def _turned_silent(self, limit: datetime) -> list[str]:
        link, state = tables.home_link, tables.home_state
        joined = link.outerjoin(state, state.c.home_id == link.c.home_id)
        query = (
            select(link.c.home_id)
            .select_from(joined)
            .where(link.c.heard_at < limit, state.c.silent_since.is_(None))
        )
        with self._staff.db.read() as conn:
            return list(conn.execute(query).scalars())

    def _heard_again(self, limit: datetime) -> list[str]:
        link, state = tables.home_link, tables.home_state
        joined = link.join(state, state.c.home_id == link.c.home_id)
        query = (
            select(link.c.home_id)
            .select_from(joined)
            .where(link.c.heard_at >= limit, state.c.silent_since.is_not(None))
        )
        with self._staff.db.read() as conn:
            return list(conn.execute(query).scalars())

    def _now_of(self, conn: Connection, home: str) -> tuple[datetime | None, Any]:
        link, state = tables.home_link, tables.home_state
        heard = conn.execute(
            select(link.c.heard_at).where(link.c.home_id == home)
        ).scalar_one_or_none()
        row = conn.execute(
            select(state.c.silent_since, state.c.silent_alarm).where(state.c.home_id == home)
        ).one_or_none()
        return heard, row

    def _silent(self, home: str, now: datetime, limit: datetime) -> None:
        with self._staff.write() as tx:
            event_store.lock_home(tx.conn, home)
            heard, row = self._now_of(tx.conn, home)
            if heard is None or heard >= limit or (row and row.silent_since is not None):
                return  # it spoke, or another round was first
            silent_s = round((now - heard).total_seconds(), 1)
            draft = Draft(HomeSilent(silent_s=silent_s))
            event = append.write(self._staff, tx, home, draft)
            # Nothing there can be seen or raised: that concerns care, not only the technician.
            raised = AlarmRaised.usual(AlarmType.HOME_SILENT, event.at)
            append.write(self._staff, tx, home, Draft(raised), at=event.at)

    def _heard(self, home: str, limit: datetime) -> None:
        with self._staff.write() as tx:
            event_store.lock_home(tx.conn, home)
            heard, row = self._now_of(tx.conn, home)
            if heard is None or heard < limit or row is None or row.silent_since is None:
                return
            event = append.write(self._staff, tx, home, Draft(HomeHeard()))
            if row.silent_alarm is not None and self._is_open(tx.conn, row.silent_alarm):
                ended = AlarmCancelled(alarm=row.silent_alarm, reason="home_heard")
                append.write(self._staff, tx, home, Draft(ended), at=event.at)

    def _is_open(self, conn: Connection, alarm: str) -> bool:
        t = tables.alarm
        query = select(t.c.id).where(t.c.id == alarm, t.c.closed_at.is_(None))
        return conn.execute(query).first() is not None

    # --- checks

    def _unreported(self) -> list[tuple[str, str]]:
        t = tables.night_check
        query = select(t.c.home_id, t.c.check).where(self._is_unreported())
        with self._staff.db.read() as conn:
            return [(row.home_id, row.check) for row in conn.execute(query)]

    def _is_unreported(self) -> ColumnElement[bool]:
        t = tables.night_check
        return and_(
            t.c.closed_at.is_(None),
            t.c.report_by < self._staff.clock.now(),
            t.c.unreported_at.is_(None),
            or_(t.c.state == "planned", t.c.state == "due"),
        )

    def _unreported_check(self, home: str, check: str) -> None:
        t = tables.night_check
        with self._staff.write() as tx:
            event_store.lock_home(tx.conn, home)
            query = select(t.c.report_by).where(
                t.c.home_id == home, t.c.check == check, self._is_unreported()
            )
            report_by = tx.conn.execute(query).scalar_one_or_none()
            if report_by is None:
                return
            draft = Draft(CheckUnreported(check=check))
            event = append.write(self._staff, tx, home, draft)
            raised = AlarmRaised.usual(AlarmType.CHECK_UNREPORTED, report_by)
            append.write(self._staff, tx, home, Draft(raised), at=event.at)
