"""Alarms: raised, acknowledged, cancelled, resolved."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime

from gateway.events.alarm_types import AlarmType, AnyAlarmType, AnySeverity
from gateway.events.base import By, Data, Ref, kind


@kind("alarm.raised", by=By.EITHER, urgent=True)
class AlarmRaised(Data):
    """Somebody must act.  The event's reference is the alarm's identity."""

    type: AnyAlarmType
    """What it is about; a type of a newer version is kept as it was written."""
    severity: AnySeverity
    since: AwareDatetime
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


class AlarmOutcome(StrEnum):
    """What an alarm turned out to be."""

    HELPED = "helped"
    """Help was needed and given."""
    NO_NEED = "no_need"
    """Somebody looked; no help was needed."""
    FALSE = "false"
    """There was no cause: a sensor or a rule was wrong."""
    MENDED = "mended"
    """Technical: mended."""


@kind("alarm.resolved", by=By.SERVER, urgent=True)
class AlarmResolved(Data):
    """A person closed the alarm with its outcome."""

    alarm: Ref
    outcome: AlarmOutcome
    note_ref: str | None = None
    """Where the server keeps a note, if one was written; the text itself is not in the event."""
