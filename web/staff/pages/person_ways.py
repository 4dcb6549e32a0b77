"""Where somebody of the staff is reached: a number or an address that an administrator adds for
them or takes away.  It is used once its owner has typed the code that is sent there.

Not for: one's own ways (`ways`), or whom alarms go to (`ladders`).
"""

from __future__ import annotations

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue

from web.staff import channels
from web.staff.channels import points
from web.staff.channels.contract import SendsCodes
from web.staff.channels.points import Refused
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages.account import proved
from web.staff.pages.layout import answered, refused
from web.staff.pages.routes import post
from web.staff.pages.ways import SENTENCES
from web.staff.people import accounts


@post(
    "/administration/person/<person>/larmvagar",
    "people_ways",
    right=Right.ADMINISTER,
    examples=({"do": "add", "channel": "sms", "value": "070-174 06 05"}, {"do": "remove"}),
)
@proved
def change(actor: Actor, person: str) -> ResponseReturnValue:
    """POST `/administration/person/<person>/larmvagar`: add a way, or take one away."""
    back = url_for("pages.people_one", person=person, _anchor="h-ways")
    form = request.form
    channel = form.get("channel", "")
    try:
        with staff().write() as tx:
            account = accounts.account_of(tx.conn, actor, person).id
            if form.get("do") == "remove":
                points.remove(tx, account, form.get("way", ""))
            elif isinstance(channels.here().get(channel), SendsCodes):
                points.add(staff(), tx, account, channel, form.get("value", ""))
            else:
                return refused(_("Servern kan inte skicka den vägen nu."), back, 422)
            accounts.note(staff(), tx, actor, "contact", person)
    except accounts.Refused:
        abort(404)
    except Refused as refusal:
        return refused(_(SENTENCES[refusal.why]), back, 422)
    if form.get("do") == "remove":
        return answered(_("Larmvägen är borttagen."), back)
    text = _("Tillagd. Den används när personen har bekräftat den under Mina larmvägar.")
    return answered(text, back)
