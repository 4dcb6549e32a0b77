"""Adding organisations, homes, residents and accounts, and finding what a command names.

The command line, the demo and the administration pages use it.  Not for: what anybody may do, or
changing it (`accounts`).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, insert, select

from gateway.errors import UserError
from web.staff.core.rights import Role
from web.staff.events import append
from web.staff.signin.auth import PASSWORD_MIN_CHARS, new_uniquifier
from web.staff.signin.models import normal_address
from web.staff.storage import tables
from web.staff.storage.database import Database, Tx

ABOUT_MAX = 200
"""Characters of the name or the address of an account, as `accounts` has it: an index of
PostgreSQL takes 2,704 bytes of one."""

TEXT_MAX = 2000
"""Characters of a text about a home, as `home_details` has it."""

HOME_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""Ids of homes are part of origins and addresses: plain, short, no `~`, no `:`, no `/`."""


def add_roles(database: Database) -> None:
    """Make the role rows that are missing."""
    with database.write() as tx:
        add_role_rows(tx)


def add_role_rows(tx: Tx) -> None:
    """The same, in a transaction."""
    t = tables.role
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
    texts = (label, address, fallback, org, org_name or "", *(resident or ()))
    if max(map(len, texts)) > TEXT_MAX:
        raise UserError(f"What a home is called and where it is has at most {TEXT_MAX} characters.")
    with database.write() as tx:
        append.hold(tx, None)  # two at once: the second sees the first
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
    with database.write() as tx:
        return insert_user(
            tx,
            email,
            name=name,
            org=org,
            roles=roles,
            password_hash=password_hash,
            now=now,
            person=person,
            homes=homes,
            locale=locale,
        )


def insert_user(
    tx: Tx,
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
    """As `add_user`, in a transaction."""
    address = normal_address(email)
    if "@" not in address:
        raise UserError(f"{email[:ABOUT_MAX]!r} is no e-mail address.")
    if max(map(len, (address, name, person or ""))) > ABOUT_MAX:
        raise UserError(f"A name or an address has at most {ABOUT_MAX} characters.")
    append.hold(tx, None)  # two at once: the second sees the first
    identity = person or f"p{secrets.token_hex(4)}"
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
    for home in sorted(set(homes)):
        check_home(tx.conn, org, home)
        tx.conn.execute(insert(tables.assignment).values(user_id=user_id, home_id=home))
    return identity


def account_by(conn: Connection, email: str, org: str | None = None) -> Any:
    """The account with this address: `id`, `person_id`, `org_id`, `email`; with `org`, one of that
    organisation.  Raises `UserError`."""
    u = tables.user.c
    address = normal_address(email)
    row = conn.execute(
        select(u.id, u.person_id, u.org_id, u.email).where(u.email == address)
    ).one_or_none()
    if row is None:
        raise UserError(f"There is no account {address}; `tryggve staff user list` shows them.")
    if org is not None and row.org_id != org:
        raise UserError(f"{address} belongs to the organisation {row.org_id}, not to {org}.")
    return row


def check_org(conn: Connection, org: str) -> None:
    """Raises `UserError` when there is no such organisation."""
    o = tables.organisation.c
    if conn.execute(select(o.id).where(o.id == org)).first() is None:
        known = ", ".join(conn.execute(select(o.id).order_by(o.id)).scalars())
        raise UserError(f"There is no organisation {org}; there are: {known or 'none yet'}.")


def check_home(conn: Connection, org: str, home: str) -> None:
    """Raises `UserError` when the organisation has no such home."""
    h = tables.home.c
    if conn.execute(select(h.id).where(h.id == home, h.org_id == org)).first() is None:
        raise UserError(f"The organisation {org} has no home {home}.")


def group_by(conn: Connection, kind: str, org: str, name: str) -> int:
    """The number of the organisation's `team` or `area` of this name.  Raises `UserError`."""
    t = (tables.team if kind == "team" else tables.area).c
    number: int | None = conn.execute(
        select(t.id).where(t.org_id == org, t.name == name.strip())
    ).scalar_one_or_none()
    if number is None:
        known = ", ".join(
            conn.execute(select(t.name).where(t.org_id == org).order_by(t.name)).scalars()
        )
        raise UserError(
            f"The organisation {org} has no {kind} {name!r}; it has: {known or 'none yet'}."
        )
    return number


def _exists(tx: Tx, table: object, key: str) -> bool:
    t = table
    query = select(t.c.id).where(t.c.id == key)  # type: ignore[attr-defined]
    return tx.conn.execute(query).first() is not None


def check_password(password: str) -> None:
    """Raise `UserError` for a password that is too short."""
    if len(password) < PASSWORD_MIN_CHARS:
        raise UserError(f"A password has at least {PASSWORD_MIN_CHARS} characters.")
