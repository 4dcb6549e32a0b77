"""Who is assigned where: by themselves, or by a team whose areas the home is in.

The one place that says it, for who acts now (`auth`) and for what is taken back (`revocation`).
Not for: changing it (`accounts`).
"""

from __future__ import annotations

from sqlalchemy import BindParameter, ColumnElement, CompoundSelect, or_, select, union

from web.staff.storage.tables import area_home, assignment, team_area, team_member

_ALONE = select(assignment.c.user_id, assignment.c.home_id)
_WITH_TEAM = (
    select(team_member.c.user_id, area_home.c.home_id)
    .join(team_area, team_area.c.team_id == team_member.c.team_id)
    .join(area_home, area_home.c.area_id == team_area.c.area_id)
)
_TEAM_HOMES = _WITH_TEAM.with_only_columns(area_home.c.home_id, maintain_column_froms=True)
ASSIGNED = union(_ALONE, _WITH_TEAM).subquery("assigned")
"""Each account (`user_id`) and each home (`home_id`) where it is assigned, once."""


def assigned_homes(user_id: int | BindParameter[int]) -> CompoundSelect[str]:
    """The query of the homes where an account is assigned.

    Each half is asked for the one account: SQLite would make all of `ASSIGNED` before it chose from
    it (5 s a request, measured with a team of 1,000 in 1,000 homes).
    """
    alone = select(assignment.c.home_id).where(assignment.c.user_id == user_id)
    with_team = _TEAM_HOMES.where(team_member.c.user_id == user_id)
    return union(alone, with_team)


def is_assigned(
    user_id: int | ColumnElement[int], home: str | ColumnElement[str]
) -> ColumnElement[bool]:
    """Whether an account is assigned to a home; both may be columns of the query around it."""
    alone = select(assignment.c.home_id).where(
        assignment.c.user_id == user_id, assignment.c.home_id == home
    )
    with_team = _TEAM_HOMES.where(team_member.c.user_id == user_id, area_home.c.home_id == home)
    return or_(alone.exists(), with_team.exists())
