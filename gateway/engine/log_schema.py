"""The event log's tables, and the triggers that refuse to change what was written.

Not for: reading or writing them (`gateway.engine.log_reader`, `gateway.engine.event_log`).
"""

from __future__ import annotations

from gateway.engine.log_reader import LONG_LIVED_INDEX, LONG_LIVED_SQL

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS event (
    row INTEGER PRIMARY KEY,  -- below 1: taken in from the log before (`log_rest`)
    seq INTEGER NOT NULL,
    body TEXT NOT NULL,
    hash BLOB NOT NULL,
    origin TEXT,  -- NULL: the home's own
    taken TEXT    -- when an event of another origin was received; NULL for the home's own
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS event_foreign ON event (origin, seq) WHERE origin IS NOT NULL;
DROP INDEX IF EXISTS event_long_lived;
DROP INDEX IF EXISTS event_long_lived_2;
DROP INDEX IF EXISTS event_long_lived_3;
DROP INDEX IF EXISTS event_long_lived_4;
CREATE INDEX IF NOT EXISTS {LONG_LIVED_INDEX} ON event (row) WHERE {LONG_LIVED_SQL};
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS segment (
    last_row INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, last_hash BLOB NOT NULL,
    sealed_at TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS event_is_final BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;
CREATE TRIGGER IF NOT EXISTS event_is_kept BEFORE DELETE ON event
WHEN OLD.row > coalesce((SELECT max(last_row) FROM segment), 0)
BEGIN SELECT RAISE(ABORT, 'an event is kept until its segment is sealed'); END;
CREATE TRIGGER IF NOT EXISTS segment_is_final BEFORE UPDATE ON segment
BEGIN SELECT RAISE(ABORT, 'a segment is never changed'); END;
CREATE TRIGGER IF NOT EXISTS segment_is_kept BEFORE DELETE ON segment
BEGIN SELECT RAISE(ABORT, 'a segment is never dropped'); END;
"""  # noqa: S608 - words of our own, nobody's input
