"""What protects every answer: headers, forms, and what the browser may load.

Not for: who may do what (`web.staff.core.rights`).
"""

from __future__ import annotations

from flask import Flask, Response, request

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
"""Of a form; the link's requests have a limit of their own."""


def init_app(app: Flask) -> None:
    """Add the headers to every answer."""
    app.config["MAX_FORM_MEMORY_SIZE"] = FORM_MAX_BYTES

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
