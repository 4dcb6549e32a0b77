"""Who may see the home on the Pi's page: a browser in which a code or the resident's PIN was right.

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

from flask import request
from werkzeug.wrappers import Response

COOKIE = "__Host-session"

STAFF_S = 15 * 60.0
"""Seconds that a code opens the page for: a look round, not the rest of the shift on a phone that
is then left somewhere."""

RESIDENT_S = 60 * 60.0
"""… and the resident's PIN: eight digits every quarter of an hour are too many for old hands."""

SESSIONS_MAX = 32
"""At once; the oldest ends for a new one.  Nobody makes one without a right code or PIN."""


class Sessions:
    """The sessions of this run; from any thread.  `mono_s`: real seconds that only rise."""

    def __init__(self, mono_s: Callable[[], float] = time.monotonic) -> None:
        self._mono_s = mono_s
        self._ends: dict[str, float] = {}
        self._lock = threading.Lock()

    def begin(self, answer: Response, life_s: float) -> Response:
        """The same answer, with a new session for the browser that gets it."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._drop_ended()
            while len(self._ends) >= SESSIONS_MAX:
                self._ends.pop(next(iter(self._ends)))
            self._ends[_hash(token)] = self._mono_s() + life_s
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

    def is_in(self) -> bool:
        """Whether this request is of a session."""
        token = request.cookies.get(COOKIE)
        if not token:
            return False
        with self._lock:
            self._drop_ended()
            return _hash(token) in self._ends

    def end(self, answer: Response) -> Response:
        """The same answer, and this request's session is over."""
        with self._lock:
            self._ends.pop(_hash(request.cookies.get(COOKIE, "")), None)
        answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Strict", path="/")
        return answer

    def _drop_ended(self) -> None:
        now = self._mono_s()
        self._ends = {token: end for token, end in self._ends.items() if end > now}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
