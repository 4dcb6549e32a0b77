"""One event in a few words, for a list: what stands after its kind.

The kind's own name comes from `web.staff.texts.words`; here are the particulars (which alarm, what
was found, how it ended).  Times are shown in the home's own zone.  Not for: HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, get_type_hints

from flask_babel import format_date

from gateway import events
from gateway.access import grants
from web.staff.core.i18n import local
from web.staff.core.i18n import say as _
from web.staff.texts import door_words, visit_words, words


def clock(at: datetime, zone: str | None) -> str:
    """`02:14` in the home's time."""
    return local(at, zone).strftime("%H:%M")


def dated(at: datetime, zone: str | None) -> str:
    """`27 nov 02:14`: for what is told long before it is."""
    return f"{format_date(local(at, zone).date(), 'd MMM')} {clock(at, zone)}"


def alarm_word(alarm: str | None) -> str:
    """What an alarm is about."""
    return words.spoken(words.ALARMS, alarm) if alarm else _("Larm, innehållet är inte hämtat än")


def turn_word(outcome: str | None, why: str | None) -> str:
    """How turning a lock ended, in one or two sentences."""
    if outcome == events.TurnOutcome.DONE:
        return _("Klart")
    if why is not None:
        return words.spoken(words.TURN_WHY, why)
    return words.enum_word(events.TurnOutcome, outcome)


def _battery(data: Any, _zone: str | None) -> str:
    return "" if data.level_pct is None else f"{data.level_pct} %"


def _absence(data: Any, zone: str | None) -> str:
    if data.until is None:
        return ""
    return _("till %(when)s", when=local(data.until, zone).strftime("%Y-%m-%d %H:%M"))


def _correction(data: Any, zone: str | None) -> str:
    parts = [
        _("började %(at)s", at=clock(data.since, zone)) if data.since else "",
        _("slutade %(at)s", at=clock(data.until, zone)) if data.until else "",
        words.spoken(visit_words.CORRECTED_WHY, data.reason),
    ]
    return ", ".join(part for part in parts if part)


def _tapped(data: Any, _zone: str | None) -> str:
    what = words.enum_word(events.Tap, data.tap)
    if data.source is events.Stamp.TAG:
        return f"{what} ({words.enum_word(events.Stamp, data.source)})"
    return what


def _asked(data: Any, zone: str | None) -> str:
    why = words.spoken(words.ASKED_WHY, data.why)
    return _("%(why)s, svar senast %(at)s", why=why, at=clock(data.answer_by, zone))


def _answered(data: Any, _zone: str | None) -> str:
    found = words.enum_word(events.Finding, data.finding)
    return f"{found} ({words.enum_word(events.Looked, data.looked).lower()})"


def _issued(data: Any, _zone: str | None) -> str:
    what = words.enum_word(grants.Action, data.action)
    return f"{what}, {words.enum_word(grants.Reason, data.reason)}"


def _coded(table: Mapping[str, str], field: str) -> Callable[[Any, str | None], str]:
    return lambda data, _zone: words.spoken(table, getattr(data, field))


def _at(field: str) -> Callable[[Any, str | None], str]:
    return lambda data, zone: clock(getattr(data, field), zone)


_TELL: Mapping[str, Callable[[Any, str | None], str]] = {
    "gateway.stopped": lambda d, _z: d.reason,
    "home.described": lambda d, _z: _("%(count)s enheter", count=len(d.devices)),
    "rule.failed": lambda d, _z: words.spoken(words.RULES, d.rule),
    "clock.synced": lambda d, _z: _("%(s)s s fel", s=round(d.offset_s, 1)) if d.offset_s else "",
    "device.offline": lambda d, _z: d.reason.replace("_", " "),
    "device.failed": lambda d, _z: d.text,
    "device.battery_low": _battery,
    "device.battery_ok": _battery,
    "contact.changed": lambda d, _z: _("på") if d.on else _("av"),
    "bed.left": lambda d, z: _("tom sedan %(at)s", at=clock(d.empty_since, z)),
    "bed.doubted": lambda d, z: _("sedan %(at)s", at=clock(d.since, z)),
    "activity.prewarned": lambda d, z: _("svar senast %(at)s", at=clock(d.answer_by, z)),
    "temperature.measured": lambda d, _z: f"{d.celsius:.1f} °C".replace(".", ","),
    "fault.counted": lambda d, _z: _("%(n)s gånger på 30 dagar", n=len(d.times)),
    "home.emptied": lambda d, z: _("sedan %(at)s", at=clock(d.since, z)),
    "alarm.raised": lambda d, z: f"{alarm_word(d.alarm)}, {_('sedan')} {clock(d.since, z)}",
    "alarm.cancelled": _coded(words.CANCELLED_WHY, "reason"),
    "check.planned": lambda d, z: dated(d.slot, z),
    "check.due": _at("slot"),
    "check.asked": _asked,
    "check.answered": _answered,
    "check.done": lambda d, _z: _("av %(by)s", by=words.enum_word(events.CheckBy, d.by)),
    "check.missed": _coded(words.MISSED_WHY, "why"),
    "check.escalated": _coded(words.ESCALATED_WHY, "why"),
    "unlock.requested": lambda d, _z: words.enum_word(grants.Action, d.action),
    "unlock.ended": lambda d, _z: turn_word(d.outcome, d.why),
    "visit.tapped": _tapped,
    "visit.started": lambda d, z: f"{clock(d.since, z)}, {words.enum_word(events.Stamp, d.source)}",
    "visit.ended": lambda d, z: f"{clock(d.until, z)}, {words.enum_word(events.Stamp, d.source)}",
    "visit.corrected": _correction,
    "visits.locked": lambda d, z: _("före %(when)s", when=f"{local(d.before, z):%Y-%m-%d %H:%M}"),
    "access.sampled": lambda d, _z: _("%(n)s av %(of)s rader", n=len(d.rows), of=d.of),
    "grant.issued": _issued,
    "grant.requested": lambda d, _z: words.spoken(door_words.SERVICE_WHY, d.why),
    "grant.approved": lambda d, z: _("till %(when)s", when=clock(d.until, z)),
    "home.silent": lambda d, _z: _("tyst i %(s)s s", s=round(d.silent_s)),
    "consent.given": lambda d, _z: d.covers,
    "consent.withdrawn": lambda d, _z: d.covers,
    "absence.started": _absence,
}


@cache
def _coded_fields(kind: str) -> tuple[tuple[str, type[StrEnum]], ...]:
    """The fields that are one of a few words, which `words.ENUMS` has."""
    hints = get_type_hints(events.KINDS[kind])
    return tuple((name, hint) for name, hint in hints.items() if hint in words.ENUMS)


def particulars(data: events.Data, zone: str | None) -> str:
    """What stands after the kind; empty when the kind says it all, or is not known here.  Where
    nothing better is written, the words of what it says in codes."""
    if isinstance(data, events.Unknown):
        return ""
    kind = events.kind_of(data)
    if kind in _TELL:
        return _TELL[kind](data, zone)
    return ", ".join(
        words.enum_word(enum, getattr(data, name)) for name, enum in _coded_fields(kind)
    )
