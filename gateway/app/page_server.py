"""Serves the page that the Pi serves: HTTPS on one port, and nothing but a way there over HTTP.

Each connection carries one request.  It is looked at before it is spoken to: what begins with a TLS
record is decrypted and answered by the application; anything else is plain HTTP, of which no
more than the head is read, and which is sent to the same place over HTTPS when it only looks, and
refused when it brings something.  Everything has an end: a request's time and size, connections
from one address and from all.  waitress reads the requests (it knows every trick with lengths and
line ends); it has no TLS of its own.

There is no `Strict-Transport-Security` on purpose: no authority vouches for the certificate, and
with that header a browser would not let anybody past its warning.

Not for: what the page says (`web.home`), or its keys (`gateway.doors.page_identity`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from typing import Any

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser

log = logging.getLogger(__name__)

THREADS = 2
"""Threads that answer: one person, and a self-test beside."""

REQUEST_S = 15.0
"""Seconds that a browser may take from its connection to the end of its request: the handshake of
a slow phone is one of them."""

ANSWER_S = 60.0
"""Seconds that an answer may take: a self-test waits 40 for a sleeping lock."""

BODY_MAX_BYTES = 16_384
"""The largest form has a code, a proof and a token: under one kilobyte."""

HEAD_MAX_BYTES = 16_384
"""Of a request's head; a browser sends some hundred bytes."""

CONNECTIONS_MAX = 64
"""Open at once, from everywhere: the Pi's own files are not used up."""

CONNECTIONS_OF_ONE_MAX = 12
"""… and from one address, so that one machine does not take them all; a browser opens six."""

