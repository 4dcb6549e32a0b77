"""What a browser remembers for its reader: the theme and the language.

Not for: what an account keeps (`account`).
"""

from __future__ import annotations

from flask import Response, make_response, redirect, request

from web.staff.core import i18n
from web.staff.core.paths import safe_next
from web.staff.pages import layout
from web.staff.pages.routes import post


@post("/installningar", "settings", public=True, examples=({"tema": "dark"}, {"sprak": "en"}))
def settings() -> Response:
    """POST `/installningar`: keep a choice of theme or language in a cookie, and go back."""
    answer = make_response(redirect(safe_next(request.form.get("next")), 303))
    for name, allowed in (("tema", layout.THEMES), ("sprak", tuple(i18n.LANGUAGES))):
        value = request.form.get(name, "")
        if value in allowed:
            answer.set_cookie(
                name,
                value,
                max_age=layout.COOKIE_MAX_AGE_S,
                samesite="Lax",
                secure=request.is_secure,
            )
    return answer
