"""For how long a password alone is enough: the first day, or what the organisation says.

It counts from an account's first sign-in by password (from the migration for accounts that were
there before), and is over when a passkey or a second factor is set up: what somebody has is asked
for.  After it a password lets in only to set one up (`SET_UP_ONLY`).  All times are real.  Not for:
which roles need more (`SignInConfig.second_factor_roles`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import Select, exists, select, update

from web.staff.storage import tables
from web.staff.storage.database import Tx

DEFAULT_H = 24
"""Hours, for an organisation that says nothing: a shift with somebody beside who has done it."""

HOURS_MAX = 30 * 24
"""Hours that an organisation may set at the most."""

SET_UP_FOR = timedelta(minutes=30)
"""How long a session lasts that is only for setting up: the time to find the phone."""

SET_UP_ONLY = frozenset(
    {
        "pages.set_up",
        "security.logout",
        "security.two_factor_setup",
        "security.two_factor_setup_validate",
        "security.verify",
        "security.wan_register",
        "security.wan_register_response",
    }
)
"""Where a password alone leads when it is not enough any more, and nowhere else."""


class Enough(Enum):
    """What a password alone is enough for."""

    YES = "yes"
    TO_SET_UP = "to_set_up"
    NO = "no"
    """There is a second factor or a passkey, and it must be shown."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account has, and when its grace began; None: not yet."""

    has_more: bool
    began_at: datetime | None
    hours: int

    def ends_at(self, now: datetime) -> datetime:
        """When a password alone is not enough any more."""
        return (self.began_at or now) + timedelta(hours=self.hours)

    def enough(self, now: datetime) -> Enough:
        """What a password alone is enough for."""
        if self.has_more:
            return Enough.NO
        return Enough.YES if now < self.ends_at(now) else Enough.TO_SET_UP

    def session_until(self, now: datetime) -> datetime:
        """When a session that begins now with a password alone ends at the latest."""
        if self.enough(now) is Enough.YES:
            return self.ends_at(now)
        return now + SET_UP_FOR


_u, _o, _p = tables.user.c, tables.organisation.c, tables.passkey.c

COLUMNS: tuple[Any, ...] = (
    _u.grace_from,
    _u.tf_primary_method,
    exists().where(_p.user_id == _u.id).label("has_passkey"),
    _o.factor_grace_h,
)
"""What `standing` reads, of `user` joined with `organisation`."""


def standing(row: Any) -> Standing:
    """The standing in a row with `COLUMNS`."""
    has_more = bool(row.tf_primary_method) or bool(row.has_passkey)
    return Standing(has_more, row.grace_from, row.factor_grace_h)


def _of(user_id: int) -> Select[Any]:
    joined = tables.user.join(tables.organisation, _o.id == _u.org_id)
    return select(*COLUMNS).select_from(joined).where(_u.id == user_id)


def begin(tx: Tx, user_id: int, now: datetime) -> Standing:
    """The standing of an account that signs in by password now: the first time, its grace
    begins."""
    found = standing(tx.conn.execute(_of(user_id)).one())
    if found.began_at is None:
        tx.conn.execute(update(tables.user).where(_u.id == user_id).values(grace_from=now))
    return found
