"""Putting back the last change of who works where and what somebody may do: a change itself.

Not for: ladders (`web.staff.ladders.definitions`), or remembering what was there (`before`).
"""

from __future__ import annotations

from typing import Any

from web.staff.core.context import Staff
from web.staff.people import accounts, sign_on_groups
from web.staff.people.accounts import By, Refused, Wrong
from web.staff.people.before import Changed, Thing


def undo(staff: Staff, actor: By, change: Changed) -> bool:
    """Put back what was there before; whether that changed anything.  Raises `Refused`: as the
    change itself, and CHANGED when somebody changed it since."""

    def back(had: set[Any]) -> list[Any]:
        if sorted(had) != change.after:
            raise Refused(Wrong.CHANGED)
        return list(change.before)

    match change.what:
        case Thing.ROLES:
            return accounts.pick_roles(staff, actor, change.about, back)
        case Thing.HOMES:
            return accounts.pick_homes(staff, actor, change.about, back)
        case Thing.TEAMS:
            return accounts.pick_teams(staff, actor, change.about, back)
        case Thing.TEAM_AREAS:
            return accounts.pick_team_areas(staff, actor, int(change.about), back)
        case Thing.HOME_AREA:
            return accounts.pick_home_area(staff, actor, change.about, back)
        case Thing.SIGN_ON_GROUP:
            return sign_on_groups.put_back(staff, actor, change.about, change.before, change.after)
        case _:
            raise Refused(Wrong.NOT_FOUND)
