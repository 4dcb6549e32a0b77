"""The server's door: what is urgent is worked for first, history when there is time for it.

Each request is of a lane (`web.staff.core.admission`), told by its address and size alone.  A batch
of history for which there is no place is answered before its body is read: 503, `Retry-After`, and
a ticket to show when it comes again (`gateway.wire`).  A body is read before its turn, so that a
slow line holds nobody up, and a batch whose home has hung up meanwhile is not worked on.

Not for: who speaks (a ticket is no proof of that, and gives nothing but a place in the line), or
what is done.
"""

from __future__ import annotations

import base64
import io
import logging
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from gateway.wire import (
    BACKLOG_HEADER,
    BATCH_HEADER,
    BODY_MAX_BYTES,
    TICKET_HEADER,
    Problem,
)
from web.staff.core import json_said
from web.staff.core.admission import EVENTS, STOOD, Lane, NoTurn
from web.staff.core.context import Admission
from web.staff.core.waits import Ticket, Told
from web.staff.runtime.lanes import lane_of, length
from web.staff.runtime.worker import ENTRY
from web.staff.storage.shares import Share, working_for

log = logging.getLogger(__name__)

WSGI = Callable[[dict[str, Any], Any], Iterable[bytes]]
Headers = list[tuple[str, str]]

BODY_WITHIN_S = 10.0
"""Seconds between two pieces of a body, at the most: half of what a home waits for its answer."""

PAGE_AGAIN_S = 2
"""Seconds after which a page that found no place is to be asked for again."""

LIVE_AGAIN_S = 1
"""Seconds after which a small batch that found no place is to be sent again."""

LINE_NEW = 8
"""Batches of history that may be inside before a home that comes new is told to wait, while no
other was: a few at once are no storm.  And before one that waits already and asks ahead of its
time: with one of them inside the server had nothing to do between two that asked, and a thousand
homes took twice as long."""

RANG_S = 120.0
"""Seconds after an alarm for which its home begins to listen before the others: somebody stands at
its door soon."""

RANG_MAX = 2_000
"""Homes of which that is remembered; the oldest go first."""

SHARES = {
    Lane.ALARM: Share.URGENT,
    Lane.ORDER: Share.URGENT,
    Lane.LIVE: Share.BATCH,
    Lane.HISTORY: Share.BATCH,
    Lane.STREAM: Share.STREAM,
    Lane.PAGE: Share.OTHER,
}

BUSY_PAGE = (
    '<!doctype html><html lang="sv"><meta charset="utf-8">'
    f'<meta http-equiv="refresh" content="{PAGE_AGAIN_S}"><title>Tryggve</title>'
    "<p>Många öppnar sidor just nu. Sidan försöker igen av sig själv.</p>"
)
"""In Swedish for everybody, and of no file: it costs nothing when everything is asked of us."""


