"""ORM classes over `web.staff.tables`, for sign-in (Flask-Security) and configuration forms.

Not for: the hot path, which uses the tables directly.
"""

from __future__ import annotations

from collections.abc import Callable

from flask_security import RoleMixin, UserMixin, WebAuthnMixin
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    relationship,
    scoped_session,
    sessionmaker,
)

from web.staff import tables
from web.staff.db import Database


class Base(DeclarativeBase):
    """All on the tables' own metadata."""

    metadata = tables.metadata


class RoleRow(Base, RoleMixin):
    """A role as Flask-Security sees it; its `name` is a `web.staff.rights.Role`."""

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
    tf_phone_number = None  # no codes by SMS: they can be taken over
    webauthn: Mapped[list[Passkey]] = relationship(  # type: ignore[assignment]
        Passkey, cascade="all, delete-orphan", order_by=tables.passkey.c.id
    )
    roles: Mapped[list[RoleRow]] = relationship(  # type: ignore[assignment]
        RoleRow, secondary=tables.user_role
    )
    homes: Mapped[list[Home]] = relationship("Home", secondary=tables.assignment)


class Organisation(Base):
    """A municipality, or a company that works for one."""

    __table__ = tables.organisation


class Home(Base):
    """A home."""

    __table__ = tables.home


class Resident(Base):
    """The one who lives there: the only place of the name."""

    __table__ = tables.resident


def make_sessions(
    database: Database, scope: Callable[[], int] | None = None
) -> scoped_session[Session]:
    """ORM sessions; `scope` says whose (None: the thread's)."""

    return scoped_session(sessionmaker(database.engine, expire_on_commit=False), scopefunc=scope)
