"""Where a person is sent after signing in or a form: only ever a path of this server.

Not for: routes.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import url_for


def safe_next(wish: str | None) -> str:
    """A path of this server, or the start page: never an address elsewhere."""
    if wish:
        parts = urlsplit(wish)
        plain = wish.startswith("/") and not wish.startswith("//") and "\\" not in wish
        if plain and not parts.scheme and not parts.netloc:
            return wish
    return url_for("pages.start")
