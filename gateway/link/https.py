"""HTTPS to the staff server: signed requests, kept connections, one kind of answer.

A `Link` is what a home knows of its server; a `Lane` is one kept connection of it, for one thread.
Whatever goes wrong becomes `LinkDown` (try again) or `LinkRefused` (the server said no).  Every
call blocks and runs in a thread; each wait has its time-out here.

Not for: what to send when (`gateway.link.uplink`), or making keys (`gateway.link.enrolment`).
"""

from __future__ import annotations

import gzip
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import jwt
import urllib3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ValidationError
from urllib3.exceptions import HTTPError

from gateway.errors import LinkDown, LinkRefused
from gateway.link.answers import Answer, whole
from gateway.link.line import Line, line_in
from gateway.version import version
from gateway.wire import (
    BACKLOG_HEADER,
    HEARTBEAT_S,
    PROTOCOL_HEADER,
    PROTOCOLS,
    TICKET_HEADER,
    TOKEN_LIFE_S,
    GapProblem,
    Have,
    Problem,
    protocols_of,
    protocols_text,
    too_far_apart,
)

CONNECT_TIMEOUT_S = 10.0
"""A TLS handshake over a poor mobile link takes 1–3 s; three times that is no connection."""

ANSWER_TIMEOUT_S = 20.0
"""A full batch is committed in well under a second; beyond this the server hangs."""

STREAM_SILENCE_S = 2 * HEARTBEAT_S + 5
"""Two heartbeats lost, and some jitter: the stream is dead even if TCP does not know."""

GZIP_FROM_BYTES = 1400
"""A smaller body fits in one packet: packing it only costs time."""

CLOCK_NEWS_S = 1.0
"""Seconds that the server's clock must differ from what we held before it counts as news; its
`Date` has whole seconds."""

TIMES_S = (1_577_836_800.0, 4_102_444_800.0)
"""The years 2020 to 2100, in seconds since 1970."""

API = "/api/v1/home"
_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for."""

_Model = TypeVar("_Model", bound=BaseModel)


class GapError(LinkRefused):
    """The batch does not follow what the server has: go on after `have` (`code` `gap`), or the
    chain is broken (`code` `chain`)."""

    def __init__(self, text: str, *, code: str, have: int) -> None:
        super().__init__(text, status=409, code=code)
        self.have = have


class ServerTime:
    """The server's clock, held against our monotonic one, so that a wrong clock, or one that is set
    while we run, never makes a request look old.  Thread-safe."""

    def __init__(self, on_news: Callable[[float], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._base: float | None = None
        self.on_news = on_news

    def now_s(self) -> float:
        """The server's time as well as we know it; our own clock before the first answer."""
        with self._lock:
            return time.time() if self._base is None else self._base + time.monotonic()

    def learn(self, server_s: float) -> None:
        """The server said what time it is; what can be none would date no request any more."""
        if not TIMES_S[0] <= server_s <= TIMES_S[1]:
            return
        base = server_s - time.monotonic()
        with self._lock:
            news = self._base is None or abs(base - self._base) > CLOCK_NEWS_S
            if news:
                self._base = base
        if news and self.on_news is not None:
            self.on_news(server_s - time.time())

    @property
    def offset_s(self) -> float | None:
        """The server's clock minus this machine's; None before the first answer."""
        with self._lock:
            return None if self._base is None else self._base + time.monotonic() - time.time()


class Link:
    """One home's way to its server.  `clock_sure` tells whether the home knows the time: while it
    does not, the dates of the server's certificate are not judged (its name and its signer always
    are), for a clock that may be wrong cannot judge a date, and must not silence the home."""

    def __init__(
        self,
        url: str,
        home: str,
        key: Ed25519PrivateKey,
        *,
        ca_file: Path | None = None,
        clock_sure: Callable[[], bool] = lambda: True,
    ) -> None:
        self.url = url.rstrip("/")
        self.home = home
        self.time = ServerTime()
        self.clock_sure = clock_sure
        self.user_agent = f"tryggve/{version()}"
        self.backlog: Callable[[], int] = lambda: 0
        """How many events the server has not confirmed; told with each request."""
        self._key = key
        self._ca_file = ca_file
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def lane(self) -> Lane:
        """A kept connection of its own, for one thread."""
        return Lane(self)

    def token(self, method: str, path: str) -> str:
        """The JWT of one request (`gateway.wire`)."""
        now = self.time.now_s()
        claims = {
            "iss": self.home,
            "iat": int(now),
            "exp": int(now) + TOKEN_LIFE_S,
            "htm": method,
            "htu": path,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self.home})

    def context(self, *, judge_dates: bool) -> ssl.SSLContext:
        """TLS as the system has it, or against the configured authority; made once, for the lanes
        share it: a list of authorities weighs megabytes.  Raises `LinkDown`."""
        with self._lock:
            if judge_dates not in self._contexts:
                self._contexts[judge_dates] = tls_context(self._ca_file, judge_dates=judge_dates)
            return self._contexts[judge_dates]


