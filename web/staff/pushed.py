"""`/live`: server-sent events for the screens of signed-in staff.

Not for: the broker behind it (`web.staff.live`), or the homes' stream (`web.staff.link`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Blueprint, Response, request

from web.staff import sessions
from web.staff.auth import current_actor, sign_in_required
from web.staff.context import staff
from web.staff.live import FOR_HOMES, FOR_REQUESTS, Closed, Subscription, TooSlow
from web.staff.rights import Right
from web.staff.words import NOT_CARE

blueprint = Blueprint("pushed", __name__)

HEARTBEAT_S = 4
"""Seconds between signs of life: the page calls the link dead when one and a half of them pass, and
a dead link must be told within seconds."""

STREAM_MAX_S = 600
"""Seconds until a stream ends and the browser comes back.  Rights that were taken away end sooner
(`Watched`)."""

RETRY_MS = 1000
"""Milliseconds after which a browser comes back."""

RESYNC = b"event: resync\ndata: {}\n\n"


@dataclass(frozen=True, slots=True)
class Watched:
    """The session that a stream was opened with, and the rights it had then."""

    gate: sessions.Gate
    session: str | None
    version: int | None

    def holds(self) -> bool:
        """Whether nothing was changed: within `sessions.GATE_READ_S`."""
        return self.version is not None and self.gate.version(self.session) == self.version


@blueprint.get("/live")
@sign_in_required
def live() -> Response:
    """Changes in the homes that this person sees.

    `Last-Event-ID` (sent by the browser when it comes back) or `?from=` (put in the page) is where
    to go on; `event: resync` says that the page must load anew.
    """
    parts = staff()
    if not parts.broker.has_room(parts.config.listen.threads - FOR_REQUESTS - FOR_HOMES):
        return Response(status=503, headers={"Retry-After": "10"})
    after = request.headers.get("Last-Event-ID") or request.args.get("from")
    actor = current_actor()
    watched = Watched(sessions.gate(), sessions.here(), sessions.gate().opened(sessions.here()))
    screen = parts.broker.subscribe(actor.homes, after=after)
    care = actor.may(Right.SEE_CARE)
    response = Response(_bytes(screen, care, watched), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(lambda: screen.broker.unsubscribe(screen))
    return response


def _bytes(screen: Subscription, care: bool, watched: Watched) -> Iterator[bytes]:
    with screen:
        yield f"retry: {RETRY_MS}\n: hello\n\n".encode()
        if screen.resync:
            yield RESYNC
        yield from (_seen(raw, care) for raw in screen.missed)
        try:
            until = time.monotonic() + STREAM_MAX_S
            while time.monotonic() < until:
                raw = screen.get(HEARTBEAT_S)
                if not watched.holds():
                    return  # signed out, or other rights: the browser comes back, and is told
                yield b": heartbeat\n\n" if raw is None else _seen(raw, care)
        except TooSlow:
            yield RESYNC
        except Closed:
            return


def _seen(raw: bytes, care: bool) -> bytes:
    """A message as this person may see it.  Without the right to care nothing of the resident's day
    goes out: of an alarm only that there is something to load anew, of the rest a sign of life."""
    if care:
        return raw
    position, _, rest = raw.partition(b"\n")
    home_and_kind, found, _ = rest.partition(b',"event":')
    kind = home_and_kind.rpartition(b'"kind":')[2].strip(b'"').decode()
    if kind in NOT_CARE:
        return raw
    if found and kind.startswith("alarm."):
        return position + b"\n" + home_and_kind + b',"event":null}\n\n'
    return b": heartbeat\n\n"
