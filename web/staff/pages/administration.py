"""Administration: where everything is set up, and what is left of an organisation's first day.

A new page of administration is one line of `GROUPS`.  Not for: changing anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, Table, func, select

from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.rights import RIGHTS, Actor, Right, Role
from web.staff.pages.layout import page
from web.staff.pages.routes import Menu, get
from web.staff.storage import alarm_tables, ladder_tables, tables
from web.staff.texts import words


@dataclass(frozen=True, slots=True)
class Entry:
    """A page: its endpoint, what it is called, what one does there, and who may (any of these)."""

    endpoint: str
    icon: str
    label: str
    about: str
    rights: tuple[Right, ...]


GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        N_("Hem"),
        (
            Entry(
                "pages.places",
                "home",
                N_("Hem och arbetslag"),
                N_("Lägg till hem, områden och arbetslag. Kod som ansluter hemmets enhet."),
                (Right.ASSIGN, Right.ENROLL),
            ),
            Entry(
                "pages.releases",
                "box",
                N_("Versioner"),
                N_("Vilken version hemmens enheter har, och byte till en annan."),
                (Right.ADMINISTER,),
            ),
            Entry(
                "pages.planning",
                "walk",
                N_("Planering"),
                N_("Läs in planerade besök från en fil, och se först vad som ändras."),
                (Right.ASSIGN,),
            ),
            Entry(
                "pages.batteries",
                "battery",
                N_("Batterier"),
                N_("Vilka batterier som ska bytas när, och i vilket besök."),
                (Right.ASSIGN, Right.ENROLL),
            ),
        ),
    ),
    (
        N_("Personal"),
        (
            Entry(
                "pages.people",
                "person",
                N_("Personal"),
                N_("Konton, roller, arbetslag, lösenord och förlorade telefoner."),
                (Right.ASSIGN,),
            ),
            Entry(
                "pages.changes",
                "pen",
                N_("Ändringar"),
                N_("Vem som har ändrat konton, roller och arbetslag, och när."),
                (Right.ASSIGN,),
            ),
        ),
    ),
    (
        N_("Larm"),
        (
            Entry(
                "pages.ladders",
                "bell",
                N_("Larmkedjor"),
                N_("Vem som larmas, i vilken ordning och hur snabbt."),
                (Right.ASSIGN,),
            ),
            Entry(
                "pages.centres",
                "phone",
                N_("Larmcentraler"),
                N_("Larmcentraler utanför verksamheten, och hemmens larm-id."),
                (Right.ADMINISTER,),
            ),
            Entry(
                "pages.webhooks",
                "globe",
                N_("Andra system"),
                N_("Egna system som får larm."),
                (Right.ADMINISTER,),
            ),
        ),
    ),
    (
        N_("Server"),
        (
            Entry(
                "pages.connections",
                "key",
                N_("Anslutningar"),
                N_("Nycklar för planeringssystemet, inloggning och dörröppning."),
                (Right.ADMINISTER,),
            ),
            Entry(
                "pages.sign_on",
                "person-check",
                N_("Organisationens inloggning"),
                N_("Inloggning med SITHS eller liknande, som provas innan den används."),
                (Right.ADMINISTER,),
            ),
            Entry(
                "pages.sign_on_groups",
                "person-check",
                N_("Grupper som ger behörighet"),
                N_("Roller och arbetslag enligt grupper i organisationens inloggning."),
                (Right.ADMINISTER,),
            ),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the first day, whether it is done, and where it is done."""

    label: str
    endpoint: str
    done: bool


@get(
    "/administration/oversikt",
    "administration",
    right=Right.ASSIGN,
    menu=Menu(78, "list", N_("Administration")),
)
def administration(actor: Actor) -> ResponseReturnValue:
    """The page `/administration/oversikt`."""
    shown = [(title, [one for one in group if _may(actor, one)]) for title, group in GROUPS]
    with staff().db.read() as conn:
        steps = _first_day(conn, actor.org) if actor.may(Right.ADMINISTER) else []
        org = conn.execute(
            select(tables.organisation.c.name).where(tables.organisation.c.id == actor.org)
        ).scalar_one()
        return page(
            "administration.html",
            conn,
            actor,
            org=org,
            groups=[(title, entries) for title, entries in shown if entries],
            steps=[] if all(step.done for step in steps) else steps,
            roles=[(role, [right for right in RIGHTS[role] if right in SAYS]) for role in Role],
            allowed=words.ALLOWED,
            says=SAYS,
        )


def _may(actor: Actor, entry: Entry) -> bool:
    return any(actor.may(right) for right in entry.rights)


SAYS = {
    Right.SEE_ALL_HOMES: N_("se alla hem"),
    Right.SEE_CARE: N_("se omsorgen: säng, besök, tillsyn och larm"),
    Right.TURN_LOCK: N_("låsa upp och låsa"),
    Right.TAP_VISIT: N_("registrera besök"),
    Right.ANSWER_CHECK: N_("svara på tillsyn"),
    Right.LOOK: N_("göra kameratillsyn"),
    Right.ANSWER_CARE_ALARM: N_("ta omsorgslarm"),
    Right.ANSWER_TECHNICAL_ALARM: N_("ta tekniska larm"),
    Right.CORRECT_VISIT: N_("rätta besök"),
    Right.AUDIT_ACCESS: N_("granska åtkomstloggen"),
    Right.ASSIGN: N_("bestämma vem som arbetar var"),
    Right.PLAN_PLACES: N_("sätta områden för positionslarm"),
    Right.PLAN_CHECKS: N_("planera nattillsyn"),
    Right.INVITE_RELATIVES: N_("bjuda in anhöriga"),
    Right.ENROLL: N_("ansluta hemmets enhet"),
    Right.CONFIGURE: N_("ändra hemmets utrustning och regler"),
    Right.ASK_SERVICE: N_("be att få öppna för service"),
    Right.ADMINISTER: N_("lägga till hem, konton och roller"),
    Right.SET_ASIDE: N_("lägga felaktiga händelser åt sidan"),
}
"""What each right is, as a thing that somebody does."""


def _first_day(conn: Connection, org: str) -> list[Step]:
    """What an organisation needs before its first alarm reaches somebody."""

    def some(table: Table, least: int = 1) -> bool:
        query = select(func.count()).select_from(table).where(table.c.org_id == org)
        return int(conn.execute(query).scalar_one()) >= least

    k, h, u, p = tables.gateway_key.c, tables.home.c, tables.user.c, alarm_tables.contact_point.c
    joined = select(k.id).join(tables.home, h.id == k.home_id).where(h.org_id == org)
    reached = (
        select(p.id)
        .join(tables.user, u.id == p.user_id)
        .where(u.org_id == org, p.proved_at.is_not(None), p.gone_at.is_(None))
    )
    return [
        Step(N_("Lägg till ett hem"), "pages.places", some(tables.home)),
        Step(N_("Lägg till personal med roller"), "pages.people", some(tables.user, 2)),
        Step(
            N_("Lägg till en larmväg, så att larm når någon"),
            "pages.ways",
            conn.execute(reached.limit(1)).first() is not None,
        ),
        Step(N_("Skapa en larmkedja"), "pages.ladders", some(ladder_tables.ladder)),
        Step(
            N_("Anslut hemmets enhet med en kod"),
            "pages.places",
            conn.execute(joined.limit(1)).first() is not None,
        ),
    ]
