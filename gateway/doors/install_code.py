"""The code of whoever installs the home, for the Pi's own page: the one that this gateway was
enrolled with.

Who stands there with it made the home this gateway's; until the home is accepted, and for a day at
the most, it opens the pages that install (and no door, and nothing of who lives there).  Kept is a
slow hash, so that nobody who reads the card has it.  It has 50 random bits: wrong ones are slowed
by place, as typed codes are, and nobody can use up somebody else's tries.

Not for: the sessions that it begins (`web.home.sessions`), or enrolling (`gateway.link.enrolment`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets as chance
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock

from gateway.config.secrets import FileSecrets
from gateway.doors.tries import Places
from gateway.wire import split_code

KEPT_AS = "install_code"
"""The secret that is `<made at>:<salt>:<hash>`."""

LIFE = timedelta(hours=24)
"""As long as the server takes it: made in the office, used at the home the same day."""

SECONDS_DIGITS = 10
"""Of seconds since 1970: until the year 2286."""

SCRYPT_N = 2**14
"""16 MiB, some 50 ms here: it is asked for a few times in a home's life."""


def keep(secrets: FileSecrets, code: str, now: datetime) -> None:
    """Let this code open the pages that install, in place of an older one.  Raises `SecretError`,
    and `ValueError` for what is no code."""
    salt = chance.token_hex(16)
    secrets.write(KEPT_AS, f"{int(now.timestamp())}:{salt}:{_hash(salt, _plain(code))}")


def is_kept(secrets: FileSecrets, code: str) -> bool:
    """Whether this is the code that is kept, used or not.  Raises `SecretError` for one that cannot
    be read, and `ValueError` for what is no code."""
    _, salt, digest = _parts(secrets)
    return bool(digest) and hmac.compare_digest(_hash(salt, _plain(code)), digest)


def forget_used(secrets: FileSecrets, accepted_at: datetime) -> None:
    """Keep the code no longer, if the home was accepted since it was given: with it the network for
    who installs closes (docs/access-point.md).  Raises `SecretError`."""
    made_at, _, _ = _parts(secrets)
    if made_at is not None and accepted_at >= made_at:
        secrets.remove(KEPT_AS)


class InstallEntry:
    """Judges what was typed; from any thread.  `now` is the home's time, `accepted_at` when the
    home was accepted last (None: never)."""

    def __init__(
        self,
        secrets: FileSecrets,
        *,
        now: Callable[[], datetime],
        accepted_at: Callable[[], datetime | None],
        mono_s: Callable[[], float],
    ) -> None:
        self._secrets, self._now, self._accepted_at = secrets, now, accepted_at
        self._places = Places(mono_s)
        self._one = Lock()

    @property
    def open(self) -> bool:
        """Whether there is a code that would be taken now.  Raises `SecretError` for one that
        cannot be read."""
        return self._kept() is not None

    def is_right(self, typed: str, place: str) -> bool | None:
        """Whether it is the code, typed at the network address `place`; None: not judged, for there
        were too many wrong ones from there.  Raises `SecretError` for one that cannot be read."""
        with self._one:
            if self._places.is_slowed(place):
                return None
            kept = self._kept()
            if kept is None:
                return False
            try:
                plain = _plain(typed)
            except ValueError:
                return False  # no code: nobody guesses so
            salt, digest = kept
            if hmac.compare_digest(_hash(salt, plain), digest):
                self._places.right(place)
                return True
            self._places.wrong(place)
            return False

    def _kept(self) -> tuple[str, str] | None:
        made_at, salt, digest = _parts(self._secrets)
        accepted_at = self._accepted_at()
        if made_at is None or (accepted_at is not None and accepted_at >= made_at):
            return None
        return (salt, digest) if self._now() < made_at + LIFE else None


def _parts(secrets: FileSecrets) -> tuple[datetime | None, str, str]:
    """When what is kept was made, its salt and its hash; nothing of it where none is."""
    if not secrets.has(KEPT_AS):
        return None, "", ""
    made, _, rest = secrets.read(KEPT_AS).partition(":")
    if not (made.isascii() and made.isdecimal() and len(made) <= SECONDS_DIGITS):
        return None, "", ""
    salt, _, digest = rest.partition(":")
    return datetime.fromtimestamp(int(made), UTC), salt, digest


def _plain(typed: str) -> str:
    """A code as people type it, or as a camera reads it (`TRYGGVE:<address>#<code>`)."""
    return "-".join(split_code(typed.rpartition("#")[2]))


def _hash(salt: str, plain: str) -> str:
    return hashlib.scrypt(
        plain.encode(), salt=salt.encode(), n=SCRYPT_N, r=8, p=1, maxmem=2 * 128 * SCRYPT_N * 8
    ).hex()
