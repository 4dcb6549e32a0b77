"""A member of the staff without a browser: signs in, watches the stream, does what the forms do.

Not for: showing pages; the browser tests look at those.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from http.cookies import SimpleCookie
from threading import Condition, Thread
from typing import Any
from urllib.parse import urlencode

import urllib3

from gateway.errors import TryggveError
from gateway.link.sse import Parser

WAIT_S = 30.0
"""Seconds to wait for something on the live stream."""


class StaffError(TryggveError):
    """The staff server did not do what it should; `text` says what."""


class StaffClient:
    """One signed-in person."""

    def __init__(self, url: str, email: str, password: str) -> None:
        """Sign in.  Raises `StaffError`."""
        self._url = url
        timeout = urllib3.Timeout(connect=5, read=WAIT_S)  # its first place is the whole request's
        self._pool = urllib3.PoolManager(retries=False, timeout=timeout)
        self._cookies: dict[str, str] = {}
        self._token = ""
        page = self.get("/login")
        self._token = _csrf(page)
        answer = self._send(
            "POST", "/login", {"email": email, "password": password, "csrf_token": self._token}
        )
        if answer.status not in (302, 303):
            raise StaffError(f"{email} could not sign in (HTTP {answer.status})")
        self._token = _csrf(self.get("/nu"))

    def get(self, path: str) -> str:
        """A page's HTML.  Raises `StaffError` unless it is 200."""
        answer = self._send("GET", path)
        if answer.status != 200:
            raise StaffError(f"{path} answered HTTP {answer.status}")
        return answer.data.decode()

    def post(self, path: str, **fields: str) -> dict[str, Any]:
        """Send a form as the page's script does; its JSON answer.  Raises `StaffError` when it was
        refused."""
        answer = self._send("POST", path, {**fields, "csrf_token": self._token}, json_wanted=True)
        if answer.status >= 400:
            raise StaffError(f"{path} was refused (HTTP {answer.status}): {answer.data[:300]!r}")
        try:
            reply: dict[str, Any] = json.loads(answer.data or b"{}")
        except ValueError as error:  # a page: it asks who this is, after a while
            text = f"{path} was answered with a page (HTTP {answer.status})"
            raise StaffError(text) from error
        return reply

    def show(self, path: str, **fields: str) -> str:
        """Send a form as a browser without script; the page that it is answered with.  Raises
        `StaffError` where it is answered with something else."""
        answer = self._send("POST", path, {**fields, "csrf_token": self._token})
        if answer.status != 200:
            raise StaffError(f"{path} answered HTTP {answer.status}")
        return answer.data.decode()

    def live(self) -> Live:
        """Open the live stream."""
        return Live(self)

    def _send(
        self,
        method: str,
        path: str,
        fields: dict[str, str] | None = None,
        *,
        json_wanted: bool = False,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self._cookies.items())}
        if json_wanted:
            headers |= {"Accept": "application/json", "X-CSRFToken": self._token}
        body = None
        if fields is not None:
            body = urlencode(fields)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            answer = self._pool.request(
                method,
                self._url + path,
                body=body,
                headers=headers,
                redirect=False,
                preload_content=not stream,
            )
        except urllib3.exceptions.HTTPError as error:
            raise StaffError(f"{path} does not answer: {error}") from error
        for line in answer.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                self._cookies[name] = morsel.value
        return answer


RESYNC = "resync"
"""Told as an event of this kind: more came at once than a screen holds, and a page loads anew."""


class Live:
    """The live stream, read in a thread; `wait` finds an event, also one that came before."""

    def __init__(self, client: StaffClient) -> None:
        self._client = client
        self._seen: list[tuple[float, dict[str, Any]]] = []
        self._news = Condition()
        self._closed = False
        self._response = self._open()
        Thread(target=self._read, daemon=True).start()

    def _open(self) -> urllib3.BaseHTTPResponse:
        response = self._client._send("GET", "/live", stream=True)
        if response.status != 200:
            raise StaffError(f"/live answered HTTP {response.status}")
        return response

    def wait(
        self, *kinds: str, after: float, fits: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> tuple[float, dict[str, Any]]:
        """The first event of one of `kinds` that arrived after the moment `after`
        (`time.perf_counter`) and fits; the milliseconds from `after` to its arrival, and the event.
        Raises `StaffError`."""
        until = time.monotonic() + WAIT_S
        with self._news:
            while True:
                for moment, event in self._seen:
                    if moment >= after and event.get("kind") in kinds and fits(event):
                        return (moment - after) * 1000, event
                left_s = until - time.monotonic()
                if left_s <= 0:
                    raise StaffError(f"{' or '.join(kinds)} did not arrive within {WAIT_S:.0f} s")
                self._news.wait(left_s)

    def count(self, kind: str) -> int:
        """How many events of `kind` have arrived."""
        with self._news:
            return sum(event.get("kind") == kind for _, event in self._seen)

    def close(self) -> None:
        """Stop reading."""
        self._closed = True
        self._response.close()

    def _read(self) -> None:
        while not self._closed:
            parser = Parser()
            try:
                while chunk := self._response.read1():
                    moment = time.perf_counter()
                    for message in parser.feed(chunk):
                        if message.event == "change":
                            event = json.loads(message.data)["event"]
                            if event is not None:  # else only that something may be loaded anew
                                self._note(moment, event)
                        elif message.event == "resync":
                            self._note(moment, {"kind": RESYNC})
            except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError):
                pass  # the server went away, or `close` was called: come back below
            while not self._closed:
                try:
                    time.sleep(0.1)
                    self._response = self._open()
                    break
                except StaffError:
                    continue

    def _note(self, moment: float, event: dict[str, Any]) -> None:
        with self._news:
            self._seen.append((moment, event))
            self._news.notify_all()


def _csrf(page: str) -> str:
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page) or re.search(
        r'name="csrf-token"[^>]*content="([^"]+)"', page
    )
    if token is None:
        raise StaffError("the page has no form token")
    return token[1]
