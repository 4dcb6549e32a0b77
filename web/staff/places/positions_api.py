"""`POST /api/v1/positions/owntracks` and `/traccar`: where a transponder is.

The token of the transponder stands in `Authorization`, as a bearer or as the password of a basic
authorisation (OwnTracks knows no other), or for Traccar, which sends one header for all its
devices, in the device's attribute `tryggve`.  What can be read and is no position is answered with
200: a phone that got an error would send it again before anything newer.

Not for: what a message means (`fixes`), or what follows (`positions`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request

from gateway.wire import Problem
from web.staff.core import json_said
from web.staff.core.context import staff
from web.staff.core.limits import Limiter, network_of
from web.staff.places import fixes, positions, tiles
from web.staff.places.fixes import Told
from web.staff.places.positions import Sender, Worth
from web.staff.storage.storable import storable

blueprint = Blueprint("positions_api", __name__)

BODY_MAX_BYTES = 200_000
"""Of a message: OwnTracks may send a picture of a place with it (a photo of a phone is some 100 kB
as it sends it), which is not read."""

TOKEN_MAX_CHARS = 100

TRIES, TRIES_WINDOW_S = 30, 600.0
"""Wrong tokens of one network in ten minutes: 192 bits are not guessed, a log is not filled."""

TOLD_MAX, TOLD_WINDOW_S = 240, 60.0
"""Messages of one transponder in a minute: one that was away for an hour sends its queue, which
holds one each 15 s, at once."""

TRIES_OF = "tryggve.position_tries"
TOLD_OF = "tryggve.position_told"


def init_app(app: Flask) -> None:
    """Add the routes.  They have no cookie to forge: the token is the proof."""
    app.register_blueprint(blueprint)
    app.extensions["csrf"].exempt(blueprint)
    app.extensions[TRIES_OF] = Limiter(TRIES, TRIES_WINDOW_S)
    app.extensions[TOLD_OF] = Limiter(TOLD_MAX, TOLD_WINDOW_S)
    app.extensions[tiles.EXTENSION] = tiles.Maps(app.extensions["tryggve"].config.map.file)


@blueprint.post("/api/v1/positions/owntracks")
def owntracks() -> Response:
    """A message of OwnTracks' HTTP mode."""
    return _answer(fixes.owntracks, lambda _said: None)


@blueprint.post("/api/v1/positions/traccar")
def traccar() -> Response:
    """A message of Traccar's forwarding."""
    return _answer(fixes.traccar, fixes.token_within)


def _answer(
    read: Callable[[Mapping[str, Any]], Told], within: Callable[[Mapping[str, Any]], str | None]
) -> Response:
    tries: Limiter = current_app.extensions[TRIES_OF]
    data = request.stream.read(BODY_MAX_BYTES + 1)
    if len(data) > BODY_MAX_BYTES:
        return _problem(413, "too_big", f"A message has at most {BODY_MAX_BYTES} bytes.")
    said = _json(data)
    token = _given() or within(said or {}) or ""
    sender = _sender(token)
    if sender is None:
        if not tries.allow(network_of(request.remote_addr or "")):
            return _problem(429, "too_many", "Too many tries; wait ten minutes.")
        return _problem(401, "no_token", "The token is wrong or void.")
    told: Limiter = current_app.extensions[TOLD_OF]
    if not told.allow(sender.id):
        return _problem(429, "too_many", "Too many messages; wait a minute.")
    if said is None:
        return _problem(400, "bad_json", "The message is no JSON object.")
    if positions.take(staff(), sender, token, read(said)) is Worth.NO_CONSENT:
        return _problem(403, "no_consent", "No positions are taken for this transponder.")
    return Response("[]", 200, mimetype="application/json")


def _given() -> str | None:
    header = request.authorization
    if header is None:
        return None
    return header.token if header.type == "bearer" else header.password


def _sender(token: str) -> Sender | None:
    if not token or len(token) > TOKEN_MAX_CHARS or not storable(token):
        return None
    with staff().db.read() as conn:
        return positions.sender_of(conn, token)


def _json(data: bytes) -> Mapping[str, Any] | None:
    try:
        said = json_said.read(data)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _problem(status: int, code: str, text: str) -> Response:
    problem = Problem(code=code, detail=text, now_s=time.time())
    answer = Response(problem.model_dump_json(), status, mimetype="application/json")
    if status == 429:
        answer.headers["Retry-After"] = "60"
    return answer
