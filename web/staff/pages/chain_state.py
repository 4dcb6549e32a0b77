"""The way of a home's alarms, in words: how its last test alarm went, and its way past the server.

Not for: testing (`web.staff.homelink.chain_tests`), or whom a home tells (`second_path`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from web.staff.core.i18n import local
from web.staff.core.i18n import say as _
from web.staff.storage import tables
from web.staff.storage.rows import ChainRow, read_one
from web.staff.texts import chain_words, event_summary, words


@dataclass(frozen=True, slots=True)
class ChainShown:
    """`text` of the test, `tone` of the worse of both; `path` None: the home has said nothing of a
    way of its own."""

    text: str
    tone: str
    path: str | None = None


def chain_shown(conn: Connection, home: str, zone: str | None, now: datetime) -> ChainShown | None:
    """How the last test alarm of a home went; None: there was none (an older gateway)."""
    t = tables.chain_test
    row = read_one(conn, ChainRow, select(t).where(t.c.home_id == home))
    if row is None or row.sent_at is None:
        return None
    today = local(row.sent_at, zone).date() == local(now, zone).date()
    at = (event_summary.clock if today else event_summary.dated)(row.sent_at, zone)
    text, tone = _tested(row, at)
    if row.path == "failed":
        why = words.spoken(chain_words.PATH_WHY, row.path_why or "")
        return ChainShown(text, "warn", _("Reservvägen fungerar inte: %(why)s", why=why))
    return ChainShown(text, tone, _("Reservvägen fungerar") if row.path == "ready" else None)


def _tested(row: ChainRow, at: str) -> tuple[str, str]:
    if row.missed_at is not None:
        return _("Provlarmet har uteblivit sedan %(at)s", at=at), "warn"
    if row.answered_at is None and row.hop is not None:
        why = words.spoken(chain_words.HOPS, row.hop)
        return _("Larmkedjan bruten %(at)s: %(why)s", at=at, why=why), "warn"
    if row.answered_at is None:
        return _("Larmkedjan provas sedan %(at)s", at=at), ""
    if row.broken:
        names = row.broken.replace(",", ", ")
        return _("Larmkedjan provad %(at)s, fungerar inte: %(names)s", at=at, names=names), "warn"
    return _("Larmkedjan provad %(at)s", at=at), "ok"
