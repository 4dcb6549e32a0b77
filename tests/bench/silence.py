"""The group `silence`: a thousand homes fall silent at once, and all are heard again.

In the watch's own time: it looks as often as it does, and what a look really takes is added to the
time.  The homes are rows (`tests.staff.silent_town`): who falls silent asks nothing of a server.

Not for: a server under the load of real homes (`make load ARGS="--scene silence"`).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import event, func, select

from gateway.clock import ManualClock
from tests.bench.figure import Figure
from tests.staff import postgres
from tests.staff.parts import parts_of
from tests.staff.silent_town import Town
from web.staff.care.mass_alarms import is_gathered
from web.staff.core.config import StaffConfig
from web.staff.core.secret_files import SecretFiles
from web.staff.runtime.app import create_app
from web.staff.storage import tables
from web.staff.storage.database import Database, parse_url
from web.staff.storage.migrate import migrate

HOMES = 1000

GIVEN_UP_S = 600.0
"""Seconds of silence after which nothing more is awaited."""


@dataclass
class Told:
    """`silent_s` from the last word until all are told silent; `rings`: how many alarms there are
    to take; `back_s`: what telling that all are heard again took; `longest_s`: between two signs
    of life that the watchdog sees."""

    silent_s: float
    rings: int
    statements: int
    back_s: float
    longest_s: float

    def __str__(self) -> str:
        return (
            f"{self.silent_s:.0f} s, {self.rings} to take, {self.statements} statements, heard"
            f" again told in {self.back_s:.1f} s, {self.longest_s:.1f} s between signs of life"
        )


def measure() -> Iterator[Figure]:
    """The worse of both databases, and a note for each."""
    found = {"SQLite": _with_sqlite()}
    if postgres.programs() is not None:
        with postgres.cluster() as url:
            found["PostgreSQL"] = _told(postgres.make_database(url, "silence"))
    note = "; ".join(f"{name}: {told}" for name, told in found.items())
    worst = max(told.silent_s for told in found.values())
    yield Figure("mass_silence_1000_told_s", worst, "s", 200, note=note)
    rings = max(told.rings for told in found.values())
    yield Figure("mass_silence_1000_alarms", rings, "", 1, note="alarms to take, of 1,000 homes")


def _with_sqlite() -> Told:
    with tempfile.TemporaryDirectory(prefix="tryggve-silence-") as name:
        return _told(f"sqlite:///{Path(name) / 'staff.db'}")


def _told(url: str) -> Told:
    with tempfile.TemporaryDirectory(prefix="tryggve-silence-") as name:
        SecretFiles(Path(name)).make_missing()
        config = StaffConfig(database=url, secrets_dir=Path(name), secure_cookies=False)
        database = Database(parse_url(url))
        migrate(database)
        database.close()
        clock = ManualClock(datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
        app = create_app(config, clock=clock, watch=False)
        try:
            return _measured(Town(parts_of(app), clock, look_s=config.watch_every_s))
        finally:
            app.extensions["tryggve.stop"]()


def _measured(town: Town) -> Told:
    homes = town.build(HOMES)
    town.go_on(20)
    statements: list[str] = []

    def note(*given: object) -> None:
        statements.append(str(given[2]))

    event.listen(town.staff.db.engine, "before_cursor_execute", note)
    last_word_s, longest_s, most = town.now_s, 0.0, 0
    town.hush(homes)
    while _silent(town) < HOMES and town.now_s - last_word_s < GIVEN_UP_S:
        statements.clear()
        took_s = _look(town)
        longest_s, most = max(longest_s, took_s), max(most, len(statements))
    silent_s = town.now_s - last_word_s
    rings = _rings(town)
    town.wake(homes)
    back_s = _look(town)
    assert _silent(town) == 0
    return Told(silent_s, rings, most, back_s, max(longest_s, back_s))


def _look(town: Town) -> float:
    """One round; what it took is time that passed."""
    began_s = time.perf_counter()
    town.go_on(town.look_s)
    took_s = time.perf_counter() - began_s
    town.now_s += took_s
    return took_s


def _silent(town: Town) -> int:
    s = tables.home_state.c
    with town.staff.db.read() as conn:
        query = select(func.count()).where(s.silent_since.is_not(None))
        return int(conn.execute(query).scalar_one())


def _rings(town: Town) -> int:
    """Alarms that ring for themselves, and those that many homes have in common."""
    a, m = tables.alarm.c, tables.mass_alarm.c
    with town.staff.db.read() as conn:
        alone = select(func.count()).where(a.closed_at.is_(None), ~is_gathered(a.id))
        shared = select(func.count()).where(m.ended_at.is_(None))
        return int(conn.execute(alone).scalar_one() + conn.execute(shared).scalar_one())
