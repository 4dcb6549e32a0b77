"""Looks: who saw into the home by a camera, what for, for how long, and how it ended.

The event's `device` is the camera, its `person` who looks.
"""

from __future__ import annotations

from pydantic import AwareDatetime

from gateway.events.base import By, Coded, Data, Ref, kind

LOOKING_ROLE = "looking"
"""The role of the lamp that shines while somebody may see into the home, and says nothing else."""


class PictureKind(Coded):
    """What a camera shows of the room."""

    NORMAL = "normal"
    EDGES = "edges"
    """Outlines, computed in the home: posture, no face."""
    SILHOUETTE = "silhouette"
    """Light and dark areas, computed in the home: posture, no face."""
    THERMAL = "thermal"
    DEPTH = "depth"
    UNKNOWN = "unknown"
    """Of a newer version."""


class LookWhy(Coded):
    """What a look is for."""

    CHECK = "check"
    """The plan asks for it at this night check."""
    SENSOR_UNSURE = "sensor_unsure"
    """The sensor gave no clear answer for this night check."""
    AGAIN = "again"
    """The look before, for this night check, was unclear."""
    ALARM = "alarm"
    """An alarm of care is open."""
    WORRY = "worry"
    """Whoever looks heard, saw or knows something; also where a sensor has called a check done."""
    ASKED = "asked"
    """The resident or a relative asked for it."""
    TEST = "test"
    """Whoever installs or mends tries the camera."""
    UNKNOWN = "unknown"
    """Of a newer version: for something else."""


class LookRefusal(Coded):
    """Why a look was refused.  The home decides; the page shows it in words."""

    FORGED = "forged"
    """Not signed by a key this home trusts, or not readable."""
    NOT_UNDERSTOOD = "not_understood"
    """The server signed it, and it says something that this version does not know."""
    OTHER_HOME = "other_home"
    OTHER_CAMERA = "other_camera"
    """This home has no such camera."""
    CLOCK_UNCERTAIN = "clock_uncertain"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    REPLAYED = "replayed"
    """This permit was used before."""
    ALARM_CLOSED = "alarm_closed"
    """The alarm that it is for is not open in this home, or is no matter of care."""
    CHECK_CLOSED = "check_closed"
    """The night check that it is for is done, or is none of this home's."""
    NO_CONSENT = "no_consent"
    """Whoever lives here has not agreed to looks, or agrees no longer."""
    BUSY = "busy"
    """Another look is going on."""
    NO_CAMERA = "no_camera"
    """The camera does not run."""
    NO_LIGHT = "no_light"
    """No light tells that somebody looks, or it could not be lit: nobody looks then."""
    NO_SHUTTER = "no_shutter"
    """The shutter before the camera did not open."""
    NO_MEDIA = "no_media"
    """What carries pictures did not start."""
    BAD_OFFER = "bad_offer"
    """The page's description of its end, or its key, is none, or too large."""
    NOT_RECORDED = "not_recorded"
    """The log could not be written: nobody looks without a record."""
    UNKNOWN = "unknown"
    """Of a newer version: refused all the same."""


class LookEnd(Coded):
    """Why a look ended."""

    CLOSED = "closed"
    """Whoever looked ended it."""
    VIEWER_LOST = "viewer_lost"
    """The page was closed or fell silent."""
    ICE_TIMEOUT = "ice_timeout"
    """No way between page and home was found in time."""
    LIMIT_REACHED = "limit_reached"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    """Whoever lives here agreed no longer."""
    GROUND_GONE = "ground_gone"
    """The alarm or the night check that it was for was closed."""
    CAMERA_MISSING = "camera_missing"
    """The camera is not there."""
    CAMERA_BUSY = "camera_busy"
    """Another program has the camera."""
    CAMERA_FAILED = "camera_failed"
    """The camera gave no more pictures."""
    LAMP_DARK = "lamp_dark"
    """The lamp that says that somebody looks went dark, or could not be asked any more."""
    MEDIA_STUCK = "media_stuck"
    """The process that carried it did not answer any more, and was ended."""
    MEDIA_DIED = "media_died"
    """The process that carried it ended by itself."""
    STOPPED = "stopped"
    """The gateway was told to stop."""
    RESTARTED = "restarted"
    """The gateway went down in the middle of it; told when it was up again."""
    REFUSED = "refused"
    """Nobody looked: lamp or shutter did not do their part, or its ground was gone meanwhile."""
    UNKNOWN = "unknown"
    """Of a newer version: it ended."""


class LookWay(Coded):
    """By which way pictures went."""

    DIRECT = "direct"
    """Between page and home, sealed; also where a relay of its own carried them on."""
    RELAY = "relay"
    """Sealed pictures, carried by the server, which cannot read them."""
    NONE = "none"
    """None went."""
    UNKNOWN = "unknown"
    """Nobody knows, or a newer version does."""


@kind("look.permitted", by=By.SERVER)
class LookPermitted(Data):
    """The server signed a permit for the event's `person` to look by the event's `device`.  Not:
    that anybody did."""

    look: str
    why: LookWhy
    check: str | None = None
    alarm: Ref | None = None
    expires: AwareDatetime


@kind("look.admitted", by=By.HOME)
class LookAdmitted(Data):
    """The home took a permit, which is used up by it; now the lamp is lit and the shutter opens.
    Not: that anybody looks yet."""

    look: str
    permit: str
    why: LookWhy
    check: str | None = None
    alarm: Ref | None = None


@kind("look.begun", by=By.HOME)
class LookBegun(Data):
    """The lamp shines and the shutter is open: from now on the camera may be open, and the event's
    `person` may see.  Not: that they saw anything (`look.ended` counts the pictures)."""

    look: str
    why: LookWhy
    check: str | None = None
    alarm: Ref | None = None
    picture: PictureKind


@kind("look.extended", by=By.HOME)
class LookExtended(Data):
    """A second permit of the same person made the look longer, once."""

    look: str
    permit: str


@kind("look.ended", by=By.HOME)
class LookEnded(Data):
    """The camera is closed: nobody sees into the home any more.  Not: that a night check is done;
    one without a picture is none."""

    look: str
    why: LookEnd
    took_s: float | None = None
    """Since `look.begun`; 0 where it never began, None where nobody knows."""
    pictures: int | None = None
    """How many went out; None where nobody knows."""
    way: LookWay = LookWay.UNKNOWN


@kind("look.refused", by=By.HOME)
class LookRefused(Data):
    """A look was refused.  `look` None: it could not be read."""

    look: str | None
    why: LookRefusal
