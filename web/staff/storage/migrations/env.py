"""Alembic's entry: runs the migrations on the database that `storage.migrate` hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from web.staff.storage import plan_tables  # noqa: F401 - registers its tables
from web.staff.storage.tables import metadata


def run() -> None:
    """Run in one transaction, on a connection that no other writer shares."""
    database = context.config.attributes["database"]
    with database.write() as tx:
        context.configure(
            connection=tx.conn,
            target_metadata=metadata,
            compare_type=True,
            compare_server_default=True,
            render_as_batch=not database.postgres,
            render_item=_render,
        )
        with context.begin_transaction():
            context.run_migrations()


def _render(kind: str, obj: Any, autogen: Any) -> str | Literal[False]:
    if kind == "type" and type(obj).__name__ == "Utc":
        autogen.imports.add("from web.staff.storage.column_types import Utc")
        return "Utc()"
    return False


run()
