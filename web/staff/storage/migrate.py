"""Bringing the database to the present schema (Alembic), and refusing to start on another one.

Not for: the schema itself (`web.staff.storage.tables`, `web/staff/migrations`).
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import UserError
from web.staff.storage.database import Database

FOLDER = Path(__file__).parent / "migrations"


def alembic_config(database: Database) -> Config:
    """Alembic's settings; `env.py` takes the database from `attributes`."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["database"] = database
    return config


def migrate(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`."""
    command.upgrade(alembic_config(database), revision)


def revision_of(database: Database) -> str | None:
    """The schema's revision; None for an empty database."""
    with database.read() as conn:
        return MigrationContext.configure(conn).get_current_revision()


def newest_revision() -> str:
    """The revision that this program wants."""
    head = ScriptDirectory(str(FOLDER)).get_current_head()
    if head is None:
        raise UserError("This installation has no migrations; install it anew.")
    return head


def require_current(database: Database) -> None:
    """Raise `UserError` with how to mend it when the schema is another one, or nobody answers."""
    try:
        revision = revision_of(database)
    except SQLAlchemyError as error:
        where = database.url.render_as_string(hide_password=True)
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise UserError(
            f"The database {where} does not answer ({reason}); check the setting `database`."
        ) from error
    if revision != newest_revision():
        raise UserError(
            f"The database has schema {revision or 'none'}, and this version needs "
            f"{newest_revision()}; run `tryggve staff migrate`."
        )