def tls_context(ca_file: Path | None, *, judge_dates: bool = True) -> ssl.SSLContext:
    """A verifying TLS context.  Raises `LinkDown` when the authority's file cannot be read."""
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise LinkDown(f"the authority's file {ca_file} cannot be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not judge_dates:
        context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
    return context


def down(error: Exception, what: str) -> LinkDown:
    """Any error of the HTTP library, of TLS or of the system, as `LinkDown`."""
    return LinkDown(f"{what}: {type(error).__name__}: {error}", cause=type(error).__name__)


def open_pool(url: str, context: ssl.SSLContext | None) -> urllib3.HTTPConnectionPool:
    """One kept connection to the host of `url`; `context` None only for http:// to this machine
    itself (the configuration lets no other through)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if context is None:
        return urllib3.HTTPConnectionPool(host, parts.port or 80, maxsize=1, block=False)
    return urllib3.HTTPSConnectionPool(
        host, parts.port or 443, maxsize=1, block=False, ssl_context=context
    )


class Lane:
    """One kept connection.  One thread at a time; `close` may be called from any."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._prefix = urlsplit(link.url).path.rstrip("/")
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._judging = True
        self.line = Line()
        """What the server last said of the next batch."""

    def events(self, bodies: Sequence[bytes], down_have: int) -> int:
        """Send a batch in order; the number that the server has committed up to.  What it says of
        the next is in `line` then.

        Raises `GapError`, `LinkRefused`, `LinkDown`."""
        return self._post("/events", bodies, down_have)

    def urgent(self, bodies: Sequence[bytes], down_have: int) -> int:
        """Send events at once, any numbers; otherwise as `events`."""
        return self._post("/urgent", bodies, down_have)

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        """What the server answers to anything else.  Raises `LinkRefused`, `LinkDown`."""
        response = self._asked(path, body, headers)
        if response.status == 401 and self._learn(response.data):
            response = self._asked(path, body, headers)
        if response.status != 200:
            raise refusal(response.status, response.data)
        return response.data

    def get(self, path: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """An answer whose body whoever asked reads, within bounds of theirs, and closes.  Raises
        `LinkDown`."""
        return self._request("GET", path, None, headers)

    def stream(self, last_id: int) -> Stream:
        """Open the stream after the number `last_id`.  Raises `LinkRefused`, `LinkDown`."""
        response = self._open_stream(last_id)
        said = b"" if response.status == 200 else self._whole(response).data
        if response.status == 401 and self._learn(said):
            response.close()
            response = self._open_stream(last_id)
            said = b"" if response.status == 200 else self._whole(response).data
        if response.status != 200:
            response.close()
            raise refusal(response.status, said)
        if "text/event-stream" not in response.headers.get("Content-Type", ""):
            response.close()
            raise LinkDown("what answers the stream is not our server")
        return Stream(response)

    def _open_stream(self, last_id: int) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last_id)}
        return self._request("GET", "/stream", None, headers, answer_s=STREAM_SILENCE_S)

    def close(self) -> None:
        """Drop the connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _post(self, path: str, bodies: Sequence[bytes], down_have: int) -> int:
        body = body_of(bodies, down_have)
        headers = {"Content-Type": "application/json"}
        if self.line.ticket is not None:
            headers[TICKET_HEADER] = self.line.ticket
        if len(body) >= GZIP_FROM_BYTES:
            body = gzip.compress(body, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        response = self._asked(path, body, headers)
        if response.status == 401 and self._learn(response.data):
            response = self._asked(path, body, headers)
        line = line_in(response.headers, self.line)
        if bodies:
            self.line = line
        if response.status != 200:
            raise refusal(response.status, response.data, line)
        return answer(Have, response.data).have

    def _asked(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        return self._whole(self._request("POST", path, body, headers))

    def _whole(self, response: urllib3.BaseHTTPResponse) -> Answer:
        try:
            return whole(response)
        except (HTTPError, OSError, ssl.SSLError) as error:
            self.close()
            raise down(error, "the staff server's answer broke off") from error

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        *,
        answer_s: float = ANSWER_TIMEOUT_S,
    ) -> urllib3.BaseHTTPResponse:
        headers = {**headers, BACKLOG_HEADER: str(self._link.backlog())}
        try:
            return self._once(method, path, body, headers, answer_s)
        except urllib3.exceptions.ProtocolError as error:
            # a kept connection that the server closed meanwhile says so only now; every request
            # of ours may come twice, so it is sent again at once, on a new one
            self.close()
            first = error
        except (HTTPError, OSError, ssl.SSLError) as error:
            self.close()
            raise down(error, "no answer from the staff server") from error
        try:
            return self._once(method, path, body, headers, answer_s)
        except (HTTPError, OSError, ssl.SSLError) as error:
            self.close()
            raise down(error, "no answer from the staff server") from first

    def _once(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        answer_s: float,
    ) -> urllib3.BaseHTTPResponse:
        target = f"{self._prefix}{API}{path}"
        sent = {
            **headers,
            "Authorization": f"Bearer {self._link.token(method, target)}",
            "User-Agent": self._link.user_agent,
            PROTOCOL_HEADER: protocols_text(PROTOCOLS),
        }
        response = self._open().urlopen(
            method,
            target,
            body=body,
            headers=sent,
            redirect=False,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=answer_s),
            preload_content=False,
        )
        self._note_date(response)
        require_common_protocol(response)
        return response

    def _open(self) -> urllib3.HTTPConnectionPool:
        judging = self._link.clock_sure()
        if self._pool is None or judging != self._judging:
            self.close()
            self._judging = judging
            secure = self._link.url.startswith("https:")
            context = self._link.context(judge_dates=judging) if secure else None
            self._pool = open_pool(self._link.url, context)
        return self._pool

    def _note_date(self, response: urllib3.BaseHTTPResponse) -> None:
        try:
            said = parsedate_to_datetime(response.headers.get("Date", ""))
        except (TypeError, ValueError):
            return
        if said.tzinfo is not None:
            # `Date` is cut to whole seconds: its middle is at most half a second off
            self._link.time.learn(said.timestamp() + 0.5)

    def _learn(self, body: bytes) -> bool:
        """A 401 tells the server's time; whether it is news, so that asking again may help."""
        problem = _problem(Problem, body)
        if problem is None:
            return False
        before = self._link.time.now_s()
        self._link.time.learn(problem.now_s)
        return problem.code == "clock" or abs(problem.now_s - before) > CLOCK_NEWS_S


