"""ORM classes over `web.staff.storage.tables`, for sign-in (Flask-Security) and configuration
forms.

Not for: the hot path, which uses the tables directly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_security import RoleMixin, UserMixin, WebAuthnMixin
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    relationship,
    scoped_session,
    sessionmaker,
)

from web.staff.core.context import staff
from web.staff.storage import tables
from web.staff.storage.database import Database


def normal_address(email: str) -> str:
    """How an account's address is stored and compared."""
    return email.strip().casefold()


class Base(DeclarativeBase):
    """All on the tables' own metadata."""

    metadata = tables.metadata


class RoleRow(Base, RoleMixin):
    """A role as Flask-Security sees it; its `name` is a `web.staff.core.rights.Role`."""

    __table__ = tables.role


class Passkey(Base, WebAuthnMixin):
    """A passkey as Flask-Security sees it."""

    __table__ = tables.passkey

    user_id: Mapped[int]


class User(Base, UserMixin):
    """A staff member's account."""

    __table__ = tables.user

    person_id: Mapped[str]
    name: Mapped[str]
    locale: Mapped[str]
    org_id: Mapped[str]
    sso_issuer: Mapped[str | None]
    tf_phone_number = None  # no codes by SMS: they can be taken over
    webauthn: Mapped[list[Passkey]] = relationship(  # type: ignore[assignment]
        Passkey, cascade="all, delete-orphan", order_by=tables.passkey.c.id
    )
    roles: Mapped[list[RoleRow]] = relationship(  # type: ignore[assignment]
        RoleRow, secondary=tables.user_role
    )
    homes: Mapped[list[Home]] = relationship("Home", secondary=tables.assignment)

    def needs_second_factor(self) -> bool:
        """Whether one of the roles asks for more than a password."""
        needed = staff().config.sign_in.second_factor_roles
        return any(role.name in needed for role in self.roles)

    def check_tf_required(self, tf_setup_methods: Any, tf_fresh: bool) -> tuple[bool, Any]:  # noqa: ARG002
        """Flask-Security asks after a right password; who has set one up is always asked.  Who has
        not, and must, gets a session that is good for that only (`grace`)."""
        return bool(tf_setup_methods), tf_setup_methods

    def check_tf_required_setup(self) -> bool:
        """Whether the second factor may not be taken away."""
        return self.needs_second_factor()


class Home(Base):
    """A home."""

    __table__ = tables.home


class Resident(Base):
    """The one who lives there: the only place of the name."""

    __table__ = tables.resident


def make_sessions(
    database: Database, scope: Callable[[], int] | None = None
) -> scoped_session[Session]:
    """ORM sessions; `scope` says whose (None: the thread's).

    Each statement stands by itself: on SQLite a transaction that began with reading could not write
    any more after somebody else did.
    """
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    return scoped_session(sessionmaker(engine, expire_on_commit=False), scopefunc=scope)
