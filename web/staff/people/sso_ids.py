"""What single sign-on calls an account, given by an administrator.

With another id, or none, the sessions end that the one before had opened, and so does what its
groups gave.  Not for: the providers
(`sign_on`), or signing in (`web.staff.signin.single_sign_on`).
"""

from __future__ import annotations

from sqlalchemy import or_, select, update

from web.staff.core.context import Staff
from web.staff.core.rights import Right
from web.staff.doors import revocation
from web.staff.people import group_rights
from web.staff.people.accounts import (
    ABOUT_MAX,
    By,
    Refused,
    Wrong,
    account_of,
    bump,
    keeping_a_way_in,
    need,
    note,
)
from web.staff.signin import providers, sessions
from web.staff.storage import tables


def set_sso_id(staff: Staff, actor: By, person: str, sso_id: str, provider: str = "") -> None:
    """What single sign-on calls this person (empty: not by single sign-on), and which provider does
    (empty: the organisation's only one).  Raises `Refused`."""
    need(actor, Right.ADMINISTER)
    if len(sso_id) > ABOUT_MAX:
        raise Refused(Wrong.TOO_LONG)
    u = tables.user
    issuer = _issuer(staff, actor.org, provider) if sso_id else None
    with staff.write() as tx, keeping_a_way_in(staff, tx, actor):
        row = account_of(tx.conn, actor, person)
        if sso_id:
            taken = select(u.c.id).where(
                u.c.org_id == actor.org, u.c.sso_id == sso_id, u.c.id != row.id
            )
            if issuer is not None:
                taken = taken.where(or_(u.c.sso_issuer.is_(None), u.c.sso_issuer == issuer))
            if tx.conn.execute(taken).first() is not None:
                raise Refused(Wrong.EXISTS)
        called = (u.c.sso_id, u.c.sso_issuer)
        had = tx.conn.execute(select(*called).where(u.c.id == row.id)).one()
        tx.conn.execute(
            update(u).where(u.c.id == row.id).values(sso_id=sso_id or None, sso_issuer=issuer)
        )
        if (had.sso_id, had.sso_issuer) != (sso_id or None, issuer):
            sessions.end_signed_on(tx, u.c.id == row.id)
            lost = group_rights.forget(tx, row.id).changed  # what another id's groups gave
            bump(tx, lost)
            revocation.revoke_lost(staff, tx, lost, by=actor.person)
        note(staff, tx, actor, "sso_id", person)


def _issuer(staff: Staff, org: str, name: str) -> str | None:
    """The issuer of the provider that the configuration calls `name`, or of the organisation's only
    one; None when it has none yet.  Raises `Refused`."""
    with staff.db.read() as conn:
        known = providers.used_of(conn, staff, org)
    if name:
        if name not in known:
            raise Refused(Wrong.NOT_FOUND)
        return known[name].bare_issuer()
    issuers = {provider.bare_issuer() for provider in known.values()}
    if len(issuers) > 1:
        raise Refused(Wrong.WHICH_PROVIDER)
    return next(iter(issuers), None)
