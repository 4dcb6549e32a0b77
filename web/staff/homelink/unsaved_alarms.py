"""An alarm that comes while the database saves nothing rings all the same, from memory.

The home is told that nothing was taken (503), keeps the alarm and sends it again; when it is
stored, `ingest` lets go of it here, and another worker does at its watch's next round (`let_go`).
It is judged as any event is, at each worker, so that nobody's home rings for another.

Not for: a database that cannot be read: then nobody knows whose home it is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, select

from web.staff.core.context import Staff
from web.staff.homelink import ingest
from web.staff.realtime.unsaved import Key, Unsaved
from web.staff.storage import tables
from web.staff.storage.among import among_refs


def ring(staff: Staff, home: str, objs: Sequence[dict[str, Any]]) -> None:
    """Have what must ring of an urgent request do so on every open screen that sees the home, at
    every worker of this server.  Said again with each try of the home's: a worker may have been
    busy, or begun since."""
    for obj in objs:
        staff.siblings.tell(json.dumps([home, obj]).encode())
    _ring(staff, home, objs)


def hear(staff: Staff, word: bytes) -> None:
    """What another worker says in `ring`."""
    home, obj = json.loads(word)
    _ring(staff, home, [obj])


def _ring(staff: Staff, home: str, objs: Sequence[dict[str, Any]]) -> None:
    sent = ingest.read_events(objs, home)
    now = staff.clock.now()
    with staff.db.read() as conn:
        verdicts = ingest.judged(conn, home, sent, now, {})
    came = [
        Unsaved(home, verdict.event, item.digest)
        for item, verdict in zip(sent, verdicts, strict=True)
        if not verdict.refused
    ]
    if staff.unsaved.put(came):
        staff.tell_saving()


def stored(conn: Connection, kept: Collection[Unsaved]) -> set[Key]:
    """Which of them are in a table: another worker may have stored them."""
    found: set[Key] = set()
    for t in (tables.event, tables.urgent):
        wanted = [(one.event.origin, one.event.seq) for one in kept]
        query = select(t.c.origin, t.c.seq, t.c.hash).where(among_refs(t, wanted))
        found |= {(row.origin, row.seq, bytes(row.hash)) for row in conn.execute(query)}
    return found


def let_go(staff: Staff) -> None:
    """Those that another worker stored ring from their table now."""
    kept = staff.unsaved.all()
    if not kept:
        return
    with staff.db.read() as conn:
        here = stored(conn, kept)
    if staff.unsaved.drop(here):
        staff.tell_saving()
