"""Adding organisations, homes, residents, accounts and assignments.

The command line, the demo and the administration pages use it.  Not for: what anybody may do.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import delete, insert, select, update

from gateway.errors import UserError
from web.staff import tables
from web.staff.auth import PASSWORD_MIN_CHARS, new_uniquifier, normal_address
from web.staff.db import Database, Tx
from web.staff.rights import Role

HOME_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""Ids of homes are part of origins and addresses: plain, short, no `~`, no `:`, no `/`."""


def add_roles(database: Database) -> None:
    """Make the role rows that are missing."""
    t = tables.role
    with database.write() as tx:
        known = set(tx.conn.execute(select(t.c.name)).scalars())
        for role in Role:
            if role.value not in known:
                tx.conn.execute(insert(t).values(name=role.value))


def add_home(
    database: Database,
    home: str,
    *,
    org: str,
    label: str,
    address: str = "",
    timezone: str = "Europe/Stockholm",
    fallback: str = "",
    resident: tuple[str, str] | None = None,
    org_name: str | None = None,
) -> None:
    """Add a home; its organisation is made when `org_name` is given.  `resident` is the person id
    and the name, None when nobody is to be named.  Raises `UserError`."""
    if not HOME_ID.fullmatch(home):
        raise UserError(
            f"The home id {home!r} does not do; use small letters, digits and dashes, at most 40."
        )
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UserError(
            f"The time zone {timezone!r} is not known; write one as Europe/Stockholm."
        ) from error
    with database.write() as tx:
        if _exists(tx, tables.home, home):
            raise UserError(f"There is a home {home} already; choose another id.")
        if not _exists(tx, tables.organisation, org):
            if org_name is None:
                raise UserError(f"There is no organisation {org}; give its name with --org-name.")
            tx.conn.execute(insert(tables.organisation).values(id=org, name=org_name))
        tx.conn.execute(
            insert(tables.home).values(
                id=home,
                org_id=org,
                label=label,
                address=address,
                timezone=timezone,
                fallback=fallback,
            )
        )
        if resident is not None:
            tx.conn.execute(
                insert(tables.resident).values(id=resident[0], home_id=home, name=resident[1])
            )


def add_user(
    database: Database,
    email: str,
    *,
    name: str,
    org: str,
    roles: Sequence[Role],
    password_hash: str | None,
    now: datetime,
    person: str | None = None,
    homes: Sequence[str] = (),
    locale: str = "sv",
) -> str:
    """Add an account; returns its person id (`person`, or a new one that nobody ever had).

    `password_hash` None: it cannot sign in with a password.  Raises `UserError`.
    """
    address = normal_address(email)
    if "@" not in address:
        raise UserError(f"{email!r} is no e-mail address.")
    identity = person or f"p{secrets.token_hex(4)}"
    with database.write() as tx:
        u, r = tables.user, tables.role
        if tx.conn.execute(select(u.c.id).where(u.c.email == address)).first() is not None:
            raise UserError(f"There is an account {address} already.")
        if tx.conn.execute(select(u.c.id).where(u.c.person_id == identity)).first() is not None:
            raise UserError(f"There is a person {identity} already.")
        if not _exists(tx, tables.organisation, org):
            raise UserError(f"There is no organisation {org}; add a home of it first.")
        user_id = tx.conn.execute(
            insert(u)
            .values(
                person_id=identity,
                org_id=org,
                name=name,
                email=address,
                password=password_hash,
                active=True,
                fs_uniquifier=new_uniquifier(),
                locale=locale,
                created_at=now,
            )
            .returning(u.c.id)
        ).scalar_one()
        for role in roles:
            role_id = tx.conn.execute(select(r.c.id).where(r.c.name == role.value)).scalar_one()
            tx.conn.execute(insert(tables.user_role).values(user_id=user_id, role_id=role_id))
        for home in homes:
            _assign(tx, user_id, org, home)
    return identity


def assign(database: Database, email: str, home: str, *, remove: bool = False) -> None:
    """Assign an account to a home, or end that.  Raises `UserError`."""
    address = normal_address(email)
    u, a = tables.user, tables.assignment
    with database.write() as tx:
        row = tx.conn.execute(select(u.c.id, u.c.org_id).where(u.c.email == address)).one_or_none()
        if row is None:
            raise UserError(f"There is no account {address}.")
        if remove:
            tx.conn.execute(delete(a).where(a.c.user_id == row.id, a.c.home_id == home))
        else:
            _assign(tx, row.id, row.org_id, home)
        # open streams notice that this person may see other homes now (`web.staff.sessions.Gate`)
        tx.conn.execute(
            update(u).where(u.c.id == row.id).values(rights_version=u.c.rights_version + 1)
        )


def _assign(tx: Tx, user_id: int, org: str, home: str) -> None:
    h = tables.home
    found = tx.conn.execute(select(h.c.id).where(h.c.id == home, h.c.org_id == org)).first()
    if found is None:
        raise UserError(f"The organisation {org} has no home {home}.")
    key = {"user_id": user_id, "home_id": home}
    tx.conn.execute(delete(tables.assignment).filter_by(**key))
    tx.conn.execute(insert(tables.assignment).values(**key))


def _exists(tx: Tx, table: object, key: str) -> bool:
    t = table
    query = select(t.c.id).where(t.c.id == key)  # type: ignore[attr-defined]
    return tx.conn.execute(query).first() is not None


def check_password(password: str) -> None:
    """Raise `UserError` for a password that is too short."""
    if len(password) < PASSWORD_MIN_CHARS:
        raise UserError(f"A password has at least {PASSWORD_MIN_CHARS} characters.")
