"""Administration: the organisation's accounts, what each may do, where each works.

Administrators change accounts; coordinators say who works where.  Nothing here reaches another
organisation: what is changed goes through `web.staff.people.accounts`.
Not for: homes (`homes_admin`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security.utils import hash_password
from sqlalchemy import Connection, Table, select

from gateway.errors import UserError
from web.staff import channels
from web.staff.channels import points
from web.staff.channels.contract import SendsCodes
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right, Role
from web.staff.pages import layout
from web.staff.pages.account import proved
from web.staff.pages.forms import number_of
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.lists import by_name, matching, swedish
from web.staff.pages.routes import get, post
from web.staff.people import accounts, group_rights, sso_ids
from web.staff.people import registry as adding
from web.staff.people.accounts import Refused, Wrong
from web.staff.signin import providers, sessions
from web.staff.storage import tables
from web.staff.texts import words

PASSWORD_BYTES = 12
"""Of a password that the server makes up: 96 bits, 16 characters."""

GRACE_CHOICES = {
    0: N_("inte alls"),
    24: N_("första dygnet"),
    72: N_("tre dygn"),
    168: N_("en vecka"),
    720: N_("trettio dygn"),
}
"""Hours from somebody's first sign-in in which a password alone is enough, as they are called."""
SHOWN_MAX = 200
"""Accounts or homes in one list: more are found by searching, and a page of them all would be slow
to read and to send."""

SENTENCES = {
    Wrong.NO_RIGHT: N_("Din roll får inte göra det här."),
    Wrong.NOT_FOUND: N_("Det finns inte i din organisation."),
    Wrong.YOURSELF: N_("Det kan du inte göra med ditt eget konto."),
    Wrong.EXISTS: N_("Det finns redan."),
    Wrong.EMPTY: N_("Skriv ett namn först."),
    Wrong.OUT_OF_RANGE: N_("Så länge går inte att välja."),
    Wrong.WHICH_PROVIDER: N_("Välj vilken inloggning id:t gäller."),
    Wrong.TOO_LONG: N_("Texten är för lång."),
    Wrong.BAD_ADDRESS: N_("E-postadressen går inte att använda: kontrollera den."),
    Wrong.NO_SIP: N_("Adressen går inte att använda. Skriv den som sip:larm@centralen.se."),
    Wrong.OPEN_ALARMS: N_("Hemmet har larm eller tillsyner som väntar. Avsluta dem först."),
    Wrong.CHANGED: N_("Någon har ändrat det efteråt, så det går inte att ångra längre."),
    Wrong.IN_USE: N_("Avsluta först positioner, anhöriga och samtycken för hemmet."),
    Wrong.NOTHING: N_("Välj minst en roll eller ett arbetslag."),
    Wrong.TOO_MANY: N_("Det finns för många redan. Ta bort någon först."),
    Wrong.NO_DIGITS: N_("Larm-id är 1 till 16 siffror."),
    Wrong.LOCKED_OUT: N_(
        "Då kan ingen administratör logga in längre. Ge någon av dem ett lösenord först."
    ),
}


def numbers(name: str) -> list[int]:
    """The form's values as numbers; a value that is none is nobody's id."""
    return [number_of(text) for text in request.form.getlist(name)]


def _accounts(conn: Connection, actor: Actor, person: str | None = None) -> list[Any]:
    u = tables.user
    query = select(
        u.c.id,
        u.c.person_id,
        u.c.name,
        u.c.email,
        u.c.active,
        u.c.sso_id,
        u.c.sso_issuer,
        u.c.tf_primary_method,
        u.c.password.is_not(None).label("has_password"),
    ).where(u.c.org_id == actor.org)
    if person is not None:
        query = query.where(u.c.person_id == person)
    return sorted(conn.execute(query), key=lambda one: (not one.active, swedish(one.name), one.id))


def _by_hand(conn: Connection, user_id: int) -> set[str]:
    """The roles that a person gave an account."""
    r, ur = tables.role, tables.user_role.c
    query = select(r.c.name).join(tables.user_role, ur.role_id == r.c.id)
    return set(conn.execute(query.where(ur.user_id == user_id, ur.by_hand)).scalars())


def _roles(conn: Connection, actor: Actor) -> dict[int, list[str]]:
    u, r, ur = tables.user, tables.role, tables.user_role
    by_user: dict[int, list[str]] = {}
    rows = conn.execute(
        select(ur.c.user_id, r.c.name)
        .join(r, r.c.id == ur.c.role_id)
        .join(u, u.c.id == ur.c.user_id)
        .where(u.c.org_id == actor.org)
        .order_by(r.c.name)
    )
    for row in rows:
        by_user.setdefault(row.user_id, []).append(row.name)
    return by_user


