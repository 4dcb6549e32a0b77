"""When a home was heard last, and what it still has to tell: noted with what it sent, or soon.

A thousand homes that come back begin to listen and give a sign of life each minute; a transaction
for each of these cost more than what they told.  They are written by the thread that writes what
requests do not wait for (`web.staff.storage.afterwards`), and may be lost with it: the next sign of
life says the same.

Not for: who has fallen silent (`web.staff.runtime.silence`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import or_, update

from web.staff.core.context import Staff
from web.staff.storage import event_store, tables
from web.staff.storage.database import Tx
from web.staff.storage.deadlines import SET_BACK


def _values(down_have: int | None, behind: int | None) -> dict[str, Any]:
    values: dict[str, Any] = {"heard_at": datetime.now(UTC)}
    if down_have:
        values["down_have"] = down_have
    if behind is not None:
        values["behind"] = behind
    return values


def note(tx: Tx, home: str, *, down_have: int | None = None, behind: int | None = None) -> None:
    """The home was heard now (real time).  `down_have` None: it did not say; 0: its log is new, and
    what an earlier one confirmed still holds.  `behind`: events that it still has to tell."""
    values = _values(down_have, behind)
    event_store.upsert(tx.conn, tables.home_link, {"home_id": home}, values)


def note_many(tx: Tx, told: Mapping[str, tuple[int | None, int | None]]) -> None:
    """The same of several homes, each with its `down_have` and `behind`; in the order in which
    `Afterwards` writes, so that neither waits for the other."""
    rows = [{"home_id": home, **_values(*said)} for home, said in sorted(told.items())]
    event_store.upsert_many(tx.conn, tables.home_link, ("home_id",), rows)


def note_soon(
    staff: Staff,
    home: str,
    *,
    known: bool,
    down_have: int | None = None,
    behind: int | None = None,
) -> None:
    """The same without waiting for it.  `known`: the home was heard before.  What is noted with a
    batch meanwhile is the newer, and stays."""
    values = _values(down_have, behind)
    if staff.afterwards is None or not known:
        with staff.write() as tx:
            event_store.lock_home(tx.conn, home)
            note(tx, home, down_have=down_have, behind=behind)
        return
    # by what is told: a later word without it does not take its place
    name = f"heard {home} {sorted(values)}"
    staff.afterwards.later(name, lambda tx: _note_older(tx, home, values))


def _note_older(tx: Tx, home: str, values: dict[str, Any]) -> None:
    """Unless what stands there is newer.  What lies ahead was written before the clock was set
    back: left there, it would have a home that is heard called silent."""
    t = tables.home_link
    said, at = values.pop("down_have", None), values["heard_at"]
    older = or_(t.c.heard_at.is_(None), t.c.heard_at <= at, t.c.heard_at > at + SET_BACK)
    tx.conn.execute(update(t).where(t.c.home_id == home, older).values(**values))
    if said is not None:
        fewer = t.c.down_have < said
        tx.conn.execute(update(t).where(t.c.home_id == home, fewer).values(down_have=said))
