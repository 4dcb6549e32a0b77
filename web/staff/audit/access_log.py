"""The access log: who read about a resident, opened a door or tried to, came in, or looked.

HSLF-FS 2016:40 ch. 4 §9: action, unit, time, user and patient; samples of it are checked again and
again, and the checks are kept.  It is a way to read the events (`gateway.events.ACCESS_KINDS`), no
table of its own: nobody can change it.

A sample can be drawn again by anybody: of the month's rows that the server had when it was drawn,
those with the lowest SHA-256 over seed and reference.  Not for: HTTP, or words.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select, text

from gateway.envelope import Draft
from gateway.events import AccessChecked, AccessSampled, CheckedAs, Ref, Unknown
from web.staff.care.actions import Done, Refused, Why
from web.staff.core.context import Staff
from web.staff.core.i18n import ZONE, local
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.storage import event_store
from web.staff.storage import tables as t
from web.staff.storage.among import among, among_refs
from web.staff.storage.tables import ACCESS_SQL

ENDS: Mapping[str, tuple[str, str]] = {
    "voice.begun": ("voice.ended", "call"),
    "look.begun": ("look.ended", "look"),
}
"""What takes a while: the kind that ends it, and the field that both name it by."""

LASTS_MAX = timedelta(hours=2)
"""Within which it has ended: twice what a call's permit gives, twice."""


@dataclass(frozen=True, slots=True)
class AccessRow:
    """One row.  `at` aware UTC, corrected; `action` the event's kind; `person` the user (None: not
    known who); `patient` the resident's id, None when none is kept; `why` the code that belongs to
    the action: what was read, the grant's reason, the refusal, the stamp's source, the check;
    `took_s` how long somebody listened or saw, None: not (yet) known; `outcome` what came of it: of
    a turn, and how a look ended."""

    ref: Ref
    at: datetime
    action: str
    home: str
    person: str | None
    patient: str | None
    device: str | None
    why: str
    outcome: str | None = None
    took_s: float | None = None
    party: str = ""
    """Who it was where it was no user: a `VoiceParty`; empty: the user, or nobody knows."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample that was drawn.  `checked` is row to the newest check of it."""

    ref: Ref
    at: datetime
    data: AccessSampled
    checked: dict[Ref, Check]

    @property
    def open(self) -> int:
        """Rows that nobody has checked."""
        return sum(row not in self.checked for row in self.data.rows)


@dataclass(frozen=True, slots=True)
class Check:
    """That a row was checked: by whom, when, and what was found."""

    person: str | None
    at: datetime
    found: CheckedAs


def keeps_from(staff: Staff) -> datetime:
    """The oldest time that the log is kept for and shown (`access_log.keep_years`)."""
    years = staff.config.access_log.keep_years
    return staff.clock.now() - timedelta(days=round(365.25 * years))


def homes_of(conn: Connection, org: str) -> list[str]:
    """Every home of an organisation."""
    h = t.home.c
    return list(conn.execute(select(h.id).where(h.org_id == org).order_by(h.id)).scalars())


def read(
    conn: Connection,
    homes: Collection[str],
    start: datetime,
    end: datetime,
    *,
    person: str | None = None,
    action: str | None = None,
    limit: int | None = None,
) -> list[AccessRow]:
    """The rows about these homes from `start` to `end`, newest first."""
    e = t.event.c
    query = select(e.origin, e.seq, e.kind, e.home_id, e.person, e.device, e.corrected_at, e.body)
    query = query.where(
        among(e.home_id, homes),
        text(ACCESS_SQL),
        e.corrected_at >= start,
        e.corrected_at < end,
    )
    if person is not None:
        query = query.where(e.person == person)
    if action is not None:
        query = query.where(e.kind == action)
    query = query.order_by(e.corrected_at.desc(), e.origin.desc(), e.seq.desc()).limit(limit)
    return rows_of(conn, conn.execute(query).all())


def read_refs(conn: Connection, homes: Collection[str], refs: Sequence[Ref]) -> list[AccessRow]:
    """The rows with these references that are about `homes`, in the order given."""
    e = t.event.c
    split = [ref.rpartition("/") for ref in refs]
    query = select(
        e.origin, e.seq, e.kind, e.home_id, e.person, e.device, e.corrected_at, e.body
    ).where(
        among_refs(t.event, [(origin, int(seq)) for origin, _, seq in split]),
        text(ACCESS_SQL),
        among(e.home_id, homes),
    )
    by_ref = {f"{row.origin}/{row.seq}": row for row in conn.execute(query)}
    return rows_of(conn, [by_ref[ref] for ref in refs if ref in by_ref])


