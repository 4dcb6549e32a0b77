"""Administration: the organisation's homes, areas and teams, and the codes that enroll a gateway.

Not for: people (`staff_admin`), or what happens in a home.
"""

from __future__ import annotations

from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, select

from gateway.errors import UserError
from gateway.events import HomeClosedWhy, HomeField
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.homelink import enrolment
from web.staff.pages import layout, lookups, qr
from web.staff.pages.account import proved
from web.staff.pages.layout import answered, need, page, refused
from web.staff.pages.lists import by_name, matching
from web.staff.pages.routes import Menu, get, post
from web.staff.pages.staff_admin import SHOWN_MAX, changed, numbers, of_org, open_homes
from web.staff.people import accounts, care_ids, home_details, home_life
from web.staff.people import registry as adding
from web.staff.storage import tables
from web.staff.texts import event_summary, words
from web.staff.visits import visit_actions

Residents = dict[str, list[tuple[str, str]]]
"""By home: person id and name."""

TAGS_MAX = 20
"""Tags of one home that work: a door has one, and a flat few doors."""

SHOWN_KINDS = (
    *("home.changed", "home.protection_set"),
    *("home.closed", "home.reopened", "home.moved_out"),
)
"""What of a home's events its page of administration lists."""

HISTORY = 20
"""Changes of what is kept of a home that its page shows."""


@get(
    "/administration/hem",
    "places",
    menu=Menu(90, "box", N_("Installation"), Right.ENROLL),
    under="administration",
    examples=({}, {"sok": "x"}),
)
def places(actor: Actor) -> ResponseReturnValue:
    """The page `/administration/hem`; with `sok=` the homes of which these words are told."""
    _works_here(actor)
    asked = request.args.get("sok", "")
    with staff().db.read() as conn:
        names = _residents(conn, actor)
        area_of = lookups.areas(conn, actor)
        found = matching(
            open_homes(conn, actor),
            asked,
            lambda row: (
                row.id,
                row.label,
                row.address,
                area_of.get(row.id, (0, ""))[1],
                *(name for _person, name in names.get(row.id, ())),
            ),
        )
        c, m = tables.team_area, tables.team
        covers = conn.execute(
            select(c.c.team_id, c.c.area_id)
            .join(m, m.c.id == c.c.team_id)
            .where(m.c.org_id == actor.org)
        )
        return page(
            "places.html",
            conn,
            actor,
            homes=found[:SHOWN_MAX],
            more=len(found) > SHOWN_MAX,
            asked=asked,
            names=names,
            areas=of_org(conn, tables.area, actor),
            teams=of_org(conn, tables.team, actor),
            area_of=area_of,
            closed=home_life.closed(conn, actor.org) if actor.may(Right.ADMINISTER) else [],
            covers={(row.team_id, row.area_id) for row in covers},
            may_assign=actor.may(Right.ASSIGN),
            may_administer=actor.may(Right.ADMINISTER),
        )


def _works_here(actor: Actor) -> None:
    if not (actor.may(Right.ASSIGN) or actor.may(Right.ENROLL)):
        abort(403)


def _residents(conn: Connection, actor: Actor, home: str | None = None) -> Residents:
    """The residents of the homes that the actor sees, by home; nobody for who may not know them."""
    if not actor.may(Right.SEE_CARE):
        return {}
    r, h = tables.resident, tables.home
    query = select(r.c.home_id, r.c.id, r.c.name).join(h, h.c.id == r.c.home_id)
    query = query.where(h.c.org_id == actor.org, r.c.moved_out_at.is_(None))
    if home is not None:
        query = query.where(r.c.home_id == home)
    found: Residents = {}
    for row in by_name(conn.execute(query)):
        found.setdefault(row.home_id, []).append((row.id, row.name))
    return found


@get("/administration/hem/<home>", "places_one")
def one(actor: Actor, home: str) -> ResponseReturnValue:
    """The page `/administration/hem/<home>`: what is kept of a home, and who changed it when."""
    _works_here(actor)
    h, e = tables.home.c, tables.event.c
    with staff().db.read() as conn:
        row = conn.execute(
            select(tables.home).where(h.id == home, h.org_id == actor.org)
        ).one_or_none()
        if row is None or not actor.sees(home):
            abort(404)
        bodies = conn.execute(
            select(e.body)
            .where(e.home_id == home, e.kind.in_(SHOWN_KINDS))
            .order_by(e.corrected_at.desc(), e.seq.desc())
            .limit(HISTORY)
        ).scalars()
        return page(
            "place.html",
            conn,
            actor,
            home=row,
            residents=_residents(conn, actor, home).get(home, []),
            areas=of_org(conn, tables.area, actor),
            area=lookups.areas(conn, actor).get(home, (None, ""))[0],
            cid=care_ids.cid_of(conn, home) or "",
            tags=visit_actions.tags_of(conn, home),
            history=[event for event in map(lookups.event_of, bodies) if event is not None],
            people=lookups.names(conn, actor),
            told=event_summary.particulars,
            may_assign=actor.may(Right.ASSIGN),
            may_close=actor.may(Right.ADMINISTER),
            closed_why=[
                (one, words.enum_word(HomeClosedWhy, one)) for one in HomeClosedWhy.offered()
            ],
            may_name=actor.may(Right.ASSIGN) and actor.may(Right.SEE_CARE),
            may_enroll=actor.may(Right.ENROLL),
        )


