"""Whether every module that sends statements to the database sent one to PostgreSQL in this run.

Only some tests run there (`tests/staff/databases.py`); this keeps that choice honest.  It is asked
at the end of a run of everything (`tests/running.py`), over all workers.  Migrations are not
asked for: `test_schema.py` runs each on both kinds.

Not for: whether a statement is right; modules whose conditions or statements another one sends.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

WEB = Path(__file__).resolve().parents[2] / "web"
SENDS = re.compile(
    r"\.(execute|scalar|scalars|stream|stream_scalars|exec_driver_sql|executemany|query)\(\s*[^)\s]"
    r"|\b(read_all|read_one)\(\s*[^)\s]"
)
"""Whoever calls what sends the statement that it is given, whatever the connection is called: each
has at least one argument, which what is asked of an answer (`.scalars()`) has not.  The last two
are ours (`web.staff.storage.rows`)."""

BELOW = {
    "web.staff.storage.database": "SQLite's own settings, and how its transactions begin",
    "web.staff.storage.pg_connection": "what SQLAlchemy calls when a statement was noted already",
    "web.staff.storage.rows": "where `read_all` and `read_one` are",
}
"""Modules that look like it and need no test of their own there, and why."""

reached: set[str] = set()
"""Modules of ours that were at work when a statement went to PostgreSQL."""


def listen() -> None:
    """Note from now on who sends statements to PostgreSQL in this process."""
    from sqlalchemy import Engine, event

    event.listen(Engine, "before_cursor_execute", _note)


def _note(conn: Any, *_more: Any) -> None:
    if conn.dialect.name != "postgresql":
        return
    frame = sys._getframe()
    while (caller := frame.f_back) is not None:
        frame = caller
        name = frame.f_globals.get("__name__", "")
        if name.startswith("web."):
            reached.add(name)


def senders() -> set[str]:
    """The modules whose code sends statements."""
    found = set()
    for path in WEB.rglob("*.py"):
        parts = path.relative_to(WEB.parent).with_suffix("").parts
        if "migrations" not in parts and SENDS.search(path.read_text("utf-8")):
            found.add(".".join(parts).removesuffix(".__init__"))
    return found - set(BELOW)


def missing(everywhere: Iterable[str]) -> list[str]:
    """The modules that sent nothing to PostgreSQL, sorted."""
    return sorted(senders() - set(everywhere))
