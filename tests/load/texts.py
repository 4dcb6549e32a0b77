"""A provider of text messages that takes them as 46elks does, at once, and notes when each came.

For measuring and for tests of whole programs.  Not for: a provider that misbehaves
(`tests/staff/ladders/provider.py`).
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

_ALARM = re.compile(r"/larm/(\S+)")


ENDS_S = 10.0
"""Seconds that the process may take to end."""


@dataclass
class Provider:
    """Takes text messages as 46elks does, and notes when each came."""

    url: str = ""
    came: list[tuple[float, str, str]] = field(default_factory=list)
    """When (`time.perf_counter`, the same in all processes), to whom, about which alarm."""


@contextmanager
def provider() -> Iterator[Provider]:
    """The provider, listening on this machine, in a process of its own: when a message came is not
    when a process that drives five hundred homes found time for it."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.load.texts"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said = process.stdout
        made = Provider(said.readline().strip())

        def read() -> None:
            for line in said:
                at_s, to, about = json.loads(line)
                made.came.append((at_s, to, about))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            process.stdin.close()  # it ends with that, however this process ends
            process.wait(ENDS_S)
            thread.join(ENDS_S)


def main() -> None:
    """Listen until the other side ends; each message is a line."""
    lock, number = threading.Lock(), itertools.count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer(b'{"displayname": "bench"}')

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            at_s = time.perf_counter()
            found = _ALARM.search(form["message"][0])
            with lock:
                print(json.dumps([at_s, form["to"][0], found[1] if found else ""]), flush=True)
            self._answer(b'{"id": "s%d", "status": "created"}' % next(number))

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
