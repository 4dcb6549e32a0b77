"""Organisationens inloggning: a provider of single sign-on, tried by whoever sets it before it is
used.

Its client secret is never shown again.  Not for: which accounts it signs in (each account's id for
it stands on the person's page), or what a file of the server's sets (shown in *Anslutningar*).
"""

from __future__ import annotations

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue

from web.staff.core.config import GROUPS_CLAIM
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages.account import proved
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.routes import get, post
from web.staff.people import sign_on, sign_on_groups
from web.staff.people.sign_on import Refused, Said, Wrong
from web.staff.signin import providers, single_sign_on
from web.staff.signin.single_sign_on import TrialFault

SENTENCES = {
    Wrong.NO_RIGHT: N_("Din roll får inte göra det här."),
    Wrong.EMPTY: N_("Fyll i alla fält. Inget av dem får ha fler än 300 tecken, namnet högst 60."),
    Wrong.ISSUER: N_("Adressen går inte att använda. Den börjar med https://."),
    Wrong.LEVELS: N_("Skriv minst en nivå, högst fem, med mellanslag mellan."),
    Wrong.GROUPS: N_("Fältet med grupper heter något utan mellanslag, högst 200 tecken."),
    Wrong.TOO_MANY: N_("Ni har tre inloggningar redan. Ta bort någon först."),
    Wrong.NOT_TRIED: N_("Prova inloggningen först, med det som är skrivet nu."),
    Wrong.LOCKED_OUT: N_(
        "Då kan ingen administratör logga in längre. Ge någon av dem ett lösenord först."
    ),
}

FAULTS = {
    TrialFault.UNREACHED: N_("Ingen svarar på adressen. Kontrollera den, och att servern når dit."),
    TrialFault.PRIVATE: N_(
        "Adressen leder till ett internt nät. Den som sköter servern kan tillåta det."
    ),
    TrialFault.REFUSED: N_(
        "Den släppte inte in dig, eller känner inte igen klienten. Kontrollera klient-id, "
        "hemlighet och adressen som är registrerad där."
    ),
    TrialFault.ISSUER: N_("Den kallar sig något annat än adressen som är skriven."),
    TrialFault.ACR: N_("Nivån som den sa är ingen av dem som räcker."),
    TrialFault.CLAIM: N_("Den sa inte vem du är: fältet som är skrivet saknas i svaret."),
}


@get(
    "/administration/egen-inloggning",
    "sign_on",
    right=Right.ADMINISTER,
    under="administration",
)
def show(actor: Actor) -> ResponseReturnValue:
    """The page `/administration/egen-inloggning`."""
    with staff().db.read() as conn:
        kept = sign_on.kept(conn, actor.org)
        now = {one.name: providers.wanted(conn, staff(), actor.org, one.name) for one in kept}
        tried = {one.name: single_sign_on.tried(one.name) for one in kept}
        return page(
            "sign_on.html",
            conn,
            actor,
            kept=kept,
            tried={
                name: one
                for name, one in tried.items()
                if one is not None and (found := now[name]) and found.version == one.version
            },
            faults=FAULTS,
            usual_groups=GROUPS_CLAIM,
            groups_shown=bool(providers.used_of(conn, staff(), actor.org))
            or bool(sign_on_groups.kept(conn, actor.org)),
            free=sign_on.free_name(conn, actor.org),
            back_of=lambda name: url_for("sign_on.answer", name=name, _external=True),
            in_file=[
                one.known.label
                for one in providers.from_file(staff()).values()
                if actor.org in one.known.organisations
            ],
        )


@post(
    "/administration/egen-inloggning",
    "sign_on_change",
    right=Right.ADMINISTER,
    examples=(
        {"do": "write", "name": "x", "label": "x", "issuer": "https://x",
         "client_id": "x", "levels": "x", "claim": "sub", "groups_claim": "roles"},
        {"do": "try", "name": "x"},
        {"do": "use", "name": "x"},
        {"do": "end", "name": "x"},
    ),
)  # fmt: skip
@proved
def change(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/egen-inloggning`: one of the page's forms, named by `do`."""
    back, form = url_for("pages.sign_on"), request.form
    what, name = form.get("do", ""), form.get("name", "")
    if what == "try":
        return _tried(actor, name, back)
    try:
        if what == "write":
            sign_on.write(staff(), actor, name, _said())
            text = _("Sparat. Den används inte förrän du har provat den.")
        elif what == "use":
            passed = single_sign_on.tried(name)
            version = "" if passed is None or passed.wrong else passed.version
            sign_on.use(staff(), actor, name, version)
            text = _("Inloggningen används nu.")
        elif what == "end":
            sign_on.end(staff(), actor, name)
            text = _("Borttaget.")
        else:
            return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)
    except Refused as refusal:
        if refusal.why is Wrong.NOT_FOUND:
            abort(404)
        return refused(_(SENTENCES[refusal.why]), back, 422)
    return answered(text, back)


def _said() -> Said:
    form = request.form
    label, issuer, client, secret, claim = (
        form.get(name, "").strip() for name in ("label", "issuer", "client_id", "secret", "claim")
    )
    levels = tuple(dict.fromkeys(form.get("levels", "").split()))
    groups_claim = form.get("groups_claim")
    said = None if groups_claim is None else groups_claim.strip()
    return Said(label, issuer, client, secret, levels, claim, said)


def _tried(actor: Actor, name: str, back: str) -> ResponseReturnValue:
    with staff().db.read() as conn:
        provider = providers.wanted(conn, staff(), actor.org, name)
    if provider is None:
        abort(404)
    sent = single_sign_on.begin_trial(name, provider)
    return refused(_(FAULTS[sent]), back) if isinstance(sent, TrialFault) else sent
