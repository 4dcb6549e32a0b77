"""Who may see the home on the Pi's page: a browser in which a code or the resident's PIN was right,
or the code of who installs it.

A session is a random token in a cookie that no script reads, that goes over HTTPS to this host only
and along with no other site's link; here its hash is kept, in memory.  It ends after minutes
whatever happens, with the program, and when its owner says so.

Not for: judging codes and PINs (the gateway does), or forms (`web.home.guard`).
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from enum import StrEnum

from flask import request
from werkzeug.wrappers import Response

COOKIE = "__Host-session"

STAFF_S = 15 * 60.0
"""Seconds that a code opens the page for: a look round, not the rest of the shift on a phone that
is then left somewhere."""

RESIDENT_S = 60 * 60.0
"""… and the resident's PIN: eight digits every quarter of an hour are too many for old hands."""

INSTALLER_S = 2 * 60 * 60.0
"""… and the code of who installs: an hour is meant to be enough, and hands are full."""

SESSIONS_MAX = 32
"""At once; the oldest ends for a new one.  Nobody makes one without a right code or PIN."""


class Who(StrEnum):
    """By what a session was begun."""

    RESIDENT = "resident"
    STAFF = "staff"
    INSTALLER = "installer"
    """Sees what is installed, and nothing of who lives there."""


LIVES_S = {Who.RESIDENT: RESIDENT_S, Who.STAFF: STAFF_S, Who.INSTALLER: INSTALLER_S}


class Sessions:
    """The sessions of this run; from any thread.  `mono_s`: real seconds that only rise."""

    def __init__(self, mono_s: Callable[[], float] = time.monotonic) -> None:
        self._mono_s = mono_s
        self._ends: dict[str, tuple[float, Who]] = {}  # when, and whose it is
        self._lock = threading.Lock()

    def begin(self, answer: Response, who: Who) -> Response:
        """The same answer, with a new session for the browser that gets it."""
        life_s = LIVES_S[who]
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._drop_ended()
            while len(self._ends) >= SESSIONS_MAX:
                self._ends.pop(next(iter(self._ends)))
            self._ends[_hash(token)] = self._mono_s() + life_s, who
        answer.set_cookie(
            COOKIE,
            token,
            max_age=round(life_s),
            secure=True,
            httponly=True,
            samesite="Strict",
            path="/",
        )
        return answer

    def who(self) -> Who | None:
        """Whose session this request is of; None: of none."""
        own = self._own()
        return None if own is None else own[1]

    def name(self) -> str:
        """Names this request's session, and tells nobody its token."""
        return _hash(request.cookies.get(COOKIE, ""))[:16]

    def _own(self) -> tuple[float, Who] | None:
        token = request.cookies.get(COOKIE)
        if not token:
            return None
        with self._lock:
            self._drop_ended()
            return self._ends.get(_hash(token))

    def end(self, answer: Response) -> Response:
        """The same answer, and this request's session is over."""
        with self._lock:
            self._ends.pop(_hash(request.cookies.get(COOKIE, "")), None)
        answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Strict", path="/")
        return answer

    def _drop_ended(self) -> None:
        now = self._mono_s()
        self._ends = {token: one for token, one in self._ends.items() if one[0] > now}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
