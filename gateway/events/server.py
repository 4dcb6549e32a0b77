"""Decided or noticed at the server about a home: its keys, enrolment, silence."""

from __future__ import annotations

from pydantic import AwareDatetime

from gateway.events.base import Data, kind


@kind("server.key_added", urgent=True)
class ServerKeyAdded(Data):
    """The server has a new key for grants, signed by the one before it (`access.grants`)."""

    kid: str
    public_key: str
    """PEM, Ed25519."""
    signed_by: str
    signature: str
    """Base64url, by the key `signed_by`."""
    old_until: AwareDatetime
    """The older key is good until then."""


@kind("server.key_trusted", urgent=True)
class ServerKeyTrusted(Data):
    """The home verified a new key of the server and keeps it."""

    kid: str


@kind("server.key_refused", urgent=True)
class ServerKeyRefused(Data):
    """A key was offered as the server's and is not signed by one that this home trusts."""

    kid: str


@kind("home.enrolled")
class HomeEnrolled(Data):
    """A gateway was enrolled for this home with a new key; an older key is void."""

    key_sha256: str


@kind("home.silent", urgent=True)
class HomeSilent(Data):
    """The server has not heard the home for `silent_s`: nothing there can be seen or raised."""

    silent_s: float


@kind("home.heard", urgent=True)
class HomeHeard(Data):
    """The home is heard again."""


@kind("home.tampered", urgent=True)
class HomeTampered(Data):
    """What the home sent does not continue its chain: an edit, a cut tail, or an old disk."""

    seq: int
    why: str
