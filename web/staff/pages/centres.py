"""Larmcentraler: the alarm centres outside that ladders may name, each tried by a test alarm, and
the homes that they have no number for.

Not for: when a centre is told (ladders), or a home's number itself (`homes_admin`).
"""

from __future__ import annotations

import logging
import secrets

from flask import request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from gateway.events import AlarmType, Ref
from web.staff import channels
from web.staff.channels.contract import Address, Message, Outcome, Why
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages.account import proved
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.lists import by_name, swedish
from web.staff.pages.routes import get, post
from web.staff.pages.staff_admin import SHOWN_MAX, changed
from web.staff.people import alarm_centres, care_ids
from web.staff.storage.alarm_tables import alarm_centre

log = logging.getLogger(__name__)

FAILED = {
    Why.GONE: N_("larmcentralen finns inte längre här"),
    Why.REFUSED: N_("larmcentralen godtar inte användarnamn och lösenord"),
    Why.BAD: N_("larmcentralen tar inte emot meddelandet"),
    Why.BUSY: N_("larmcentralen var upptagen"),
    Why.UNREACHABLE: N_("larmcentralen svarar inte"),
    Why.NOT_DELIVERED: N_("larmcentralen svarar inte"),
}
"""What came of a test alarm."""


@get(
    "/administration/larmcentraler",
    "centres",
    under="administration",
    right=Right.ADMINISTER,
)
def centres(actor: Actor) -> ResponseReturnValue:
    """The page `/administration/larmcentraler`."""
    c = alarm_centre.c
    used = (c.org_id == actor.org, c.channel == "scaip", c.ended_at.is_(None))
    with staff().db.read() as conn:
        found = by_name(conn.execute(select(alarm_centre).where(*used)))
        bare = care_ids.homes_without(conn, actor.org, at_most=SHOWN_MAX + 1)
        without = sorted(bare, key=lambda one: swedish(one[1])) if found else []
        return page(
            "centres.html",
            conn,
            actor,
            centres=found,
            without=without[:SHOWN_MAX],
            more=len(without) > SHOWN_MAX,
            is_set_up="scaip" in channels.here(),
        )


@post(
    "/administration/larmcentraler",
    "centres_change",
    right=Right.ADMINISTER,
    examples=(
        {"do": "add", "name": "x", "address": "sip:x@127.0.0.1:9;transport=tcp"},
        {"do": "end", "name": "x"},
        {"do": "try", "name": "x"},
    ),
)
@proved
def change(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/larmcentraler`: one of the page's forms, named by `do`."""
    back, form, parts = url_for("pages.centres"), request.form, staff()
    name = form.get("name", "")
    if form.get("do") == "try":
        return _tried(actor, name, back)
    if form.get("do") == "end":
        return changed(
            back,
            lambda: alarm_centres.end(parts, actor, name),
            _("Larmcentralen används inte längre."),
        )
    address, second = (form.get(key, "").strip() for key in ("address", "second"))
    return changed(
        back,
        lambda: alarm_centres.add(parts, actor, name, address, second or None),
        _("Larmcentralen är tillagd. Välj den i en larmkedja."),
    )


def _tried(actor: Actor, name: str, back: str) -> ResponseReturnValue:
    """A test alarm under the server's own number; nobody at the centre is to act."""
    c = alarm_centre.c
    with staff().db.read() as conn:
        row = conn.execute(
            select(c.id, c.value).where(
                c.org_id == actor.org, c.name == name, c.channel == "scaip", c.ended_at.is_(None)
            )
        ).one_or_none()
    channel = channels.here().get("scaip")
    if row is None or channel is None:
        return refused(_("Larmcentralen kan inte provas: den eller kanalen saknas."), back, 422)
    message = Message(
        id=secrets.token_hex(16),
        org=actor.org,
        home="",
        alarm=Ref("staff:trial/1"),
        type=AlarmType.PENDANT,
        severity=AlarmType.PENDANT.severity,
        raised_at=staff().clock.now(),
        url="",
        test=True,
    )
    outcome = channel.send(message, Address(row.id, row.value))
    if outcome.why is not None:
        return refused(_failed(outcome), back, 409)
    return answered(_("Larmcentralen har tagit emot provlarmet."), back)


def _failed(outcome: Outcome) -> str:
    why = FAILED.get(outcome.why or Why.UNREACHABLE, FAILED[Why.UNREACHABLE])
    log.warning("a test alarm did not come to an alarm centre: %s", outcome.text)
    return _("Provlarmet kom inte fram: %(why)s.", why=_(why))
