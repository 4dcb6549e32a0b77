"""One event in a few words, for a list: what stands after its kind.

The kind's own name comes from `web.staff.texts.kind_words`; here are the particulars (which alarm,
what was found, how it ended).  Times are shown in the home's own zone.  Not for: HTML.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, get_type_hints

from flask_babel import format_date

from gateway import events
from gateway.access import grants
from gateway.events import Data
from web.staff.core.i18n import local
from web.staff.core.i18n import say as _
from web.staff.texts import (
    alarm_words,
    chain_words,
    check_words,
    door_words,
    update_words,
    visit_words,
    voice_words,
    words,
)

D = TypeVar("D", bound=Data)


def clock(at: datetime, zone: str | None) -> str:
    """`02:14` in the home's time."""
    return local(at, zone).strftime("%H:%M")


def dated(at: datetime, zone: str | None) -> str:
    """`27 nov 02:14`: for what is told long before it is."""
    return f"{format_date(local(at, zone).date(), 'd MMM')} {clock(at, zone)}"


def alarm_word(alarm: str | None) -> str:
    """What an alarm is about."""
    return words.spoken(words.ALARMS, alarm) if alarm else _("Larm, innehållet är ej hämtat")


def turn_word(outcome: str | None, why: str | None) -> str:
    """How turning a lock ended, in one or two sentences."""
    if outcome == events.LockOperationOutcome.DONE:
        return _("Klart")
    if why is not None:
        return words.spoken(door_words.TURN_WHY, why)
    return words.enum_word(events.LockOperationOutcome, outcome)


Teller = Callable[[D, str | None], str]
"""Data and the home's zone to words."""

_TELL: dict[type[Data], Teller[Any]] = {}
"""By the class of the data."""


def _on(cls: type[D]) -> Callable[[Teller[D]], Teller[D]]:
    """Register what stands after this kind."""

    def register(tell: Teller[D]) -> Teller[D]:
        _TELL[cls] = tell
        return tell

    return register


def _tell(cls: type[D], tell: Teller[D]) -> None:
    """The same for what is said in one line."""
    _TELL[cls] = tell


def _battery(
    data: events.BatteryLow | events.BatteryOk | events.BatteryTold, _zone: str | None
) -> str:
    return "" if data.level_pct is None else f"{data.level_pct} %"


def _reserve(data: events.PowerLost | events.PowerBatteryLow, _zone: str | None) -> str:
    if data.battery_pct is None:
        return ""
    return _("reservbatteriet har %(share)s kvar", share=str(data.battery_pct) + " %")


@_on(events.AbsenceStarted)
def _absence(data: events.AbsenceStarted, zone: str | None) -> str:
    if data.until is None:
        return ""
    return _("till %(when)s", when=local(data.until, zone).strftime("%Y-%m-%d %H:%M"))


@_on(events.VisitCorrected)
def _correction(data: events.VisitCorrected, zone: str | None) -> str:
    parts = [
        _("började %(at)s", at=clock(data.since, zone)) if data.since else "",
        _("slutade %(at)s", at=clock(data.until, zone)) if data.until else "",
        words.spoken(visit_words.CORRECTED_WHY, data.reason),
    ]
    return ", ".join(part for part in parts if part)


@_on(events.VisitTapped)
def _tapped(data: events.VisitTapped, _zone: str | None) -> str:
    what = words.enum_word(events.Tap, data.tap)
    if data.source is events.Stamp.TAG:
        return f"{what} ({words.enum_word(events.Stamp, data.source)})"
    return what


@_on(events.CheckAsked)
def _asked(data: events.CheckAsked, zone: str | None) -> str:
    why = words.spoken(check_words.ASKED_WHY, data.why)
    return _("%(why)s, svar senast %(at)s", why=why, at=clock(data.answer_by, zone))


@_on(events.CheckAnswered)
def _answered(data: events.CheckAnswered, _zone: str | None) -> str:
    found = words.enum_word(events.Finding, data.finding)
    return f"{found} ({words.enum_word(events.Looked, data.looked).lower()})"


@_on(events.AlarmEscalated)
def _escalated(data: events.AlarmEscalated, _zone: str | None) -> str:
    step = _("steg %(n)s i larmkedjan", n=data.step)
    return f"{step}: {words.enum_word(events.Climbed, data.why)}"


@_on(events.AlarmArrivalAnswered)
def _arrival(data: events.AlarmArrivalAnswered, _zone: str | None) -> str:
    return _("är framme") if data.there else _("är på väg")


@_on(events.GrantIssued)
def _issued(data: events.GrantIssued, _zone: str | None) -> str:
    what = words.enum_word(grants.Action, data.action)
    return f"{what}, {words.enum_word(grants.Reason, data.reason)}"


