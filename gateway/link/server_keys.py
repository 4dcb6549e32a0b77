"""The server's keys that this home trusts: pinned at the enrolment, and each next one signed by one
before it.

A key that a newer one has replaced is good for grants until its time, and signs no second
successor: an old key that got lost later is worth nothing.  The keys are in `server.json`, so a
restart knows them.

Not for: the first key (`gateway.link.enrolment`), or what is signed with a key
(`gateway.access.grants`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.access import grants
from gateway.events import Data, ServerKeyAdded, ServerKeyRefused, ServerKeyTrusted


class ServerKeys:
    """The keys by `kid`; `until` has those that a newer one has replaced."""

    def __init__(
        self,
        home: str,
        keys: Mapping[str, Ed25519PublicKey],
        until: Mapping[str, datetime],
        *,
        read: Callable[[str], Ed25519PublicKey],
        keep: Callable[[ServerKeyAdded], None],
    ) -> None:
        """`read` makes a key of a PEM (raises `ValueError`); `keep` writes a new one durably."""
        self._home = home
        self._keys = dict(keys)
        self._until = dict(until)
        self._read = read
        self._keep = keep

    def good(self, now: datetime | None) -> Mapping[str, Ed25519PublicKey]:
        """The keys that grants may be signed with at `now`; None: the time is not known, and then
        no grant opens anyway."""
        if now is None:
            return self._keys
        return {
            kid: key
            for kid, key in self._keys.items()
            if kid not in self._until or now < self._until[kid]
        }

    def offered(self, added: ServerKeyAdded) -> Data | None:
        """Trust a new key if one of ours signed it; what is to be written about it, None for one
        that is known already.  Raises `OSError` when it cannot be kept."""
        if added.kid in self._keys:
            return None
        try:
            key = self._read(added.public_key)
        except ValueError:
            return ServerKeyRefused(kid=added.kid)
        newest = {kid: one for kid, one in self._keys.items() if kid not in self._until}
        if not grants.verify_key(self._home, added, newest):
            return ServerKeyRefused(kid=added.kid)
        self._keep(added)
        # whole new ones: `good` is asked in another thread
        self._until = {added.signed_by: added.old_until, **self._until}
        self._keys = {**self._keys, added.kid: key}
        return ServerKeyTrusted(kid=added.kid)
