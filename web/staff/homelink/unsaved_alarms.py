"""An alarm that comes while the database saves nothing rings all the same, from memory.

The home is told that nothing was taken (503), keeps the alarm and sends it again; when it is
stored, `ingest` lets go of it here.  It is judged as any event is, so that nobody's home rings for
another.

Not for: a database that cannot be read: then nobody knows whose home it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from web.staff.core.context import Staff
from web.staff.homelink import ingest
from web.staff.realtime.unsaved import Unsaved


def ring(staff: Staff, home: str, objs: Sequence[dict[str, Any]]) -> None:
    """Have what must ring of an urgent request do so on every open screen that sees the home."""
    sent = ingest.read_events(objs, home)
    now = staff.clock.now()
    with staff.db.read() as conn:
        verdicts = ingest.judged(conn, home, sent, now, {})
    came = [
        Unsaved(home, verdict.event, item.digest, now)
        for item, verdict in zip(sent, verdicts, strict=True)
        if not verdict.refused
    ]
    if staff.unsaved.put(came):
        staff.tell_saving()
