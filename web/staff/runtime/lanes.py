"""Which lane a request is of, told by its method, address and size alone.

Not for: who goes first (`web.staff.core.admission`), or the way in
(`web.staff.runtime.admission_gate`).
"""

from __future__ import annotations

from typing import Any

from web.staff.core.admission import Lane

LIVE_MAX_BYTES = 4_000
"""Of a batch's body: some ten events in the open, some sixty packed.  More is history."""

HOME = "/api/v1/home/"
ORDERS = ("/pass/", "/larm/", "/tillsyn/", "/kanal/")
"""Where people act on what cannot wait, in person or by a channel's provider."""

FREE = (
    *("/static/", "/s/", "/fs-static/", "/sw.js", "/manifest", "/live", "/healthz", "/metrics"),
    *("/inloggning/", "/api/", "/larmvagar/", "/tillsyn/titta/bild", "/.well-known/"),
)
"""Files, what a screen listens to, and what waits for somebody else's server or a home's next
picture: no turn is held."""

OUTSIDE = (
    *("/administration/andra-system", "/administration/larmcentraler"),
    *("/administration/egen-inloggning", "/anhorig/enhet"),
)
"""Where a form tries somebody else's server, for as long as that takes: no turn is held by it."""


def lane_of(environ: dict[str, Any]) -> Lane | None:
    """The lane of a request; None: it goes in as it comes."""
    method, path = environ.get("REQUEST_METHOD"), str(environ.get("PATH_INFO", ""))
    if path.startswith(HOME):
        what = path.removeprefix(HOME)
        if what.startswith("update-"):
            return None  # a piece of a file, and few at once
        if method == "GET":
            return Lane.STREAM
        if what == "urgent":
            return Lane.ALARM
        if what in ("call", "look"):
            return Lane.ORDER
        if what != "events":
            return None
        size = length(environ)
        return Lane.LIVE if size is not None and size <= LIVE_MAX_BYTES else Lane.HISTORY
    if path.startswith(FREE) or path.endswith("/fil"):
        return None
    if method == "POST" and path in OUTSIDE:
        return None
    return Lane.ORDER if method == "POST" and path.startswith(ORDERS) else Lane.PAGE


def length(environ: dict[str, Any]) -> int | None:
    """The body's length as it was announced; None: it was not."""
    text = str(environ.get("CONTENT_LENGTH") or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None
