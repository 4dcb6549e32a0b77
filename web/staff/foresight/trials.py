"""A trial of a rule's settings over a home's own last weeks, counted in a process of its own.

The server holds the home's events; `gateway.replay.what_if` runs them through the live rules, once
with what is set and once with what is tried.  One trial at a time at each worker, and one of each
person: another one of theirs takes the place of the one that runs.  Its process goes last, reads no
file and no database, and is ended when it takes too long, or when its row is gone: so it is called
off, at whichever worker it runs.  What came of it stands in `rule_trial` for a day.

Not for: setting anything (`web.staff.configs` does), texts, or HTTP.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from gateway.events import Coded
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.storage import tables
from web.staff.storage.admin_tables import rule_trial

log = logging.getLogger(__name__)

DAYS = 28
"""Days of events that are run: four weeks have every day of the week four times, a month's bath and
visits, and what was learned of the mats before."""

EVENTS_MAX = 120_000
"""Events that are run: a mat that chatters says 4,000 a day.  Beyond it the first days are left
out, and the page says how many it counted."""

TIME_S = 90.0
"""Seconds that a trial may take on a clock: 120,000 events take some 20 on a desk's machine, and a
person does not wait longer."""

KEPT = timedelta(days=1)
"""How long what came of a trial is kept: somebody decides with it, today."""

MODULE = "gateway.replay.what_if"

ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "TZDIR")
"""What the process is given of the server's environment: none of its secrets' places."""

LOOK_S = 1.0
"""Seconds between looks whether a trial was called off at another worker: nobody waits for it, and
a look is one row by its key."""

MAKE_WAY_S = 3.0
"""Seconds that a person's new trial waits for their own old one to end here: killing a process and
noting it takes milliseconds."""

EXTENSION = "tryggve.trials"


class State(Coded):
    """How far a trial has come."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """It took too long, or ended without an answer."""
    UNKNOWN = "unknown"
    """Of another version of the server."""


class Busy(Exception):
    """Another trial runs at this worker."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial.  `result` as `gateway.replay.what_if.Answer` has it, None until it is done."""

    id: str
    home: str
    rule: str
    change: Mapping[str, Any]
    asked_by: str
    state: State
    result: Mapping[str, Any] | None


