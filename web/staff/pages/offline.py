"""The phone without a network: what makes the shift page an installable page that still opens, and
the codes that it keeps.

The service worker keeps one page, which has nothing about anybody in it; the codes are kept by the
page itself, in the phone, until they are used, end, or somebody signs out.

Not for: making codes (`web.staff.doors.door_codes`), or the door's own page (`web.home`).
"""

from __future__ import annotations

import json

from flask import Response, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gateway.events import utc_text
from web.staff import channels
from web.staff.care.actions import Refused
from web.staff.channels.push import Push
from web.staff.core.context import staff
from web.staff.core.rights import Actor
from web.staff.doors import door_codes
from web.staff.pages import lookups
from web.staff.pages.forms import refusal_text
from web.staff.pages.layout import answer_json, asset, assets_version
from web.staff.pages.routes import get, post

SHELL_ASSETS = (
    "css/tokens.css",
    "css/base.css",
    "css/controls.css",
    "css/parts.css",
    "css/rows.css",
    "css/pages.css",
    "icon.svg",
    "js/offline.js",
    "js/codes.js",
)
"""What the page without a network is made of."""


@get("/pass/utan-nat", "offline_shell", public=True)
def shell() -> Response:
    """`/pass/utan-nat`: the page that the phone keeps.  The same for everybody."""
    answer = Response(render_template("offline.html"))
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@get("/sw.js", "worker", public=True)
def worker() -> Response:
    """`/sw.js`: the service worker, with the addresses that it keeps."""
    key = channels.here().get("push")
    keep = [url_for("pages.offline_shell"), *(asset(path) for path in SHELL_ASSETS)]
    site = {
        "version": assets_version(),
        "shell": keep[0],
        "keep": keep,
        "icon": asset("icon.svg"),
        # what a push that cannot be read says
        "moved": url_for("channels.moved"),
        "pushKey": key.application_key if isinstance(key, Push) else None,
        "alarm": {"title": "Larm", "body": "Öppna Tryggve.", "url": url_for("pages.now")},
    }
    script = render_template("sw.js", site=json.dumps(site))
    answer = Response(script, mimetype="text/javascript")
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@get("/manifest.webmanifest", "manifest", public=True)
def manifest() -> Response:
    """`/manifest.webmanifest`: what an installed page is called, and where it begins: a
    relative's (`anhorig`) at their own."""
    begins = "pages.relative" if "anhorig" in request.args else "pages.shift"
    manifest = {
        "name": "Tryggve",
        "short_name": "Tryggve",
        "start_url": url_for(begins),
        "scope": "/",
        "display": "standalone",
        "background_color": "#12191c",
        "theme_color": "#12191c",
        "icons": [{"src": asset("icon.svg"), "sizes": "any", "type": "image/svg+xml"}],
    }
    answer = Response(json.dumps(manifest), mimetype="application/manifest+json")
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@post("/pass/koder", "codes")
def codes(actor: Actor) -> ResponseReturnValue:
    """POST `/pass/koder`: this person's codes for the day's homes, for the phone to keep."""
    try:
        mine = door_codes.shift_codes(staff(), actor)
    except Refused as refusal:
        return answer_json(refusal_text(actor, refusal), 403)
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
    return jsonify(
        person=actor.person,
        homes=[
            {
                "home": one.home,
                "where": places[one.home].where,
                "fallback": places[one.home].fallback,
                "page": None
                if one.page is None
                else {"url": one.page.url, "fingerprint": one.page.fingerprint},
                "codes": [
                    {
                        "digits": c.digits,
                        "expires": utc_text(c.expires),
                        "there": c.there,
                        "id": c.id,
                        "device": c.device,
                        "key": c.phone_key,
                    }
                    for c in one.codes
                ],
            }
            for one in mine
            if one.home in places
        ],
    )
