"""The resident's own PIN for the page that the Pi serves.

Eight digits that the program draws (`tryggve gateway pin`), never ones that somebody chose, and
none by default: without one the page opens for staff's codes only.  It shows; it opens no door.

It outlives a day, so it is longer than a code's proof and takes fewer tries: `HOUR_TRIES` an hour
from all new places together, and `gateway.doors.tries.PLACE_TRIES` in a quarter of an hour from one
that has shown the right one since the start.  A year of guessing without a pause finds it with
2 chances in 1,000, and no place that knows it is locked out meanwhile.  On the disk is a slow hash;
who has the disk has what the page shows anyway.

Not for: the sessions that it begins (`web.home.sessions`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets as chance
from collections.abc import Callable
from threading import Lock

from gateway.config.secrets import FileSecrets
from gateway.doors.tries import Places

KEPT_AS = "page_pin"
"""The secret that is `<salt>:<hash>`."""

DIGITS = 8

HOUR_TRIES = 24
"""Wrong tries in an hour from places that never showed the right one."""

HOUR_S = 3600.0

SCRYPT_N = 2**14
"""16 MiB, some 50 ms here: the PIN is asked for a few times a day."""


def make_pin(secrets: FileSecrets) -> str:
    """Draw a PIN, keep its hash in place of an older one's, and return it to be written down once.
    Raises `SecretError`."""
    pin = f"{chance.randbelow(10**DIGITS):0{DIGITS}d}"
    salt = chance.token_hex(16)
    secrets.write(KEPT_AS, f"{salt}:{_hash(salt, pin)}")
    return pin


def written(pin: str) -> str:
    """A PIN as it is shown: `1234 5678`."""
    return f"{pin[:4]} {pin[4:]}"


class PinEntry:
    """Judges what was typed; from any thread."""

    def __init__(self, secrets: FileSecrets, mono_s: Callable[[], float]) -> None:
        self._secrets = secrets
        self._mono_s = mono_s
        self._places = Places(mono_s)
        self._known: set[str] = set()
        self._wrong: list[float] = []
        self._one = Lock()

    def is_right(self, typed: str, place: str) -> bool | None:
        """Whether it is the resident's PIN, typed at the network address `place`; None: not judged,
        for there were too many wrong ones.  Raises `SecretError` for a PIN that cannot be read."""
        plain = "".join(typed.split()).replace("-", "")
        with self._one:
            if not self._secrets.has(KEPT_AS) or not (len(plain) == DIGITS and plain.isdecimal()):
                return False
            since = self._mono_s() - HOUR_S
            self._wrong = [at for at in self._wrong if at > since]
            known = place in self._known
            if self._places.is_slowed(place) if known else len(self._wrong) >= HOUR_TRIES:
                return None
            salt, _, kept = self._secrets.read(KEPT_AS).partition(":")
            if hmac.compare_digest(_hash(salt, plain), kept):
                self._known.add(place)
                self._places.right(place)
                return True
            self._places.wrong(place)
            if not known:
                self._wrong.append(self._mono_s())
            return False


def _hash(salt: str, pin: str) -> str:
    return hashlib.scrypt(
        pin.encode(), salt=salt.encode(), n=SCRYPT_N, r=8, p=1, maxmem=2 * 128 * SCRYPT_N * 8
    ).hex()