TLS_RECORD = 0x16
"""The first byte of a TLS handshake (RFC 8446 section 5.1); no HTTP method begins with it."""

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class PageServer:
    """One listening socket, in a thread with an event loop of its own (`run`); `close` ends it from
    any thread."""

    def __init__(
        self,
        application: Application,
        listening: socket.socket,
        context: ssl.SSLContext,
        is_local_name: Callable[[str], bool],
    ) -> None:
        """`is_local_name` says whether a host's name may be this machine's."""
        self._application = application
        self._listening = listening
        self._context = context
        self._is_local_name = is_local_name
        self._limits = Adjustments(
            max_request_header_size=HEAD_MAX_BYTES, max_request_body_size=BODY_MAX_BYTES
        )
        self._open: Counter[str] = Counter()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="homepage")
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()

    def run(self) -> None:
        """Serve until `close`."""
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._loop.close()

    def close(self) -> None:
        """End `run`; may be called before it, and twice."""
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def _serve(self) -> None:
        self._listening.setblocking(False)
        connections: set[asyncio.Task[None]] = set()
        stop = asyncio.create_task(self._stopping.wait())
        while not stop.done():
            accept = asyncio.create_task(self._loop.sock_accept(self._listening))
            await asyncio.wait({accept, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not accept.done():
                accept.cancel()
                break
            if accept.exception() is not None:
                await asyncio.sleep(0.1)  # out of files, or a client that went: others follow
                continue
            connection, address = accept.result()
            task = asyncio.create_task(self._one(connection, str(address[0])))
            connections.add(task)
            task.add_done_callback(connections.discard)
        self._listening.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _one(self, connection: socket.socket, address: str) -> None:
        if self._open.total() >= CONNECTIONS_MAX or self._open[address] >= CONNECTIONS_OF_ONE_MAX:
            connection.close()
            return
        self._open[address] += 1
        try:
            await self._speak(connection, address)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # a browser that went, a scanner, a handshake that was refused
        except Exception:
            log.exception("home page: a connection broke")
        finally:
            connection.close()
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    async def _speak(self, connection: socket.socket, address: str) -> None:
        connection.setblocking(False)
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(REQUEST_S):
                secure = await self._first_byte(connection) == TLS_RECORD
                reader = asyncio.StreamReader(limit=HEAD_MAX_BYTES)
                transport, protocol = await self._loop.connect_accepted_socket(
                    lambda: asyncio.StreamReaderProtocol(reader),
                    connection,
                    ssl=self._context if secure else None,
                )
                writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
                request = await self._read(reader, head_only=not secure)
            async with asyncio.timeout(ANSWER_S):
                if request is None:
                    return
                if request.error is not None:
                    answer = _plain_answer(f"{request.error.code} {request.error.reason}")
                elif secure:
                    answer = await self._loop.run_in_executor(
                        self._pool, self._answer, request, address
                    )
                else:
                    answer = self._to_https(request)
                writer.write(answer)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        finally:
            if writer is not None:
                writer.transport.abort()

    async def _first_byte(self, connection: socket.socket) -> int:
        """The first byte, left where it is; -1 at the end of a connection without one."""
        readable = asyncio.Event()
        self._loop.add_reader(connection, readable.set)
        try:
            await readable.wait()
        finally:
            self._loop.remove_reader(connection)
        first = connection.recv(1, socket.MSG_PEEK)
        return first[0] if first else -1

    async def _read(
        self, reader: asyncio.StreamReader, *, head_only: bool
    ) -> HTTPRequestParser | None:
        """One request; None at the end of a connection without one."""
        request = HTTPRequestParser(self._limits)
        while not request.completed:
            data = await reader.read(HEAD_MAX_BYTES)
            if not data:
                return None
            while data and not request.completed:
                data = data[request.received(data) :]
                if head_only and request.headers_finished:
                    return request
        return None if request.empty else request

    def _to_https(self, request: HTTPRequestParser) -> bytes:
        """Plain HTTP: the way to HTTPS for who only looks.  A form is refused and not sent on: what
        it brought has been seen on the line, and shall not be used."""
        host = request.headers.get("HOST", "")
        if not self._is_local_name(host):
            return _plain_answer("403 Forbidden")
        if request.command not in ("GET", "HEAD"):
            return _plain_answer("403 Forbidden", "This page takes forms over HTTPS only.\n")
        path = "/" + request.path.lstrip("/")
        target = f"https://{host}{path}" if path.isascii() and path.isprintable() else ""
        place = target.replace(" ", "%20") or f"https://{host}/"
        return _plain_answer("307 Temporary Redirect", headers=(("Location", place),))

    def _answer(self, request: HTTPRequestParser, address: str) -> bytes:
        """What the application says, as bytes; in a thread of the pool."""
        said: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
            said[:] = [status, headers]

        body = self._application(self._environ(request, address), start_response)
        try:
            content = b"".join(body)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()
            request.close()
        status, headers = said
        head_only = request.command == "HEAD"
        return _http(status, headers, b"" if head_only else content)

    def _environ(self, request: HTTPRequestParser, address: str) -> dict[str, Any]:
        """PEP 3333's.  The address is the connection's own: no header is believed about it."""
        body = request.get_body_stream()
        environ = {
            "REMOTE_ADDR": address,
            "REQUEST_METHOD": request.command.upper(),
            "SERVER_NAME": "tryggve",
            "SERVER_PORT": str(self._listening.getsockname()[1]),
            "SERVER_PROTOCOL": f"HTTP/{request.version}",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/" + request.path.lstrip("/"),
            "QUERY_STRING": request.query,
            "wsgi.url_scheme": "https",
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input": body if body is not None else BytesIO(),
            "wsgi.input_terminated": True,
        }
        for name, value in request.headers.items():
            key = name if name in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{name}"
            environ.setdefault(key, value)
        return environ


def _plain_answer(status: str, text: str = "", headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    kind = (("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"))
    return _http(status, [*kind, *headers], (text or f"{status}\n").encode())


def _http(status: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    if not any(line.lower().startswith("content-length:") for line in lines):
        lines.append(f"Content-Length: {len(body)}")
    lines.append("Connection: close")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body
