"""Events in the database: rows in, rows out, heads.

A batch goes to PostgreSQL as one JSON parameter and to SQLite as one `executemany` (DESIGN section
9). Not for: checking chains (`web.staff.homelink.ingest`), or projections.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Table,
    TextClause,
    bindparam,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql

from gateway.envelope import GENESIS, Event, chained, from_json
from gateway.errors import ChainError
from gateway.events import utc_text
from web.staff.storage import tables
from web.staff.storage.among import among
from web.staff.storage.changes import Change
from web.staff.storage.column_types import to_ms


@dataclass(frozen=True, slots=True)
class Row:
    """One event to store: `body` is its canonical JSON without the hash.  `event` is as it counts,
    `kind` what it counts as."""

    event: Event
    body: str
    digest: bytes
    received_at: datetime
    kind: str
    person: str | None
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """How far the server is with one origin.  `seq` 0: nothing yet."""

    seq: int
    hash: bytes
    tampered: bool


# Statements of the hot path are built once; SQLAlchemy's own cache saves only the compiling.
_LOCK_HOME = (
    select(tables.home.c.id)
    .where(tables.home.c.id == bindparam("home"))
    .with_for_update(key_share=True)
)
_READ_HEAD = select(tables.head).where(tables.head.c.origin == bindparam("origin"))

NO_HEAD = Head(0, GENESIS, False)

_INSERT_POSTGRES = text(
    "INSERT INTO event (origin, seq, home_id, at, corrected_at, kind, device, person, boot, synced,"
    " body, hash, received_at, mark)"
    " SELECT r.origin, r.seq, r.home, r.at, r.at, r.kind, r.device, r.person, r.boot, r.synced,"
    " r.body, decode(r.hash, 'hex'), r.received_at, r.mark"
    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(origin text, home text, seq bigint,"
    " at timestamptz, kind text, device text, person text, boot text, synced boolean, body text,"
    " hash text, received_at timestamptz, mark text)"
    " ON CONFLICT DO NOTHING"
)

_INSERT_SQLITE = (
    "INSERT INTO event (origin, seq, home_id, at, corrected_at, kind, device, person, boot, synced,"
    " body, hash, received_at, mark) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)


def clean(value: str | None) -> str | None:
    """PostgreSQL's text has no character 0; the body keeps it (escaped)."""
    return value.replace("\x00", "�") if value else value


_NUL = re.compile(r"((?<!\\)(?:\\\\)*)\\u0000")


def cleaned(body: str) -> str:
    """An event's JSON as it is read here: each character 0, in whatever text it stands, is `�`.
    What is stored of it is what was sealed.  A home whose driver told of a device with such a name
    would else be told for ever that nothing can be stored."""
    return _NUL.sub(r"\1\\ufffd", body) if "\\u0000" in body else body


def insert_events(conn: Connection, home: str | None, rows: Sequence[Row]) -> None:
    """Store new events about one home, or about none."""
    insert_many(conn, [(home, row) for row in rows])


def insert_many(conn: Connection, rows: Sequence[tuple[str | None, Row]]) -> None:
    """Store new events, each with its home."""
    if not rows:
        return
    if conn.dialect.name == "postgresql":
        packed = [
            {
                "origin": row.event.origin,
                "home": home,
                "seq": row.event.seq,
                "at": utc_text(row.event.at),
                "kind": clean(row.kind),
                "device": clean(row.event.device),
                "person": clean(row.person),
                "boot": clean(row.event.boot),
                "synced": row.event.clock == "synced",
                "body": row.body,
                "hash": row.digest.hex(),
                "received_at": utc_text(row.received_at),
                "mark": row.mark,
            }
            for home, row in rows
        ]
        conn.execute(_INSERT_POSTGRES, {"rows": json.dumps(packed, ensure_ascii=False)})
        return
    conn.exec_driver_sql(
        _INSERT_SQLITE,
        [
            (
                row.event.origin,
                row.event.seq,
                home,
                to_ms(row.event.at),
                to_ms(row.event.at),
                row.kind,
                row.event.device,
                row.person,
                row.event.boot,
                row.event.clock == "synced",
                row.body,
                row.digest,
                to_ms(row.received_at),
                row.mark,
            )
            for home, row in rows
        ],
    )


def lock_home(conn: Connection, home: str) -> bool:
    """Let only one transaction at a time write about a home.  False: there is no such home."""
    return conn.execute(_LOCK_HOME, {"home": home}).first() is not None


def lock_homes(conn: Connection, homes: Collection[str], *, wait: bool = True) -> set[str]:
    """The same for several homes, in an order that lets nobody wait for one another.  Returns those
    that are locked now; not `wait`: without those about which somebody writes."""
    h = tables.home.c
    query = select(h.id).where(among(h.id, homes)).order_by(h.id)
    locked = query.with_for_update(key_share=True, skip_locked=not wait)
    return set(conn.execute(locked).scalars())


