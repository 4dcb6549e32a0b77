"""Whether an organisation has an administrator who can sign in: nothing that is done in the pages
may take away the last one.

Two administrators who take each other's role away in the same second are two changes of which the
second sees the first (`alone`).  Not for: the changes themselves (`accounts`, `sign_on`), or the
command line, by which an organisation that has nobody is opened again.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, case, func, or_, select

from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.signin import providers
from web.staff.storage import org_locks, tables
from web.staff.storage.database import Tx


def alone(tx: Tx, org: str) -> None:
    """Let nobody else change who may do what in this organisation until the commit.  Asked for
    before anything is changed, so that no two wait for each other."""
    org_locks.alone(tx, org)


def is_left(conn: Connection, staff: Staff, org: str, *, less: int | None = None) -> bool:
    """Whether an administrator can sign in with what is used now: with a password or a passkey, or
    known by id to a provider that there is.  One whom only a provider's group makes an
    administrator does not count: whoever keeps that group would decide whether anybody gets in.
    `less`: an account, as it is with one passkey less."""
    u, r, ur, k = tables.user.c, tables.role.c, tables.user_role.c, tables.passkey.c
    issuers = {one.bare_issuer() for one in providers.used_of(conn, staff, org).values()}
    passkeys = select(func.count()).where(k.user_id == u.id).scalar_subquery()
    passkey = passkeys > (0 if less is None else case((u.id == less, 1), else_=0))
    by_id: ColumnElement[bool] = u.sso_issuer.in_(sorted(issuers))
    if len(issuers) == 1:
        by_id = or_(by_id, u.sso_issuer.is_(None))
    query = (
        select(u.id)
        .join(tables.user_role, ur.user_id == u.id)
        .join(tables.role, r.id == ur.role_id)
        .where(u.org_id == org, u.active, r.name == Role.ADMINISTRATOR.value, ur.by_hand)
        .where(or_(u.password.is_not(None), passkey, u.sso_id.is_not(None) & by_id))
    )
    return conn.execute(query.limit(1)).first() is not None
