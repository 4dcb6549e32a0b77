"""Första start: the page where the first administrator is made, with a code from the journal.

It is there while nobody administers the server, and leads to signing in otherwise.  Not for: codes
and who may use them (`web.staff.people.first_start`).
"""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security.utils import hash_password

from gateway.errors import UserError
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.limits import network_of
from web.staff.pages.routes import get, post
from web.staff.people import first_start
from web.staff.people.accounts import ABOUT_MAX, ADDRESS
from web.staff.people.first_start import Refused, Why
from web.staff.signin.auth import PASSWORD_MIN_CHARS
from web.staff.signin.models import normal_address

PASSWORD_MAX_CHARS = 1000
"""Longer than any sentence that somebody remembers; a hash takes as long as what it is made of."""

SENTENCES = {
    Why.CLOSED: N_("Det finns redan en administratör. Logga in i stället."),
    Why.CODE: N_("Koden stämmer inte, är använd eller för gammal."),
    Why.TOO_MANY: N_("Fel kod för många gånger. Vänta tio minuter och försök igen."),
    Why.VOID: N_("Fel kod för många gånger. Starta om servern, så visar loggen en ny kod."),
}

FIELDS = ("code", "organisation", "name", "email")
"""What is filled in again when something was wrong: no password."""


def _is_open() -> bool:
    with staff().db.read() as conn:
        return first_start.is_open(conn)


@get("/forsta-start", "first_start", public=True)
def form() -> ResponseReturnValue:
    """The page `/forsta-start`."""
    if not _is_open():
        return redirect(url_for("security.login"), 303)
    return _page("")


@post("/forsta-start", "first_start_send", public=True, examples=({"code": "x"},))
def send() -> ResponseReturnValue:
    """POST `/forsta-start`: the code, and who administers what."""
    if not _is_open():
        return redirect(url_for("security.login"), 303)
    said = {field: request.form.get(field, "").strip() for field in FIELDS}
    password = request.form.get("password", "")
    wrong = _wrong(said, password)
    if wrong:
        return _page(wrong), 422
    try:
        network = network_of(request.remote_addr or "")
        first_start.check(staff(), said["code"], network)
        first_start.finish(
            staff(),
            said["code"],
            organisation=said["organisation"],
            name=said["name"],
            email=said["email"],
            password_hash=str(hash_password(password)),
        )
    except Refused as refusal:
        status = 429 if refusal.why is Why.TOO_MANY else 403
        return _page(_(SENTENCES[refusal.why])), status
    except UserError:
        return _page(_("E-postadressen går inte att använda: kontrollera den.")), 422
    flash(_("Klart. Logga in med e-postadressen och lösenordet."), "success")
    return redirect(url_for("security.login", next=url_for("pages.administration")), 303)


def _wrong(said: dict[str, str], password: str) -> str:
    """What is to be mended before the code is looked at; empty: nothing."""
    if not all(said.values()):
        return _("Fyll i alla fält.")
    if max(map(len, said.values())) > ABOUT_MAX:
        return _("Texten är för lång.")
    if not ADDRESS.fullmatch(normal_address(said["email"])):
        return _("E-postadressen går inte att använda: kontrollera den.")
    if len(password) < PASSWORD_MIN_CHARS:
        return _("Lösenordet är för kort: skriv minst %(n)s tecken.", n=PASSWORD_MIN_CHARS)
    if len(password) > PASSWORD_MAX_CHARS:
        return _("Lösenordet är för långt.")
    if password != request.form.get("again", ""):
        return _("Lösenorden är inte lika. Skriv samma två gånger.")
    return ""


def _page(wrong: str) -> str:
    said = {field: request.form.get(field, "")[:ABOUT_MAX] for field in FIELDS}
    return render_template(
        "first_start.html",
        title=_("Första start"),
        wrong=wrong,
        said=said,
        chars=PASSWORD_MIN_CHARS,
    )