def read_head(conn: Connection, origin: str) -> Head:
    """How far the server is with an origin."""
    row = conn.execute(_READ_HEAD, {"origin": origin}).one_or_none()
    return NO_HEAD if row is None else Head(row.seq, bytes(row.hash), row.tampered)


def read_heads(conn: Connection, origins: Collection[str]) -> dict[str, Head]:
    """How far the server is with each of these origins."""
    t = tables.head
    rows = conn.execute(select(t).where(among(t.c.origin, origins)))
    known = {row.origin: Head(row.seq, bytes(row.hash), row.tampered) for row in rows}
    return {origin: known.get(origin, NO_HEAD) for origin in origins}


def write_head(conn: Connection, origin: str, home: str | None, head: Head) -> None:
    """Move an origin's head."""
    values = {"home_id": home, "seq": head.seq, "hash": head.hash, "tampered": head.tampered}
    upsert(conn, tables.head, {"origin": origin}, values)


_HEADS_POSTGRES = text(
    "INSERT INTO head (origin, home_id, seq, hash, tampered)"
    " SELECT r.origin, r.home, r.seq, decode(r.hash, 'hex'), r.tampered"
    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(origin text, home text, seq bigint,"
    " hash text, tampered boolean)"
    " ON CONFLICT (origin) DO UPDATE SET seq = excluded.seq, hash = excluded.hash"
)

_HEADS_SQLITE = (
    "INSERT INTO head (origin, home_id, seq, hash, tampered) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (origin) DO UPDATE SET seq = excluded.seq, hash = excluded.hash"
)


def move_heads(conn: Connection, heads: Sequence[tuple[str, str, Head]]) -> None:
    """Move the heads of several origins, each with its home, in one statement."""
    if conn.dialect.name == "postgresql":
        packed = [
            {
                "origin": origin,
                "home": home,
                "seq": head.seq,
                "hash": head.hash.hex(),
                "tampered": head.tampered,
            }
            for origin, home, head in heads
        ]
        conn.execute(_HEADS_POSTGRES, {"rows": json.dumps(packed)})
        return
    values = [(origin, home, head.seq, head.hash, head.tampered) for origin, home, head in heads]
    conn.exec_driver_sql(_HEADS_SQLITE, values)


def upsert(
    conn: Connection, table: Table, key: Mapping[str, object], values: Mapping[str, object]
) -> None:
    """Insert a row, or set `values` in the one with this primary key."""
    conn.execute(_upsert(table, tuple(key), tuple(values)), {**key, **values})


@cache
def _upsert(table: Table, key: tuple[str, ...], values: tuple[str, ...]) -> TextClause:
    """The statement, built once: building it costs more than running it."""
    columns = ", ".join(f'"{name}"' for name in (*key, *values))
    marks = ", ".join(f":{name}" for name in (*key, *values))
    conflict = ", ".join(f'"{name}"' for name in key)
    change = ", ".join(f'"{name}" = excluded."{name}"' for name in values)
    then = f"UPDATE SET {change}" if values else "NOTHING"
    sql = (
        f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'  # noqa: S608 - our own names
        f" ON CONFLICT ({conflict}) DO {then}"
    )
    typed = [bindparam(name, type_=table.c[name].type) for name in (*key, *values)]
    return text(sql).bindparams(*typed)


def upsert_many(
    conn: Connection, table: Table, key: Sequence[str], rows: Sequence[Mapping[str, object]]
) -> None:
    """Insert rows, or change those with these primary keys: one statement for all with the same
    columns.  PostgreSQL gets them as one JSON parameter, SQLite as one `executemany`; a statement
    that names each value of two hundred rows takes a second to be built."""
    by_columns: dict[tuple[str, ...], list[Mapping[str, object]]] = {}
    for row in rows:
        by_columns.setdefault(tuple(sorted(row)), []).append(row)
    for columns, same in by_columns.items():
        values = tuple(name for name in columns if name not in key)
        if conn.dialect.name == "postgresql":
            packed = json.dumps([dict(row) for row in same], default=_json, ensure_ascii=False)
            conn.execute(_upsert_packed(table, tuple(key), values), {"rows": packed})
        else:
            conn.execute(_upsert(table, tuple(key), values), [dict(row) for row in same])


def _json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} in a row")


