"""Incidents: open alarms of one home that belong together, each of them one card.

A fall rings from the bed, the floor and the pendant within minutes: that is one thing to go to, and
is taken as one.  Not for: taking or closing (`forms`), alarms of others
(`alarms_elsewhere`), or what many homes have in common (`mass_alarms`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select

from gateway.envelope import Event
from gateway.events import AlarmFinding, Ref, Severity
from web.staff.core.rights import Actor, Right
from web.staff.pages import lists, lookups
from web.staff.pages.lookups import Place
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.coming import Coming
from web.staff.storage.rows import AlarmRow, read_all

TOGETHER = timedelta(minutes=10)
"""Alarms of a home that were raised within this of each other are one incident: a rule waits for
minutes (bed exit: ten) for what another tells at once."""

LINES = 20
"""Alarms of one incident: a fall rings from a handful of things.  A home that raises hundreds is
broken or in the wrong hands; they are as many cards of so many, each a row where there is no room,
so that no page is held up by it, and a form takes or closes all that it shows."""

FRESH = timedelta(minutes=10)
"""For this long an alarm that nobody has taken is shown with its whole weight: within it somebody
should be on the way; an older one is known to everybody who looks at the page."""

HASTE: Mapping[str, int] = {Severity.TECHNICAL: 1, Severity.ROUTINE: 2}
"""Care before technical before routine; what is not known counts as care."""

HELPED = tuple(one for one in AlarmFinding if one is not AlarmFinding.UNKNOWN)
MENDED = (
    AlarmFinding.TECHNICAL,
    AlarmFinding.SENSOR_WRONG,
    AlarmFinding.TEST,
    AlarmFinding.OTHER,
)
"""What an alarm may have been; who answers a technical one has seen no resident."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When an alarm was raised of which only what followed has come: below all that is known."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """How often the cause of an open alarm came again, and when last."""

    count: int
    last: datetime


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """One alarm of an incident, who has taken it, and why it was raised."""

    row: AlarmRow
    raised: Event | None
    acknowledged_by: str | None
    mine: bool
    names: Mapping[str, str] = field(default_factory=dict, repr=False)
    repeats: Repeats | None = None
    """How often its cause came again; None: it did not, or that was not read."""
    left_at: datetime | None = None
    """When whoever came to it left, and did not close it; None: they did not, or that was not
    read."""

    def name(self, person: str | None) -> str:
        """Somebody of its way: who is on the way, arrived, or did nothing more."""
        return _name(person, self.names) or ""

    @property
    def at(self) -> datetime:
        """When it rang; as far as that is known."""
        return self.row.raised_at or self.row.since or LONG_AGO

    @property
    def is_asked(self) -> bool:
        """Whether who has it was asked whether they are there, and has not answered."""
        way = self.row.way
        asked = way is not None and way[0] is Coming.ASKED
        return asked and self.row.arrived_at is None and self.row.closed_at is None

    @property
    def known(self) -> bool:
        """Whether that is known."""
        return self.at is not LONG_AGO


@dataclass(frozen=True, slots=True)
class Incident:
    """Alarms of one home and one severity, the newest first."""

    home: str
    place: Place | None
    severity: str | None
    lines: tuple[AlarmLine, ...]
    may_answer: bool
    may_open: bool
    fresh: bool

    @property
    def key(self) -> str:
        """Its name on the page: stays when another alarm joins."""
        return self.lines[-1].row.id

    @property
    def types(self) -> tuple[str | None, ...]:
        """What rang, each once, the newest first."""
        return tuple(dict.fromkeys(line.row.type for line in self.lines))

    @property
    def waiting(self) -> tuple[AlarmLine, ...]:
        """What nobody has taken."""
        return tuple(line for line in self.lines if line.row.acknowledged_at is None)

    @property
    def lead(self) -> AlarmLine:
        """What the card is about: the newest that waits, else the newest."""
        return (self.waiting or self.lines)[0]

    @property
    def mine(self) -> bool:
        """Whether I am on it, and nothing of it waits."""
        return not self.waiting and any(line.mine for line in self.lines)

    @property
    def to_set_out(self) -> tuple[AlarmLine, ...]:
        """What I have taken and told nobody yet that I am on the way to."""
        return tuple(
            line
            for line in self.lines
            if line.mine and line.row.way is None and line.row.arrived_at is None
        )

    @property
    def asked(self) -> tuple[AlarmLine, ...]:
        """What I set out for and was asked about: am I there?"""
        return tuple(line for line in self.lines if line.mine and line.is_asked)

    @property
    def findings(self) -> tuple[AlarmFinding, ...]:
        """What it may have been."""
        return MENDED if self.severity == Severity.TECHNICAL else HELPED

    @property
    def tone(self) -> str:
        """The card's classes: weight by severity, age, and whether somebody is on it."""
        if self.severity == Severity.ROUTINE or not self.waiting:
            return "acknowledged"
        if self.severity == Severity.TECHNICAL:
            return "warn"
        return "alarm fresh" if self.fresh else "alarm"


