"""`/`: where somebody lands after signing in: where they work.

Not for: what stands there, or where a form leads back to.
"""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from web.staff.core.context import staff
from web.staff.core.rights import Actor, Role
from web.staff.pages.layout import maybe_actor
from web.staff.pages.routes import get
from web.staff.people import first_start

CARE = frozenset({Role.CAREGIVER, Role.NIGHT_WATCHER})
"""Roles that go from door to door."""


@get("/", "start", public=True)
def start() -> ResponseReturnValue:
    """`/`: my page; for who is not signed in, signing in, which leads back here; making the first
    administrator while nobody has an account."""
    actor = maybe_actor()
    if actor is not None:
        return redirect(url_for(landing(actor)))
    with staff().db.read() as conn:
        first = first_start.is_new(conn)
    return redirect(url_for("pages.first_start" if first else "security.login"))


def landing(actor: Actor) -> str:
    """The page where this person works: whoever only gives care has the phone in the hand; who also
    sits at a desk, and who mends, begin with what needs somebody; an administrator with
    all that is set up."""
    if actor.roles and actor.roles <= CARE:
        return "pages.shift"
    if actor.roles == {Role.ADMINISTRATOR}:
        return "pages.administration"
    return "pages.now"
