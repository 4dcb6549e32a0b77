"""Andra system: the organisation's own programs that ladders may tell by a signed webhook; each is
added with its secret, tried, seen by its last deliveries, and ended.

Not for: what is sent (`web.staff.channels.webhook`), when (ladders), or alarm centres (`centres`).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, Row, func, select

from gateway.events import Ref, Severity
from web.staff import channels
from web.staff.channels.contract import Address, Message, Why
from web.staff.channels.webhook import signing_secret
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import layout
from web.staff.pages.account import proved
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.lists import by_name
from web.staff.pages.routes import get, post
from web.staff.pages.staff_admin import SENTENCES, changed
from web.staff.people import alarm_centres
from web.staff.people.accounts import Refused, Wrong
from web.staff.storage.alarm_tables import alarm_centre
from web.staff.storage.ladder_tables import alarm_message

log = logging.getLogger(__name__)

LAST = 5
"""Deliveries of each that are shown: enough to see whether the last ones came."""

STATES = {
    "queued": N_("väntar"),
    "sending": N_("skickas"),
    "sent": N_("skickat"),
    "handed": N_("skickat"),
    "delivered": N_("mottaget"),
    "shown": N_("mottaget"),
    "dropped": N_("behövdes inte"),
    "failed": N_("kom inte fram"),
}

FAILED = {
    Why.GONE: N_("systemet vill inte ha fler"),
    Why.REFUSED: N_("systemet släpper inte in oss"),
    Why.BAD: N_("systemet tar inte emot meddelandet"),
    Why.BUSY: N_("systemet var upptaget"),
    Why.UNREACHABLE: N_("systemet svarar inte"),
    Why.NOT_DELIVERED: N_("systemet svarar inte"),
}
"""What came of a message that did not come."""

NO_ADDRESS = N_("Adressen går inte att använda. Skriv den som https://system.kommun.se/larm.")


@get("/administration/andra-system", "webhooks", right=Right.ADMINISTER, under="administration")
def webhooks(actor: Actor) -> ResponseReturnValue:
    """The page `/administration/andra-system`."""
    with staff().db.read() as conn:
        found = by_name(conn.execute(_used(actor)))
        last = _last(conn, [one.id for one in found])
        set_up = "webhook" in channels.here()
        return page("webhooks.html", conn, actor, found=found, last=last, is_set_up=set_up)


def _used(actor: Actor) -> Any:
    c = alarm_centre.c
    used = (c.org_id == actor.org, c.channel == "webhook", c.ended_at.is_(None))
    return select(alarm_centre).where(*used)


def _last(conn: Connection, ids: Sequence[str]) -> Mapping[str, list[tuple[Row[Any], str]]]:
    """The last deliveries of each, the newest first, with what came of them."""
    m = alarm_message.c
    place = func.row_number().over(partition_by=m.contact, order_by=(m.made_at.desc(), m.id))
    query = select(m.contact, m.made_at, m.state, m.why, place.label("place"))
    query = query.where(m.contact.in_(ids), m.channel == "webhook")
    numbered = query.subquery()
    newest = select(numbered).where(numbered.c.place <= LAST).order_by(numbered.c.place)
    last: dict[str, list[tuple[Row[Any], str]]] = {}
    for row in conn.execute(newest):
        why = f": {_(FAILED[Why(row.why)])}" if row.why in list(FAILED) else ""
        last.setdefault(row.contact, []).append((row, f"{_(STATES[row.state])}{why}"))
    return last


@post(
    "/administration/andra-system",
    "webhooks_change",
    right=Right.ADMINISTER,
    examples=(
        {"do": "add", "name": "x", "address": "https://127.0.0.1:9/x"},
        {"do": "end", "name": "x"},
        {"do": "try", "name": "x"},
    ),
)
@proved
def change(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/andra-system`: one of the page's forms, named by `do`."""
    back, form = url_for("pages.webhooks"), request.form
    name = form.get("name", "")
    if form.get("do") == "add":
        return _added(actor, name, form.get("address", "").strip(), back)
    with staff().db.read() as conn:
        row = conn.execute(_used(actor).where(alarm_centre.c.name == name)).one_or_none()
    if row is None:
        return refused(_(SENTENCES[Wrong.NOT_FOUND]), back, 404)
    if form.get("do") == "try":
        return _tried(actor, row, back)
    return changed(
        back,
        lambda: alarm_centres.end(staff(), actor, name),
        _("Systemet får inga larm längre."),
    )


def _added(actor: Actor, name: str, address: str, back: str) -> ResponseReturnValue:
    """Add it, and show once what it checks signatures with."""
    try:
        if not address.startswith("https://"):
            raise Refused(Wrong.NO_SIP)
        new = alarm_centres.add(staff(), actor, name, address, None)
    except Refused as refusal:
        told = NO_ADDRESS if refusal.why is Wrong.NO_SIP else SENTENCES[refusal.why]
        return refused(_(told), back, 422)
    with staff().db.read() as conn:
        summary = layout.summarise(conn, actor)
    return render_template(
        "webhook_secret.html",
        summary=summary,
        back=back,
        name=" ".join(name.split()),
        secret=signing_secret(staff().keys.code_key, new),
        title=_("Systemets nyckel"),
    )


def _tried(actor: Actor, row: Row[Any], back: str) -> ResponseReturnValue:
    """A test alarm, which says that it is one and names no home."""
    channel = channels.here().get("webhook")
    if channel is None:
        return refused(_("Servern är inte inställd för att skicka till andra system."), back, 422)
    message = Message(
        id=secrets.token_hex(16),
        org=actor.org,
        home="",
        alarm=Ref("trial"),
        type="",
        severity=Severity.ROUTINE,
        raised_at=staff().clock.now(),
        url="",
        trial=True,
    )
    outcome = channel.send(message, Address(row.id, row.value))
    if outcome.why is None:
        return answered(_("Systemet har tagit emot provlarmet."), back)
    log.warning("a test alarm did not come to another system: %s", outcome.text)
    why = FAILED.get(outcome.why, FAILED[Why.UNREACHABLE])
    return refused(_("Provlarmet kom inte fram: %(why)s.", why=_(why)), back, 409)
