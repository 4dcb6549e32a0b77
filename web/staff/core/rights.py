"""Roles, what each may do, and who acts now.

Pure: no database, no Flask.  Not for: whether a lock may be turned (`actions` adds the assignment
and the reason), or pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Role(StrEnum):
    """What a staff member is.  One person may have several."""

    CAREGIVER = "caregiver"
    NIGHT_WATCHER = "night_watcher"
    COORDINATOR = "coordinator"
    TECHNICIAN = "technician"
    ADMINISTRATOR = "administrator"


class Right(StrEnum):
    """One thing that a role allows."""

    SEE_ALL_HOMES = "see_all_homes"
    """Every home of the organisation, not only the assigned ones."""
    SEE_CARE = "see_care"
    """What happened to the resident: bed, visits, checks, alarms."""
    TURN_LOCK = "turn_lock"
    TAP_VISIT = "tap_visit"
    ANSWER_CHECK = "answer_check"
    LOOK = "look"
    """Look into an assigned home by its camera, for a moment and on a ground."""
    ANSWER_CARE_ALARM = "answer_care_alarm"
    ANSWER_TECHNICAL_ALARM = "answer_technical_alarm"
    CORRECT_VISIT = "correct_visit"
    AUDIT_ACCESS = "audit_access"
    """Read the access log, and check its samples."""
    ASSIGN = "assign"
    """Say who works where: teams, areas, homes."""
    PLAN_PLACES = "plan_places"
    """Note a resident's consent to positions, draw zones, add and revoke transponders."""
    PLAN_CHECKS = "plan_checks"
    """Set a home's plan of night checks, and note who there agreed to looks."""
    INVITE_RELATIVES = "invite_relatives"
    """Invite relatives with a resident's consent, and end what was agreed."""
    ENROLL = "enroll"
    CONFIGURE = "configure"
    """Say what a home consists of: its devices, and its rules' settings."""
    ASK_SERVICE = "ask_service"
    """Ask to turn a lock for service; a second person approves."""
    ADMINISTER = "administer"
    SET_ASIDE = "set_aside"
    """Ask that an event be neither shown nor counted, and agree when another one asks."""


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.CAREGIVER: frozenset(
        {
            Right.SEE_CARE,
            Right.TURN_LOCK,
            Right.TAP_VISIT,
            Right.ANSWER_CHECK,
            Right.LOOK,
            Right.ANSWER_CARE_ALARM,
            Right.ANSWER_TECHNICAL_ALARM,
        }
    ),
    Role.NIGHT_WATCHER: frozenset(
        {
            Right.SEE_CARE,
            Right.TURN_LOCK,
            Right.TAP_VISIT,
            Right.ANSWER_CHECK,
            Right.LOOK,
            Right.ANSWER_CARE_ALARM,
            Right.ANSWER_TECHNICAL_ALARM,
        }
    ),
    Role.COORDINATOR: frozenset(
        {
            Right.SEE_ALL_HOMES,
            Right.SEE_CARE,
            Right.ANSWER_CARE_ALARM,
            Right.ANSWER_TECHNICAL_ALARM,
            Right.CORRECT_VISIT,
            Right.PLAN_PLACES,
            Right.PLAN_CHECKS,
            Right.INVITE_RELATIVES,
            Right.AUDIT_ACCESS,
            Right.ASSIGN,
            Right.SET_ASIDE,
        }
    ),
    Role.TECHNICIAN: frozenset(
        {
            Right.SEE_ALL_HOMES,
            Right.ANSWER_TECHNICAL_ALARM,
            Right.ENROLL,
            Right.CONFIGURE,
            Right.ASK_SERVICE,
        }
    ),
    Role.ADMINISTRATOR: frozenset(
        {
            Right.SEE_ALL_HOMES,
            Right.ENROLL,
            Right.CONFIGURE,
            Right.ADMINISTER,
            Right.ASSIGN,
            Right.SET_ASIDE,
        }
    ),
}


@cache
def rights_of(roles: frozenset[Role]) -> frozenset[Right]:
    """What any of these roles may.  Kept: a page asks for each home that it shows."""
    return frozenset().union(*(RIGHTS[role] for role in roles))


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in staff member.  `person` is the id used in events; `homes` what is seen (all of
    the organisation's for some roles), `assigned` where this person is assigned."""

    person: str
    name: str
    org: str
    roles: frozenset[Role]
    homes: frozenset[str]
    assigned: frozenset[str]

    def may(self, right: Right) -> bool:
        """Whether one of the roles has this right."""
        return right in rights_of(self.roles)

    def sees(self, home: str) -> bool:
        """Whether this home may be shown at all."""
        return home in self.homes


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever runs commands on the server itself, for one organisation at a time.  Nobody in person
    as far as events know; who can read the server's secrets is asked for no right."""

    org: str
    person: None = None

    def may(self, _right: Right) -> bool:
        """Everything."""
        return True
