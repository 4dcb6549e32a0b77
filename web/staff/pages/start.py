"""`/`: where somebody lands after signing in: where they work.

Not for: what stands there, or where a form leads back to.
"""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from web.staff.core.rights import Actor, Role
from web.staff.pages.layout import maybe_actor
from web.staff.pages.routes import get

CARE = frozenset({Role.CAREGIVER, Role.NIGHT_WATCHER})
"""Roles that go from door to door."""


@get("/", "start", public=True)
def start() -> ResponseReturnValue:
    """`/`: my page; for who is not signed in, signing in, which leads back here."""
    actor = maybe_actor()
    return redirect(url_for("security.login" if actor is None else landing(actor)))


def landing(actor: Actor) -> str:
    """The page where this person works: whoever only gives care has the phone in the hand; who also
    sits at a desk, and who mends, begin with what needs somebody; an administrator with the
    staff."""
    if actor.roles and actor.roles <= CARE:
        return "pages.shift"
    if actor.roles == {Role.ADMINISTRATOR}:
        return "pages.people"
    return "pages.now"
