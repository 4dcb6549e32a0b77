"""The first fold of a start: the state from the log, also when a part of it cannot be read.

A log's tail is checked when it is opened, and a small one whole; of a large one a block that the
card does not give back any more is met only here.  The home must start all the same: the log is set
aside like a damaged one, and a new one begins with what can be read of it.

Not for: opening (`log_folder`), or what is copied (`log_rest`).
"""

from __future__ import annotations

import logging
import sqlite3

from gateway.engine.engine import Engine
from gateway.engine.log_folder import LogFolder
from gateway.envelope import ClockState
from gateway.errors import BadEvent, LogError
from gateway.events import LogRecovered

log = logging.getLogger(__name__)

UNREADABLE = (sqlite3.Error, LogError, BadEvent, ValueError)
"""What reading a log raises that cannot be read: by SQLite, by JSON (`ValueError`), by us."""


def first_fold(engine: Engine, folder: LogFolder, clock: ClockState) -> LogRecovered | None:
    """Fold the engine's state; what to write first when the log had to give way to another."""
    try:
        engine.rebuild(clock)
    except UNREADABLE as error:
        why = f"{engine.log.path.name} cannot be read: {error}"
    else:
        return None
    log.error("a part of the event log cannot be read")
    old = engine.log
    engine.log, recovered = folder.reopen(why, old)
    old.close()  # once it is renamed: SQLite ends a file by deleting the `-wal` of its name
    folder.take_in(engine.log, recovered)
    engine.rebuild(clock)
    return recovered