@post("/administration/hem", "places_add", right=Right.ADMINISTER, examples=({"label": "x"},))
@proved
def add_home(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/hem`: a new home."""
    back = url_for("pages.places")
    form = request.form
    label, home = form.get("label", "").strip(), form.get("home", "").strip()
    if not label:
        return refused(_("Skriv ett visningsnamn för hemmet."), back, 422)
    address, fallback = (form.get(name, "").strip() for name in ("address", "fallback"))
    if max(map(len, (label, address, fallback))) > adding.TEXT_MAX:
        return refused(_("Texten är för lång."), back, 422)
    try:
        adding.add_home(
            staff().db, home, org=actor.org, label=label, address=address, fallback=fallback
        )
    except UserError:
        text = _("Id:t går inte att använda. Skriv ett annat, med små bokstäver och siffror.")
        return refused(text, back, 422)
    with staff().write() as tx:
        accounts.note(staff(), tx, actor, "home")
    return answered(_("Hemmet är tillagt."), back)


@post(
    "/administration/hem/<home>",
    "places_change",
    examples=(
        {"do": "area"},
        {"do": "code"},
        {"do": "area", "area": ""},
        {"do": "details", "label": "x", "address": "x", "fallback": "x"},
        {"do": "resident", "name": "x"},
        {"do": "protected", "protected": "1"},
        {"do": "cid", "cid": "10149471"},
        {"do": "tag"},
        {"do": "end_tags"},
    ),
)
@proved
def change_home(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/administration/hem/<home>`: one of the page's forms, named by `do`."""
    back = url_for("pages.places_one", home=home)
    form, parts = request.form, staff()
    what = form.get("do")
    if what == "code":
        return _new_code(actor, home)
    if what == "tag":
        return _new_tag(actor, home)
    if what == "end_tags":
        return _tags_ended(actor, home, back)
    if what == "details":
        said = {field: form[field] for field in HomeField.offered() if field in form}
        return changed(
            back, lambda: home_details.set_details(parts, actor, home, said), _("Sparat.")
        )
    if what == "cid":
        cid = form.get("cid", "")
        return changed(back, lambda: care_ids.set_cid(parts, actor, home, cid), _("Sparat."))
    if what == "resident":
        person = form.get("resident") or None
        name = form.get("name", "")
        return changed(
            back,
            lambda: home_details.set_resident(parts, actor, home, person, name),
            _("Sparat."),
        )
    if what == "protected":
        protected = form.get("protected") == "1"
        return changed(
            back,
            lambda: home_details.set_protected(parts, actor, home, protected=protected),
            _("Sparat."),
        )
    wanted = numbers("area")
    area = wanted[0] if form.get("area") else None
    return changed(
        back,
        lambda: accounts.set_home_area(parts, actor, home, area),
        _("Hemmets område är ändrat."),
    )


def _new_code(actor: Actor, home: str) -> ResponseReturnValue:
    """The page with a code for the home's gateway: shown once."""
    need(actor, Right.ENROLL)
    if not actor.sees(home):
        abort(404)
    code = enrolment.new_code(staff().db, staff().keys, home)
    with staff().write() as tx:
        accounts.note(staff(), tx, actor, "enrol_code")
    with staff().db.read() as conn:
        summary = layout.summarise(conn, actor)
        label = conn.execute(
            select(tables.home.c.label).where(tables.home.c.id == home)
        ).scalar_one()
    back = url_for("pages.places_one", home=home)
    if request.form.get("back") == "install":
        back = url_for("pages.installing", home=home)
    return render_template(
        "code.html",
        summary=summary,
        label=label,
        code=code,
        server=request.host_url.rstrip("/"),
        qr=qr.enrolment(request.host_url, code.code),
        back=back,
        title=_("Kod för hemmets enhet"),
    )


def _new_tag(actor: Actor, home: str) -> ResponseReturnValue:
    """The page with what is written to a tag at the home's door: shown once."""
    need(actor, Right.ASSIGN)
    if not actor.sees(home):
        abort(404)
    with staff().db.read() as conn:
        if len(visit_actions.tags_of(conn, home)) >= TAGS_MAX:
            text = _("Hemmet har många taggar redan. Återkalla dem först.")
            return refused(text, url_for("pages.places_one", home=home))
        summary = layout.summarise(conn, actor)
        h = tables.home.c
        label = conn.execute(select(h.label).where(h.id == home)).scalar_one()
    base = staff().config.public_url or request.url_root.rstrip("/")
    link = f"{base}{url_for('pages.tag', tag=visit_actions.make_tag(staff(), home))}"
    with staff().write() as tx:
        accounts.note(staff(), tx, actor, "tag")
    return render_template(
        "tag_link.html",
        summary=summary,
        label=label,
        home=home,
        link=link,
        qr=qr.drawn(link, _("Länken som bild")),
        title=_("Tagg vid dörren"),
    )


def _tags_ended(actor: Actor, home: str, back: str) -> ResponseReturnValue:
    """Every tag of the home is void."""
    need(actor, Right.ASSIGN)
    if not actor.sees(home):
        abort(404)
    if not visit_actions.revoke_tags(staff(), home):
        return refused(_("Hemmet har inga taggar som gäller."), back)
    with staff().write() as tx:
        accounts.note(staff(), tx, actor, "tags_ended")
    return answered(_("Hemmets taggar gäller inte längre."), back)


@post(
    "/administration/grupper",
    "places_groups",
    examples=({"do": "covers"}, {"do": "team", "name": "x"}, {"do": "area", "name": "x"}),
)
@proved
def change_groups(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/grupper`: add a team or an area, or say what a team covers."""
    back = url_for("pages.places")
    what, name = request.form.get("do", ""), request.form.get("name", "")
    if what in ("team", "area"):
        return changed(back, lambda: accounts.add_group(staff(), actor, what, name), _("Tillagt."))
    team = (numbers("team") or [-1])[0]
    return changed(
        back,
        lambda: accounts.set_team_areas(staff(), actor, team, numbers("area")),
        _("Arbetslagets områden är ändrade."),
    )