class Stream:
    """An open stream.  Iterate for chunks of bytes; `close` from any thread ends the iteration."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            while not self._closed:
                chunk = self._response.read1(65536)
                if not chunk:
                    raise LinkDown("the staff server ended the stream")
                yield chunk
        except (HTTPError, OSError, ssl.SSLError, ValueError) as error:
            raise down(error, "the stream broke") from error
        finally:
            self._response.close()

    def close(self) -> None:
        """Wake whoever reads, and end."""
        self._closed = True
        try:
            self._response.shutdown()
        except (OSError, ValueError, RuntimeError):
            return  # it has ended by itself


def body_of(bodies: Sequence[bytes], down_have: int) -> bytes:
    """An `EventBatch` from events that are JSON already: parsing them again would cost a Pi more
    than sending them."""
    return b'{"events":[%b],"down_have":%d}' % (b",".join(bodies), down_have)


def require_common_protocol(response: urllib3.BaseHTTPResponse) -> None:
    """Raise `LinkRefused` with one sentence when the server says that it speaks only other
    protocols of the link.  Whoever says nothing may be no server of ours: a proxy, a portal."""
    said = response.headers.get(PROTOCOL_HEADER)
    if said is None:
        return
    wrong = too_far_apart(protocols_of(said), "the staff server", "this gateway")
    if wrong is not None:
        response.close()
        raise LinkRefused(wrong, status=426, code="protocol")


def refusal(status: int, body: bytes, line: Line | None = None) -> LinkDown | LinkRefused:
    """What an answer other than 200 means: `LinkDown` for what passes by itself, else
    `LinkRefused`."""
    gap = _problem(GapProblem, body) if status == 409 else None
    if gap is not None:
        return GapError(gap.detail, code=gap.code, have=gap.have)
    problem = _problem(Problem, body)
    said = f"{problem.code}: {problem.detail}" if problem is not None else "no reason given"
    if status >= 500 or status in (408, 429):
        return LinkDown(
            f"the staff server cannot take it now ({status}, {said})",
            wait_s=None if line is None else line.wait_s,
            busy=problem is not None and problem.code == "busy",
        )
    if 300 <= status < 400 or status == 200 or (problem is None and status == 404):
        return LinkDown(f"what answers is not our server ({status})")
    code = problem.code if problem is not None else f"http_{status}"
    said = f"the staff server said no ({status}, {said})"
    return LinkRefused(said, status=status, code=code, is_ours=problem is not None)


def _problem(model: type[_Model], body: bytes) -> _Model | None:
    try:
        return model.model_validate_json(body)
    except ValidationError:
        return None


def answer(model: type[_Model], body: bytes) -> _Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        # a captive portal answers 200 to everything: that is no "I have it"
        raise LinkDown("what answers is not our server") from error
