"""Which schema the database has, and which programs can use it.

Two tables of Alembic's form hold one word each.  `schema_revision`: the revision that the database
is at.  `alembic_version`: the revision of the oldest program that can still use it, `OLDEST` or the
database's own where that is older.  So an older server goes on, and starts, on a database that a
newer one has only added to; the release 0.1.0, which asks no more than whether `alembic_version` is
its own revision, does so too.

A migration only adds (docs/compatibility.md).  What takes something away raises `OLDEST` to the
revision of the first release that does without it, and is named in `CONTRACTS`.

A server that starts asks no more than these words, and reads the migrations' names alone: Alembic
takes as long to load as a fifth of all the rest, and only bringing the database further needs it.

Not for: bringing the database to another schema (`migrate`).
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from gateway.errors import UserError
from web.staff.storage.database import Database

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent / "migrations"

OLDEST = "0014"
"""The revision of the oldest program that can use today's schema: that of the release 0.1.0."""

CONTRACTS: dict[str, str] = {}
"""What migrations take away, as `table.column` or `table`, and why: each with the release that
first did without it, as `0.3.0: nobody reads it since the access log has its own`."""

REVISION_TABLE = "schema_revision"
OLDEST_TABLE = "alembic_version"


class SchemaTooNew(UserError):
    """A newer version took something away from the database that this one needs."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The database's revision, and that of the oldest program that can use it; None: empty."""

    revision: str | None
    oldest: str | None


def schema_of(conn: Connection) -> Schema:
    """What the database says of itself.  One from before there was `schema_revision` has the
    revision that its program had."""
    oldest = _word(conn, OLDEST_TABLE)
    return Schema(_word(conn, REVISION_TABLE) or oldest, oldest)


def _word(conn: Connection, table: str) -> str | None:
    if not inspect(conn).has_table(table):
        return None
    query = text(f"SELECT version_num FROM {table}")  # noqa: S608 - one of the two names above
    return conn.execute(query).scalar_one_or_none()


NAMED = re.compile(r'^revision = "(\w+)"\ndown_revision = (?:None|"(\w+)")$', re.MULTILINE)
"""How each migration names itself, and the one that it follows."""


@cache
def known_revisions() -> tuple[str, ...]:
    """The revisions that this program knows, oldest first."""
    after: dict[str, str] = {}
    for path in (FOLDER / "versions").glob("*.py"):
        if named := NAMED.search(path.read_text("utf-8")):
            after[named[2] or ""] = named[1]
    known: list[str] = []
    while (following := after.pop(known[-1] if known else "", None)) is not None:
        known.append(following)
    return tuple(known)


def newest_revision() -> str:
    """The revision that this program wants."""
    known = known_revisions()
    if not known:
        raise UserError("This installation has no migrations; install it anew.")
    return known[-1]


def require_usable(schema: Schema) -> bool:
    """Whether the schema is this program's own; False: a newer one that it can use.  Raises
    `UserError` for an older one, `SchemaTooNew` for a newer one that it cannot use."""
    if schema.revision == newest_revision():
        return True
    if schema.revision is None or schema.revision in known_revisions():
        raise UserError(
            f"The database has schema {schema.revision or 'none'}, and this version needs "
            f"{newest_revision()}; run `tryggve staff migrate`."
        )
    if schema.oldest in known_revisions():
        return False
    raise SchemaTooNew(
        f"The database has schema {schema.revision}, made by a newer version that took away what "
        f"this one needs; install a version that knows schema {schema.oldest}, or restore the "
        f"backup from before."
    )


def tell_newer(schema: Schema) -> None:
    """Say that the database has a newer schema that this version can use."""
    log.warning(
        "The database has schema %s, of a newer version; this version (%s) goes on, for nothing "
        "was taken away that it needs.",
        schema.revision,
        newest_revision(),
    )


def take_over(conn: Connection) -> None:
    """Before migrations: what an earlier program called the database's revision is it."""
    schema = schema_of(conn)
    if schema.revision is not None:
        _write(conn, REVISION_TABLE, schema.revision)


def note_oldest(conn: Connection) -> None:
    """After migrations: which programs can use the database now."""
    revision = _word(conn, REVISION_TABLE)
    if revision is not None:
        known = known_revisions()
        _write(conn, OLDEST_TABLE, known[min(known.index(OLDEST), known.index(revision))])


def _write(conn: Connection, table: str, revision: str) -> None:
    conn.execute(
        text(
            f"CREATE TABLE IF NOT EXISTS {table} "
            f"(version_num VARCHAR(32) NOT NULL CONSTRAINT {table}_pkc PRIMARY KEY)"
        )
    )
    conn.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - one of the two names above
    conn.execute(
        text(f"INSERT INTO {table} VALUES (:revision)"),  # noqa: S608 - as above
        {"revision": revision},
    )


class SchemaWatch:
    """Notices that another version has migrated the database beneath this one."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._seen: Schema | None = None

    def look(self) -> None:
        """Say once that the schema is a newer one and that this version goes on.  Raises
        `SchemaTooNew` each time while it cannot."""
        with self._db.read() as conn:
            schema = schema_of(conn)
        if schema == self._seen:
            return
        if not require_usable(schema) and self._seen is not None:  # else the start has said it
            tell_newer(schema)
        self._seen = schema