def rows_of(conn: Connection, rows: Sequence[Any]) -> list[AccessRow]:
    """Rows of `event` (or what a query made of them) as rows of the log, in the same order."""
    bodies = [event_store.data_in(row.body) for row in rows]
    homes = {row.home_id for row in rows}
    r, u = t.resident.c, t.turn.c
    patients = {
        row.home_id: row.id
        for row in conn.execute(
            select(r.home_id, r.id).where(among(r.home_id, homes)).order_by(r.id)
        )
    }
    grants = {data["grant"] for data in bodies if isinstance(data.get("grant"), str)}
    outcomes: dict[tuple[str, str], str | None] = {}
    query = select(u.home_id, u.grant, u.outcome).where(
        among(u.grant, grants), among(u.home_id, homes)
    )
    outcomes.update(((row.home_id, row.grant), row.outcome) for row in conn.execute(query))
    ends = _ends(conn, rows)
    return [
        AccessRow(
            ref=f"{row.origin}/{row.seq}",
            at=row.corrected_at,
            action=row.kind,
            home=row.home_id,
            person=row.person,
            patient=patients.get(row.home_id),
            device=row.device,
            why=_why(row.kind, data),
            outcome=outcomes.get((row.home_id, str(data.get("grant"))))
            if row.kind == "unlock.requested"
            else end.why,
            took_s=end.took_s,
            party="" if row.person is not None else str(data.get("party") or ""),
        )
        for row, data in zip(rows, bodies, strict=True)
        for end in (ends.get((row.home_id, row.kind, _named(row.kind, data)), _NO_END),)
    ]


@dataclass(frozen=True, slots=True)
class _End:
    """How long it took, and how a look ended; None: not (yet) known."""

    took_s: float | None = None
    why: str | None = None


_NO_END = _End()


def _named(kind: str, data: Mapping[str, object]) -> str:
    """Which call or look a row is about; empty: it is about none that takes a while."""
    return str(data.get(ENDS[kind][1])) if kind in ENDS else ""


def _ends(conn: Connection, rows: Sequence[Any]) -> dict[tuple[str, str, str], _End]:
    """How what begins in these rows ended, by home, kind and call or look."""
    begun = [row for row in rows if row.kind in ENDS]
    if not begun:
        return {}
    e = t.event.c
    first = min(row.corrected_at for row in begun)
    last = max(row.corrected_at for row in begun) + LASTS_MAX
    by_end = {ENDS[row.kind][0]: row.kind for row in begun}
    query = select(e.home_id, e.kind, e.body).where(
        among(e.home_id, {row.home_id for row in begun}),
        e.kind.in_(sorted(by_end)),
        e.corrected_at.between(first, last),
    )
    ends = [
        (row.home_id, by_end[row.kind], event_store.data_in(row.body))
        for row in conn.execute(query)
    ]
    return {
        (home, kind, _named(kind, data)): _End(
            _seconds(data.get("took_s")), _how(data) if kind == "look.begun" else None
        )
        for home, kind, data in ends
    }


def _how(data: Mapping[str, object]) -> str:
    """How a look ended; `unseen`: nobody saw a picture."""
    return "unseen" if data.get("pictures") == 0 else str(data.get("why", ""))


