"""Voice: who spoke with the home and listened there, because of which alarm, and how it ended."""

from __future__ import annotations

from pydantic import AwareDatetime

from gateway.events.base import By, Coded, Data, Ref, kind

LISTENING_ROLE = "listening"
"""The role of the lamp that shines while somebody hears the home, and says nothing else."""


class VoiceParty(Coded):
    """Who is at the other end."""

    STAFF = "staff"
    """The event's `person`, at the staff's page."""
    ALARM_CENTRE = "alarm_centre"
    """Whoever answers there: nobody by name."""
    UNKNOWN = "unknown"
    """Of a newer version."""


class VoiceRefusal(Coded):
    """Why a call was refused.  The home decides; the page shows it in words."""

    FORGED = "forged"
    """Not signed by a key this home trusts, or not readable."""
    NOT_UNDERSTOOD = "not_understood"
    """The server signed it, and it says something that this version does not know."""
    OTHER_HOME = "other_home"
    CLOCK_UNCERTAIN = "clock_uncertain"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    REPLAYED = "replayed"
    """This permit was used before."""
    ALARM_CLOSED = "alarm_closed"
    """The alarm that it is for is not open in this home, or is no matter of care."""
    BUSY = "busy"
    """Somebody speaks with the home already."""
    NO_SPEAKER = "no_speaker"
    """The home has no speaker and microphone, or they do not run."""
    NO_LIGHT = "no_light"
    """No light tells that somebody listens, or it could not be lit: nobody listens then."""
    NO_TONE = "no_tone"
    """The tone before it could not be played: nobody listens then."""
    NO_MEDIA = "no_media"
    """What carries sound is not installed in this home, or did not start."""
    BAD_OFFER = "bad_offer"
    """The page's description of its end is no description, or too large."""
    NOT_RECORDED = "not_recorded"
    """The log could not be written: nobody listens without a record."""
    NOT_ASKED = "not_asked"
    """Somebody called whom no alarm asks to."""
    UNKNOWN = "unknown"
    """Of a newer version: refused all the same."""


class VoiceEnd(Coded):
    """Why a call ended."""

    HUNG_UP = "hung_up"
    """The other end ended it."""
    VIEWER_LOST = "viewer_lost"
    """The page was closed or fell silent."""
    ICE_TIMEOUT = "ice_timeout"
    """No way between page and home was found in time."""
    LIMIT_REACHED = "limit_reached"
    ALARM_CLOSED = "alarm_closed"
    """The alarm that it was for was closed."""
    SOUND_FAILED = "sound_failed"
    """Microphone or speaker could not be used, or ceased to answer."""
    MEDIA_STUCK = "media_stuck"
    """The process that carried it did not answer any more, and was ended."""
    MEDIA_DIED = "media_died"
    """The process that carried it ended by itself."""
    STOPPED = "stopped"
    """The gateway was told to stop."""
    RESTARTED = "restarted"
    """The gateway went down in the middle of it; told when it was up again."""
    REFUSED = "refused"
    """Nobody listened: tone or light was not given, or the alarm was closed meanwhile."""
    UNKNOWN = "unknown"
    """Of a newer version: it ended."""


@kind("voice.permitted", by=By.SERVER)
class VoicePermitted(Data):
    """The server signed a permit for the event's `person` to speak with the home.  Not: that
    anybody did."""

    call: str
    alarm: Ref
    expires: AwareDatetime


@kind("voice.admitted", by=By.HOME)
class VoiceAdmitted(Data):
    """The home took a permit, which is used up by it; now tone and light are given.  Not: that
    anybody listens yet."""

    call: str
    permit: str
    alarm: Ref
    party: VoiceParty


@kind("voice.begun", by=By.HOME)
class VoiceBegun(Data):
    """Tone and light were given: from now on the event's `person` may hear the home."""

    call: str
    alarm: Ref
    party: VoiceParty


@kind("voice.extended", by=By.HOME)
class VoiceExtended(Data):
    """A second permit of the same person made the call longer, once."""

    call: str
    permit: str


@kind("voice.ended", by=By.HOME)
class VoiceEnded(Data):
    """Nobody hears the home any more."""

    call: str
    why: VoiceEnd
    took_s: float | None = None
    """Since `voice.begun`; 0 where it never began, None where nobody knows."""


@kind("voice.refused", by=By.HOME)
class VoiceRefused(Data):
    """A call was refused.  `call` None: it could not be read."""

    call: str | None
    why: VoiceRefusal
    party: VoiceParty
