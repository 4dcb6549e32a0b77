"""Ändringar: who changed accounts, roles, teams, areas, keys, ladders and the plan in the
organisation, and when.

Each row is an event (`account.changed`, `ladder.saved`, `visit.plan_changed` …); it never says to
what.  The last
change of a thing is put back by one press, for a week.  Not for: what was changed about a home (its
own page shows that), or who read something (`access_log`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, or_, select

from gateway.envelope import Event
from gateway.events import (
    AccountChanged,
    AccountSettled,
    LadderOrderChange,
    LadderOrderChanged,
    LadderRemoved,
    LadderSaved,
    VisitPlanChanged,
)
from web.staff import channels
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right, Role
from web.staff.events.append import SERVER_ORIGIN
from web.staff.ladders import definitions, ordering
from web.staff.ladders.receivers import outside
from web.staff.pages import ladders, lookups
from web.staff.pages.account import proved
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.routes import get, post
from web.staff.pages.staff_admin import SENTENCES, changed, of_org
from web.staff.people import before, sign_on_groups, undoing
from web.staff.people.accounts import Wrong
from web.staff.people.before import Thing
from web.staff.storage import tables
from web.staff.storage.among import among
from web.staff.texts import kind_words, words

SHOWN = 200
"""Changes on the page: some weeks of a municipality's unit."""

LADDERS = (Thing.LADDER, Thing.LADDER_ORDER)

OF_LADDERS = (LadderSaved, LadderRemoved, LadderOrderChanged)

ADMINISTERED = (Thing.ROLES, Thing.SIGN_ON_GROUP)
"""What only administrators put back."""

SHOWN_KINDS = (AccountChanged, AccountSettled, VisitPlanChanged, *OF_LADDERS)

READ_MAX = 2000
"""Rows that are looked through for them: those of the command line name no person, and may be
another organisation's."""

WHAT: Mapping[str, str] = {
    "first_start": N_("Första administratören skapad"),
    "added": N_("Konto tillagt"),
    "opened": N_("Konto öppnat igen"),
    "closed": N_("Konto stängt"),
    "signed_out": N_("Utloggad"),
    "password": N_("Nytt lösenord"),
    "factors": N_("Koder och passkeys borttagna"),
    "grace": N_("Tid med bara lösenord ändrad"),
    "sso_id": N_("Id för organisationens inloggning ändrat"),
    "name": N_("Namn ändrat"),
    "email": N_("E-post ändrad"),
    "roles": N_("Roller ändrade"),
    "homes": N_("Hem ändrade"),
    "teams": N_("Arbetslag ändrade"),
    "team": N_("Arbetslag tillagt"),
    "area": N_("Område tillagt"),
    "team_areas": N_("Arbetslagets områden ändrade"),
    "home_area": N_("Hemmets område ändrat"),
    "home": N_("Hem tillagt"),
    "home_closed": N_("Hem stängt"),
    "home_reopened": N_("Hem öppnat igen"),
    "enrol_code": N_("Kod för hemmets enhet skapad"),
    "alarm_centre": N_("Larmcentral eller annat system ändrat"),
    "care_id": N_("Larm-id ändrat"),
    "contact": N_("Larmväg ändrad"),
    "position_days": N_("Tid som positioner sparas ändrad"),
    "taken_back_home": N_("Åtkomst till ett hem återkallad"),
    "taken_back_phone": N_("Telefon återkallad"),
    "taken_back_all": N_("All åtkomst återkallad"),
    "token": N_("Nyckel för planeringssystemet skapad"),
    "token_ended": N_("Nyckel för planeringssystemet återkallad"),
    "tag": N_("Tagg vid dörren skapad"),
    "tags_ended": N_("Taggar vid dörren återkallade"),
    "release": N_("Byte av version ändrat"),
    "release_ring": N_("Hemmets grupp för versionsbyten ändrad"),
    "night_baseline": N_("Utgångsläge för natten ifyllt"),
    "ladder": N_("Larmkedja ändrad"),
    "ladder_order": N_("Larmkedjornas ordning ändrad"),
    "relative_link": N_("Ny länk till en anhörig"),
    "sign_on": N_("Organisationens inloggning ändrad"),
    "sign_on_used": N_("Organisationens inloggning används"),
    "sign_on_ended": N_("Organisationens inloggning används inte längre"),
    "sign_on_group": N_("Grupp i organisationens inloggning ändrad"),
    "sign_on_adds": N_("Konto vid första inloggningen ändrat"),
    "signing_key": N_("Ny nyckel för dörröppning skapad"),
}
"""Words of `account.changed.what`; another one is shown as it came."""


@dataclass(frozen=True, slots=True)
class Step:
    """A change that can be put back: of whom or what, and what it would be again."""

    id: str
    what: str
    about: str
    again: str
    by: str | None
    at: datetime


