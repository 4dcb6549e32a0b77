"""The scene `silence`: all homes fall silent at once, and come back.

Not for: one home that is lost (tests/staff/runtime).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import func, select

from tests.load import proof
from tests.load.figures import Figures
from tests.load.ledger import Ledger
from tests.load.staffroom import Staffroom
from tests.load.storm import TIMEOUT_S, await_all, go_away
from tests.load.town import Town
from web.staff.core.context import Staff
from web.staff.storage import tables

LOOK_S = 0.5
"""Seconds between looks what the server says."""

HEARD_S = 2.0
"""Seconds for which all are heard first."""

OVERDUE_S = 120.0
"""Seconds beyond the time after which a home is called silent; then the scene is called off."""


def extra_homes(_homes: int) -> int:
    """None."""
    return 0


def play(town: Town, homes: int) -> Figures:
    """All speak, all fall silent, and the server tells."""
    many = town.homes[:homes]
    ledger, began = Ledger(), datetime.now(UTC)
    watching = Staffroom(town, ledger, everywhere=False)
    for home in many:
        home.start(town.url, ledger)
    await_all(many, TIMEOUT_S)
    with town.parts() as parts:
        limit_s = parts.config.silent_after_s
        _until(lambda: _heard(parts, began) >= homes, HEARD_S + OVERDUE_S)
        time.sleep(HEARD_S)
        go_away(many)
        last_word_s = time.perf_counter()
        all_told = _until(lambda: _silent(parts) >= homes, limit_s + OVERDUE_S)
        told_s = time.perf_counter() - last_word_s
        time.sleep(HEARD_S)  # a round of the watch later they are one
        alarms, gathered = _alarms(parts), _gathered(parts)
        town.look()
        for home in many:
            home.start(town.url, ledger)
        back = _until(lambda: _silent(parts) == 0, OVERDUE_S)
        proof.settle(parts, many)
    watching.close()
    go_away(many)
    return Figures.of_silence(
        town, many, ledger, told_s=told_s if all_told else None, limit_s=limit_s, alarms=alarms,
        gathered=gathered, back=back, screens=watching.screens,
    )  # fmt: skip


def _until(so: Callable[[], bool], timeout_s: float) -> bool:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if so():
            return True
        time.sleep(LOOK_S)
    return False


def _heard(parts: Staff, since: datetime) -> int:
    t = tables.home_link.c
    with parts.db.read() as conn:
        return int(conn.execute(select(func.count()).where(t.heard_at > since)).scalar_one())


def _silent(parts: Staff) -> int:
    t = tables.home_state.c
    with parts.db.read() as conn:
        query = select(func.count()).where(t.silent_since.is_not(None))
        return int(conn.execute(query).scalar_one())


def _alarms(parts: Staff) -> int:
    t = tables.alarm.c
    with parts.db.read() as conn:
        query = select(func.count()).where(t.closed_at.is_(None), t.raised_at.is_not(None))
        return int(conn.execute(query).scalar_one())


def _gathered(parts: Staff) -> int:
    with parts.db.read() as conn:
        query = select(func.count()).select_from(tables.mass_alarm)
        return int(conn.execute(query).scalar_one())