@cache
def _upsert_packed(table: Table, key: tuple[str, ...], values: tuple[str, ...]) -> TextClause:
    """The statement of many rows in one JSON parameter, for PostgreSQL."""
    named = [(f'"{name}"', table.c[name].type) for name in (*key, *values)]
    columns = ", ".join(name for name, _ in named)
    typed = ", ".join(f"{name} {of.compile(postgresql.dialect())}" for name, of in named)  # type: ignore[no-untyped-call]
    conflict = ", ".join(f'"{name}"' for name in key)
    change = ", ".join(f'"{name}" = excluded."{name}"' for name in values)
    then = f"UPDATE SET {change}" if values else "NOTHING"
    return text(
        f'INSERT INTO "{table.name}" ({columns}) SELECT {columns}'  # noqa: S608 - our own names
        f" FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({typed})"
        f" ON CONFLICT ({conflict}) DO {then}"
    )


CORRECTED_AHEAD_MAX = timedelta(days=1)
"""How far a corrected time may lie after the event came: no event comes before it happened."""


def correct_times(conn: Connection, event: Event, offset_s: float) -> None:
    """`clock.synced` came: move the earlier, unsynced times of its boot, as far back as the one
    before it: a gateway that is restarted says it once more.  One that would lie after the event
    came stays as it is."""
    t = tables.event
    said = t.alias("said")
    before = select(func.coalesce(func.max(said.c.seq), 0)).where(
        said.c.origin == event.origin,
        said.c.boot == clean(event.boot),
        said.c.kind == event.kind,
        said.c.seq < event.seq,
        said.c.mark.is_(None),
    )
    if conn.dialect.name == "postgresql":
        moved = text("at + make_interval(secs => :offset)").bindparams(offset=offset_s)
        near = text(
            "at + make_interval(secs => :offset) <= received_at + make_interval(secs => :ahead)"
        ).bindparams(offset=offset_s, ahead=CORRECTED_AHEAD_MAX.total_seconds())
    else:
        moved = text("at + :offset").bindparams(offset=round(offset_s * 1000))
        near = text("at + :offset <= received_at + :ahead").bindparams(
            offset=round(offset_s * 1000), ahead=round(CORRECTED_AHEAD_MAX.total_seconds() * 1000)
        )
    conn.execute(
        update(t)
        .where(
            t.c.origin == event.origin,
            t.c.boot == clean(event.boot),
            ~t.c.synced,
            t.c.seq > before.scalar_subquery(),
            t.c.seq < event.seq,
            t.c.mark.is_(None),
            near,
        )
        .values(corrected_at=moved)
    )


def with_hash(body: str, digest: bytes) -> str:
    """The event's JSON as it travels: the canonical body and its hash."""
    return f'{body[:-1]},"hash":"{digest.hex()}"}}'


def continues(previous: bytes, body: str, digest: bytes, seq: int) -> None:
    """Check that the event `seq`, whose canonical JSON is `body`, has the hash `digest` after one
    with the hash `previous`.  Raises `ChainError`."""
    if chained(previous, body.encode()) != digest:
        raise ChainError(f"event {seq} does not continue the chain", seq)


def change_of(home: str | None, event: Event, body: str, digest: bytes) -> Change:
    """What screens and homes are told of a stored event."""
    text = with_hash(body, digest)
    return Change(home, event.origin, event.seq, event.kind, event.person, text)


def to_event(body: str, digest: bytes) -> Event:
    """The event in a stored body, with its hash."""
    obj = json.loads(cleaned(body))
    obj["hash"] = bytes(digest).hex()
    return from_json(obj)


def data_in(body: str) -> dict[str, Any]:
    """The data in a stored body, as they stand there; none where a home of another version wrote
    something else."""
    data = json.loads(body).get("data")
    return data if isinstance(data, dict) else {}


def person_in(body: str) -> str | None:
    """Whom a stored body names as who did it; None: nobody that can be read."""
    person = json.loads(body).get("person")
    return person if isinstance(person, str) else None


DECIDED_MAX = 200
"""Events read at once for a home that catches up."""


def decided_after(conn: Connection, home: str, seq: int) -> list[tuple[int, str]]:
    """What the server decided about a home after number `seq`: numbers and JSON, in order, at most
    `DECIDED_MAX`."""
    rows = conn.execute(_DECIDED_AFTER, {"origin": f"staff:{home}", "after": seq})
    return [(row.seq, with_hash(row.body, bytes(row.hash))) for row in rows]


_DECIDED_AFTER = (  # built once: a home's stream asks it whenever it is woken
    select(tables.event.c.seq, tables.event.c.body, tables.event.c.hash)
    .where(tables.event.c.origin == bindparam("origin"), tables.event.c.seq > bindparam("after"))
    .order_by(tables.event.c.seq)
    .limit(DECIDED_MAX)
)


def confirmed_down(conn: Connection, home: str) -> int | None:
    """The highest `staff:<home>` number that the home has ever confirmed; 0: none; None: it was
    never heard."""
    t = tables.home_link
    return conn.execute(select(t.c.down_have).where(t.c.home_id == home)).scalar_one_or_none()