@get(
    "/administration/andringar",
    "changes",
    right=Right.ASSIGN,
    under="administration",
)
def changes(actor: Actor) -> ResponseReturnValue:
    """The page `/administration/andringar`."""
    with staff().db.read() as conn:
        names = lookups.staff_names(conn, actor)
        return page(
            "changes.html",
            conn,
            actor,
            rows=_rows(conn, actor.org, names),
            steps=_steps(conn, actor, names),
            names=names,
            what=lambda code: words.spoken(WHAT, code),
            is_plan=lambda event: isinstance(event.data, VisitPlanChanged),
            is_settled=lambda event: isinstance(event.data, AccountSettled),
            of_ladders=_of_ladders,
        )


@post("/administration/andringar", "changes_undo", right=Right.ASSIGN, examples=({"change": "x"},))
@proved
def undo(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/andringar`: put back what the last change of something had found."""
    here = "pages.ladders" if request.form.get("back") == "ladders" else "pages.changes"
    back = url_for(here)
    with staff().db.read() as conn:
        change = before.one(conn, staff(), actor.org, request.form.get("change", ""))
    if change is None:
        return refused(_(SENTENCES[Wrong.CHANGED]), back)
    if change.what not in LADDERS:
        return changed(back, lambda: undoing.undo(staff(), actor, change), _("Ångrat."))
    try:
        if change.what is Thing.LADDER_ORDER:
            ordering.undo(staff(), actor, change)
        else:
            definitions.undo(staff(), actor, change, outside(channels.here()))
    except definitions.Refused as refusal:
        return refused(_(ladders.SENTENCES[refusal.why]), back)
    return answered(_("Ångrat."), back)


def _steps(conn: Connection, actor: Actor, names: Mapping[str, str]) -> list[Step]:
    found = [
        one
        for one in before.offered(conn, staff(), actor.org)
        if one.what not in ADMINISTERED or actor.may(Right.ADMINISTER)
    ]
    if not found:
        return []
    homes = {row.id: row.label for row in of_org(conn, tables.home, actor, "label")}
    teams = {str(row.id): row.name for row in of_org(conn, tables.team, actor)}
    areas = {str(row.id): row.name for row in of_org(conn, tables.area, actor)}
    roles = {role.value: words.spoken(words.ALLOWED, role) for role in Role}
    about = {Thing.TEAM_AREAS: teams, Thing.HOME_AREA: homes}
    again: dict[Thing, Mapping[str, str]] = {
        Thing.ROLES: roles,
        Thing.HOMES: homes,
        Thing.TEAMS: teams,
        Thing.TEAM_AREAS: areas,
        Thing.HOME_AREA: areas,
    }
    return [
        Step(
            one.id,
            one.what.value,
            ladders.called(one)
            if one.what in LADDERS
            else sign_on_groups.called(one.about)
            if one.what is Thing.SIGN_ON_GROUP
            else about.get(one.what, names).get(one.about, one.about),
            ladders.again(one)
            if one.what in LADDERS
            else ", ".join(again[sort].get(str(each), _("något som inte finns längre"))
                           for sort, each in _before(one)) or _("inget"),
            one.by,
            one.at,
        )
        for one in found
    ]  # fmt: skip


def _before(change: before.Changed) -> list[tuple[Thing, object]]:
    """What there was before, each with its sort."""
    if change.what is not Thing.SIGN_ON_GROUP:
        return [(change.what, each) for each in change.before]
    gave = change.before or {"roles": [], "teams": []}
    return [
        *((Thing.ROLES, role) for role in gave["roles"]),
        *((Thing.TEAMS, team) for team in gave["teams"]),
    ]


def _of_ladders(event: Event) -> str | None:
    """What a change of ladders was, in words; None: it was of something else."""
    data = event.data
    if isinstance(data, LadderOrderChanged):
        return (
            f"{_(WHAT['ladder_order'])}: {words.spoken(words.ENUMS[LadderOrderChange], data.why)}"
        )
    return _(kind_words.KINDS[event.kind].label) if isinstance(data, OF_LADDERS) else None


def _rows(conn: Connection, org: str, names: Mapping[str, str]) -> list[Event]:
    """The newest changes by somebody of the organisation, or from the command line about somebody
    of it, and of its plan."""
    e = tables.event.c
    query = (
        select(e.body)
        .where(e.origin == SERVER_ORIGIN, e.kind.in_([one.KIND for one in SHOWN_KINDS]))
        .where(or_(among(e.person, names), e.person.is_(None)))
        .order_by(e.seq.desc())
        .limit(READ_MAX)
    )
    found = []
    for event in map(lookups.event_of, conn.execute(query).scalars()):
        if event is not None and _ours(event, org, names):
            found.append(event)
        if len(found) == SHOWN:
            break
    return found


def _ours(event: Event, org: str, names: Mapping[str, str]) -> bool:
    if isinstance(event.data, VisitPlanChanged):
        return event.data.org == org
    if isinstance(event.data, OF_LADDERS):
        return event.person is not None
    if isinstance(event.data, AccountSettled):
        return event.data.account in names
    if not isinstance(event.data, AccountChanged):
        return False
    return event.person is not None or event.data.account in names
