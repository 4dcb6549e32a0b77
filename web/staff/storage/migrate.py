"""Bringing the database to the present schema (Alembic), and refusing to start on another one.

Not for: the schema itself (`web.staff.storage.tables`, `web/staff/migrations`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import UserError
from web.staff.storage.database import Database
from web.staff.storage.schema_now import (
    FOLDER,
    Schema,
    known_revisions,
    newest_revision,
    require_usable,
    schema_of,
    tell_newer,
)

if TYPE_CHECKING:
    from alembic.config import Config


def alembic_config(database: Database) -> Config:
    """Alembic's settings; `env.py` takes the database from `attributes`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["database"] = database
    return config


def migrate(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`.  Raises `UserError` when a newer version did more already, or
    nobody answers."""
    now = _answered(database).revision
    if now is not None and now not in known_revisions():
        raise UserError(
            f"The database has schema {now} already, of a newer version; this version knows "
            f"{newest_revision()} at the most, and has nothing to bring."
        )
    from alembic import command

    command.upgrade(alembic_config(database), revision)


def _answered(database: Database) -> Schema:
    """The schema.  Raises `UserError` when nobody answers."""
    try:
        return _schema(database)
    except SQLAlchemyError as error:
        where = database.url.render_as_string(hide_password=True)
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise UserError(
            f"The database {where} does not answer ({reason}); check the setting `database`."
        ) from error


def revision_of(database: Database) -> str | None:
    """The schema's revision; None for an empty database."""
    return _schema(database).revision


def _schema(database: Database) -> Schema:
    with database.read() as conn:
        return schema_of(conn)


def require_current(database: Database) -> None:
    """Raise `UserError` with how to mend it when the schema is one that this version cannot use, or
    nobody answers.  A newer one that it can use is told in the log (`schema_now`)."""
    schema = _answered(database)
    if not require_usable(schema):
        tell_newer(schema)
