"""SSH for an hour: asked for at the server, opened and ended by the home.

Only where the machine has root's half of it (a card that `make image` made, docs/image.md).  Not
for: what a technician does there, which sees the machine and nothing of who lives in the home.
"""

from __future__ import annotations

from pydantic import AwareDatetime

from gateway.events.base import By, Coded, Data, Ref, kind


class SshWhy(Coded):
    """Why somebody wants to see the machine itself."""

    FAULT = "fault"
    """Something does not work, and neither page says why."""
    SET_UP = "set_up"
    """The home is being set up."""
    SECURITY = "security"
    """Somebody may have been at the machine."""
    UNKNOWN = "unknown"
    """Of a newer version: for another reason."""


@kind("ssh.wanted", by=By.SERVER, strict=True)
class SshWanted(Data):
    """Somebody (`person`) wants SSH open in this home for an hour, for one key.  Not: that it is,
    or was, which the home says."""

    key: str
    """The public key, as OpenSSH writes it: kind and key."""
    why: SshWhy


@kind("ssh.called_off", by=By.SERVER)
class SshCalledOff(Data):
    """Somebody (`person`) wants it closed now."""

    request: Ref


@kind("ssh.opened", by=By.HOME)
class SshOpened(Data):
    """SSH is open, for that key alone.  Not: that somebody signed in."""

    request: Ref
    fingerprint: str
    """Of the key that is let in."""
    host_key: str
    """By what whoever signs in knows the home: a public key of this hour."""
    until: AwareDatetime
    """When it ends by itself, as the home's clock was then; the hour is counted by another one,
    that nobody sets."""


class SshEnd(Coded):
    """Why SSH was closed."""

    TIME = "time"
    """The hour was over."""
    ASKED = "asked"
    """Somebody ended it, or wanted it for another key."""
    RESTARTED = "restarted"
    """The machine was started anew."""
    FAILED = "failed"
    """What lets people in ended by itself."""
    UNKNOWN = "unknown"
    """Of a newer version: for another reason."""


@kind("ssh.closed", by=By.HOME)
class SshClosed(Data):
    """SSH is closed, and whoever was signed in is cut off."""

    request: Ref
    why: SshEnd


class SshRefusal(Coded):
    """Why SSH was not opened."""

    NO_UNIT = "no_unit"
    """This machine has nothing that opens it: it was not made from a card's image."""
    BAD_KEY = "bad_key"
    """It is no key that is taken."""
    TOO_LATE = "too_late"
    """It was asked for too long ago."""
    TIME_UNKNOWN = "time_unknown"
    """The home is not sure of the time, and so not of how long ago."""
    CALLED_OFF = "called_off"
    """Somebody ended it before it was open."""
    FAILED = "failed"
    """The machine did not do it, or did not answer."""
    UNKNOWN = "unknown"
    """Of a newer version: for another reason."""


@kind("ssh.refused", by=By.HOME)
class SshRefused(Data):
    """SSH stays closed."""

    request: Ref
    why: SshRefusal
