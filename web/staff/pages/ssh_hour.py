"""SSH: an administrator lets a technician sign in to a home's machine for an hour, and ends it.

Not for: what a technician sees there (docs/image.md), or what the home does.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue

from gateway.access.ssh_key import LINE_MAX, KeyWrong, read
from gateway.events import SshWhy
from web.staff.care.actions import Refused
from web.staff.configs import ssh_hours
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import forms, lookups, reading
from web.staff.pages.account import proved
from web.staff.pages.layout import answered, main_attributes, page, refused
from web.staff.pages.routes import get, post
from web.staff.texts import words

KEY_WRONG: Mapping[KeyWrong, str] = {
    KeyWrong.NO_KEY: N_("Klistra in en publik nyckel: en rad som börjar med ssh-ed25519."),
    KeyWrong.PRIVATE: N_(
        "Det där är en privat nyckel, som aldrig får lämnas ut. Klistra in filen som slutar på "
        ".pub, och byt ut nyckeln om någon annan kan ha sett den."
    ),
    KeyWrong.KIND: N_("Nyckeln måste vara av slaget ed25519, ECDSA eller RSA."),
    KeyWrong.SHORT: N_("RSA-nyckeln är för kort. Den måste ha minst 3072 bitar."),
    KeyWrong.BROKEN: N_("Nyckeln är inte hel. Kopiera hela raden en gång till."),
}


@get("/hem/<home>/ssh", "ssh_hour", right=Right.ADMINISTER, under="homes")
def of_home(actor: Actor, home: str) -> ResponseReturnValue:
    """The page `/hem/<home>/ssh`."""
    return _page(actor, home, "")


@post(
    "/hem/<home>/ssh",
    "ssh_hour_change",
    right=Right.ADMINISTER,
    examples=(
        {
            "do": "open",
            "why": "fault",
            "key": f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43}",
        },
        {"do": "end", "request": "staff:h1/1"},
    ),
)
@proved
def change(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/hem/<home>/ssh`: open it for a key, or end it now."""
    if not actor.sees(home):
        abort(404)
    form, back = request.form, url_for("pages.ssh_hour", home=home)
    if form.get("do") == "end":
        try:
            ssh_hours.end(staff(), actor, home, form.get("request", "")[:200])
        except Refused as refusal:
            return refused(forms.refusal_text(actor, refusal, home), back)
        return answered(_("Hemmet stänger SSH."), back)
    why = forms.choice(SshWhy, "why")
    if why is None:
        return _page(actor, home, _("Välj varför SSH ska öppnas.")), 422
    try:
        wrong = ssh_hours.want(staff(), actor, home, form.get("key", ""), why)
    except Refused as refusal:
        return refused(forms.refusal_text(actor, refusal, home), back)
    if wrong is not None:
        return _page(actor, home, _(KEY_WRONG[wrong])), 422
    return answered(_("Hemmet är tillfrågat."), back)


def _page(actor: Actor, home: str, error: str) -> str:
    if not actor.sees(home):
        abort(404)
    if actor.may(Right.SEE_CARE):  # then the resident's name stands on it
        reading.note(actor, [home], "home")
    typed = request.form.get("key", "")
    with staff().db.read() as conn:
        return page(
            "ssh_hour.html",
            conn,
            actor,
            place=lookups.places(conn, actor)[home],
            ssh=ssh_hours.state(conn, home, staff().clock.now()),
            error=error,
            key="" if read(typed) is KeyWrong.PRIVATE else typed[:LINE_MAX],
            picked=request.form.get("why", ""),
            people=lookups.names(conn, actor),
            whys=SshWhy.offered(),
            word=lambda code: words.enum_word(type(code), code),
            **main_attributes(kinds="ssh", home=home),
        )