def read(
    conn: Connection,
    actor: Actor,
    places: Mapping[str, Place],
    names: Mapping[str, str],
    now: datetime,
    *,
    homes: Collection[str] | None = None,
) -> list[Incident]:
    """The open incidents that the actor may see, the newest acute one first, then by severity;
    `homes`: only of these.  Why they were raised is read for those that are shown whole
    (`explained`)."""
    query = select(t.alarm).where(lookups.single_alarms(actor))
    if homes is not None:
        query = query.where(among(t.alarm.c.home_id, homes))
    rows = read_all(conn, AlarmRow, query)
    return of_rows(rows, actor, places, names, now, raised={})


def explained(conn: Connection, actor: Actor, found: Sequence[Incident]) -> list[Incident]:
    """These incidents, each with why its alarms were raised, and how often anew."""
    rows = [line.row for one in found for line in one.lines]
    raised = lookups.events_by_ref(conn, [row.id for row in rows], actor.homes)
    repeats = repeats_of(conn, rows)
    left = left_of(conn, rows)

    def why(line: AlarmLine) -> AlarmLine:
        return replace(
            line,
            raised=raised.get(line.row.id),
            repeats=repeats.get(line.row.ref),
            left_at=left.get(line.row.id),
        )

    return [replace(one, lines=tuple(map(why, one.lines))) for one in found]


def left_of(conn: Connection, rows: Sequence[AlarmRow]) -> dict[Ref, datetime]:
    """When the visits ended that answered these alarms and left them open, by the alarm's id."""
    open_ = {row.id: row.arrived_visit for row in rows if row.closed_at is None}
    came = {visit for visit in open_.values() if visit is not None}
    if not came:
        return {}
    v = t.visit.c
    until = func.coalesce(v.corrected_until, v.until, type_=v.until.type)
    query = select(v.id, until).where(among(v.id, list(came)), until.is_not(None))
    ended: dict[str | None, datetime] = {row[0]: row[1] for row in conn.execute(query)}
    return {alarm: ended[visit] for alarm, visit in open_.items() if visit in ended}


def repeats_of(conn: Connection, rows: Sequence[AlarmRow]) -> dict[Ref, Repeats]:
    """How often the causes of these alarms came again, by their `ref`."""
    if not rows:
        return {}
    r = t.alarm_repeat.c
    query = (
        select(r.alarm, func.count(), func.max(r.at, type_=r.at.type))
        .where(among(r.alarm, [row.ref for row in rows]))
        .where(among(r.home_id, [row.home_id for row in rows]))
        .group_by(r.alarm)
    )
    return {alarm: Repeats(count, last) for alarm, count, last in conn.execute(query)}


def of_rows(
    rows: Iterable[AlarmRow],
    actor: Actor,
    places: Mapping[str, Place],
    names: Mapping[str, str],
    now: datetime,
    *,
    raised: Mapping[Ref, Event],
) -> list[Incident]:
    """These alarms as incidents; `raised`: the events that say why."""
    lines = [
        AlarmLine(
            row=row,
            raised=raised.get(row.id),
            acknowledged_by=_name(row.acknowledged_by, names),
            mine=row.acknowledged_by == actor.person,
            names=names,
        )
        for row in rows
    ]
    found = [_incident(actor, places, group, now) for group in together(lines)]
    return sorted(found, key=_urgency)


def _name(person: str | None, names: Mapping[str, str]) -> str | None:
    return None if person is None else names.get(person, person)


def together(lines: Sequence[AlarmLine]) -> list[list[AlarmLine]]:
    """The alarms by incident, each oldest first: of one home and severity, and either of one kind
    or raised within `TOGETHER` of the one before; of more than `LINES`, several."""
    groups: dict[tuple[str, int], list[list[AlarmLine]]] = {}
    for line in sorted(lines, key=lambda line: (line.at, line.row.id)):
        of_home = groups.setdefault((line.row.home_id, haste(line.row.severity)), [])
        for group in of_home:
            soon = line.at - group[-1].at <= TOGETHER
            same = line.row.type is not None and any(one.row.type == line.row.type for one in group)
            if (soon or same) and len(group) < LINES:
                group.append(line)
                break
        else:
            of_home.append([line])
    return [group for of_home in groups.values() for group in of_home]


def newest(one: Incident) -> lists.Order:
    """The order of incidents: technical before routine, what nobody has taken first, the newest on
    top."""
    group = 4 * max(0, haste(one.severity) - 1) + (0 if one.waiting else 1)
    return lists.LATER * group - lists.moment(one.lead.at), one.key


def haste(severity: str | None) -> int:
    """0 for care, and what is not known; 1 technical; 2 routine."""
    return HASTE.get(severity or "", 0)


def _incident(
    actor: Actor, places: Mapping[str, Place], group: list[AlarmLine], now: datetime
) -> Incident:
    row = group[-1].row
    technical = row.severity == Severity.TECHNICAL
    right = Right.ANSWER_TECHNICAL_ALARM if technical else Right.ANSWER_CARE_ALARM
    waiting = [line for line in group if line.row.acknowledged_at is None]
    return Incident(
        home=row.home_id,
        place=places.get(row.home_id),
        severity=row.severity,
        lines=tuple(reversed(group)),
        may_answer=actor.may(right),
        may_open=actor.may(Right.TURN_LOCK) and row.home_id in actor.assigned and not technical,
        fresh=bool(waiting) and now - waiting[-1].at <= FRESH,
    )


def _urgency(incident: Incident) -> tuple[int, bool, float]:
    """Care before technical before routine, not taken before taken, newest first."""
    return (haste(incident.severity), not incident.waiting, -incident.lead.at.timestamp())
