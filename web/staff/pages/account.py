"""Mitt konto: how I sign in (passkeys, second factor, password), and where I am signed in.

Adding a passkey is done by `static/js/passkey.js` with Flask-Security's endpoints.  Not for:
other people's accounts (`staff_admin`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user
from sqlalchemy import select

from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.routes import get, post
from web.staff.people import accounts
from web.staff.signin import failed_attempts, sessions
from web.staff.signin.auth import FRESH
from web.staff.storage import tables

P = ParamSpec("P")

FACTORS = {
    sessions.Factor.PASSWORD_ALONE: N_("lösenord"),
    sessions.Factor.CODE: N_("lösenord och kod"),
    sessions.Factor.RECOVERY: N_("lösenord och reservkod"),
    sessions.Factor.PASSKEY: N_("passkey"),
    sessions.Factor.SIGN_ON: N_("organisationens inloggning"),
    sessions.Factor.UNKNOWN: N_("något som den här versionen inte känner till"),
}


def proved(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """The view changes something sensitive: whoever has not shown who they are within `FRESH` is
    asked again first, so that a phone left on a table is not enough."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if time.time() - float(session.get("fs_paa", 0)) > FRESH.total_seconds():
            back = request.full_path.rstrip("?") if request.method == "GET" else None
            return redirect(url_for("security.verify", next=back or _page_before()), 303)
        return view(*args, **kwargs)

    return guarded


def _page_before() -> str:
    """The page whose form it was: forms are sent to their page's address, or to one below it."""
    adapter = current_app.create_url_adapter(request)
    if adapter is not None and adapter.test(request.path, method="GET"):
        return request.path
    person = (request.view_args or {}).get("person")
    if person:
        return url_for("pages.people_one", person=person)
    if request.path.startswith("/konto"):
        return url_for("pages.account")
    if request.path.startswith("/administration/hem"):
        return url_for("pages.places")
    return url_for("pages.people")


@get("/konto", "account")
def account(actor: Actor) -> ResponseReturnValue:
    """The page `/konto`."""
    with staff().db.read() as conn:
        keys = conn.execute(
            select(tables.passkey.c.name, tables.passkey.c.create_datetime)
            .where(tables.passkey.c.user_id == current_user.id)
            .order_by(tables.passkey.c.id)
        ).all()
        return page(
            "account.html",
            conn,
            actor,
            email=current_user.email,
            keys=keys,
            has_password=current_user.password is not None,
            has_code=bool(current_user.tf_primary_method),
            codes_left=len(current_user.mf_recovery_codes or []),
            needs_factor=current_user.needs_second_factor(),
            open_sessions=sessions.of_account(staff().db, current_user.id),
            failed=failed_attempts.of_account(staff().db, current_user.id),
            strangers_wait=failed_attempts.strangers_wait(staff().db, current_user.email),
            factor_words={factor.value: _(word) for factor, word in FACTORS.items()},
        )


@get("/konto/skydda", "set_up")
def set_up(actor: Actor) -> ResponseReturnValue:  # noqa: ARG001 - a page has an actor
    """The page `/konto/skydda`: more than a password, for whoever has none and needs it."""
    return render_template(
        "set_up.html", title=_("Mer än ett lösenord"), must=sessions.only_to_set_up()
    )


@post("/konto/session", "end_session")
def end_session(actor: Actor) -> ResponseReturnValue:
    """POST `/konto/session`: sign one of my browsers out."""
    with staff().write() as tx:
        done = sessions.end(tx, current_user.id, request.form.get("session", ""))
        if done:
            accounts.note(staff(), tx, actor, "signed_out", actor.person)
    if not done:
        return refused(_("Den inloggningen finns inte längre."), url_for("pages.account"))
    return answered(_("Utloggad där."), url_for("pages.account"))


@post("/konto/logga-ut-andra", "end_other_sessions")
def end_other_sessions(actor: Actor) -> ResponseReturnValue:
    """POST `/konto/logga-ut-andra`: sign all my browsers out but this one."""
    with staff().write() as tx:
        done = sessions.end(tx, current_user.id, but=sessions.here())
        if done:
            accounts.note(staff(), tx, actor, "signed_out", actor.person)
    return answered(_("Utloggad på alla andra ställen."), url_for("pages.account"))


@post("/konto/logga-ut-overallt", "end_sessions")
def end_sessions(actor: Actor) -> ResponseReturnValue:
    """POST `/konto/logga-ut-overallt`: sign all my browsers out, this one too."""
    accounts.sign_out(staff(), actor, actor.person)
    logout_user()
    return redirect(url_for("security.login"), 303)