class AdmissionGate:
    """A WSGI application around another."""

    def __init__(self, inner: WSGI, admission: Admission) -> None:
        self.inner = inner
        self._admission = admission
        self._rang: OrderedDict[str, float] = OrderedDict()
        """Homes that had an alarm, and when they sent it (monotonic)."""
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer in turn, or say when to come again."""
        lane = lane_of(environ)
        if lane is None:
            ENTRY.leave()
            return self.inner(environ, start_response)
        turns = self._admission.turns
        if lane is Lane.HISTORY:
            return self._history(environ, start_response)
        if not turns.come_in(lane):
            if lane is Lane.LIVE:  # so many at once are homes that come back
                return self._history(environ, start_response)
            return self._full(lane, start_response)
        ENTRY.leave()
        try:
            if lane in (Lane.ALARM, Lane.LIVE) and not self._read(environ):
                return _too_slow(start_response)
            home = home_named(environ) if lane in (Lane.ALARM, Lane.STREAM) else ""
            ahead_s = self._ahead_s(lane, home)
            with turns.turn(lane, ahead_s, who=home), working_for(SHARES[lane]):
                return self.inner(environ, start_response)
        except NoTurn:
            if lane is Lane.LIVE:
                return self._line(environ, start_response)
            return self._full(lane, start_response)
        finally:
            turns.leave(lane)

    def _ahead_s(self, lane: Lane, home: str) -> float:
        """Seconds by which this one goes before others of its lane: a home that had an alarm, when
        it begins to listen.  One that waits to listen already goes before them from now on."""
        if lane not in (Lane.ALARM, Lane.STREAM) or not home:
            return 0.0
        now_s = time.monotonic()
        if lane is Lane.ALARM:
            self._admission.turns.prefer(Lane.STREAM, home, RANG_S)
        with self._lock:
            if lane is Lane.STREAM:
                return RANG_S if now_s - self._rang.get(home, -RANG_S) < RANG_S else 0.0
            self._rang[home] = now_s
            self._rang.move_to_end(home)
            while len(self._rang) > RANG_MAX:
                self._rang.popitem(last=False)
        return 0.0

    # --- history

    def _line(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """A home is told when to come again."""
        waits, home = self._admission.waits, home_named(environ)
        ticket = waits.ticket_of(home, environ.get(_environ(TICKET_HEADER)))
        old = _environ(BACKLOG_HEADER) not in environ
        told = waits.tell(home, ticket, self._admission.pace.batch_s, old=old)
        return _come_again(start_response, told)

    def _history(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        admission = self._admission
        turns, waits = admission.turns, admission.waits
        home = home_named(environ)
        ticket = waits.ticket_of(home, environ.get(_environ(TICKET_HEADER)))
        if not turns.come_in(Lane.HISTORY, self._room(ticket)):
            return self._line(environ, start_response)
        ENTRY.leave()
        try:
            if not self._read(environ):
                return _too_slow(start_response)
            with turns.turn(Lane.HISTORY, waits.waited_s(ticket)), working_for(Share.BATCH):
                if has_gone(environ):
                    admission.gone += 1
                    log.info("a home hung up before its batch's turn", extra={"home": home})
                    return _too_slow(start_response)
                return self._worked_for(home, environ, start_response)
        except NoTurn:
            return self._line(environ, start_response)
        finally:
            turns.leave(Lane.HISTORY)

    def _room(self, ticket: Ticket | None) -> int | None:
        """How many may be inside with this one."""
        admission = self._admission
        if ticket is not None and admission.waits.is_due(ticket):
            return None  # all the room there is
        if ticket is None and admission.waits.behind_s() > 0:
            return admission.turns.history_at_once  # a place that is free, and nobody's
        return max(LINE_NEW, admission.turns.history_at_once)

    def _worked_for(
        self, home: str, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        admission = self._admission
        began_s = time.monotonic()

        def begin(status: str, headers: Headers, *more: Any) -> Any:
            taken = status.startswith("200")
            events = int(environ.get(EVENTS, 0))
            if taken:
                now_s = time.monotonic()
                crowded = admission.turns.inside(Lane.HISTORY) > admission.pace.at_once
                took_s = now_s - began_s - float(environ.get(STOOD, 0.0))
                admission.pace.note(events, took_s, now_s, crowded=crowded)
                admission.turns.history_at_once = admission.pace.at_once
                admission.waits.done(home)
                headers = [*headers, *self._next(home, environ, events)]
            return start_response(status, headers, *more)

        return self.inner(environ, begin)

    def _next(self, home: str, environ: dict[str, Any], events: int) -> Headers:
        """What a home is told with its answer: how large its next batch is to be and, while others
        wait, when it is to come with it."""
        admission = self._admission
        said: Headers = [(BATCH_HEADER, str(admission.pace.next_batch))]
        left = _number(environ.get(_environ(BACKLOG_HEADER))) - events
        if left > 0 and admission.waits.behind_s() > 0:
            said += _told(admission.waits.book(home, admission.pace.batch_s))
        return said

    # --- all

    def _read(self, environ: dict[str, Any]) -> bool:
        """Read the body, for whoever comes after us; False: it does not come.  One that is too big
        is left to who refuses it."""
        size = length(environ)
        if size is not None and size > BODY_MAX_BYTES:
            return True
        line = environ.get("gunicorn.socket")
        try:
            if line is not None:
                line.settimeout(BODY_WITHIN_S)
            body = environ["wsgi.input"].read(BODY_MAX_BYTES + 1 if size is None else size)
        except OSError:
            return False
        finally:
            if line is not None:
                line.settimeout(None)
        environ["wsgi.input"] = io.BytesIO(body)
        return size is None or len(body) == size

    def _full(self, lane: Lane, start_response: Any) -> Iterable[bytes]:
        self._admission.turned_away += 1
        if lane is Lane.PAGE:
            body = BUSY_PAGE.encode()
            headers = [
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Retry-After", str(PAGE_AGAIN_S)),
                ("Cache-Control", "no-store"),
            ]
            start_response("503 Service Unavailable", headers)
            return [body]
        detail = "Many homes send at once; send it again soon."
        again = [("Retry-After", str(LIVE_AGAIN_S))]
        return _problem(start_response, "503 Service Unavailable", "busy", detail, again)


def home_named(environ: dict[str, Any]) -> str:
    """Whom a request says it comes from, unproven: the `kid` of its token; "" when it says
    nobody."""
    token = str(environ.get("HTTP_AUTHORIZATION", ""))[7:2007].partition(".")[0]
    try:
        said = json_said.read(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        home = said["kid"]
    except (ValueError, KeyError, TypeError):
        return ""
    return home if isinstance(home, str) and len(home) <= 64 else ""


def has_gone(environ: dict[str, Any]) -> bool:
    """Whether the client closed its connection: nobody waits for the answer."""
    line = environ.get("gunicorn.socket")
    if line is None:
        return False
    try:
        # below TLS, where a line that was ended tells so too
        peeked = socket.socket.recv(line, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return peeked in (b"", TLS_ALERT if _is_tls(line) else b"")


TLS_ALERT = b"\x15"
"""The first byte of a TLS record that ends a connection (RFC 8446, section 5.1)."""


def _is_tls(line: socket.socket) -> bool:
    return hasattr(line, "do_handshake")


def _come_again(start_response: Any, told: Told) -> Iterable[bytes]:
    detail = f"Many homes come back at once; send it again in {told.wait_s} s."
    return _problem(start_response, "503 Service Unavailable", "busy", detail, _told(told))


def _told(told: Told) -> Headers:
    return [("Retry-After", str(told.wait_s)), (TICKET_HEADER, told.ticket)]


def _too_slow(start_response: Any) -> Iterable[bytes]:
    detail = "The request did not come in time; send it again."
    return _problem(start_response, "408 Request Timeout", "too_slow", detail, [])


def _problem(
    start_response: Any, status: str, code: str, detail: str, more: Headers
) -> Iterable[bytes]:
    body = Problem(code=code, detail=detail, now_s=time.time()).model_dump_json().encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *more]
    start_response(status, headers)
    return [body]


def _environ(header: str) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}"


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 18 else 0
