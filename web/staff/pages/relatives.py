"""Anhöriga: who is invited to what, for the coordinator; and a relative's own page.

A relative's pages ask for no account of staff and know none: their cookie is another one
(`web.staff.relatives.visiting`).  Not for: what may be agreed (`web.staff.relatives.inviting`).
"""

from __future__ import annotations

from datetime import datetime

from flask import Response, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from gateway.events import ConsentHow
from web.staff import channels
from web.staff.care.actions import Refused as NotPossible
from web.staff.channels.push import Push
from web.staff.core import i18n
from web.staff.core.context import staff
from web.staff.core.i18n import N_, day_of
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import layout, lookups
from web.staff.pages.layout import page, refused
from web.staff.pages.lists import by_name
from web.staff.pages.routes import get, post
from web.staff.pages.staff_admin import SENTENCES
from web.staff.people import accounts
from web.staff.people.accounts import Wrong
from web.staff.relatives import devices, inviting, visiting
from web.staff.relatives.inviting import Agreed, Invited
from web.staff.relatives.visiting import Visitor
from web.staff.storage import tables as t
from web.staff.visits import plan_import

COOKIE = "anhorig"
"""Name of a relative's cookie; over HTTPS with the prefix that keeps it to this host."""

WHY = {
    Wrong.OUT_OF_RANGE: N_("Det går inte: kontrollera datumet."),
    Wrong.EXISTS: N_("Personen är redan inbjuden, eller så finns det så många som får finnas."),
    Wrong.EMPTY: N_("Skriv ett namn och välj vad personen ska få veta."),
    Wrong.BAD_ADDRESS: N_(
        "Numret eller adressen går inte att använda: skriv +46701234567 eller en e-postadress."
    ),
}


NO_DEVICE = N_("Enheten gick inte att lägga till. Ladda om sidan och försök igen.")
BAD_TIME = N_("Kontrollera tiderna: Till ska vara senare än Från och nu, högst ett år bort.")
MANY_ABSENCES = N_("Fler frånvaroperioder kan inte läggas in. Ring hemtjänsten.")
MANY_DEVICES = N_("Det finns så många enheter som får finnas. Ta bort en först.")


# --- the coordinator ------------------------------------------------------------------------------


@get("/hem/<home>/anhoriga", "relatives", right=Right.INVITE_RELATIVES, under="homes")
def relatives(actor: Actor, home: str) -> str:
    """The page `/hem/<home>/anhoriga`."""
    with staff().db.read() as conn:
        place = lookups.places(conn, actor).get(home)
        if place is None:
            abort(404)
        r = t.resident.c
        query = select(r.id, r.name).where(r.home_id == home)
        return page(
            "relatives.html",
            conn,
            actor,
            place=place,
            residents=by_name(conn.execute(query)),
            invited=by_name(inviting.of_home(conn, home)),
            hows=ConsentHow.offered(),
            ways=[way for way in inviting.ADDRESSES if way in channels.here()],
            unreached=inviting.unreached(conn, home),
            now_at=staff().clock.now(),
        )


