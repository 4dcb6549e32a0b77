"""Alarms: raised, acknowledged, cancelled, resolved."""

from __future__ import annotations

from datetime import datetime

from gateway.events.alarm_types import AlarmType, AnyAlarmType, Severity
from gateway.events.base import KINDS, By, Coded, Data, Ref, Since, kind


@kind("alarm.raised", by=By.EITHER, urgent=True)
class AlarmRaised(Data):
    """Somebody must act.  The event's reference is the alarm's identity."""

    type: AnyAlarmType
    """What it is about; a type of a newer version is kept as it was written."""
    severity: Severity
    since: Since
    """Since when the condition holds (UTC); the event's `at` is when it became an alarm."""

    @classmethod
    def usual(cls, about: AlarmType, since: datetime) -> AlarmRaised:
        """An alarm as severe as its type usually is."""
        return cls(type=about, severity=about.severity, since=since)


@kind("alarm.acknowledged", by=By.SERVER, urgent=True)
class AlarmAcknowledged(Data):
    """A person (the event's `person`) has taken the alarm on."""

    alarm: Ref


@kind("alarm.cancelled", by=By.EITHER, urgent=True)
class AlarmCancelled(Data):
    """The alarm's cause is gone by itself, or the wearer took it back."""

    alarm: Ref
    reason: str


class AlarmOutcome(Coded):
    """What an alarm turned out to be."""

    HELPED = "helped"
    """Help was needed and given."""
    NO_NEED = "no_need"
    """Somebody looked; no help was needed."""
    FALSE = "false"
    """There was no cause: a sensor or a rule was wrong."""
    MENDED = "mended"
    """Technical: mended."""
    UNKNOWN = "unknown"
    """Of a newer version: closed all the same, for a person did so; nothing is counted from it."""


@kind("alarm.resolved", by=By.SERVER, urgent=True)
class AlarmResolved(Data):
    """A person closed the alarm with its outcome."""

    alarm: Ref
    outcome: AlarmOutcome
    note_ref: str | None = None
    """Where the server keeps a note, if one was written; the text itself is not in the event."""


_CALLS = ("check.escalated", "check.missed")
"""Known kinds that mean, also where nothing else of them can be read, that somebody must go."""


def may_call_for_help(kind: str, *, urgent: bool) -> bool:
    """Whether an event that cannot be read (`Unknown`) may be a call for help, so that it rings as
    care.

    Of a kind that is not known: one about an alarm or a pendant, and whatever came over the urgent
    lane of a noun that is not known either.  A new kind of a known noun does not ring: a new step
    of a lock, or a night check, whose own deadline rings when it is not done.
    """
    if kind in KINDS:
        return kind in _CALLS
    noun = kind.partition(".")[0]
    return noun in ("alarm", "pendant") or (
        urgent and all(noun != known.partition(".")[0] for known in KINDS)
    )
