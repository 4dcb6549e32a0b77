"""The row by which the server tries whether its disk takes anything.

Not for: anything that is read.
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from web.staff.storage.tables.base import metadata

storage_probe = Table(
    "storage_probe",
    metadata,
    # where the server tries whether its disk takes anything again (`storage.saving`)
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("filler", Text, nullable=False),
)
