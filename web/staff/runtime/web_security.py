"""What protects every answer: headers, forms, and what the browser may load.

Not for: who may do what (`web.staff.core.rights`).
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, Response, request
from flask_login import current_user

CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing from elsewhere, nothing inline."""

HSTS_S = 31_536_000
"""A year, as browsers' preload lists ask for."""

FORM_MAX_BYTES = 200_000
"""Of a form beside its file."""

PROGRAMS = ("link", "channels", "plan_api", "positions_api")
"""Blueprints that programs ask: each reads no more of a body than it takes, and says so."""


def init_app(app: Flask, files: Mapping[str, int]) -> None:
    """Bound what a form may bring, and add the headers to every answer.  `files`: bytes of the file
    that a form brings, by endpoint.  It is read before anybody knows what it is, and a file of any
    size would be written to the server's disk first: who is not signed in brings none."""
    app.config["MAX_FORM_MEMORY_SIZE"] = FORM_MAX_BYTES

    @app.url_value_preprocessor
    def _bound(endpoint: str | None, _values: object) -> None:
        if request.blueprint in PROGRAMS:
            return
        file_max = files.get(endpoint or "", 0)
        brings = file_max if file_max and current_user.is_authenticated else 0
        request.max_content_length = FORM_MAX_BYTES + brings

    @app.after_request
    def _headers(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", CSP)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault(
            "Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()"
        )
        if request.is_secure:
            headers.setdefault("Strict-Transport-Security", f"max-age={HSTS_S}")
        if request.endpoint != "static":
            headers.setdefault("Cache-Control", "no-store")
        return response
