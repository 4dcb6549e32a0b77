"""The watch: notices what does not come.  A home that is silent, a planned check nobody reported.
It also begins what was told in advance, a resident's absence, erases positions whose time is over,
and draws the monthly sample of the access log.

One thread looks every few seconds, by the clock and not by traffic; with several workers one leads
(a PostgreSQL advisory lock).  A round is a number of steps: one that fails is logged and told
(`failing`, `/healthz`), the others run, and the next round tries it again.  Silence is real seconds
(`silence`); a check's deadline is domain time.

Not for: what a home itself can notice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import ColumnElement, Connection, and_, or_, select, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.envelope import Draft
from gateway.events import AlarmRaised, AlarmType, CheckUnreported
from web.staff import channels
from web.staff.audit import access_log
from web.staff.channels.contract import Channel
from web.staff.checks import following
from web.staff.core.context import Staff
from web.staff.doors import door_codes, revocation
from web.staff.events.append_many import HOMES_AT_ONCE, write_many
from web.staff.homelink import chain_tests
from web.staff.installs import hearing
from web.staff.ladders import standby
from web.staff.places import tending
from web.staff.releases import rounds
from web.staff.runtime import gathering
from web.staff.runtime.saving_watch import SavingWatch
from web.staff.runtime.silence import Silence
from web.staff.storage import event_store, tables
from web.staff.storage.schema_now import SchemaTooNew, SchemaWatch
from web.staff.visits import visit_actions

log = logging.getLogger(__name__)

LEADER_LOCK = 0x7472_7967
"""The advisory lock of the leading worker ("tryg")."""

SETTLE_S = 60.0
"""Seconds after the server's start before a missing report counts: homes that queued while the
server was away send first."""

DRAW_EVERY_S = 3600.0
"""Seconds between looks for a month's sample of the access log: it is drawn once."""

STOP_TIMEOUT_S = 10
"""Seconds to wait for the last look when the server stops."""


