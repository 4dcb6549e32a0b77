"""Old logs that were set aside are bounded: a card that breaks one a day must not be filled by it.

Beyond `KEPT_MAX` files or `KEPT_BYTES` the oldest go first, and only those of which the server has
everything: a file that is damaged, or holds an event that the server lacks, is for a technician and
stays, whatever the bound says.

Not for: setting a log aside (`gateway.engine.log_folder`), or taking in what is left of it
(`gateway.engine.log_rest`).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

from gateway.engine.log_reader import connect

log = logging.getLogger(__name__)

KEPT_MAX = 3
"""Old logs kept: the newest says what happened, two more whether it happens often."""

KEPT_BYTES = 200_000_000
"""Bytes of all of them: a year of a busy home, and nothing to the smallest card (8 GB)."""

_PARTS = ("", "-wal", "-shm")


def tidy(folder: Path, in_use: Path) -> list[str]:
    """Let the oldest go while there are too many; `in_use` is the log that took their place, which
    knows how far the server has them.  Returns the names of those that went.  Any thread."""
    kept = sorted(folder.glob("aside-*.sqlite"), key=lambda file: file.stat().st_mtime)
    known = _marks(in_use) if _too_much(kept) else {}
    gone = []
    for file in list(kept[:-1]):  # the newest stays: nobody has looked at it yet
        if not _too_much(kept):
            break
        if _is_spare(file, known):
            for part in _PARTS:
                file.with_name(file.name + part).unlink(missing_ok=True)
            kept.remove(file)
            gone.append(file.name)
    if gone:
        log.warning("old logs deleted: the server has all of them", extra={"files": gone})
    if _too_much(kept):
        left = {"files": len(kept), "bytes": _bytes(kept)}
        log.error("old logs fill the card: fetch them, then delete them", extra=left)
    return gone


def _too_much(files: list[Path]) -> bool:
    return len(files) > KEPT_MAX or _bytes(files) > KEPT_BYTES


def _bytes(files: list[Path]) -> int:
    total = 0
    for file in files:
        for part in _PARTS:
            with suppress(OSError):
                total += file.with_name(file.name + part).stat().st_size
    return total


def _marks(path: Path) -> dict[str, int]:
    with suppress(sqlite3.Error), closing(connect(path, read_only=True)) as db:
        return dict(db.execute("SELECT name, seq FROM mark").fetchall())
    return {}


def _is_spare(file: Path, known: Mapping[str, int]) -> bool:
    """Whether the server has every event of the file, by its own marks and those of the log in use;
    a file that cannot be read whole may hold one that it lacks."""
    try:
        with closing(connect(file, read_only=True)) as db:
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                return False
            (own,) = db.execute("SELECT value FROM about WHERE name = 'origin'").fetchone()
            marks = dict(db.execute("SELECT name, seq FROM mark").fetchall())
            heads = db.execute(
                "SELECT coalesce(origin, ?), max(seq) FROM event "
                "WHERE origin IS NULL OR origin LIKE 'home:%' GROUP BY 1",
                (own,),
            ).fetchall()
    except (sqlite3.Error, TypeError):
        return False
    marks[f"rest:{own}"] = max(marks.get("forwarded", 0), marks.get(f"rest:{own}", 0))
    return all(
        max(marks.get(f"rest:{origin}", 0), known.get(f"rest:{origin}", 0)) >= last
        for origin, last in heads
    )
