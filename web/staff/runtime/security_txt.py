"""`/.well-known/security.txt` (RFC 9116): where whoever found a hole in this server tells of it.

Served as the file says (`[security_txt]`), to everybody; without that table there is none.  One
that has expired is not served, for the standard says that it may be stale, and `/healthz` tells.
Not for: Tryggve's own address for reports (SECURITY.md), which whoever runs a server may name as
the policy.
"""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, abort

from web.staff.core.config import SecurityTxt, StaffConfig
from web.staff.core.context import staff

PATH = "/.well-known/security.txt"

blueprint = Blueprint("security_txt", __name__)


def expired(config: StaffConfig, now: datetime) -> bool:
    """Whether there is one, and its day is over."""
    told = config.security_txt
    return told is not None and now.date() >= told.expires


@blueprint.get(PATH)
def security_txt() -> Response:
    """The file, or 404."""
    config = staff().config
    told = config.security_txt
    if told is None or expired(config, staff().clock.now()):
        abort(404)
    return Response(_text(told, config.public_url), mimetype="text/plain")


def _text(told: SecurityTxt, public_url: str | None) -> str:
    lines = [f"Contact: {one}" for one in told.contact]
    lines.append(f"Expires: {told.expires.isoformat()}T00:00:00Z")
    if told.languages:
        lines.append(f"Preferred-Languages: {', '.join(told.languages)}")
    if public_url is not None and public_url.startswith("https:"):
        lines.append(f"Canonical: {public_url}{PATH}")
    if told.policy is not None:
        lines.append(f"Policy: {told.policy}")
    return "\n".join(lines) + "\n"
