"""A browser without a screen, for the proof: signs in over HTTPS and sends the pages' own forms.

It stands in a machine's network (`booted`), believes the authority that it is given and no other,
and follows where it is led, as a browser without script does.  Not for: tests (`tests/browser` has
a real one), or the demo (`gateway.demo.staffclient`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from html import unescape
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import urllib3

from tools.deb.locked import BuildError

ANSWER_S = 60.0
"""Seconds that a page may take on a slow machine."""

LED_MAX = 5
"""Redirects that are followed."""


AWAY = (502, 503, 504)
"""What a proxy says for a server that is not there, or the server of a moment that it has not."""


class Away(BuildError):
    """Nobody answers now; it may be started anew."""


class Browser:
    """One person's.  `password` is given again where a page asks for it."""

    def __init__(
        self,
        name: str,
        address: str,
        authority: Path,
        network: Callable[[], AbstractContextManager[None]],
        password: str,
        port: int = 443,
    ) -> None:
        self._name, self._network, self._password = name, network, password
        self._pool = urllib3.HTTPSConnectionPool(
            address,
            port,
            ca_certs=str(authority),
            server_hostname=name,
            assert_hostname=name,
            retries=False,
            timeout=urllib3.Timeout(connect=10, read=ANSWER_S),
        )
        self._cookies: dict[str, str] = {}
        self._token = ""

    def get(self, path: str) -> str:
        """The page at `path`, or where it leads.  Raises `BuildError` unless there is one:
        `Away` where nobody is there to say so."""
        return self._led("GET", path, None)

    def send(self, path: str, **fields: str) -> str:
        """Send a form; the page that comes of it.  Raises `BuildError` where it was refused."""
        return self._led("POST", path, fields)

    def _led(self, method: str, path: str, fields: dict[str, str] | None) -> str:
        wanted = (path, fields)
        for _ in range(LED_MAX):
            status, page, leads = self._ask(method, path, fields)
            if status < 300:
                return page
            if not leads:
                said = " ".join(re.sub(r"<[^>]+>", " ", page).split())
                kind = Away if status in AWAY else BuildError
                raise kind(f"{method} {path} was answered {status}: {said[:600]}")
            method, path, fields = "GET", leads, None
            if leads.startswith("/verify"):  # who is it?  Then once more
                self._ask("GET", leads, None)
                self._ask("POST", leads, {"password": self._password})
                method = "GET" if wanted[1] is None else "POST"
                path, fields = wanted
        raise BuildError(f"{wanted[0]} leads on and on")

    def _ask(
        self, method: str, path: str, fields: dict[str, str] | None
    ) -> tuple[int, str, str | None]:
        """The status, the page, and the path that it leads to."""
        headers = {"Host": self._name, "Referer": f"https://{self._name}{path}"}
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        body = None
        if fields is not None:
            body = urlencode({**fields, "csrf_token": self._token})
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with self._network():
            try:
                answer = self._pool.request(
                    method, path, body=body, headers=headers, redirect=False
                )
            except urllib3.exceptions.HTTPError as error:
                raise Away(f"https://{self._name}{path} does not answer: {error}") from error
        for line in answer.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                self._cookies[name] = morsel.value
        page = unescape(answer.data.decode(errors="replace"))
        token = re.search(r'name="csrf[_-]token"[^>]*(?:value|content)="([^"]+)"', page)
        if token is not None:
            self._token = token[1]
        leads = answer.headers.get("Location")
        if leads is not None:
            parts = urlsplit(leads)
            if parts.netloc not in ("", self._name):
                raise BuildError(f"{path} leads away, to {leads}")
            leads = parts.path + (f"?{parts.query}" if parts.query else "")
        return answer.status, page, leads if 300 <= answer.status < 400 else None
