"""Where the world outside speaks to the server about messages: a channel's provider, and the button
of a notification (reports and replies).

Nobody has a session here: who speaks shows the secret of the address, and whatever its channel asks
for beside it.  Bodies are bounded, and who guesses is slowed.

Not for: what is done with it (`answers`, `noting`).
"""

from __future__ import annotations

import hmac
import json
from contextlib import suppress

from flask import Blueprint, Flask, Response, abort, current_app, request

from web.staff import channels
from web.staff.channels import points
from web.staff.channels.contract import Forged, Incoming
from web.staff.core import json_said
from web.staff.core.context import staff
from web.staff.core.limits import Limiter, network_of
from web.staff.ladders import answers
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.storage.storable import storable

EXTENSION = "tryggve.ladders"
"""Where the application keeps its dispatcher."""

BODY_MAX_BYTES = 64 * 1024
"""Of one request: a provider's report is some hundred bytes."""

ITEMS_MAX = 200
"""Reports, and replies, of one request."""

BAD_MAX, BAD_WITHIN_S = 20, 600.0
"""Requests with a wrong secret that one network may send in so many seconds."""

REQUESTS_MAX, REQUESTS_WITHIN_S = 3_000, 60.0
"""Requests of one network in so many seconds: the reports of a storm come together."""

BAD_OF, ALL_OF = "tryggve.channels_bad", "tryggve.channels_all"
"""An application's limits, among its extensions."""

blueprint = Blueprint("channels", __name__)


def init_app(app: Flask) -> None:
    """Add the routes.  They have no cookie to forge."""
    app.register_blueprint(blueprint)
    app.extensions["csrf"].exempt(blueprint)
    app.extensions[BAD_OF] = Limiter(BAD_MAX, BAD_WITHIN_S)
    app.extensions[ALL_OF] = Limiter(REQUESTS_MAX, REQUESTS_WITHIN_S)


def dispatcher() -> Dispatcher:
    """The running application's."""
    found: Dispatcher = current_app.extensions[EXTENSION]
    return found


@blueprint.post("/kanal/<name>/<secret>")
def told(name: str, secret: str) -> Response:
    """What a channel's provider says: 204 when it is noted, 403 for who is not the provider, 404
    for a channel that is not set up, 413, 429."""
    _slow()
    parts, us = staff(), dispatcher()
    channel = us.channels.get(name)
    right = hmac.compare_digest(secret.encode(), channels.door(parts, name).encode())
    if channel is None or not right:
        _guessed()
        abort(404)
    body = _body()
    try:
        said = channel.incoming(dict(request.headers), _fields(), body)
    except Forged:
        _guessed()
        abort(403)
    took(name, said)
    return Response(status=204)


@blueprint.post("/kanal/push-byte")
def moved() -> Response:
    """A device's subscription was replaced by its browser: JSON with the one `before` and the one
    `after`, each whole.  204: it is used once a test alarm was shown there, which is on its way;
    404 for what is of nobody here, 413, 429."""
    _slow()
    parts = staff()
    try:
        said = json_said.read(_body())
        before, after = (json.dumps(said[which]) for which in ("before", "after"))
    except (ValueError, KeyError, TypeError):
        abort(404)
    with parts.write() as tx:
        way = points.moved(parts, tx, before, after)
    if way is None:
        _guessed()
        abort(404)
    user, id_ = way
    with parts.db.read() as conn:
        org = points.org_of(conn, user)
    url = f"{parts.config.public_url or request.url_root.rstrip('/')}/larmvagar"
    with suppress(points.Refused):  # where there is no such channel any more the page says so
        points.try_out(parts, channels.here(), user, id_, org=org, url=url)
    return Response(status=204)


def took(name: str, said: Incoming) -> None:
    """Act on what was said by a channel, once the channel has found it genuine (needs an
    application context)."""
    parts, us = staff(), dispatcher()
    reports = [one for one in said.reports if _is_known(one.message, one.provider_ref)]
    us.report(name, reports[:ITEMS_MAX])
    replies = [one for one in said.replies if _is_known(one.message, one.sender)]
    for one in replies[:ITEMS_MAX]:
        answers.reply(parts, us, name, one)


def _is_known(*names: str | None) -> bool:
    """Whether they may be names of something here: no column has what cannot be kept."""
    return all(storable(name or "") for name in names)


def _body() -> bytes:
    """The request's body, read once and kept for its form.  Aborts: 413."""
    if (request.content_length or 0) > BODY_MAX_BYTES:
        abort(413)
    request.max_content_length = BODY_MAX_BYTES
    return request.get_data(cache=True, parse_form_data=False)


def _fields() -> dict[str, str]:
    """What stands in the address and in the form."""
    return {**request.args.to_dict(), **request.form.to_dict()}


def _slow() -> None:
    if not current_app.extensions[ALL_OF].allow(network_of(request.remote_addr or "")):
        abort(429)


def _guessed() -> None:
    if not current_app.extensions[BAD_OF].allow(network_of(request.remote_addr or "")):
        abort(429)
