"""Which homes' streams are open is noted for many at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.staff.parts import add_home, parts_of
from web.staff.realtime.relay import SEEN_EVERY_S
from web.staff.storage import tables


def test_heartbeats_are_noted_together(
    workers: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first at once; those within seconds of it with the next one that comes later."""
    parts = parts_of(workers[0])
    now_s = [1000.0]
    monkeypatch.setattr("web.staff.realtime.relay.time.monotonic", lambda: now_s[0])
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    for name in ("h1", "h2", "h3"):
        if name != "h1":
            add_home(workers[0], name)
        parts.relay.stream_opened(name, f"s-{name}")

    def forget() -> None:
        with parts.db.write() as tx:
            tx.conn.execute(tables.home_stream.update().values(seen_at=long_ago))

    def seen() -> set[str]:
        t = tables.home_stream.c
        with parts.db.read() as conn:
            return set(conn.execute(select(t.home_id).where(t.seen_at > long_ago)).scalars())

    forget()
    parts.relay.stream_seen("h1", "s-h1")
    assert seen() == {"h1"}
    now_s[0] += SEEN_EVERY_S / 2
    parts.relay.stream_seen("h2", "s-h2")
    assert seen() == {"h1"}
    forget()
    now_s[0] += SEEN_EVERY_S
    parts.relay.stream_seen("h3", "s-h3")
    assert seen() == {"h2", "h3"}