def _seconds(value: object) -> float | None:
    """A length in seconds, as a home of any version wrote it; None: it is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e6 else None  # type: ignore[arg-type,operator]


_WHY = {
    "record.read": "what",
    "page.opened": "",  # the kind says all
    "unlock.requested": "reason",
    "unlock.refused": "why",
    "visit.started": "source",
    "voice.begun": "",  # how long is told by its end
    "voice.refused": "why",
    "look.begun": "why",
    "look.refused": "why",
}


def _why(kind: str, data: Mapping[str, object]) -> str:
    return str(data.get(_WHY[kind]) or "")


# --- samples --------------------------------------------------------------------------------------


def month_span(month: str) -> tuple[datetime, datetime]:
    """The beginning and end of `2026-10`, local time.  Raises `ValueError`."""
    first = date.fromisoformat(f"{month}-01")
    if first.year == MAXYEAR:  # it ends where no date is
        raise ValueError("a month of the last year that there is")
    after = (first + timedelta(days=32)).replace(day=1)
    zone = ZoneInfo(ZONE)
    return datetime.combine(first, time(), zone), datetime.combine(after, time(), zone)


def month_before(at: datetime) -> str:
    """The month before the one that `at` lies in, local time."""
    return f"{local(at).date().replace(day=1) - timedelta(days=1):%Y-%m}"


def pick(seed: str, refs: Collection[Ref], count: int) -> list[Ref]:
    """`count` of `refs`: those with the lowest SHA-256 over `<seed> <reference>`."""
    return sorted(refs, key=lambda ref: hashlib.sha256(f"{seed} {ref}".encode()).digest())[:count]


def month_refs(conn: Connection, org: str, month: str, drawn_at: datetime) -> list[Ref]:
    """Every row of the organisation's month that the server had at `drawn_at`."""
    start, end = month_span(month)
    e = t.event.c
    query = select(e.origin, e.seq).where(
        among(e.home_id, homes_of(conn, org)),
        text(ACCESS_SQL),
        e.corrected_at >= start,
        e.corrected_at < end,
        e.received_at < drawn_at,
    )
    return [f"{row.origin}/{row.seq}" for row in conn.execute(query)]


def draw(
    staff: Staff, org: str, month: str, *, person: str | None = None, seed: str | None = None
) -> Done | None:
    """Draw a month's sample; None when the month had no rows.  `person` None: the server by itself;
    `seed` None: a new one by chance."""
    with staff.write() as tx:
        append.hold(tx, None)
        now = staff.clock.now()
        refs = month_refs(tx.conn, org, month, now)
        if not refs:
            return None
        chosen = seed or secrets.token_hex(16)
        rows = tuple(pick(chosen, refs, staff.config.access_log.sample_rows))
        data = AccessSampled(organisation=org, month=month, seed=chosen, of=len(refs), rows=rows)
        event = append.write(staff, tx, None, Draft(data, person=person), at=now)
        return Done(event.ref, event.at)


def draw_due(staff: Staff) -> int:
    """Draw last month's sample where there is none yet; the watch calls it.  Returns how many."""
    month = month_before(staff.clock.now())
    with staff.db.read() as conn:
        orgs = list(conn.execute(select(t.organisation.c.id)).scalars())
        have = {sample.data.organisation for sample in _samples(conn) if sample.data.month == month}
    return sum(draw(staff, org, month) is not None for org in orgs if org not in have)


def samples(conn: Connection, org: str) -> list[Sample]:
    """The organisation's samples, newest first."""
    return [one for one in reversed(_samples(conn)) if one.data.organisation == org]


def _samples(conn: Connection) -> list[Sample]:
    e = t.event.c
    query = select(e.body, e.hash, e.corrected_at).where(
        e.origin == append.SERVER_ORIGIN, e.kind.in_(("access.sampled", "access.checked"))
    )
    samples: dict[Ref, Sample] = {}
    for row in conn.execute(query.order_by(e.seq)):
        event = event_store.to_event(row.body, row.hash)
        data = event.data
        if isinstance(data, Unknown):
            continue
        if isinstance(data, AccessSampled):
            samples[event.ref] = Sample(event.ref, event.at, data, {})
        elif isinstance(data, AccessChecked) and data.sample in samples:
            samples[data.sample].checked[data.row] = Check(event.person, event.at, data.found)
    return list(samples.values())


def check(staff: Staff, actor: Actor, sample: Ref, row: Ref, outcome: CheckedAs) -> Done:
    """A coordinator checked one row.  Raises `Refused`: NO_ROLE, NO_SAMPLE (none of this
    organisation's, or the row is not in it), OWN_ACCESS (nobody checks what they did
    themselves)."""
    if not actor.may(Right.AUDIT_ACCESS):
        raise Refused(Why.NO_ROLE)
    with staff.write() as tx:
        append.hold(tx, None)
        known = {one.ref: one for one in samples(tx.conn, actor.org)}.get(sample)
        if known is None or row not in known.data.rows:
            raise Refused(Why.NO_SAMPLE)
        shown = read_refs(tx.conn, homes_of(tx.conn, actor.org), [row])
        if any(one.person == actor.person for one in shown):
            raise Refused(Why.OWN_ACCESS)
        data = AccessChecked(sample=sample, row=row, found=outcome)
        event = append.write(staff, tx, None, Draft(data, person=actor.person))
        return Done(event.ref, event.at)
