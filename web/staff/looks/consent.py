"""Whether everybody concerned agreed to looks into a home, for this room.

Not for: noting consent, or ending it (`web.staff.people`).
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from web.staff.storage.place_tables import consent
from web.staff.storage.tables import resident


def looks_agreed(conn: Connection, home: str) -> bool:
    """Whether each resident of the home agreed, and nobody withdrew it."""
    living = select(resident.c.id).where(resident.c.home_id == home)
    c = consent.c
    agreed = select(c.resident).where(
        c.home_id == home, c.about == "look", c.withdrawn_at.is_(None)
    )
    residents = set(conn.execute(living).scalars())
    return bool(residents) and residents <= set(conn.execute(agreed).scalars())