def of_org(conn: Connection, table: Table, actor: Actor, name: str = "name") -> list[Any]:
    """Rows of the actor's organisation by name: teams, areas or homes."""
    query = select(table).where(table.c.org_id == actor.org).order_by(table.c.id)
    return by_name(conn.execute(query), name)


def open_homes(conn: Connection, actor: Actor) -> list[Any]:
    """The organisation's homes that are in use, by their labels."""
    return [home for home in of_org(conn, tables.home, actor, "label") if home.closed_at is None]


@get(
    "/administration",
    "people",
    right=Right.ASSIGN,
    under="administration",
    examples=({}, {"sok": "x"}),
)
def people(actor: Actor) -> ResponseReturnValue:
    """The page `/administration`; with `sok=` whose name, address or role has these words."""
    asked = request.args.get("sok", "")
    with staff().db.read() as conn:
        roles = _roles(conn, actor)
        found = matching(
            _accounts(conn, actor),
            asked,
            lambda row: (
                row.name,
                row.email,
                *(words.spoken(words.ALLOWED, role) for role in roles.get(row.id, ())),
            ),
        )
        return page(
            "people.html",
            conn,
            actor,
            accounts=found[:SHOWN_MAX],
            more=len(found) > SHOWN_MAX,
            asked=asked,
            roles=roles,
            places=sessions.places(staff().db, actor.org),
            shared_from=sessions.SHARED_FROM,
            known_roles=list(Role),
            may_administer=actor.may(Right.ADMINISTER),
            allowed=words.ALLOWED,
            grace_h=conn.execute(
                select(tables.organisation.c.factor_grace_h).where(
                    tables.organisation.c.id == actor.org
                )
            ).scalar_one(),
            grace_choices=GRACE_CHOICES,
        )


