"""The way of one alarm as its page shows it: every step in order, who, when, and why not.

What was sent to one receiver is one step: sent, on the device, shown, or why it did not come.  Not
for: who may see it (`alarm`), or how long it took (`web.staff.care.response_times`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, select

from gateway import events
from gateway.envelope import Event
from gateway.events import Ref
from web.staff.core.i18n import say as _
from web.staff.events.judgement import REFUSED_KIND
from web.staff.pages import lookups
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.plan_tables import visit_note
from web.staff.storage.rows import AlarmRow
from web.staff.texts import alarm_words, event_summary, kind_words, words

STEPS_MAX = 300
"""Events of one alarm that its page reads, the newest: a ladder that nobody answers tells some ten
people every few minutes, and after an hour its beginning says no more."""

AFTER = timedelta(days=7)
"""How long after an alarm's end what is said about it is looked for: notes are written that day."""


OF_A_PAGE = "page-"
"""How the messages begin that an open page tells of (`web.staff.pages.seen`)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: when, what, who.  `more` are times and reasons that belong to it."""

    key: str
    at: datetime
    place: tuple[str, int]
    """Its first event's origin and number, which order what happened at once."""
    icon: str
    tone: str
    label: str
    detail: str = ""
    person: str | None = None
    quote: str = ""
    """The words of a note."""
    more: tuple[tuple[str, datetime | None], ...] = field(default=())


def read(conn: Connection, row: AlarmRow, now: datetime, zone: str | None) -> list[Step]:
    """The steps of an alarm, the first first."""
    found = _events(conn, row, now)
    refs = [one.data.note_ref for _, one in found if isinstance(one.data, _WITH_NOTE)]
    notes = _notes(conn, row.home_id, [ref for ref in refs if ref])
    explained = any(isinstance(one.data, events.AlarmExplained) for _, one in found)
    messages: dict[str, list[tuple[datetime, Event]]] = {}
    steps = []
    for at, event in found:
        data = event.data
        if isinstance(data, _OF_MESSAGE):
            messages.setdefault(data.message, []).append((at, event))
        else:
            step = _step(at, event, notes, zone)
            if explained and isinstance(data, events.AlarmResolved):
                step = replace(step, detail="")  # its few words say less than the finding
            steps.append(step)
    steps += [_message(key, told) for key, told in messages.items()]
    return sorted(_arrivals(conn, steps, found), key=lambda step: (step.at, step.place))


_OF_MESSAGE = events.AlarmSent | events.AlarmDelivered | events.AlarmShown | events.AlarmUndelivered
_WITH_NOTE = events.AlarmNoted | events.AlarmExplained


def _events(conn: Connection, row: AlarmRow, now: datetime) -> list[tuple[datetime, Event]]:
    """What was told about it, the oldest first, each with its corrected time."""
    e, u = t.event.c, t.urgent.c
    named = f'"alarm":{json.dumps(row.ref)}'
    begun = row.raised_at or row.since or row.sent_at or row.first_acknowledged_at or row.closed_at
    until = (row.closed_at or now) + AFTER
    query = select(e.body, e.corrected_at).where(
        e.home_id == row.home_id,
        e.kind != REFUSED_KIND,
        e.kind.startswith("alarm.", autoescape=True),
        e.body.contains(named, autoescape=True),
        e.mark.is_(None),
    )
    if begun is not None:
        query = query.where(e.corrected_at.between(begun - AFTER, until))
    stored = conn.execute(query.order_by(e.corrected_at.desc(), e.seq.desc()).limit(STEPS_MAX))
    rows = [(one.corrected_at, one.body) for one in stored]
    late = select(u.body).where(
        u.home_id == row.home_id,
        u.kind.startswith("alarm.", autoescape=True),
        and_(u.body.contains(named, autoescape=True), u.mark.is_(None)),
    )
    rows += [(None, body) for body in conn.execute(late).scalars()]
    raised = lookups.events_by_ref(conn, [row.id], {row.home_id}).values()
    found = [(row.raised_at or one.at, one) for one in raised]
    for at, body in rows:
        event = lookups.event_of(body)
        if event is not None and getattr(event.data, "alarm", None) == row.ref:
            found.append((at or event.at, event))
    return sorted(found, key=lambda one: (one[0], one[1].origin, one[1].seq))


def _notes(conn: Connection, home: str, refs: Iterable[str]) -> dict[str, str]:
    n = visit_note.c
    query = select(n.ref, n.text).where(among(n.ref, list(refs)), n.home_id == home)
    return {row.ref: row.text for row in conn.execute(query)}


def _step(at: datetime, event: Event, notes: Mapping[str, str], zone: str | None) -> Step:
    word = kind_words.kind_word(event.kind)
    detail, quote = event_summary.particulars(event.data, zone), ""
    if isinstance(event.data, _WITH_NOTE) and event.data.note_ref:
        quote = notes.get(event.data.note_ref, "")
    return Step(
        key=event.ref,
        at=at,
        place=(event.origin, event.seq),
        icon=word.icon,
        tone=word.tone,
        label=_(word.label),
        detail=detail,
        person=event.person,
        quote=quote,
    )


def _message(key: str, told: list[tuple[datetime, Event]]) -> Step:
    """What became of one message."""
    at, event = told[0]
    place = (event.origin, event.seq)
    label = _(alarm_words.CHANNELS["live_page"]) if key.startswith(OF_A_PAGE) else _("Skickat")
    step = Step(key=key, at=at, place=place, icon="bell", tone="quiet", label=label)
    more: list[tuple[str, datetime | None]] = []
    for at, event in told:
        person = step.person or event.person
        match event.data:
            case events.AlarmSent(channel=channel):
                label = words.spoken(alarm_words.CHANNELS, channel)
                step = replace(step, label=label, person=person)
                more.append((_("skickat"), at))
            case events.AlarmDelivered():
                more.append((_("framme"), at))
            case events.AlarmShown():
                step = replace(step, person=person, tone="ok", icon="eye")
                more.append((_("visat"), at))
            case events.AlarmUndelivered(why=why):
                step = replace(step, tone="warn", icon="bell-off")
                reason = words.spoken(alarm_words.UNDELIVERED_WHY, why)
                more.append((_("kom inte fram: %(why)s", why=reason), at))
    return replace(step, more=tuple(more))


def _arrivals(
    conn: Connection, steps: list[Step], found: list[tuple[datetime, Event]]
) -> list[Step]:
    """Who arrived did so when the visit began."""
    visits: dict[str, Ref] = {
        event.ref: event.data.visit
        for _at, event in found
        if isinstance(event.data, events.AlarmResponderArrived)
    }
    if not visits:
        return steps
    v = t.visit.c
    query = select(v.id, v.since, v.corrected_since).where(among(v.id, list(visits.values())))
    begun = {row.id: row.corrected_since or row.since for row in conn.execute(query)}

    def moved(step: Step) -> Step:
        at = begun.get(visits.get(step.key, ""))
        return step if at is None else replace(step, at=at)

    return [moved(step) for step in steps]
