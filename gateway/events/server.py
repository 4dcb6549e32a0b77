"""Decided or noticed at the server about a home: its keys, enrolment, silence."""

from __future__ import annotations

from pydantic import AwareDatetime

from gateway.events.base import By, Coded, Data, Ref, kind


@kind("server.key_added", by=By.SERVER, urgent=True, strict=True)
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


@kind("server.key_trusted", by=By.HOME, urgent=True)
class ServerKeyTrusted(Data):
    """The home verified a new key of the server and keeps it."""

    kid: str


@kind("server.key_refused", by=By.HOME, urgent=True)
class ServerKeyRefused(Data):
    """A key was offered as the server's and is not signed by one that this home trusts."""

    kid: str


@kind("server.unread", by=By.HOME)
class ServerUnread(Data):
    """The server decided something that this version of the home cannot read.  It is kept whole and
    not obeyed.  Told once for each kind."""

    event: Ref
    """The first of them."""
    about: str
    """The kind."""


@kind("home.enrolled", by=By.SERVER)
class HomeEnrolled(Data):
    """A gateway was enrolled for this home with a new key; an older key is void."""

    key_sha256: str


class HomeField(Coded):
    """What the server keeps about a home beside its events."""

    LABEL = "label"
    """What staff call it."""
    ADDRESS = "address"
    FALLBACK = "fallback"
    """What to do when nothing works."""
    RESIDENT = "resident"
    """The name of somebody who lives there."""
    UNKNOWN = "unknown"
    """Of a newer version: something else about the home."""


@kind("home.changed", by=By.SERVER)
class HomeChanged(Data):
    """Somebody (`person`) changed what the server keeps about the home: `what`, never to what."""

    what: HomeField


class HomeClosedWhy(Coded):
    """Why a home is not used any more."""

    MOVED = "moved"
    """Who lived there moved."""
    DIED = "died"
    ENDED = "ended"
    """The service ended."""
    MISTAKE = "mistake"
    """It was never a home, or stands there twice."""
    UNKNOWN = "unknown"
    """Of a newer version: for another reason."""


@kind("home.closed", by=By.SERVER)
class HomeClosed(Data):
    """Somebody (`person`) ended the use of the home: its gateway is let in no more, nobody works
    there, and only administration shows it."""

    why: HomeClosedWhy


@kind("home.reopened", by=By.SERVER)
class HomeReopened(Data):
    """A closed home is used again; its gateway needs a new code."""


@kind("home.moved_out", by=By.SERVER)
class HomeMovedOut(Data):
    """A resident lives there no longer, as somebody (`person`) noted."""

    resident: str
    """Their person id."""


@kind("home.silent", by=By.SERVER, urgent=True)
class HomeSilent(Data):
    """The server has not heard the home for `silent_s`: nothing there can be seen or raised."""

    silent_s: float


@kind("home.heard", by=By.SERVER, urgent=True)
class HomeHeard(Data):
    """The home is heard again."""


@kind("home.tampered", by=By.SERVER, urgent=True)
class HomeTampered(Data):
    """What the home sent does not continue its chain: an edit, a cut tail, or an old disk."""

    seq: int
    why: str


@kind("home.overstepped", by=By.SERVER, urgent=True)
class HomeOverstepped(Data):
    """The home sent an event that is not its to write, or whose values cannot be meant.  It is kept
    and counts for nothing.  Told again only after the alarm about it was closed."""

    event: Ref
    about: str
    """The kind that it was to be."""
    why: str
    """`not_its_kind`, `foreign_ref`, `foreign_person` or `bad_value`."""
    field: str
    """Where it shows."""


class UnreadWhy(Coded):
    """Why an event could not be read."""

    KIND = "kind"
    """This version has no such kind."""
    DATA = "data"
    """It has the kind, and something that the kind cannot do without is missing or of another
    form."""
    UNKNOWN = "unknown"
    """Of a newer version: for another reason."""


@kind("home.unread", by=By.SERVER)
class HomeUnread(Data):
    """The home sent an event that this version of the server cannot read.  It is kept whole, and is
    read once the server can.  Told once for each kind."""

    event: Ref
    """The first of them."""
    about: str
    """The kind."""
    why: UnreadWhy


class AsideWhy(Coded):
    """Why somebody wants an event set aside."""

    WRONG = "wrong"
    """It did not happen."""
    UNREADABLE = "unreadable"
    """It cannot be shown, or makes a page unreadable."""
    OTHER_PERSON = "other_person"
    """It says something of somebody whom it should not name."""
    UNKNOWN = "unknown"
    """Of a newer version: for another reason."""


@kind("event.aside_asked", by=By.SERVER)
class EventAsideAsked(Data):
    """A person (the event's `person`) asks that an event of this home be set aside."""

    event: Ref
    why: AsideWhy


@kind("event.set_aside", by=By.SERVER)
class EventSetAside(Data):
    """A second person (the event's `person`) agreed: the event is kept whole at the server, and no
    longer shown or counted there."""

    request: Ref
    event: Ref


@kind("event.aside_declined", by=By.SERVER)
class EventAsideDeclined(Data):
    """The event stays: somebody said no, or who asked took it back."""

    request: Ref
    event: Ref
