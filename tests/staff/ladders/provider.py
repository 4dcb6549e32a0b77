"""A provider of messages over HTTP that misbehaves on command, and the channel that speaks to it.

An address says what the provider does with what is sent there: `ok-1`, `shown-1`, `429-1`, `gone-1`
(410), `broken-1` (500), `refused-1` (401), `hangs-1` (no answer until `release`), `drops-1` (the
connection ends without an answer, and the message was taken), `nonsense-1` (no HTTP at all).

Not for: real providers' forms (the channels' own tests).
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from web.staff.channels.contract import (
    Address,
    Forged,
    Health,
    Incoming,
    Message,
    Outcome,
    Proof,
    Reply,
    Report,
    Why,
)

STATUS = {"429": 429, "gone": 410, "broken": 500, "refused": 401}


class Provider:
    """The provider: `got` is what came, in order."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.at_s: list[float] = []
        self.released = threading.Event()
        self.answer_s = 0.0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.got.append(body)
                provider.at_s.append(time.monotonic())
                what = str(body["to"]).partition("-")[0]
                if what == "hangs":
                    provider.released.wait(ANSWERED_S)
                if what == "drops":
                    self.close_connection = True
                    return
                if what == "nonsense":
                    self.wfile.write(b"\x00\x01 nonsense\r\n\r\n")
                    self.close_connection = True
                    return
                time.sleep(provider.answer_s)
                answer = json.dumps({"ref": f"ref-{body['id']}"}).encode()
                self.send_response(STATUS.get(what, 200))
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        # 20 ms between looks whether it is to stop: the usual half a second is each test's
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)

    def to(self, address: str) -> list[dict[str, Any]]:
        """What came to an address."""
        return [one for one in self.got if one["to"] == address]

    def ids(self) -> Counter[str]:
        """How often each message came."""
        return Counter(str(one["id"]) for one in self.got)


ANSWERED_S = 60.0
"""Seconds for an answer on a machine that does other things too: a provider here that answers at
all does so at once, and what hangs is let go by its test."""


class HttpChannel:
    """A channel that hands messages to the provider."""

    def __init__(
        self,
        name: str,
        provider: Provider,
        *,
        proof: Proof = Proof.SENT,
        delivered_within_s: float | None = None,
        timeout_s: float = ANSWERED_S,
    ) -> None:
        self.name = name
        self.proof = proof
        self.delivered_within_s = delivered_within_s
        self._provider = provider
        self._timeout_s = timeout_s
        self.closed = False

    def send(self, message: Message, to: Address) -> Outcome:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._provider.port, timeout=self._timeout_s
        )
        body = {
            "id": message.id,
            "to": to.value,
            "alarm": message.alarm,
            "home": message.home_name,
            "others": message.others,
            "reply": message.reply,
            "round": message.repeat,
            "said": message.said,
            "said_reply": message.said_reply,
        }
        try:
            connection.request("POST", "/", json.dumps(body))
            answer = connection.getresponse()
            read = json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            return Outcome(None, Why.UNREACHABLE)
        finally:
            connection.close()
        if answer.status == 429:
            return Outcome(None, Why.BUSY, again_s=0.0)
        if answer.status != 200:
            why = {410: Why.GONE, 401: Why.REFUSED}.get(answer.status, Why.BUSY)
            return Outcome(None, why)
        proof = Proof.SHOWN if to.value.startswith("shown") else Proof.SENT
        return Outcome(proof, provider_ref=read["ref"])

    def check(self) -> Health:
        return Health(ok=True)

    def incoming(
        self, headers: Mapping[str, str], form: Mapping[str, str], body: bytes
    ) -> Incoming:
        """`{"reports": [{"ref", "proof"}], "replies": [{"sender", "text"}]}`, with a word of the
        provider's own in a header."""
        if headers.get("X-Word") != "word":
            raise Forged
        try:
            said = json.loads(body)
        except ValueError:
            return Incoming()
        return Incoming(
            [
                Report(
                    Proof(one["proof"]) if one.get("proof") else None,
                    provider_ref=one.get("ref"),
                    message=one.get("message"),
                )
                for one in said.get("reports", ())
            ],
            [Reply(one["sender"], one["text"]) for one in said.get("replies", ())],
        )

    def close(self) -> None:
        self.closed = True
