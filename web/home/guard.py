"""What every request to the Pi's page must be before it is answered: to this home, and when it is a
form, from this page.

A form needs two things: the browser says that it comes from this page (`Origin`, which no script of
another site can set), and it brings the token that stands in a cookie which no other site's form
brings along.

Not for: who may see or do what (`web.home.sessions`).
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets

from flask import abort, request
from werkzeug.wrappers import Response

TOKEN_COOKIE = "__Host-form"  # noqa: S105 - a cookie's name
"""The form's token; a browser's session long.  `__Host-`: only over HTTPS, only for this host, set
by nobody else."""

READING = ("GET", "HEAD", "OPTIONS")

_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+)(?::[0-9]{1,5})?")


def check() -> None:
    """Refuse (403) what is under a foreign name, and forms from elsewhere."""
    if not is_local_name(request.host):
        abort(403)  # another site's name that was pointed at this address (DNS rebinding)
    if request.method in READING:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        abort(403)
    if request.headers.get("Origin") != f"{request.scheme}://{request.host}":
        abort(403)
    token = request.cookies.get(TOKEN_COOKIE, "")
    if not token or not hmac.compare_digest(token.encode(), request.form.get("token", "").encode()):
        abort(403)


def token() -> str:
    """The token for this browser's forms: the one that it has, or a new one (`remember`)."""
    return request.cookies.get(TOKEN_COOKIE) or secrets.token_urlsafe(16)


def remember(answer: Response, value: str) -> None:
    """Have the answer give the browser the token."""
    if request.cookies.get(TOKEN_COOKIE) != value:
        answer.set_cookie(
            TOKEN_COOKIE, value, secure=True, httponly=True, samesite="Strict", path="/"
        )


def is_near(address: str) -> bool:
    """Whether somebody with this network address is in the home's own network, or on its access
    point: the whole world is not to try codes, wherever the page is reached from."""
    try:
        given = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = given.ipv4_mapped if isinstance(given, ipaddress.IPv6Address) else None
    given = mapped or given
    return given.is_loopback or given.is_link_local or given.is_private


def is_local_name(host: str) -> bool:
    """Whether a `Host` may be this machine's: an address, a bare name, or one of a home's network.
    A name that anybody can buy is not."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match["name"].lower()
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return "." not in name or name.endswith((".local", ".lan", ".home.arpa"))
    return True
