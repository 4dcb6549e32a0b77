"""Failed sign-ins: one sentence for all of them, each an event, and none without end.

Not for: what a right sign-in looks like (`auth`, `passkeys`, `second_factor`, `single_sign_on`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import current_app, request
from flask_babel import gettext

from gateway.envelope import Draft
from gateway.events import AccountRefused
from web.staff.core.context import staff
from web.staff.core.limits import Limiter
from web.staff.events import append

TRIES = 10
"""Failed sign-ins of one account from one address in the window."""
TRIES_OF_ADDRESS = 100
"""A whole municipality may sit behind one address."""
TRIES_WINDOW_S = 600.0

CODE_TRIES = 5
"""Wrong codes of one account in the window, from anywhere: of a million codes three are right at a
time, so somebody who has the password needs years."""

CHALLENGE_LIFE_S = 300.0
"""Seconds that a used challenge of a passkey is remembered; it is valid for one minute."""

EXTENSION = "tryggve.limits"


@dataclass(frozen=True)
class Limits:
    """One application's counters of failed sign-ins."""

    account: Limiter = field(default_factory=lambda: Limiter(TRIES, TRIES_WINDOW_S))
    address: Limiter = field(default_factory=lambda: Limiter(TRIES_OF_ADDRESS, TRIES_WINDOW_S))
    code: Limiter = field(default_factory=lambda: Limiter(CODE_TRIES, TRIES_WINDOW_S))
    challenge: Limiter = field(default_factory=lambda: Limiter(1, CHALLENGE_LIFE_S))


def limits() -> Limits:
    """The running application's counters."""
    limits: Limits = current_app.extensions[EXTENSION]
    return limits


def sentence() -> str:
    """The one answer to any failed sign-in."""
    return str(
        gettext(
            "Inloggningen misslyckades: kontrollera e-postadress och lösenord, och vänta några "
            "minuter om du har försökt flera gånger."
        )
    )


def note_refusal() -> None:
    """Write the event of a failed sign-in: from which address (hashed), nothing about whom."""
    parts = staff()
    refused = AccountRefused(address_sha256=parts.keys.hash_address(request.remote_addr or ""))
    with parts.write() as tx:
        append.write(parts, tx, None, Draft(refused))
