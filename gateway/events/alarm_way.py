"""The way of an alarm to a person: told to whom, how far it came, who goes, and what it was.

Written by the server, each about an alarm of the home.  How long help took is computed from these,
and from nothing else.

Not for: that there is an alarm, and that it is over (`alarms`).
"""

from __future__ import annotations

from gateway.events.base import By, Coded, Data, Ref, Why, kind


@kind("alarm.sent", by=By.SERVER)
class AlarmSent(Data):
    """A message about the alarm was handed to a channel for one receiver (where that is a person,
    the event's `person`)."""

    alarm: Ref
    message: str
    """The message's random id."""
    channel: str
    """By its name, as in `web.staff.channels`: `push`, `sms`, …"""
    step: int
    """Of the ladder, from 1; 0: nobody's ladder, such as an open page, or a word to who had it."""


@kind("alarm.delivered", by=By.SERVER)
class AlarmDelivered(Data):
    """The channel says that the message is on the receiver's device."""

    alarm: Ref
    message: str


@kind("alarm.shown", by=By.SERVER)
class AlarmShown(Data):
    """The receiver's device showed the message, or the person (the event's `person`) had it on an
    open page."""

    alarm: Ref
    message: str


@kind("alarm.undelivered", by=By.SERVER)
class AlarmUndelivered(Data):
    """A message about the alarm could not be delivered: the ladder goes on at once."""

    alarm: Ref
    message: str
    why: Why
    """A `web.staff.channels.contract.Why`."""


class Climbed(Coded):
    """Why a ladder went on to its next step."""

    BEGUN = "begun"
    """It is the first."""
    TIMED_OUT = "timed_out"
    """Nobody acknowledged in the step's time."""
    UNDELIVERED = "undelivered"
    """Nobody of the step could be reached."""
    LAPSED = "lapsed"
    """Who had acknowledged did nothing more."""
    REPEATED = "repeated"
    """The last step again, for nobody has answered."""
    UNKNOWN = "unknown"
    """Of a newer version: for another reason."""


@kind("alarm.escalated", by=By.SERVER)
class AlarmEscalated(Data):
    """The alarm went to a step of its ladder."""

    alarm: Ref
    step: int
    """From 1."""
    round: int
    """How often the last step has been told; 1 the first time."""
    why: Climbed
    ladder: str
    """The ladder's id."""


@kind("alarm.lapsed", by=By.SERVER)
class AlarmLapsed(Data):
    """Who had acknowledged the alarm (the event's `person`) neither set out, arrived nor closed it
    in time, or set out and did not say where they are when they were asked (`alarm.arrival_asked`):
    it is open to others again, and its ladder goes on."""

    alarm: Ref


@kind("alarm.responder_departed", by=By.SERVER)
class AlarmResponderDeparted(Data):
    """A person (the event's `person`) is on the way to the home."""

    alarm: Ref


@kind("alarm.arrival_asked", by=By.SERVER)
class AlarmArrivalAsked(Data):
    """Who set out (the event's `person`) was asked whether they are there: no visit of theirs began
    in the time that their ladder gives them.  The alarm is theirs still."""

    alarm: Ref


@kind("alarm.arrival_answered", by=By.SERVER)
class AlarmArrivalAnswered(Data):
    """Who has the alarm (the event's `person`) said whether they are there.  That they are is their
    own word: what a visit shows is `alarm.responder_arrived`."""

    alarm: Ref
    there: bool
    """False: on the way still, and asked again as long after this."""


@kind("alarm.responder_arrived", by=By.SERVER)
class AlarmResponderArrived(Data):
    """The person (the event's `person`) who answers the alarm is in the home: by the visit that
    began there."""

    alarm: Ref
    visit: Ref


@kind("alarm.noted", by=By.SERVER)
class AlarmNoted(Data):
    """A person (the event's `person`) wrote a note to the alarm; its words are no part of it."""

    alarm: Ref
    note_ref: str


class AlarmFinding(Coded):
    """What an alarm turned out to be, as whoever closed it chose from the list."""

    FALL = "fall"
    """Somebody had fallen."""
    NEEDED_HELP = "needed_help"
    """Help was needed, for something else than a fall."""
    NO_NEED = "no_need"
    """Somebody looked; no help was needed."""
    FALSE_PRESS = "false_press"
    """Pressed by mistake."""
    SENSOR_WRONG = "sensor_wrong"
    """A sensor or a rule was wrong."""
    TEST = "test"
    """Somebody tried the alarm."""
    TECHNICAL = "technical"
    """Something was broken, and is mended or reported."""
    OTHER = "other"
    """Something else, in the words of a note."""
    UNKNOWN = "unknown"
    """Of a newer version: nothing is counted from it."""


@kind("alarm.explained", by=By.SERVER)
class AlarmExplained(Data):
    """A person (the event's `person`) said what the alarm was.  `alarm.resolved` beside it closes
    it, in the few words that every version knows."""

    alarm: Ref
    finding: AlarmFinding
    note_ref: str | None = None
    """Where the server keeps the words that belong to it; None: none were written."""


@kind("alarm.repeated", by=By.EITHER, urgent=True)
class AlarmRepeated(Data):
    """The cause of an open alarm came again (the pendant was pressed once more): the same trouble,
    and no second alarm.  It rings again where nobody has acknowledged."""

    alarm: Ref
