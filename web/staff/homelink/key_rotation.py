"""A new key for grants: signed by the old one for every home, and good beside it for a while.

`rotate` writes `server.key_added` about each enrolled home and replaces the secret file last, so
that a cut in between leaves the old key in use and the new one known.  The running server takes the
new key up at its next start; until then it signs with the old one, which homes accept.

Not for: homes enrolled later (they pin the newest key), or the codes' and sessions' keys.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import select, update

from gateway.access.grants import sign_key
from gateway.envelope import Draft
from gateway.errors import UserError
from gateway.events import ServerKeyAdded
from web.staff.core.context import Staff
from web.staff.core.keys import Keys, keys_from, register_key
from web.staff.core.secret_files import SIGNING_KEY, SecretFiles
from web.staff.events import append
from web.staff.storage import tables

KEEP_HOURS = 72
"""Hours that the old key stays good: a long weekend in which nobody restarts the server."""

KEEP_HOURS_MAX = 30 * 24.0
"""A key that is to be replaced is no key for longer than a month."""


def rotate(staff: Staff, secrets: SecretFiles, *, keep_hours: float = KEEP_HOURS) -> Keys:
    """Make a new key, have every enrolled home told, keep it; the new keys.

    Raises `UserError` when the present key is no file that can be replaced, and for hours that
    cannot be.
    """
    if not 0 <= keep_hours <= KEEP_HOURS_MAX:  # nor what is no number
        raise UserError(f"The old key is kept for 0 to {KEEP_HOURS_MAX:g} hours.")
    path = secrets.folder / SIGNING_KEY
    if not path.is_file():
        raise UserError(
            f"{path} is not there: the signing key comes from a systemd credential. Copy it to "
            "that file, rotate, and make the credential anew."
        )
    fresh = Ed25519PrivateKey.generate()
    pem = fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()
    # one that an interrupted rotation left is used: the homes know it already
    new = keys_from(secrets.keep_beside(SIGNING_KEY, pem), staff.keys.code_key)
    now = staff.clock.now()
    until = now + timedelta(hours=keep_hours)
    t = tables.gateway_key.c
    with staff.db.read() as conn:
        homes = list(
            conn.execute(select(t.home_id).where(t.revoked_at.is_(None)).distinct()).scalars()
        )
    register_key(staff.db, new, staff.clock)
    for home in sorted(homes):
        bare = ServerKeyAdded(
            kid=new.kid,
            public_key=new.public_pem,
            signed_by=staff.keys.kid,
            signature="",
            old_until=until.replace(microsecond=0),
        )
        signed = replace(bare, signature=sign_key(home, bare, staff.keys.private))
        with staff.write() as tx:
            append.write(staff, tx, home, Draft(signed), at=now)
    k = tables.server_key
    with staff.db.write() as tx:
        old = update(k).where(k.c.kid == staff.keys.kid)
        tx.conn.execute(old.values(retired_at=until))
    secrets.put_in_place(SIGNING_KEY)
    return new