class Watch:
    """Looks for what is missing.  `look` does one round; `start` repeats it in a thread."""

    def __init__(
        self,
        staff: Staff,
        *,
        settle_s: float = SETTLE_S,
        monotonic: Callable[[], float] = time.monotonic,
        ways: Mapping[str, Channel] = MappingProxyType({}),
    ) -> None:
        self._staff = staff
        self._ways = ways
        self._settle_s = settle_s
        self._monotonic = monotonic
        self._began_s = monotonic()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._silence = Silence(staff, monotonic)
        self._saving = SavingWatch(staff, monotonic)
        self._schema = SchemaWatch(staff.db)
        self._drawn_s: float | None = None
        self._followed_s: float | None = None
        self.last_look_s: float | None = None
        """Monotonic time of the last round in which any step was done; before the first of the
        start; None where nothing was started."""
        self.leads = False
        """Whether this worker did the last round of all steps, and not only observed."""
        self.failing: dict[str, str] = {}
        """Steps that failed in the last round: what of."""

    def start(self) -> None:
        """Begin to look."""
        self._alive()  # a first round that hangs is late as well
        self._thread = threading.Thread(target=self._run, name="tryggve-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End looking; may be called twice."""
        self._stopping.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        """Look until told to stop, whatever happens in a look."""
        every = self._staff.config.watch_every_s
        while not self._stopping.is_set():
            try:
                self._lead() if self._staff.db.postgres else self.look()
                self.failing.pop("lead", None)
            except Exception as error:  # the edge: a watch that ended would be silent
                self._failed("lead", error)
            self._stopping.wait(every)

    def _lead(self) -> None:
        """Look for as long as this worker holds the lock; while another does, only observe."""
        with self._staff.db.engine.connect() as conn:
            conn.execution_options(isolation_level="AUTOCOMMIT")
            asked = text("SELECT pg_try_advisory_lock(:lock)").bindparams(lock=LEADER_LOCK)
            if not conn.execute(asked).scalar_one():
                self.leads = False
                self._saving.look()
                self._silence.observe()
                self._alive()
                self._one("schema", self._schema.look)
                return
            try:
                while not self._stopping.is_set():
                    self.look()
                    conn.execute(text("SELECT 1"))  # still ours: the lock ends with the connection
                    self._stopping.wait(self._staff.config.watch_every_s)
            finally:
                conn.execute(text("SELECT pg_advisory_unlock_all()"))

    def _alive(self) -> None:
        self.last_look_s = self._monotonic()

    def look(self) -> None:
        """One round of all steps."""
        self.leads = True
        for name, step in self._steps():
            if self._stopping.is_set():
                return
            if self._one(name, step):
                self._alive()

    def _one(self, name: str, step: Callable[[], object]) -> bool:
        """Whether the step was done."""
        try:
            step()
        except Exception as error:  # the edge: one step that fails must not end the others
            self._failed(name, error)
            return False
        self.failing.pop(name, None)
        return True

    def _steps(self) -> Iterator[tuple[str, Callable[[], object]]]:
        staff = self._staff
        yield "saving", self._saving.look
        yield "pictures", staff.pictures.sweep
        yield "silence", self._look_for_silence
        yield "revocation", lambda: revocation.look(staff)
        yield "codes", lambda: door_codes.look(staff)
        yield "looks", lambda: following.look(staff)
        yield "absences", lambda: visit_actions.begin_absences(staff)
        yield "places", lambda: tending.look(staff, self._alive)
        yield "samples", self._draw_samples
        yield "hearings", lambda: hearing.look(staff)
        yield "schema", self._schema.look
        # homes that queued while the server was away send first
        if self._monotonic() - self._began_s >= self._settle_s:
            yield "checks", self._look_for_checks
            yield "test alarms", lambda: chain_tests.look(staff)
        yield "second path", self._follow_ladders
        yield "releases", lambda: rounds.look(staff)
        yield "channels", lambda: channels.tend(staff, self._ways)
        yield "mass alarms", lambda: gathering.look(staff, self._alive)

    def _failed(self, step: str, error: Exception) -> None:
        new = step not in self.failing
        self.failing[step] = type(error).__name__
        if isinstance(error, SQLAlchemyError):
            if new:
                why = {"step": step, "why": self.failing[step]}
                log.error("the watch could not look", extra=why)
        elif isinstance(error, SchemaTooNew):
            if new:
                log.error(error.text)
        elif new:  # once in full; a step that fails in every round would fill the log
            log.error("a step of the watch failed", exc_info=error, extra={"step": step})

    def _look_for_silence(self) -> None:
        self._silence.observe()
        self._silence.tell(self._alive)

    def _draw_samples(self) -> None:
        """Last month's sample of the access log: looked for once an hour."""
        now_s = self._monotonic()
        if self._drawn_s is None or now_s - self._drawn_s >= DRAW_EVERY_S:
            access_log.draw_due(self._staff)
            self._drawn_s = now_s

    def _follow_ladders(self) -> None:
        """Homes whose second path follows their ladder: looked for once a minute."""
        now_s = self._monotonic()
        if self._followed_s is None or now_s - self._followed_s >= standby.EVERY_S:
            standby.look(self._staff)
            self._followed_s = now_s

    # --- checks

    def _look_for_checks(self) -> None:
        """Checks that nobody reported: told together, some homes at a time."""
        t = tables.night_check
        query = select(t.c.home_id).where(self._is_unreported()).distinct().order_by(t.c.home_id)
        with self._staff.db.read() as conn:
            homes = list(conn.execute(query).scalars())
        for first in range(0, len(homes), HOMES_AT_ONCE):
            self._unreported(homes[first : first + HOMES_AT_ONCE])
            self._alive()

    def _is_unreported(self) -> ColumnElement[bool]:
        t, h = tables.night_check, tables.home.c
        return and_(
            t.c.home_id.in_(select(h.id).where(h.closed_at.is_(None))),
            t.c.closed_at.is_(None),
            t.c.report_by < self._staff.clock.now(),
            t.c.unreported_at.is_(None),
            or_(t.c.state == "planned", t.c.state == "due"),
        )

    def _unreported(self, homes: list[str]) -> None:
        c = tables.night_check.c
        with self._staff.write() as tx:
            event_store.lock_homes(tx.conn, homes)
            query = select(c.home_id, c.check, c.report_by).where(
                c.home_id.in_(homes), self._is_unreported()
            )
            told: dict[str, list[Draft]] = {}
            known = _told_by_homes(tx.conn, homes)
            for home, check, report_by in tx.conn.execute(query.order_by(c.home_id, c.check)):
                drafts = told.setdefault(home, [])
                drafts.append(Draft(CheckUnreported(check=check)))
                if (home, report_by) not in known:
                    drafts.append(Draft(AlarmRaised.usual(AlarmType.CHECK_UNREPORTED, report_by)))
            write_many(self._staff, tx, told)
            if told:
                gathering.gather(self._staff, tx)


def _told_by_homes(conn: Connection, homes: list[str]) -> set[tuple[str, datetime]]:
    """The checks, by when they were to be reported, whose alarm a home raised by itself while it
    could not reach the server: the rule `check_unreported`."""
    a = tables.alarm.c
    query = select(a.home_id, a.since).where(
        a.home_id.in_(homes), a.type == AlarmType.CHECK_UNREPORTED, a.since.is_not(None)
    )
    return {(row.home_id, row.since) for row in conn.execute(query)}
