"""A provider of text messages that takes them as 46elks does, at once, and notes when each came.

For measuring and for tests of whole programs.  Not for: a provider that misbehaves
(`tests/staff/ladders/provider.py`).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

_ALARM = re.compile(r"/larm/(\S+)")


@dataclass
class Provider:
    """Takes text messages as 46elks does, and notes when each came."""

    url: str = ""
    came: list[tuple[float, str, str]] = field(default_factory=list)
    """When (`time.perf_counter`), to whom, about which alarm."""

    def note(self, to: str, text: str) -> None:
        """One message."""
        found = _ALARM.search(text)
        self.came.append((time.perf_counter(), to, found[1] if found else ""))


@contextmanager
def provider() -> Iterator[Provider]:
    """The provider, listening on this machine."""
    made = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b'{"displayname": "bench"}')

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            made.note(form["to"][0], form["message"][0])
            self._answer(b'{"id": "s%d", "status": "created"}' % len(made.came))

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
