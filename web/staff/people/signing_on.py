"""What happens to somebody's rights when they sign in by a provider: their groups are noted, and
give and take; who is unknown gets an account, where the organisation wants that.

A provider speaks of its own organisations only, and what it gives is an event with its name.  Not
for: what a provider says (`web.staff.signin.groups`), or a session (`single_sign_on`).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from gateway.envelope import Draft
from gateway.events import AccountSettled
from web.staff.core.config import SingleSignOn
from web.staff.core.context import Staff
from web.staff.doors import revocation
from web.staff.events import append
from web.staff.people import accounts, group_rights, registry, way_in
from web.staff.people.group_rights import Filled
from web.staff.signin import providers
from web.staff.signin.groups import TEXT_MAX, Said
from web.staff.signin.models import normal_address
from web.staff.storage import tables
from web.staff.storage.admin_tables import sign_on_group, sign_on_member
from web.staff.storage.database import Tx

log = logging.getLogger(__name__)

NO_MAIL = "utan-adress.invalid"
"""Where accounts have their address whose provider says none: no mail goes there (RFC 2606)."""


class GroupRights:
    """`web.staff.signin.groups.Rights`."""

    def wanted(self, conn: Connection, orgs: Collection[str], issuer: str) -> bool:
        """See the port."""
        c = sign_on_group.c
        query = select(c.id).where(c.org_id.in_(sorted(orgs)), c.issuer == issuer)
        return conn.execute(query.limit(1)).first() is not None

    def adds(self, conn: Connection, orgs: Collection[str]) -> bool:
        """See the port."""
        return bool(_adding(conn, orgs))

    def add(self, parts: Staff, provider: SingleSignOn, subject: str, said: Said) -> int | None:
        """See the port."""
        if not said.names:
            return None
        with parts.write() as tx:
            orgs = [
                org
                for org in _adding(tx.conn, provider.organisations)
                if any(
                    group_rights.roles_in(row.roles)
                    for row in _known(tx.conn, org, provider.bare_issuer())
                    if row.name in said.names
                )
            ]
            if len(orgs) != 1:  # none, or nobody can say which
                return None
            return _add(parts, tx, orgs[0], provider, subject, said)

    def settle(
        self, parts: Staff, tx: Tx, user_id: int, provider: SingleSignOn, said: Said
    ) -> bool:
        """See the port."""
        u, m = tables.user.c, sign_on_member
        mine = select(u.org_id).where(u.id == user_id)
        org = tx.conn.execute(mine.with_for_update()).scalar_one()  # one sign-in at a time
        known = _known(tx.conn, org, provider.bare_issuer())
        now = {row.id for row in known if row.name in said.names}
        had = set(tx.conn.execute(select(m.c.group_id).where(m.c.user_id == user_id)).scalars())
        for group in sorted(had - now):
            tx.conn.execute(delete(m).where(m.c.user_id == user_id, m.c.group_id == group))
        for group in sorted(now - had):
            tx.conn.execute(insert(m).values(user_id=user_id, group_id=group))
        filled = group_rights.fill(tx, [user_id])
        _tell(parts, tx, filled, provider.label, by=None)
        return user_id in filled.less

    def end_of_gone(self, parts: Staff) -> None:
        """See the port."""
        m, c = sign_on_member.c, sign_on_group.c
        query = select(c.org_id, c.issuer).join(sign_on_member, m.group_id == c.id).distinct()
        with parts.db.read() as conn:
            gave = sorted((row.org_id, row.issuer) for row in conn.execute(query))
            known = [one.known for one in providers.used(conn, parts).values()]
            unread = providers.unread(conn, parts)
        for org, issuer in gave:
            if org in unread:  # it may be this one, and an older version must not end it
                continue
            if not any(org in one.organisations and one.bare_issuer() == issuer for one in known):
                with parts.write() as tx:
                    way_in.alone(tx, org)
                    end_of(parts, tx, org, issuer, issuer, by=None)


def issuers(conn: Connection, org: str) -> list[str]:
    """The providers, by issuer, in whose groups somebody of an organisation is noted."""
    m, c = sign_on_member.c, sign_on_group.c
    query = select(c.issuer).join(sign_on_member, m.group_id == c.id).where(c.org_id == org)
    return list(conn.execute(query.distinct().order_by(c.issuer)).scalars())


def end_of(parts: Staff, tx: Tx, org: str, issuer: str, name: str, *, by: str | None) -> None:
    """Take what the groups of a provider gave in an organisation: it is one no more.  `name`: what
    it was called; `by`: who ended it, None: nobody in person."""
    m, c = sign_on_member, sign_on_group.c
    groups = select(c.id).where(c.org_id == org, c.issuer == issuer)
    over = delete(m).where(m.c.group_id.in_(groups)).returning(m.c.user_id)
    users = set(tx.conn.execute(over).scalars())
    _tell(parts, tx, group_rights.fill(tx, users), name, by=by)


def _adding(conn: Connection, orgs: Collection[str]) -> list[str]:
    o = tables.organisation.c
    query = select(o.id).where(o.id.in_(sorted(orgs)), o.sign_on_adds).order_by(o.id)
    return list(conn.execute(query).scalars())


def _known(conn: Connection, org: str, issuer: str) -> list[Any]:
    """The groups of a provider that give something in an organisation.  They are compared here, not
    by the database: letter by letter, whatever its collation is."""
    c = sign_on_group.c
    query = select(c.id, c.name, c.roles).where(c.org_id == org, c.issuer == issuer)
    return list(conn.execute(query))


def _add(
    parts: Staff, tx: Tx, org: str, provider: SingleSignOn, subject: str, said: Said
) -> int | None:
    """An account that has nothing yet; None, and a sentence in the log: there can be none."""
    u = tables.user
    way_in.alone(tx, org)
    issuer = provider.bare_issuer()
    mine = select(u.c.id).where(u.c.org_id == org, u.c.sso_id == subject, u.c.sso_issuer == issuer)
    there: int | None = tx.conn.execute(mine).scalar_one_or_none()
    if there is not None:  # another request of the same person was first
        return there
    if said.name is None or len(subject) > TEXT_MAX or not subject.isprintable():
        log.warning("single sign-on makes no account without a name and an id that can be kept")
        return None
    person = f"p{secrets.token_hex(4)}"
    email = normal_address(said.email or "")
    if not accounts.ADDRESS.fullmatch(email):
        email = f"{person}@{NO_MAIL}"
    if tx.conn.execute(select(u.c.id).where(u.c.email == email)).first() is not None:
        log.warning(
            "single sign-on makes no account beside one with the same address; "
            "give that one the id, if it is the same person"
        )
        return None
    registry.insert_user(
        tx,
        email,
        name=said.name,
        org=org,
        roles=(),
        password_hash=None,
        now=parts.clock.now(),
        person=person,
    )
    new = update(u).where(u.c.person_id == person).values(sso_id=subject, sso_issuer=issuer)
    made: int = tx.conn.execute(new.returning(u.c.id)).scalar_one()
    told = AccountSettled(provider=provider.label, account=person, what="added")
    append.write(parts, tx, None, Draft(told))
    return made


def _tell(parts: Staff, tx: Tx, filled: Filled, provider: str, *, by: str | None) -> None:
    """What every change of rights does beside itself, and an event for each account and sort."""
    changed = filled.changed
    if not changed:
        return
    accounts.bump(tx, changed)
    revocation.revoke_lost(parts, tx, changed, by=by)
    u = tables.user.c
    query = select(u.id, u.person_id).where(u.id.in_(sorted(changed)))
    persons = {row.id: row.person_id for row in tx.conn.execute(query)}
    told = [
        AccountSettled(provider=provider, account=persons[user], what=what)
        for what, users in (("roles", filled.roles), ("teams", filled.teams))
        for user in sorted(users)
    ]
    append.write_all(parts, tx, [Draft(one, person=by) for one in told])