class Trials:
    """The trials of this worker; made once by the composition root."""

    def __init__(self, staff: Staff) -> None:
        self._staff = staff
        self._one = threading.Lock()
        self._running: str | None = None
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False

    def begin(
        self,
        actor: Actor,
        home: str,
        rule: str,
        change: Mapping[str, Any],
        settings: Mapping[str, Mapping[str, Any]],
    ) -> str:
        """Begin a trial of `change` over `settings`; returns its id at once.  One of the same
        person that still runs is called off.  Raises `Refused` (NO_HOME), and `Busy`."""
        if not actor.sees(home):
            raise Refused(Why.NO_HOME)
        mine = self._call_off(rule_trial.c.asked_by == actor.person)
        if self._stopped or not self._one.acquire(timeout=MAKE_WAY_S if mine else 0):
            raise Busy
        try:
            head = self._head(home, rule, change, settings)
            trial = secrets.token_urlsafe(12)
            now = datetime.now(UTC)
            with self._staff.db.write() as tx:
                tx.conn.execute(delete(rule_trial).where(rule_trial.c.asked_at < now - KEPT))
                tx.conn.execute(
                    insert(rule_trial).values(
                        id=trial,
                        home_id=home,
                        rule=rule,
                        change=json.dumps(dict(change)),
                        asked_by=actor.person,
                        asked_at=now,
                        state=State.RUNNING.value,
                    )
                )
            self._thread = threading.Thread(
                target=self._run, args=(trial, home, head), name="rule-trial", daemon=True
            )
            self._thread.start()
        except BaseException:
            self._one.release()
            raise
        return trial

    def cancel(self, actor: Actor, trial: str) -> bool:
        """Call off a trial that this person asked for; whether it ran.  At another worker it ends
        within `LOOK_S`."""
        t = rule_trial.c
        return bool(self._call_off((t.id == trial) & (t.asked_by == actor.person)))

    def _call_off(self, which: ColumnElement[bool]) -> set[str]:
        """Take the rows of running trials away, and end the one that runs here; their ids."""
        t = rule_trial.c
        gone = delete(rule_trial).where(which, t.state == State.RUNNING.value).returning(t.id)
        with self._staff.db.write() as tx:
            found = set(tx.conn.execute(gone).scalars())
        process = self._process
        if self._running in found and process is not None:
            process.kill()
        return found

    def start(self) -> None:
        """Nothing: each trial has a thread of its own."""

    def stop(self) -> None:
        """End what runs; may be called twice."""
        self._stopped = True
        process = self._process
        if process is not None:
            process.kill()
        self.wait()

    def wait(self, timeout_s: float = TIME_S) -> None:
        """Until the trial that runs now is over."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _head(
        self,
        home: str,
        rule: str,
        change: Mapping[str, Any],
        settings: Mapping[str, Mapping[str, Any]],
    ) -> str:
        """The line that says what the home consists of and what is tried."""
        d, h, s = tables.device.c, tables.home.c, tables.home_state.c
        with self._staff.db.read() as conn:
            zone = conn.execute(select(h.timezone).where(h.id == home)).scalar_one()
            resident = conn.execute(select(s.resident).where(s.home_id == home)).scalar()
            rows = conn.execute(
                select(d.id, d.driver, d.type, d.role, d.room)
                .where(d.home_id == home, d.present)
                .order_by(d.id)
            )
            devices = [dict(row._mapping) for row in rows]
        return json.dumps(
            {
                "home": home,
                "timezone": zone,
                "resident": resident,
                "devices": devices,
                "settings": {name: dict(keys) for name, keys in settings.items()},
                "change": {rule: dict(change)},
            }
        )

    def _run(self, trial: str, home: str, head: str) -> None:
        try:
            self._running = trial
            state, result = State.FAILED, None
            try:
                result = self._counted(trial, home, head)
            except Exception:  # the thread's edge: whoever asked is told that it failed
                log.exception("a trial of a rule failed", extra={"home": home})
            if result is not None:
                state = State.DONE
            with contextlib.suppress(Exception), self._staff.db.write() as tx:
                said = {"state": state.value, "result": result}
                tx.conn.execute(update(rule_trial).where(rule_trial.c.id == trial).values(**said))
        finally:
            self._running = None
            self._one.release()

    def _counted(self, trial: str, home: str, head: str) -> str | None:
        """The process's answer; None when it has none in time."""
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        with subprocess.Popen(
            [sys.executable, "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=environment,
        ) as process:
            self._process = process
            over = threading.Event()
            guard = (trial, process, over)
            name = "rule-trial-guard"
            threading.Thread(target=self._guard, args=guard, name=name, daemon=True).start()
            try:
                assert process.stdin is not None  # noqa: S101 - pipes, as asked for above
                assert process.stdout is not None  # noqa: S101 - as above
                with contextlib.suppress(BrokenPipeError):
                    self._send(process.stdin, home, head)
                text = process.stdout.read()
                process.wait()
            finally:
                over.set()
                process.kill()
                self._process = None
        if process.returncode != 0:
            return None
        json.loads(text)
        return text.strip()

    def _guard(self, trial: str, process: subprocess.Popen[str], over: threading.Event) -> None:
        """End the process when it has had its time, was called off, or the server stops."""
        until = time.monotonic() + TIME_S
        query = select(rule_trial.c.id).where(rule_trial.c.id == trial)
        while not self._stopped and (left := until - time.monotonic()) > 0:
            with contextlib.suppress(Exception), self._staff.db.read() as conn:
                if conn.execute(query).first() is None:
                    break
            if over.wait(min(LOOK_S, left)):
                return
        process.kill()

    def _send(self, pipe: IO[str], home: str, head: str) -> None:
        """The head and the events, and then nothing more."""
        with pipe:
            pipe.write(head + "\n")
            for at, body in self._events(home):
                pipe.write(f"{at.isoformat()}\t{body}\n")

    def _events(self, home: str) -> Iterator[tuple[datetime, str]]:
        """What was told in the home's last weeks, in order, a day at a time; without the first days
        where they would be too many."""
        e = tables.event.c
        query = select(e.corrected_at, e.body).order_by(e.corrected_at, e.origin, e.seq)
        for since, until in self._days(home):
            with self._staff.db.read() as conn:
                rows = conn.execute(query.where(*_told(home, since, until))).all()
            for row in rows:
                yield row.corrected_at, row.body

    def _days(self, home: str) -> list[tuple[datetime, datetime]]:
        """The days that are run, the oldest first: the newest ones that are not too many."""
        now, count = self._staff.clock.now(), 0
        days: list[tuple[datetime, datetime]] = []
        for number in range(DAYS):
            until = now - timedelta(days=number)
            since = until - timedelta(days=1)
            few = select(tables.event.c.seq).where(*_told(home, since, until)).limit(EVENTS_MAX + 1)
            with self._staff.db.read() as conn:
                counted = select(func.count()).select_from(few.subquery())
                count += conn.execute(counted).scalar_one()
            if count > EVENTS_MAX:
                break
            days.append((since, until))
        return days[::-1]


def _told(home: str, since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    e = tables.event.c
    return (e.home_id == home, e.mark.is_(None), e.corrected_at > since, e.corrected_at <= until)


def of_id(staff: Staff, home: str, trial: str) -> Trial | None:
    """A trial of this home; None: there is none, or it is gone."""
    t = rule_trial.c
    now = datetime.now(UTC)
    with staff.db.read() as conn:
        row = conn.execute(select(rule_trial).where(t.id == trial, t.home_id == home)).one_or_none()
    if row is None or row.asked_at < now - KEPT:
        return None
    state = State.read(row.state)
    if state is State.RUNNING and row.asked_at < now - timedelta(seconds=2 * TIME_S):
        state = State.FAILED  # the server was restarted meanwhile
    result = None if row.result is None else json.loads(row.result)
    return Trial(row.id, row.home_id, row.rule, json.loads(row.change), row.asked_by, state, result)
