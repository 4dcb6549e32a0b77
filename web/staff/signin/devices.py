"""Browsers that an account has used before: a signed cookie of their own, so that guessing from
elsewhere shuts out nobody on their own phone (OWASP's "device cookies").

The cookie holds a random name of the browser, and keyed hashes of the accounts that have signed in
with it: wards share computers.  It lets nobody in and says nothing about anybody: whoever has it is
counted by it, and not among strangers (`failed_attempts`).  Not for: sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field

from flask import Response, after_this_request, current_app, g, request
from itsdangerous import BadSignature, URLSafeSerializer

from web.staff.core.context import staff

KEPT_DAYS = 180
"""Days after an account's last sign-in in which its browser is known: a summer and a parental leave
later somebody is a stranger again, which costs nothing but the wait of one."""

ACCOUNTS_MAX = 30
"""Accounts of one browser, the latest first: a ward's computer.  1.5 kB of the 4 kB of a cookie."""

DAY_S = 24 * 3600
PURPOSE = "tryggve.device"
"""Keeps its signature apart from those of other cookies and forms."""
NAME_BYTES = 16
TAG_CHARS = 22
"""Of a keyed hash in base 16: 88 bits."""


@dataclass
class _Cookie:
    name: str = field(default_factory=lambda: secrets.token_hex(NAME_BYTES))
    days: dict[str, int] = field(default_factory=dict)
    """Tag of an account to the day (since 1970) of its last sign-in here."""


def cookie_name() -> str:
    """`__Host-`: for this server only, over HTTPS only."""
    return "__Host-tryggve-device" if staff().config.secure_cookies else "tryggve-device"


def known(account: str) -> str | None:
    """What failures are counted by when this account has been used in this browser; None: not.
    `account` is its normal address."""
    cookie = _read()
    if cookie is None:
        return None
    day = cookie.days.get(_tag(cookie.name, account))
    if day is None or _today() - day > KEPT_DAYS:
        return None
    return hashlib.sha256(f"device:{cookie.name}".encode()).hexdigest()


def remember(account: str) -> None:
    """Somebody has signed in to this account here, with all that is asked for."""
    cookie = _read() or _Cookie()
    tag = _tag(cookie.name, account)
    days = {tag: _today(), **{other: day for other, day in cookie.days.items() if other != tag}}
    kept = dict(list(days.items())[:ACCOUNTS_MAX])
    value = str(_signer().dumps({"n": cookie.name, "a": kept}))
    g.tryggve_device = _Cookie(cookie.name, kept)

    @after_this_request
    def _set(answer: Response) -> Response:
        answer.set_cookie(
            cookie_name(),
            value,
            max_age=KEPT_DAYS * DAY_S,
            httponly=True,
            secure=staff().config.secure_cookies,
            samesite="Lax",
        )
        return answer


def _read() -> _Cookie | None:
    if "tryggve_device" not in g:
        g.tryggve_device = _parse(request.cookies.get(cookie_name(), ""))
    found: _Cookie | None = g.tryggve_device
    return found


def _parse(value: str) -> _Cookie | None:
    if not value:
        return None
    try:
        told = _signer().loads(value)
        return _Cookie(str(told["n"]), {str(tag): int(day) for tag, day in told["a"].items()})
    except (BadSignature, KeyError, TypeError, ValueError, AttributeError):
        return None


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.secret_key), salt=PURPOSE)


def _tag(name: str, account: str) -> str:
    key = staff().keys.code_key
    digest = hmac.new(key, f"device:{name}:{account}".encode(), hashlib.sha256)
    return digest.hexdigest()[:TAG_CHARS]


def _today() -> int:
    return int(time.time() // DAY_S)