@post(
    "/hem/<home>/anhoriga",
    "relatives_change",
    right=Right.INVITE_RELATIVES,
    examples=(
        {
            "do": "invite",
            "resident": "r-h1",
            "name": "x",
            "arrived": "1",
            "asked_on": "2026-11-01",
            "how": "spoken",
        },
        {"do": "link", "relative": "rel-h1"},
        {"do": "end", "relative": "rel-h1", "resident": "r-h1"},
    ),
)
def change(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/hem/<home>/anhoriga`: invite, another link, or end."""
    back, form = url_for("pages.relatives", home=home), request.form
    what, who, resident = form.get("do"), form.get("relative", ""), form.get("resident", "")
    try:
        if what == "end":
            inviting.end(staff(), actor, home, who, resident)
            return layout.answered(_("Det är avslutat och gäller genast."), back)
        if what == "link":
            return _link_page(actor, back, inviting.new_link(staff(), actor, home, who))
        if what == "invite":
            return _link_page(actor, back, _invite(actor, home, resident))
    except accounts.Refused as refusal:
        if refusal.why is Wrong.NOT_FOUND:
            abort(404)
        return refused(_(_sentence(refusal.why)), back, 409)
    return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)


def _sentence(why: Wrong) -> str:
    return WHY.get(why) or SENTENCES[why]


def _invite(actor: Actor, home: str, resident: str) -> str:
    form = request.form
    asked_on = day_of(form.get("asked_on", ""))
    try:
        how = ConsentHow.chosen(form.get("how", ""))
    except ValueError:
        how = None
    if asked_on is None or how is None:
        raise accounts.Refused(Wrong.OUT_OF_RANGE)
    names = ("arrived", "departed", "absence", "notes_absence")
    channel = form.get("channel", "")
    if channel and channel not in inviting.ADDRESSES:
        raise accounts.Refused(Wrong.BAD_ADDRESS)
    invited = Invited(
        name=form.get("name", ""),
        agreed=Agreed(**{name: bool(form.get(name)) for name in names}),
        channel=channel,
        address=form.get("address", ""),
    )
    return inviting.invite(staff(), actor, home, resident, invited, asked_on=asked_on, how=how)


def _link_page(actor: Actor, back: str, token: str) -> str:
    """The page with a one-time link: shown once."""
    with staff().db.read() as conn:
        summary = layout.summarise(conn, actor)
    base = staff().config.public_url or request.url_root.rstrip("/")
    return render_template(
        "relative_link.html",
        summary=summary,
        back=back,
        link=f"{base}{url_for('pages.relative_link', link=token)}",
        until=staff().clock.now() + inviting.LINK_FOR,
        title=_("Länk till anhörig"),
    )


# --- the relative ---------------------------------------------------------------------------------


@get("/anhorig/<link>", "relative_link", public=True)
def show_link(link: str) -> ResponseReturnValue:
    """The page of a one-time link: it is used up by its button, for whoever scans links for danger
    opens them too.  Who is in already comes in by the old one."""
    if visiting.works(staff(), link):
        return render_template("relative_open.html", link=link, title=_("Anhörig"))
    return _used_up()


@post("/anhorig/<link>", "relative_open", public=True)
def open_link(link: str) -> ResponseReturnValue:
    """POST `/anhorig/<link>`: use the link up."""
    cookie = visiting.open_link(staff(), link)
    if cookie is None:
        return _used_up()
    answer = redirect(url_for("pages.relative"), 303)
    secure = staff().config.secure_cookies
    answer.set_cookie(
        _cookie_name(),
        cookie,
        max_age=int(visiting.SESSION_FOR.total_seconds()),
        secure=secure,
        httponly=True,
        samesite="Lax",
    )
    return answer


@get("/anhorig", "relative", public=True)
def mine() -> ResponseReturnValue:
    """The page `/anhorig`: all that a relative sees."""
    who = _who()
    if who is None:
        return _nobody()
    return _page(who)


@post("/anhorig/franvaro", "relative_absence", public=True)
def note_absence() -> ResponseReturnValue:
    """POST `/anhorig/franvaro`: the resident will be away."""
    who = _who()
    if who is None:
        return _nobody()
    form, resident = request.form, request.form.get("resident", "")
    zone = next((c.zone for c in visiting.cards(staff(), who) if c.resident == resident), "UTC")
    try:
        since = plan_import.to_utc(datetime.fromisoformat(form.get("since", "")), zone)
        said = form.get("until", "")
        until = plan_import.to_utc(datetime.fromisoformat(said), zone) if said else None
        visiting.note_absence(staff(), who, resident, since, until)
    except (ValueError, OverflowError):
        return _page(who, _("Skriv tiden som 2026-11-24 08:00."), 422)
    except accounts.Refused as refusal:
        if refusal.why is Wrong.NOT_FOUND:
            abort(404)
        told = MANY_ABSENCES if refusal.why is Wrong.EXISTS else BAD_TIME
        return _page(who, _(told), 409)
    except NotPossible:
        return _page(who, _(BAD_TIME), 409)
    return redirect(url_for("pages.relative"), 303)


@post("/anhorig/enhet", "relative_device", public=True)
def add_device() -> ResponseReturnValue:
    """POST `/anhorig/enhet`: this device is told too; it shows so at once."""
    who = _who()
    if who is None:
        return _nobody()
    push = channels.here().get("push")
    try:
        if push is None:
            raise accounts.Refused(Wrong.BAD_ADDRESS)
        new = devices.add(staff(), who, request.form.get("value", ""))
    except accounts.Refused as refusal:
        told = MANY_DEVICES if refusal.why is Wrong.EXISTS else NO_DEVICE
        return _page(who, _(told), 422)
    if devices.try_out(staff(), push, who, new, i18n.language()).gone:
        devices.remove(staff(), who, new)
        return _page(who, _(NO_DEVICE), 422)
    return redirect(url_for("pages.relative"), 303)


@post("/anhorig/enhet/ta-bort", "relative_device_remove", public=True)
def remove_device() -> ResponseReturnValue:
    """POST `/anhorig/enhet/ta-bort`: a device of theirs is told no more."""
    who = _who()
    if who is None:
        return _nobody()
    try:
        devices.remove(staff(), who, request.form.get("device", ""))
    except accounts.Refused:
        abort(404)
    return redirect(url_for("pages.relative"), 303)


@post("/anhorig/ut", "relative_leave", public=True)
def leave() -> ResponseReturnValue:
    """POST `/anhorig/ut`: this browser is nobody's any more."""
    visiting.leave(staff(), request.cookies.get(_cookie_name()))
    answer = redirect(url_for("pages.relative", ut="1"), 303)
    answer.delete_cookie(_cookie_name(), secure=staff().config.secure_cookies, httponly=True)
    return answer


def _cookie_name() -> str:
    return f"__Host-{COOKIE}" if staff().config.secure_cookies else COOKIE


def _who() -> Visitor | None:
    return visiting.visitor(staff(), request.cookies.get(_cookie_name()))


def _nobody(state: str = "", status: int = 401) -> Response:
    left = "left" if request.args.get("ut") else ""
    shown = render_template("relative_open.html", state=state or left, title=_("Anhörig"))
    answer = make_response(shown)
    answer.status_code = status
    return answer


def _used_up() -> ResponseReturnValue:
    if _who() is not None:
        return redirect(url_for("pages.relative"), 303)
    return _nobody("used", 410)


def _page(who: Visitor, problem: str = "", status: int = 200) -> ResponseReturnValue:
    cards = visiting.cards(staff(), who)
    push = channels.here().get("push")
    with staff().db.read() as conn:
        mine = devices.of(conn, who.id)
    shown = render_template(
        "relative.html",
        who=who,
        cards=cards,
        problem=problem,
        typed=request.form if problem else {},
        devices=mine,
        push_key=push.application_key if isinstance(push, Push) else "",
        title=_("Anhörig"),
    )
    return shown, status
