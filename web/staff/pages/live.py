"""`/live`: server-sent events for the screens of signed-in staff.

Not for: the broker behind it (`web.staff.realtime.broker`), or the homes' stream
(`web.staff.homelink.routes`).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Blueprint, Response, request
from flask_login import current_user

from web.staff.audit import access_log
from web.staff.care import helpers
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.realtime.broker import Subscription
from web.staff.realtime.waiting import ANNOUNCED, Closed, Message, TooSlow, encode
from web.staff.signin import sessions
from web.staff.signin.auth import current_actor, sign_in_required
from web.staff.texts.kind_words import NOT_CARE

log = logging.getLogger(__name__)

blueprint = Blueprint("pushed", __name__)

HEARTBEAT_S = 4
"""Seconds between signs of life: the page calls the link dead when one and a half of them pass, and
a dead link must be told within seconds."""

STREAM_MAX_S = 600
"""Seconds until a stream ends and the browser comes back.  Rights that were taken away end sooner
(`Watched`)."""

RETRY_MS = 1000
"""Milliseconds after which a browser comes back."""

HEARTBEAT = b": heartbeat\n\n"

ELSEWHERE_CHANGED = "elsewhere.changed"
"""Something changed about alarms of others: load anew."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The session that a stream was opened with, and the rights it had then."""

    gate: sessions.Gate
    session: str | None
    version: int | None

    def holds(self) -> bool:
        """Whether nothing was changed: at once, and what a command line changed on SQLite within
        `sessions.GATE_READ_S`."""
        return self.version is not None and self.gate.version(self.session) == self.version


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, and how much is shown."""

    person: str
    care: bool


@blueprint.get("/live")
@sign_in_required
def live() -> Response:
    """Changes in the homes that this person sees.

    `Last-Event-ID` (sent by the browser when it comes back) or `?from=` (put in the page) is where
    to go on; `event: resync` says that the page must load anew.
    """
    parts = staff()
    room = parts.config.listen
    if not parts.broker.has_room("screens", homes=room.homes, screens=room.screens):
        log.error("no room for a screen: raise listen.screens")
        said = _("Servern har inte plats för fler skärmar. Säg till den som sköter den.")
        return Response(said, 503, headers={"Retry-After": "10"}, mimetype="text/plain")
    after = request.headers.get("Last-Event-ID") or request.args.get("from")
    actor = current_actor()
    watched = Watched(sessions.gate(), sessions.here(), sessions.gate().opened(sessions.here()))
    viewer = Viewer(actor.person, actor.may(Right.SEE_CARE))
    screen = parts.broker.subscribe(
        actor.homes, elsewhere=_homes_elsewhere(actor), after=after, user=int(current_user.id)
    )
    saving = parts.saving_event()
    response = Response(_bytes(screen, viewer, watched, saving), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(lambda: screen.broker.unsubscribe(screen))
    return response


def _homes_elsewhere(actor: Actor) -> frozenset[str]:
    """The homes of the organisation that are not this person's, for whoever may go to an alarm
    there."""
    if not helpers.may_help(actor):
        return frozenset()
    with staff().db.read() as conn:
        return frozenset(access_log.homes_of(conn, actor.org)) - actor.homes


def _bytes(
    screen: Subscription, viewer: Viewer, watched: Watched, saving: bytes
) -> Iterator[bytes]:
    with screen:
        yield f"retry: {RETRY_MS}\n: hello\n\n".encode() + saving
        if screen.resync:
            yield _resync("")
        until = time.monotonic() + STREAM_MAX_S
        while time.monotonic() < until:
            try:
                message = screen.get(HEARTBEAT_S)
                raw = HEARTBEAT if message is None else _seen(message, viewer, screen)
            except TooSlow as lost:
                # it goes on from here: a stream that ended would come back to as much again
                raw = _resync(lost.position)
            except Closed:
                return
            if not watched.holds():
                return  # signed out, or other rights: the browser comes back, and is told
            if raw:
                yield raw


def _resync(position: str) -> bytes:
    """Load anew; what comes after `position` (empty: now) is told as before."""
    data = json.dumps({"position": position} if position else {})
    return f"event: resync\ndata: {data}\n\n".encode()


def _seen(message: Message, viewer: Viewer, screen: Subscription) -> bytes:
    """A message as this person may see it; empty: not at all.

    Of another's home only that there is something to load anew, when an alarm or the own order to
    turn a lock changed there; not even which home.  Without the right to care nothing of the
    resident's day goes out: of an alarm and of the own order only the kind, of the rest a sign of
    life."""
    kind, own = message.kind, message.person == viewer.person
    if kind == ANNOUNCED:
        return message.raw
    here = f"id: {message.position}\n".encode() if message.position else b""
    if not message.is_in(screen.homes):
        wanted = kind.startswith("alarm.") or own
        return here + encode(None, ELSEWHERE_CHANGED) if wanted else b""
    if viewer.care or kind in NOT_CARE:
        return here + message.raw
    if kind.startswith("alarm.") or (kind.startswith("unlock.") and own):
        return here + message.bare()
    return HEARTBEAT
