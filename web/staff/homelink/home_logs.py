"""The logs of one home, seen from the server: how many it may have, and which is the newest.

What a log's name says is `gateway.origin`.  Not for: what is in them (`web.staff.homelink.ingest`).
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select

from gateway.origin import is_newer
from web.staff.storage import tables

LOGS_MAX = 1000
"""Logs that the server begins for one home.  A home begins one when its disk fails, or when it
starts while the disk does: each hour for six weeks before anybody comes.  Only batches begin a log;
over the urgent lane an alarm is taken whatever its log."""

_h, _e = tables.head.c, tables.event.c
_OF_HOME = (_h.home_id == bindparam("home")) & _h.origin.startswith("home:", autoescape=True)
_COUNT = select(func.count()).where(_OF_HOME)
_CAME = (
    select(_e.received_at)
    .where(_e.origin == _h.origin, _e.seq == _h.seq)
    .correlate(tables.head)
    .scalar_subquery()
)
_LOGS = select(_h.origin, _h.seq, _CAME.label("came")).where(_OF_HOME)


def may_begin(conn: Connection, home: str) -> bool:
    """Whether one more log of this home may be begun."""
    return int(conn.execute(_COUNT, {"home": home}).scalar_one()) < LOGS_MAX


def newest_have(conn: Connection, home: str) -> int:
    """The highest number of the home's newest log, 0 when it has none: of that whose last event
    came last, for batches bring the logs in their order; where two came at once, by their names."""
    newest = None
    for log in conn.execute(_LOGS, {"home": home}):
        if newest is None or log.came is None or newest.came is None or log.came == newest.came:
            later = newest is None or is_newer(log.origin, log.seq, newest.origin, newest.seq)
        else:
            later = log.came > newest.came
        newest = log if later else newest
    return 0 if newest is None else int(newest.seq)
