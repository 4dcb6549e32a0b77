"""Alembic's entry: runs the migrations on the database that `storage.migrate` hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from web.staff.storage import (  # noqa: F401 - register their tables
    alarm_tables,
    install_tables,
    ladder_tables,
    look_tables,
    place_tables,
    plan_tables,
    relative_tables,
)
from web.staff.storage.pg_connection import patiently
from web.staff.storage.schema_now import REVISION_TABLE, note_oldest, take_over
from web.staff.storage.tables import metadata


def run() -> None:
    """Run in one transaction, on a connection that no other writer shares."""
    database = context.config.attributes["database"]
    with database.write() as tx, patiently(tx.conn):
        take_over(tx.conn)
        context.configure(
            connection=tx.conn,
            version_table=REVISION_TABLE,
            target_metadata=metadata,
            compare_type=True,
            compare_server_default=True,
            render_as_batch=not database.postgres,
            render_item=_render,
        )
        with context.begin_transaction():
            context.run_migrations()
        note_oldest(tx.conn)


def _render(kind: str, obj: Any, autogen: Any) -> str | Literal[False]:
    if kind == "type" and type(obj).__name__ == "Utc":
        autogen.imports.add("from web.staff.storage.column_types import Utc")
        return "Utc()"
    return False


run()
