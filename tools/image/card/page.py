"""What a person sees of a card that is no home yet: one page, one sentence, at the address where
the home's own page is later.

Plain HTTP, for there is no key yet; it takes nothing in and says nothing secret.  One request at a
time, each with its end.  Not for: the home's page (`web.home`).
"""

from __future__ import annotations

import html
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from .taking import NOTHING, Said

PORT = 8080
REQUEST_S = 5.0

PAGE = """<!doctype html><html lang="sv"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="10">
<title>Tryggve</title><style>body{{font:20px/1.5 sans-serif;max-width:34em;margin:2em auto;
padding:0 1em}}@media(prefers-color-scheme:dark){{body{{background:#111;color:#eee}}}}</style>
<h1>Tryggve</h1><p>{sv}</p><p lang="en">{en}</p><p lang="en"><small>{detail}</small></p></html>
"""


def drawn(said: Said) -> bytes:
    """The page."""
    words = (html.escape(word) for word in (said.sv, said.en, said.detail))
    return PAGE.format(**dict(zip(("sv", "en", "detail"), words, strict=True))).encode()


class Page:
    """Served from `open` to `close`; `said` is what it shows."""

    def __init__(self, port: int = PORT, host: str = "") -> None:
        self.said = NOTHING
        self._at = (host, port)
        self._server: HTTPServer | None = None

    def open(self) -> int:
        """Begin; the port."""
        page = self

        class Handler(BaseHTTPRequestHandler):
            timeout = REQUEST_S

            def do_GET(self) -> None:
                body = drawn(page.said)
                self.send_response(200 if self.path == "/" else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: a journal is for what matters."""

        self._server = HTTPServer(self._at, Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Free the port."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
