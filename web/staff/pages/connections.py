"""Anslutningar: keys of the planning system, how people sign in, the key that opens doors.

What a file of the server's sets is shown and not changed here.  Not for: alarm centres and other
systems that are told of alarms (`centres`, `webhooks`).
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, func, select

from gateway.errors import TryggveError
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right, Role
from web.staff.core.secret_files import SIGNING_KEY, SecretFiles
from web.staff.homelink import key_rotation
from web.staff.pages import layout
from web.staff.pages.account import proved
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.routes import get, post
from web.staff.people import accounts
from web.staff.signin import providers
from web.staff.storage import tables
from web.staff.texts import words
from web.staff.visits import plan_api

TOKENS_MAX = 50
"""Keys of an organisation that are shown, the newest first: each lives a year."""


@get("/administration/anslutningar", "connections", right=Right.ADMINISTER, under="administration")
def connections(actor: Actor) -> ResponseReturnValue:
    """The page `/administration/anslutningar`."""
    sign_in = staff().config.sign_in
    k = tables.server_key.c
    with staff().db.read() as conn:
        return page(
            "connections.html",
            conn,
            actor,
            tokens=plan_api.tokens_of(conn, actor.org, at_most=TOKENS_MAX),
            real_now=datetime.now(UTC),
            providers=providers.used_of(conn, staff(), actor.org).values(),
            second=", ".join(
                words.spoken(words.ALLOWED, role)
                for role in Role
                if role in sign_in.second_factor_roles
            ),
            keys=conn.execute(select(tables.server_key).order_by(k.created_at.desc())).all(),
            kid=staff().keys.kid,
            may_rotate=_may_rotate(conn),
        )


def _may_rotate(conn: Connection) -> bool:
    """Whether the key can be changed here: it is the whole server's, so only where no other
    organisation is on it; and where this process may write it."""
    count = select(func.count()).select_from(tables.organisation)
    folder = staff().config.secrets_dir
    path = folder / SIGNING_KEY
    mine = path.is_file() and os.access(path, os.W_OK) and os.access(folder, os.W_OK)
    return int(conn.execute(count).scalar_one()) == 1 and mine


@post(
    "/administration/anslutningar",
    "connections_change",
    right=Right.ADMINISTER,
    examples=(
        {"do": "token", "name": "x"},
        {"do": "end_token", "name": "x"},
        {"do": "key"},
    ),
)
@proved
def change(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/anslutningar`: one of the page's forms, named by `do`."""
    back, form = url_for("pages.connections"), request.form
    what, name = form.get("do"), " ".join(form.get("name", "").split())
    if what == "key":
        return _rotated(actor, back)
    if what == "end_token":
        if not plan_api.revoke_tokens(staff().db, actor.org, name, datetime.now(UTC)):
            return refused(_("Nyckeln finns inte, eller är redan återkallad."), back)
        _note(actor, "token_ended")
        return answered(_("Nyckeln släpper inte in något längre."), back)
    if what != "token":
        return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)
    return _new_token(actor, name, back)


def _new_token(actor: Actor, name: str, back: str) -> ResponseReturnValue:
    if not name or len(name) > plan_api.TOKEN_MAX_CHARS:
        return refused(_("Skriv vad systemet heter, med högst hundra tecken."), back, 422)
    now = datetime.now(UTC)
    with staff().db.read() as conn:
        live = [one for one in plan_api.tokens_of(conn, actor.org) if one.works(now)]
    if any(one.name == name for one in live):
        return refused(_("Det finns redan en nyckel med det namnet. Välj ett annat."), back)
    if len(live) >= TOKENS_MAX:
        return refused(_("Ni har många nycklar redan. Återkalla en först."), back)
    token = plan_api.make_token(staff().db, actor.org, name, now)
    _note(actor, "token")
    with staff().db.read() as conn:
        summary = layout.summarise(conn, actor)
    return render_template(
        "token.html",
        summary=summary,
        name=name,
        token=token,
        days=plan_api.TOKEN_DAYS,
        title=_("Nyckel för planeringssystemet"),
    )


def _rotated(actor: Actor, back: str) -> ResponseReturnValue:
    with staff().db.read() as conn:
        if not _may_rotate(conn):
            return refused(_("Nyckeln byts på servern, av den som sköter den."), back, 403)
    try:
        key_rotation.rotate(staff(), SecretFiles(staff().config.secrets_dir))
    except (TryggveError, OSError):
        return refused(_("Nyckeln gick inte att byta. Den gamla gäller."), back)
    _note(actor, "signing_key")
    return answered(_("En ny nyckel är skapad. Den används när servern har startats om."), back)


def _note(actor: Actor, what: str) -> None:
    with staff().write() as tx:
        accounts.note(staff(), tx, actor, what)
