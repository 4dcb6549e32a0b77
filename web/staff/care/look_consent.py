"""Whether looks through a camera may be made in a home: everybody who lives there has agreed.

For whoever is about to permit one.  Not for: noting who agreed (`web.staff.people.look_consents`).
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from web.staff.storage.tables import plan_state


def looks_agreed(conn: Connection, home: str) -> bool:
    """Whether it stands now."""
    query = select(plan_state.c.looks_agreed).where(plan_state.c.home_id == home)
    return bool(conn.execute(query).scalar_one_or_none())
