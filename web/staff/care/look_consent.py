"""Whether looks through a camera may be made in a home: everybody who lives there has agreed.

For whoever is about to permit one.  Not for: noting who agreed (`web.staff.people.look_consents`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select

from web.staff.storage.among import among
from web.staff.storage.tables import plan_state


def looks_agreed(conn: Connection, home: str) -> bool:
    """Whether it stands now."""
    query = select(plan_state.c.looks_agreed).where(plan_state.c.home_id == home)
    return bool(conn.execute(query).scalar_one_or_none())


def looks_withdrawn(conn: Connection, homes: Collection[str]) -> dict[str, datetime]:
    """In which of these homes looks were agreed to and are no longer, and since when."""
    if not homes:
        return {}
    s = plan_state.c
    query = select(s.home_id, s.looks_at).where(
        among(s.home_id, homes), s.looks_agreed.is_(False), s.looks_at.is_not(None)
    )
    return {row.home_id: row.looks_at for row in conn.execute(query)}
