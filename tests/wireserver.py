"""A small server that speaks `gateway.wire` over real HTTP, with the faults that tests ask for.

It keeps what it was sent, in order, as the staff server does; not for anything but tests of the
home's side (the end-to-end tests use the staff server itself).
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.wire import TOKEN_SKEW_S, EnrollAnswer, EventBatch

Fault = Callable[["Request"], bool]
"""Looks at a request; True when it has answered (or broken) it itself."""


class Request:
    """One request as a fault sees it."""

    def __init__(self, handler: _Handler, body: bytes) -> None:
        packed = handler.headers.get("Content-Encoding") == "gzip"
        self.handler, self.body = handler, gzip.decompress(body) if packed else body
        self.path = handler.path

    def answer(self, status: int, obj: Any, **headers: str) -> bool:
        self.handler.say(status, json.dumps(obj).encode(), headers)
        return True

    def cut(self) -> bool:
        """Half an answer, then nothing more."""
        self.handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        self.handler.wfile.flush()
        self.handler.close_connection = True
        return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Http

    def log_message(self, *args: Any) -> None:
        return

    def date_time_string(self, timestamp: float | None = None) -> str:
        ahead = self.server.owner.clock_ahead_s
        return super().date_time_string(time.time() + ahead if timestamp is None else timestamp)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, ValueError):
            self.close_connection = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.owner.post(Request(self, body))

    def do_GET(self) -> None:
        self.server.owner.stream(Request(self, b""))

    def say(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    owner: WireServer

    def process_request(self, request: Any, client_address: Any) -> None:
        self.owner.connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, *args: Any) -> None:
        return  # a client that went away, or that did not like our certificate


class WireServer:
    """`events` are those that came in order over the batch lane, `urgent` those of the urgent lane;
    `arrived` all texts in the order of arrival as `(lane, seq)`."""

    def __init__(
        self,
        home: str = "h1",
        key: Ed25519PublicKey | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.home, self.key, self.tls = home, key, tls
        self.events: list[dict[str, Any]] = []
        self.urgent: list[dict[str, Any]] = []
        self.arrived: list[tuple[str, int]] = []
        self.batches: list[int] = []
        self.down_have: list[int] = []
        self.last_ids: list[str] = []
        self.tokens: list[str] = []
        self.faults: list[Fault] = []
        self.clock_ahead_s = 0.0
        self.enroll_answer: EnrollAnswer | None = None
        self.changed = threading.Condition()
        self.connections: list[socket.socket] = []
        self._streams: list[Request] = []
        self._http: _Http | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> WireServer:
        self._http = _Http(("127.0.0.1", self.port), _Handler)
        self._http.owner = self
        if self.tls is not None:
            self._http.socket = self.tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        self.drop_streams()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None
        for connection in self.connections:  # a server that is gone takes its connections along
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()

    def wait(self, what: Callable[[], bool], timeout_s: float = 60.0) -> bool:
        """Until `what` is true of what arrived."""
        with self.changed:
            return self.changed.wait_for(what, timeout_s)

    # --- the home's requests ---

    def post(self, request: Request) -> None:
        fault = next((f for f in self.faults if f(request)), None)  # one that hangs hangs alone
        with self.changed:
            if fault is None:
                self._serve(request)
            self.changed.notify_all()

    def _serve(self, request: Request) -> None:
        body = request.body
        if request.path.endswith("/enroll"):
            assert self.enroll_answer is not None
            self.arrived.append(("enroll", 0))
            request.answer(200, self.enroll_answer.model_dump())
            return
        if not self._signed(request):
            return
        batch = EventBatch.model_validate_json(body)
        self.down_have.append(batch.down_have)
        lane = request.path.rsplit("/", 1)[1]
        self.arrived += [(lane, event["seq"]) for event in batch.events]
        if lane == "urgent":
            self.urgent += batch.events
        else:
            self.batches.append(len(batch.events))
            have = len(self.events)
            if batch.events and batch.events[0]["seq"] > have + 1:
                request.answer(409, self.problem("gap", have=have))
                return
            self.events += [event for event in batch.events if event["seq"] > have]
        request.answer(200, {"have": len(self.events)})

    def _signed(self, request: Request) -> bool:
        if self.key is None:
            return True
        token = request.handler.headers["Authorization"].removeprefix("Bearer ")
        claims = jwt.decode(
            token,
            self.key,
            algorithms=["EdDSA"],
            options={"verify_exp": False, "verify_iat": False},
        )
        assert jwt.get_unverified_header(token)["kid"] == claims["iss"] == self.home
        assert claims["htm"] == request.handler.command and claims["htu"] == request.path
        self.tokens.append(claims["jti"])
        now = time.time() + self.clock_ahead_s
        if claims["iat"] - TOKEN_SKEW_S <= now < claims["exp"] + TOKEN_SKEW_S:
            return True
        request.answer(401, self.problem("clock"))
        return False

    def problem(self, code: str, **more: Any) -> dict[str, Any]:
        now_s = time.time() + self.clock_ahead_s
        return {"code": code, "detail": "said by the test server", "now_s": now_s, **more}

    # --- the stream ---

    def stream(self, request: Request) -> None:
        handler = request.handler
        with self.changed:
            if any(fault(request) for fault in self.faults) or not self._signed(request):
                return
            self.last_ids.append(handler.headers["Last-Event-ID"])
            handler.send_response(200)
            handler.send_header("Content-Type", "text/event-stream")
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            self._send(request, b": hello\n\n")
            self._streams.append(request)
            self.changed.notify_all()
            self.changed.wait_for(lambda: request not in self._streams)
        handler.close_connection = True

    def tell(self, raw: bytes) -> None:
        """Send bytes to whoever listens now."""
        with self.changed:
            for request in self._streams:
                with contextlib.suppress(OSError):  # one that hung up meanwhile
                    self._send(request, raw)

    def listening(self) -> int:
        return len(self._streams)

    def drop_streams(self) -> None:
        with self.changed:
            self._streams.clear()
            self.changed.notify_all()

    @staticmethod
    def _send(request: Request, raw: bytes) -> None:
        request.handler.wfile.write(b"%x\r\n%s\r\n" % (len(raw), raw))
        request.handler.wfile.flush()


def decided(seq: int, home: str = "h1") -> bytes:
    """An event of the server's, as the stream carries it."""
    event = {"origin": f"staff:{home}", "seq": seq, "kind": "grant.revoked", "data": {}}
    return f"event: decided\nid: {seq}\ndata: {json.dumps(event)}\n\n".encode()
