"""Reservväg: whom a home tells by itself when it cannot reach the server.

Numbers are shown to those who say who works where, and to nobody else.  Not for: whom the server
tells (the ladders).
"""

from __future__ import annotations

from typing import Any

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, Row, select

from gateway.errors import UserError
from gateway.events import PathChannel, Severity
from web.staff.core.context import Staff, staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.homelink import second_path
from web.staff.homelink.second_path import ListUnread, Receiver
from web.staff.ladders import standby
from web.staff.pages import chain_state, lookups
from web.staff.pages.account import proved
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.lists import by_name
from web.staff.pages.routes import get, post
from web.staff.storage import alarm_tables, tables
from web.staff.storage.database import Tx

UNREAD = N_(
    "Reservvägen är bestämd i en nyare version av servern. Den kan varken visas eller ändras i den "
    "här versionen, men hemmet larmar som bestämt."
)


@get("/administration/hem/<home>/reservvag", "places_path", right=Right.ASSIGN)
def path(actor: Actor, home: str) -> ResponseReturnValue:
    """The page `/administration/hem/<home>/reservvag`."""
    with staff().db.read() as conn:
        row = _row(conn, actor, home)
        held, unread = None, ""
        try:
            held = second_path.held_by(conn, home)
        except ListUnread:
            unread = _(UNREAD)
        return page(
            "second_path.html",
            conn,
            actor,
            home=row,
            unread=unread,
            receivers=held.receivers if held else (),
            names=_names(conn, actor),
            reply=held.reply if held else second_path.REPLY,
            wait_s=round(held.wait_s if held else second_path.WAIT_S),
            follows=second_path.follows(conn, home),
            chain=chain_state.chain_shown(conn, home, row.timezone, staff().clock.now()),
        )


@post(
    "/administration/hem/<home>/reservvag",
    "places_path_change",
    right=Right.ASSIGN,
    examples=(
        {"do": "add", "receiver": "p7", "address": "+46701234567", "told": "care"},
        {"do": "remove", "receiver": "p7"},
        {"do": "follow"},
    ),
)
@proved
def change_path(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/administration/hem/<home>/reservvag`: one more at the end of the list, or one less."""
    back = url_for("pages.places_path", home=home)
    form, parts = request.form, staff()
    wanted = form.get("receiver", "")
    with parts.write() as tx:
        _row(tx.conn, actor, home)
        try:
            held = second_path.held_by(tx.conn, home)
        except ListUnread:
            return refused(_(UNREAD), back, 409)
        if form.get("do") == "follow":
            return _follow(parts, tx, actor, home, back)
        receivers = [one for one in (held.receivers if held else ()) if one.id != wanted]
        if form.get("do") == "add":
            if wanted not in _names(tx.conn, actor):
                abort(404)
            receivers.append(_receiver(wanted, form.get("address", ""), form.get("told", "")))
        try:
            second_path.receivers_changed(
                parts,
                tx,
                home,
                receivers,
                reply=held.reply if held else second_path.REPLY,
                wait_s=held.wait_s if held else second_path.WAIT_S,
                person=actor.person,
            )
        except UserError:
            text = _(
                "Skriv numret som +46701234567, eller larmcentralens adress som börjar på sip:."
            )
            return refused(text, back, 422)
    return answered(_("Reservvägen är ändrad. Hemmet får veta det direkt."), back)


def _follow(parts: Staff, tx: Tx, actor: Actor, home: str, back: str) -> ResponseReturnValue:
    """The home tells whom its ladder tells."""
    if not standby.follow(parts, tx, home, actor.person):
        text = _("Larmkedjan når ingen med SMS eller larmcentral. Ändra den först.")
        return refused(text, back, 422)
    return answered(_("Reservvägen följer larmkedjan. Hemmet får veta det direkt."), back)


def _receiver(who: str, address: str, told: str) -> Receiver:
    address = address.strip()
    is_sip = address.startswith(("sip:", "sips:"))
    if not is_sip:
        address = "".join(sign for sign in address if sign not in " -()")
        if address.startswith("0") and not address.startswith("00"):
            address = f"+46{address[1:]}"
    channel = PathChannel.SCAIP if is_sip else PathChannel.SMS
    severity = Severity.TECHNICAL if told == Severity.TECHNICAL else Severity.CARE
    return Receiver(who, channel, address, severity)


def _names(conn: Connection, actor: Actor) -> dict[str, str]:
    """Who may be told: the organisation's people and its alarm centres, by their ids."""
    c = alarm_tables.alarm_centre.c
    query = select(c.id, c.name).where(c.org_id == actor.org, c.ended_at.is_(None))
    centres = {row.id: row.name for row in by_name(conn.execute(query))}
    return {**lookups.names(conn, actor), **centres}


def _row(conn: Connection, actor: Actor, home: str) -> Row[tuple[Any, ...]]:
    h = tables.home.c
    query = select(tables.home).where(h.id == home, h.org_id == actor.org)
    row = conn.execute(query).one_or_none()
    if row is None or not actor.sees(home):
        abort(404)
    return row
