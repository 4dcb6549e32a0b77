"""The last passkey of the only administrator who can sign in is not removed on one's own page
(Flask-Security does it: `security.wan_delete`).

Not for: what else takes a way in (`web.staff.people`), or adding passkeys.
"""

from __future__ import annotations

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.pages.layout import refused
from web.staff.pages.staff_admin import SENTENCES
from web.staff.people import way_in
from web.staff.people.accounts import Wrong


def keep() -> ResponseReturnValue | None:
    """Before the view: a sentence in its place where nobody could administer any more."""
    if request.endpoint != "security.wan_delete" or not current_user.is_authenticated:
        return None
    parts, org, mine = staff(), current_user.org_id, current_user.id
    with parts.db.read() as conn:
        lost = way_in.is_left(conn, parts, org) and not way_in.is_left(conn, parts, org, less=mine)
    return refused(_(SENTENCES[Wrong.LOCKED_OUT]), url_for("pages.account")) if lost else None
