"""What the last change of something had found there, so that one press puts it back.

One row for each thing of an organisation: who works where, what somebody may do, a ladder,
the order of ladders.  Putting
it back is a change like any other, with its own event, and can be put back itself.  Not for: doing
that (`undoing`, `web.staff.ladders.definitions`), or what has a history of its own (a home's
configuration, its plan of night checks, a file with a plan).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, select

from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Operator
from web.staff.storage import event_store
from web.staff.storage.admin_tables import change_before
from web.staff.storage.database import Tx

OFFERED = timedelta(days=7)
"""For how long it can be put back by one press: who made a mistake has noticed within a week, and
no more is kept of what somebody once might do."""

ORDER = "order"
"""What an order of ladders is about: an organisation has one."""

SHOWN_MAX = 100
"""Changes that are offered at once."""


class Thing(StrEnum):
    """What can be put back, and of what `about` is the id."""

    ROLES = "roles"
    """A person's."""
    HOMES = "homes"
    """A person's."""
    TEAMS = "teams"
    """A person's."""
    TEAM_AREAS = "team_areas"
    """A team's."""
    HOME_AREA = "home_area"
    """A home's."""
    LADDER = "ladder"
    LADDER_ORDER = "ladder_order"
    """Of all of them: `about` is `ORDER`."""
    SIGN_ON_GROUP = "sign_on_group"
    """What a group of single sign-on gives (`web.staff.people.sign_on_groups.about`)."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The last change of a thing: what was there, and what is."""

    id: str
    what: Thing
    about: str
    before: Any
    after: Any
    by: str | None
    at: datetime


def keep(
    staff: Staff,
    tx: Tx,
    actor: Actor | Operator,
    what: Thing,
    about: str | int,
    before: Any,
    after: Any,
) -> None:
    """Remember what was there, in the transaction that changes it; `before` and `after` as JSON has
    them, sets sorted."""
    c, now = change_before.c, staff.clock.now()
    old = delete(change_before).where(c.org_id == actor.org, c.changed_at < now - OFFERED)
    tx.conn.execute(old)
    key = {"org_id": actor.org, "what": what.value, "about": str(about)}
    values = {
        "id": secrets.token_hex(8),  # so that a page from before this change undoes nothing
        "before": json.dumps(before),
        "after": json.dumps(after),
        "changed_by": actor.person,
        "changed_at": now,
    }
    event_store.upsert(tx.conn, change_before, key, values)


def one(conn: Connection, staff: Staff, org: str, change: str) -> Changed | None:
    """This change; None: the organisation has none, the thing was changed since, or it is too long
    ago (a page that stood open gives nobody back what they had last month)."""
    c = change_before.c
    query = select(change_before).where(c.org_id == org, c.id == change)
    query = query.where(c.changed_at > staff.clock.now() - OFFERED, c.what.in_(list(Thing)))
    row = conn.execute(query).one_or_none()
    found = None if row is None else _changed(row)
    return found if found is not None and _is_read(found) else None


def offered(
    conn: Connection, staff: Staff, org: str, what: Collection[Thing] = tuple(Thing)
) -> list[Changed]:
    """What can be put back in this organisation, of these sorts, the newest first."""
    c = change_before.c
    query = select(change_before).where(c.org_id == org)
    query = query.where(c.changed_at > staff.clock.now() - OFFERED, c.what.in_(list(what)))
    newest = query.order_by(c.changed_at.desc(), c.id.desc()).limit(SHOWN_MAX)
    return [change for change in map(_changed, conn.execute(newest)) if _is_read(change)]


def _is_read(change: Changed) -> bool:
    """Whether what was and what is are as this version keeps them; what another version kept
    otherwise is not offered: put back as far as it is understood it would be something else."""
    return all(_is_known(change.what, value) for value in (change.before, change.after))


def _is_known(what: Thing, value: Any) -> bool:
    if what is Thing.LADDER:
        return value is None or (isinstance(value, dict) and isinstance(value.get("name"), str))
    if what is Thing.SIGN_ON_GROUP:
        parts = {"roles": [], "teams": []} if value is None else value
        named = isinstance(parts, dict) and parts.keys() == {"roles", "teams"}
        return named and all(map(_is_listed, parts.values()))
    return _is_listed(value)


def _is_listed(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str | int) for one in value)


def _changed(row: Any) -> Changed:
    return Changed(
        row.id,
        Thing(row.what),
        row.about,
        json.loads(row.before),
        json.loads(row.after),
        row.changed_by,
        row.changed_at,
    )