@post(
    "/administration/inloggning",
    "people_grace",
    right=Right.ADMINISTER,
    examples=({"hours": "0"}, {"hours": "24"}),
)
@proved
def set_grace(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/inloggning`: for how long a password alone is enough."""
    hours = (numbers("hours") or [-1])[0]
    return changed(
        url_for("pages.people"), lambda: accounts.set_grace(staff(), actor, hours), _("Sparat.")
    )


@get("/administration/person/<person>", "people_one", right=Right.ASSIGN)
def one(actor: Actor, person: str) -> ResponseReturnValue:
    """The page `/administration/person/<person>`."""
    with staff().db.read() as conn:
        rows = _accounts(conn, actor, person)
        if not rows:
            abort(404)
        row = rows[0]
        a, m = tables.assignment, tables.team_member
        teams = of_org(conn, tables.team, actor)
        called = {team.id: team.name for team in teams}
        return page(
            "person.html",
            conn,
            actor,
            row=row,
            roles=_by_hand(conn, row.id),
            given=group_rights.of(conn, row.id),
            known_roles=list(Role),
            allowed=words.ALLOWED,
            homes=open_homes(conn, actor),
            assigned=set(conn.execute(select(a.c.home_id).where(a.c.user_id == row.id)).scalars()),
            teams=teams,
            team_names=lambda ids: ", ".join(called[one] for one in ids if one in called),
            spoken_roles=lambda roles: ", ".join(words.spoken(words.ALLOWED, r) for r in roles),
            member=set(
                conn.execute(
                    select(m.c.team_id).where(m.c.user_id == row.id, m.c.by_hand)
                ).scalars()
            ),
            open_sessions=sessions.of_account(staff().db, row.id),
            places=sessions.places(staff().db, actor.org).get(row.id, 0),
            shared_from=sessions.SHARED_FROM,
            passkeys=len(
                conn.execute(
                    select(tables.passkey.c.id).where(tables.passkey.c.user_id == row.id)
                ).all()
            ),
            may_administer=actor.may(Right.ADMINISTER),
            ways=points.of(conn, row.id),
            by_code=[name for name, way in channels.here().items() if isinstance(way, SendsCodes)],
            providers=providers.used_of(conn, staff(), actor.org),
        )


@post(
    "/administration/person",
    "people_add",
    right=Right.ADMINISTER,
    examples=({"name": "x", "email": "x@prov.example", "role": "administrator"},),
)
@proved
def add(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/person`: a new account with a password that is shown once."""
    back = url_for("pages.people")
    form = request.form
    roles = [Role(name) for name in form.getlist("role") if name in set(Role)]
    name = form.get("name", "").strip()
    if not name or not roles:
        return refused(_("Skriv ett namn och välj minst en roll."), back, 422)
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    try:
        person = adding.add_user(
            staff().db,
            form.get("email", ""),
            name=name,
            org=actor.org,
            roles=roles,
            password_hash=str(hash_password(password)),
            now=staff().clock.now(),
        )
    except UserError:
        return refused(_("E-postadressen går inte att använda: kontrollera den."), back, 422)
    with staff().write() as tx:
        accounts.note(staff(), tx, actor, "added", person)
    return _shown_once(actor, person, password)


def _shown_once(actor: Actor, person: str, password: str) -> ResponseReturnValue:
    """The page with a new password: never in a cookie, an address or a log."""
    with staff().db.read() as conn:
        summary = layout.summarise(conn, actor)
        row = _accounts(conn, actor, person)[0]
    return render_template(
        "password.html", summary=summary, row=row, password=password, title=_("Nytt lösenord")
    )


def changed(
    back: str, change: Callable[[], object], text: str | Callable[[], str]
) -> ResponseReturnValue:
    """Do it and answer (`text` may be made afterwards), or answer why not; what is another
    organisation's is not there (404)."""
    try:
        change()
    except Refused as refusal:
        status = 403 if refusal.why is Wrong.NO_RIGHT else 409
        if refusal.why is Wrong.NOT_FOUND:
            abort(404)
        return refused(_(SENTENCES[refusal.why]), back, status)
    return answered(text if isinstance(text, str) else text(), back)


@post(
    "/administration/person/<person>",
    "people_change",
    right=Right.ASSIGN,
    examples=(
        {"do": "roles", "role": "administrator"},
        {"do": "homes"},
        {"do": "teams"},
        {"do": "close"},
        {"do": "open"},
        {"do": "sign_out"},
        {"do": "password"},
        {"do": "factors"},
        {"do": "sso", "sso_id": "x"},
        {"do": "sso", "sso_id": "x", "provider": "x"},
        {"do": "about", "name": "x", "email": "x@prov.example"},
    ),
)
@proved
def change(actor: Actor, person: str) -> ResponseReturnValue:
    """POST `/administration/person/<person>`: one of the page's forms, named by `do`."""
    parts, form = staff(), request.form
    back = url_for("pages.people_one", person=person)
    roles = [Role(name) for name in form.getlist("role") if name in set(Role)]
    done: dict[str, tuple[Callable[[], object], str]] = {
        "roles": (
            lambda: accounts.set_roles(parts, actor, person, roles),
            _("Rollerna är ändrade."),
        ),
        "homes": (
            lambda: accounts.set_homes(parts, actor, person, form.getlist("home")),
            _("Hemmen är ändrade."),
        ),
        "teams": (
            lambda: accounts.set_teams(parts, actor, person, numbers("team")),
            _("Arbetslagen är ändrade."),
        ),
        "close": (
            lambda: accounts.set_active(parts, actor, person, False),
            _("Kontot är stängt och utloggat överallt."),
        ),
        "open": (
            lambda: accounts.set_active(parts, actor, person, True),
            _("Kontot är öppet igen."),
        ),
        "sign_out": (
            lambda: accounts.sign_out(parts, actor, person),
            _("Utloggad överallt."),
        ),
        "factors": (
            lambda: accounts.reset_factors(parts, actor, person),
            _("Koder och passkeys är borttagna."),
        ),
        "about": (
            lambda: accounts.set_about(
                parts, actor, person, form.get("name", ""), form.get("email", "")
            ),
            _("Sparat."),
        ),
        "sso": (
            lambda: sso_ids.set_sso_id(
                parts, actor, person, form.get("sso_id", "").strip(), form.get("provider", "")
            ),
            _("Sparat."),
        ),
    }
    what = form.get("do", "")
    if what == "password":
        return _new_password(actor, person, back)
    if what not in done:
        return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)
    return changed(back, *done[what])


def _new_password(actor: Actor, person: str, back: str) -> ResponseReturnValue:
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    hashed = str(hash_password(password))
    try:
        accounts.set_password(staff(), actor, person, hashed)
    except Refused as refusal:
        if refusal.why is Wrong.NOT_FOUND:
            abort(404)
        return refused(_(SENTENCES[refusal.why]), back, 403)
    return _shown_once(actor, person, password)
