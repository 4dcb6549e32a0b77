"""The page behind the tag at a door: `/t/<tag>`, opened by holding the phone to it.

Opening the link stamps nothing by itself: a preview of a link, or a page that loads again, must not
arrive anywhere.  One large button does.  Not for: opening the door.
"""

from __future__ import annotations

from flask import request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from gateway.events import Tap
from web.staff.care.actions import Refused, Why
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import lookups
from web.staff.pages.forms import refusal_text
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.routes import get, post
from web.staff.storage import tables as t
from web.staff.texts.event_summary import clock
from web.staff.visits import visit_actions


@get("/t/<tag>", "tag", right=Right.TAP_VISIT)
def tag(actor: Actor, tag: str) -> ResponseReturnValue:
    """GET `/t/<tag>`: where one stands, and the button for what comes next."""
    with staff().db.read() as conn:
        try:
            home = visit_actions.home_of_tag(conn, actor, tag)
            if home not in actor.assigned:
                raise Refused(Why.NOT_ASSIGNED)
        except Refused as refusal:
            return page("tag.html", conn, actor, problem=refusal_text(actor, refusal)), 404
        v = t.visit.c
        visit = conn.execute(
            select(t.visit)
            .where(v.home_id == home, v.person == actor.person)
            .where(v.until.is_(None), v.corrected_until.is_(None), ~v.overdue)
            .order_by(v.since.desc())
        ).first()
        place = lookups.places(conn, actor)[home]
        return page("tag.html", conn, actor, problem="", tag=tag, visit=visit, place=place)


@post("/t/<tag>", "tag_stamp", examples=({"tap": "arrive"}, {"tap": "leave"}))
def stamp(actor: Actor, tag: str) -> ResponseReturnValue:
    """POST `/t/<tag>`: arrived, or leaving."""
    back = url_for("pages.shift")
    try:
        what = Tap.chosen(request.form.get("tap", ""))
    except ValueError:
        return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)
    try:
        done = visit_actions.tap_tag(staff(), actor, tag, what)
    except Refused as refusal:
        return refused(refusal_text(actor, refusal), back)
    at = clock(done.at, None)
    if what is Tap.ARRIVE:
        return answered(_("Ankomst registrerad %(at)s.", at=at), back)
    return answered(_("Avgång registrerad %(at)s.", at=at), back)