_tell(events.ConfigSet, lambda d, _z: words.enum_word(events.ConfigWhy, d.why))
_tell(events.ConfigRefused, lambda d, _z: words.enum_word(events.ConfigFault, d.why))
_tell(events.SshWanted, lambda d, _z: words.enum_word(events.SshWhy, d.why))
_tell(events.SshOpened, lambda d, z: _("till %(at)s", at=clock(d.until, z)))
_tell(events.SshClosed, lambda d, _z: words.enum_word(events.SshEnd, d.why))
_tell(events.SshRefused, lambda d, _z: words.enum_word(events.SshRefusal, d.why))
_tell(events.ConfigWaiting, lambda d, _z: words.enum_word(events.ConfigWait, d.why))
_tell(
    events.GatewayFellBack,
    lambda d, _z: (
        f"{words.enum_word(events.StartFile, d.what)}: "
        f"{words.enum_word(events.StandIn, d.stand_in)}"
    ),
)
_tell(events.GatewayStopped, lambda d, _z: d.reason)
_tell(events.HomeDescribed, lambda d, _z: _("%(count)s enheter", count=len(d.devices)))
_tell(events.RuleFailed, lambda d, _z: words.spoken(words.RULES, d.rule))
_tell(
    events.ClockSynced, lambda d, _z: _("%(s)s s fel", s=round(d.offset_s, 1)) if d.offset_s else ""
)


@_on(events.ClockStepped)
def _stepped(data: events.ClockStepped, _zone: str | None) -> str:
    """Which way, how far, and what that says of the times above and below it on the page: nobody
    knows since when they were wrong."""
    s = abs(data.step_s)
    by = _("%(n)s min", n=round(s / 60)) if s >= 120 else _("%(n)s s", n=round(s))
    if data.step_s < 0:
        return _("%(by)s bakåt: hemmets tider dessförinnan kan vara så mycket för sena", by=by)
    return _("%(by)s framåt: hemmets tider dessförinnan kan vara så mycket för tidiga", by=by)


