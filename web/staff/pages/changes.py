"""Ändringar: who changed accounts, roles, teams, areas and keys in the organisation, and when.

Each row is an event (`account.changed`); it never says to what.  Not for: what was changed about a
home (its own page shows that), or who read something (`access_log`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, or_, select

from gateway.events import AccountChanged
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.rights import Actor, Right
from web.staff.events.append import SERVER_ORIGIN
from web.staff.pages import lookups
from web.staff.pages.layout import page
from web.staff.pages.routes import get
from web.staff.storage import tables
from web.staff.storage.among import among
from web.staff.texts import words

SHOWN = 200
"""Changes on the page: some weeks of a municipality's unit."""

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
    "enrol_code": N_("Kod för gatewayen skapad"),
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
    "signing_key": N_("Ny nyckel för dörröppning skapad"),
}
"""Words of `account.changed.what`; another one is shown as it came."""


@get("/administration/andringar", "changes", right=Right.ASSIGN)
def changes(actor: Actor) -> ResponseReturnValue:
    """The page `/administration/andringar`."""
    with staff().db.read() as conn:
        names = lookups.staff_names(conn, actor)
        return page(
            "changes.html",
            conn,
            actor,
            rows=_rows(conn, names),
            names=names,
            what=lambda code: words.spoken(WHAT, code),
        )


def _rows(conn: Connection, names: Mapping[str, str]) -> list[Any]:
    """The newest changes by somebody of the organisation, or from the command line about somebody
    of it."""
    e = tables.event.c
    query = (
        select(e.body)
        .where(e.origin == SERVER_ORIGIN, e.kind == AccountChanged.KIND)
        .where(or_(among(e.person, names), e.person.is_(None)))
        .order_by(e.seq.desc())
        .limit(READ_MAX)
    )
    found = []
    for event in map(lookups.event_of, conn.execute(query).scalars()):
        if event is None or not isinstance(event.data, AccountChanged):
            continue
        if event.person is not None or event.data.account in names:
            found.append(event)
        if len(found) == SHOWN:
            break
    return found
