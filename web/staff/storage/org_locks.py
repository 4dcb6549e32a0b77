"""Who changes what people of an organisation may do comes one after the other; who signs in there
comes beside others who do, and between two changes.

Of PostgreSQL's advisory locks, which are given in the order in which they are asked for: for a row
whoever changes something would wait as long as people go on signing in.  SQLite has one writer.
Asked for before anything is changed, so that no two wait for each other.  Not for: what is written
about a home (`event_store.lock_home`) or in the server's log (`web.staff.events.append`).
"""

from __future__ import annotations

from sqlalchemy import Text, bindparam, text

from web.staff.storage.database import Tx

SPACE = 0x6F7267
"""The first half of the lock's number ("org"); the second is the organisation's."""

_ALONE, _BESIDE = (
    text(f"SELECT {name}({SPACE}, hashtext(:org))").bindparams(bindparam("org", type_=Text()))
    for name in ("pg_advisory_xact_lock", "pg_advisory_xact_lock_shared")
)


def alone(tx: Tx, org: str) -> None:
    """Let nobody else change anything of this sort in the organisation, nor sign in there by its
    provider, until the commit."""
    if tx.conn.dialect.name == "postgresql":
        tx.conn.execute(_ALONE, {"org": org})


def beside(tx: Tx, org: str) -> None:
    """Let nobody change anything of this sort until the commit; others may come beside."""
    if tx.conn.dialect.name == "postgresql":
        tx.conn.execute(_BESIDE, {"org": org})