_tell(events.DeviceOffline, lambda d, _z: words.spoken(words.OFFLINE_WHY, d.reason))
_tell(events.DeviceFailed, lambda d, _z: d.text)
_tell(events.BatteryLow, _battery)
_tell(events.BatteryOk, _battery)
_tell(events.BatteryTold, _battery)
_tell(
    events.BatteryChangeEnded, lambda d, _z: _("batteriet är bytt") if d.done else _("behövs inte")
)
_tell(events.PowerLost, _reserve)
_tell(events.PowerBatteryLow, _reserve)
_tell(events.ContactChanged, lambda d, _z: _("på") if d.on else _("av"))
_tell(events.MatDrifted, lambda d, _z: f"{d.drift_pct:+.1f} %".replace(".", ","))
_tell(events.BedLeft, lambda d, z: _("tom sedan %(at)s", at=clock(d.empty_since, z)))
_tell(events.BedDoubted, lambda d, z: _("sedan %(at)s", at=clock(d.since, z)))
_tell(events.ActivityPrewarned, lambda d, z: _("svar senast %(at)s", at=clock(d.answer_by, z)))
_tell(events.TemperatureMeasured, lambda d, _z: f"{d.celsius:.1f} °C".replace(".", ","))
_tell(events.FaultCounted, lambda d, _z: _("%(n)s gånger på 30 dagar", n=len(d.times)))
_tell(events.HomeEmptied, lambda d, z: _("sedan %(at)s", at=clock(d.since, z)))
_tell(events.AlarmRaised, lambda d, z: f"{alarm_word(d.type)}, {_('sedan')} {clock(d.since, z)}")
_tell(events.AlarmSent, lambda d, _z: words.spoken(alarm_words.CHANNELS, d.channel))
_tell(events.AlarmUndelivered, lambda d, _z: words.spoken(alarm_words.UNDELIVERED_WHY, d.why))
_tell(events.AlarmCancelled, lambda d, _z: words.spoken(words.CANCELLED_WHY, d.reason))
_tell(events.CheckPlanned, lambda d, z: dated(d.slot, z))
_tell(events.CheckDue, lambda d, z: clock(d.slot, z))
_tell(events.CheckDone, lambda d, _z: _("av %(by)s", by=words.enum_word(events.CheckBy, d.by)))
_tell(events.CheckMissed, lambda d, _z: words.spoken(check_words.MISSED_WHY, d.why))
_tell(events.CheckEscalated, lambda d, _z: words.spoken(check_words.ESCALATED_WHY, d.why))
_tell(events.CheckVisitAsked, lambda d, _z: words.spoken(check_words.ESCALATED_WHY, d.why))
_tell(events.CheckVisitSettled, lambda d, _z: words.enum_word(events.Settled, d.why))
_tell(events.LockOperationRequested, lambda d, _z: words.enum_word(grants.Action, d.action))
_tell(events.LockOperationEnded, lambda d, _z: turn_word(d.outcome, d.why))
_tell(
    events.VisitStarted,
    lambda d, z: f"{clock(d.since, z)}, {words.enum_word(events.Stamp, d.source)}",
)
_tell(
    events.VisitEnded,
    lambda d, z: f"{clock(d.until, z)}, {words.enum_word(events.Stamp, d.source)}",
)
_tell(
    events.VisitsLocked,
    lambda d, z: _("före %(when)s", when=local(d.before, z).strftime("%Y-%m-%d %H:%M")),
)
_tell(events.ZoneLeft, lambda d, z: _("sedan %(when)s", when=clock(d.since, z)))
_tell(events.ZoneReturned, lambda d, z: _("sedan %(when)s", when=clock(d.since, z)))
_tell(events.AccessSampled, lambda d, _z: _("%(n)s av %(of)s rader", n=len(d.rows), of=d.of))
_tell(events.GrantRequested, lambda d, _z: words.spoken(door_words.SERVICE_WHY, d.why))
_tell(events.GrantApproved, lambda d, z: _("till %(when)s", when=clock(d.until, z)))
_tell(events.VoiceBegun, lambda d, _z: words.enum_word(events.VoiceParty, d.party))
_tell(events.VoiceRefused, lambda d, _z: words.enum_word(events.VoiceRefusal, d.why))
_tell(events.VoiceEnded, lambda d, _z: _listened(d))
_tell(events.HomeSilent, lambda d, _z: _("tyst i %(s)s s", s=round(d.silent_s)))
_tell(events.HomeSecondPathSet, lambda d, _z: _("%(n)s mottagare", n=len(d.receivers)))
_tell(events.GatewayMessageSent, lambda d, _z: chain_words.sent(d))
_tell(events.GatewayMessageFailed, lambda d, _z: chain_words.failed(d))
_tell(events.GatewaySecondPathFailed, lambda d, _z: words.spoken(chain_words.PATH_WHY, d.why))
_tell(events.GatewaySecondPathReady, lambda d, _z: chain_words.ready(d))
_tell(events.GatewayTestFailed, lambda d, _z: words.spoken(chain_words.HOPS, d.hop))
_tell(events.HomeTestMissed, lambda d, _z: words.spoken(chain_words.HOPS, d.hop))
_tell(events.ServerTestAnswered, lambda d, _z: chain_words.answered(d))
_tell(events.UpdateWanted, lambda d, _z: d.version)
_tell(events.UpdateFetched, lambda d, _z: d.version)
_tell(events.UpdateRefused, lambda d, _z: f"{d.version}: {update_words.why(d.why)}")
_tell(events.UpdateBegun, lambda d, _z: d.version)
_tell(events.UpdateHeld, lambda d, _z: d.version)
_tell(events.UpdateReturned, lambda d, _z: f"{d.version}: {update_words.why(d.why, d.missing)}")
_tell(events.UpdateSystemTold, lambda d, _z: update_words.system(d))
_tell(events.ButtonPressed, lambda d, _z: _pressed(d))
_tell(events.PendantPressed, lambda d, _z: _pressed(d))


def _listened(ended: events.VoiceEnded) -> str:
    """How long somebody heard the home, and why no longer."""
    why = words.enum_word(events.VoiceEnd, ended.why)
    return ", ".join(filter(None, (voice_words.lasted(ended.took_s), why)))


def _pressed(press: events.ButtonPressed | events.PendantPressed) -> str:
    """Which button and how; nothing for the plain press of the first."""
    if press.button in (None, 1) and press.how in (None, events.PressHow.ONCE):
        return ""
    button = "" if press.button is None else _("knapp %(n)s", n=press.button)
    how = "" if press.how is None else words.enum_word(events.PressHow, press.how)
    return ", ".join(filter(None, (button, how)))


@cache
def _coded_fields(kind: str) -> tuple[tuple[str, type[StrEnum]], ...]:
    """The fields that are one of a few words, which `words.ENUMS` has."""
    hints = get_type_hints(events.KINDS[kind])
    return tuple((name, hint) for name, hint in hints.items() if hint in words.ENUMS)


def particulars(data: events.Data, zone: str | None) -> str:
    """What stands after the kind; empty when the kind says it all, or is not known here.  Where
    nothing better is written, the words of what it says in codes."""
    tell = _TELL.get(type(data))
    if tell is not None:
        return tell(data, zone)
    if isinstance(data, events.Unknown):
        return ""
    coded = _coded_fields(events.kind_of(data))
    return ", ".join(words.enum_word(enum, getattr(data, name)) for name, enum in coded)
