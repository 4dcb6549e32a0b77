"""A phone on the page that a real Pi's program serves: its forms over HTTPS, as its browser sends
them.

Not for: what is asserted of it (`test_install`).
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from html import unescape
from http.cookies import SimpleCookie
from pathlib import Path

import urllib3

from gateway.demo.installer import WAIT_S
from gateway.doors.page_identity import CERTIFICATE

LOOK_S = 0.2
"""Seconds between two looks of a page."""


class PiPage:
    """One phone; `state` is the home's folder, where its certificate lies."""

    def __init__(self, port: int, state: Path) -> None:
        self._origin = f"https://localhost:{port}"
        self._pool = urllib3.HTTPSConnectionPool(
            *("localhost", port), ca_certs=str(state / CERTIFICATE), timeout=15, retries=False
        )
        self._cookies: dict[str, str] = {}

    def get(self, path: str) -> str:
        """A page."""
        return self._send("GET", path)[1]

    def post(self, path: str, **fields: str) -> int:
        """Send a form; its status."""
        token = re.search(r'name="token" value="([^"]+)"', self.get("/door"))
        assert token is not None
        return self._send("POST", path, {"token": token[1], **fields})[0]

    def shows(self, path: str, *parts: str) -> str:
        """The page, once all of this stands on it; also when the Pi has just started."""
        until = time.monotonic() + WAIT_S
        while True:
            page = ""
            with suppress(urllib3.exceptions.HTTPError):  # it is starting
                page = self.get(path)
            if all(part in page for part in parts):
                return page
            assert time.monotonic() < until, (parts, page)
            time.sleep(LOOK_S)

    def _send(
        self, method: str, path: str, fields: dict[str, str] | None = None
    ) -> tuple[int, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        answer = self._pool.request(
            method,
            path,
            fields=fields,
            encode_multipart=False,
            headers={"Cookie": cookies, "Origin": self._origin},
            redirect=False,
        )
        for line in answer.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                self._cookies[name] = morsel.value
        return answer.status, unescape(answer.data.decode())
