"""Keeping a plan that was brought in: all of it or nothing, compared with what there is.

Coming again a visit is changed, not doubled.  With a span given, what the same source had planned
in that span and no longer names is taken out of the plan.  `compare` says what a plan would change
and changes nothing; `store` keeps it and says so in an event (`visit.plan_changed`); `undo` puts
back what one import had changed, as long as nobody changed the plan after it.

Not for: what a plan may hold (`plan_import`), or who may bring one in.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from gateway.envelope import Draft as EventDraft
from gateway.events import VisitPlanChanged
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.storage import tables as t
from web.staff.storage.database import Tx
from web.staff.storage.plan_tables import plan_staff, plan_visit
from web.staff.visits.plan_import import Claim, Draft, Ready, checked, composed, split_id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import changed: numbers of planned visits."""

    added: int
    changed: int
    unchanged: int
    withdrawn: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A planned visit as it is kept: its row, and who is to go."""

    row: Any
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """What a plan would change: visits that are new, others that have changed, and some that are
    taken out; `unchanged` are as they were."""

    added: tuple[Ready, ...]
    changed: tuple[tuple[Kept, Ready], ...]
    withdrawn: tuple[Kept, ...]
    unchanged: int

    @property
    def outcome(self) -> Outcome:
        """In numbers."""
        return Outcome(len(self.added), len(self.changed), self.unchanged, len(self.withdrawn))


@dataclass(frozen=True, slots=True)
class Sent:
    """A plan of a source, as it was read.  `span` (aware): this is all there is in it."""

    source: str
    drafts: Sequence[Draft]
    span: tuple[datetime, datetime] | None = None
    claims: Sequence[Claim] = ()


Before = list[list[Any]]
"""What an import changed, for `undo`: ids, each with what was kept before (None: nothing)."""


def compare(conn: Connection, org: str, sent: Sent, *, hold: bool = False) -> Compared:
    """What this plan of `org` would change; with `hold` nobody else changes it meanwhile.

    Visits of the source that begin in the span and are not in its drafts are withdrawn, and so are
    those that a claim is about.  Raises `PlanRefused`.
    """
    ready = checked(conn, org, sent.source, sent.drafts)
    known = _known(conn, org, sent.source, hold=hold)
    added, changed, withdrawn, unchanged = [], [], [], 0
    named = set()
    for one in ready:
        key = (one.home, one.external_id)
        named.add(key)
        old = known.get(key)
        if one.withdrawn:
            withdrawn += [] if old is None else [old]
        elif old is None:
            added.append(one)
        elif _same(old, one):
            unchanged += 1
        else:
            changed.append((old, one))
    gone, span = _claimed(known, sent.claims), sent.span
    for key, old in known.items():
        if key not in named and (key in gone or (span and span[0] <= old.row.since < span[1])):
            withdrawn.append(old)
    left = tuple(one for one in withdrawn if one.row.withdrawn_at is None)
    return Compared(tuple(added), tuple(changed), left, unchanged)


def keep(conn: Connection, org: str, sent: Sent, *, now: datetime) -> tuple[Outcome, Before]:
    """Keep a plan of `org`, inside the caller's transaction.  Raises `PlanRefused` before anything
    is written."""
    found = compare(conn, org, sent, hold=True)
    before: Before = []
    for one in found.added:
        before.append([_add(conn, one, sent.source, now), None])
    for old, one in found.changed:
        before.append([old.row.id, _image(old)])
        _put(conn, old.row.id, one.people, imported_at=now, withdrawn_at=None, **one.values)
    for old in found.withdrawn:
        before.append([old.row.id, _image(old)])
        _withdraw(conn, old.row.id, now)
    return found.outcome, before


def store(
    staff: Staff,
    tx: Tx,
    org: str,
    sent: Sent,
    *,
    person: str | None = None,
    token: str | None = None,
) -> tuple[Outcome, Before]:
    """`keep`, and say so: it is done by a person, by another system with the token of this name, or
    (neither) from the command line."""
    done, before = keep(tx.conn, org, sent, now=staff.clock.now())
    if before:
        _tell(staff, tx, org, sent.source, done, person=person, token=token)
    return done, before


def undo(
    staff: Staff, tx: Tx, org: str, source: str, before: Before, at: datetime, *, person: str
) -> Outcome | None:
    """Put back what the import of `at` had changed: what it added is taken out, what it changed or
    took out is as before.  None, and nothing is done: somebody changed the plan of this source
    after it."""
    p, h = plan_visit.c, t.home.c
    later = select(func.count()).select_from(plan_visit).join(t.home, h.id == p.home_id)
    later = later.where(h.org_id == org, p.source == source)
    later = later.where((p.imported_at > at) | (p.withdrawn_at > at))
    if tx.conn.execute(later).scalar_one():
        return None
    now = staff.clock.now()
    done = {"added": 0, "changed": 0, "withdrawn": 0}
    for visit, image in before:
        if image is None:
            _withdraw(tx.conn, visit, now)
            done["withdrawn"] += 1
        else:
            out = select(p.withdrawn_at.is_not(None)).where(p.id == visit)
            done["added" if tx.conn.execute(out).scalar_one() else "changed"] += 1
            _put(tx.conn, visit, image["people"], imported_at=now, **_values(image))
    outcome = Outcome(**done, unchanged=0)
    _tell(staff, tx, org, source, outcome, person=person, undone=True)
    return outcome


def _tell(
    staff: Staff,
    tx: Tx,
    org: str,
    source: str,
    done: Outcome,
    *,
    person: str | None = None,
    token: str | None = None,
    undone: bool = False,
) -> None:
    data = VisitPlanChanged(
        org=org,
        source=source,
        added=done.added,
        changed=done.changed,
        withdrawn=done.withdrawn,
        token=token,
        undone=undone,
    )
    append.write(staff, tx, None, EventDraft(data, person=person))


# --- rows -----------------------------------------------------------------------------------------

_Key = tuple[str, str]
"""A home, and what a visit is called there."""


def _known(conn: Connection, org: str, source: str, *, hold: bool) -> dict[_Key, Kept]:
    p, h, s = plan_visit, t.home, plan_staff
    mine = (h.c.org_id == org, p.c.source == source)
    query = select(p).join(h, h.c.id == p.c.home_id).where(*mine)
    rows = conn.execute(query.with_for_update(of=p) if hold else query).all()
    people: dict[str, list[str]] = {}
    going = select(s.c.plan_id, s.c.person_id).join(p, p.c.id == s.c.plan_id)
    going = going.join(h, h.c.id == p.c.home_id).where(*mine).order_by(s.c.person_id)
    for plan_id, person in conn.execute(going):
        people.setdefault(plan_id, []).append(person)
    return {
        (row.home_id, composed(row.external_id)): Kept(row, tuple(people.get(row.id, ())))
        for row in rows
    }


def _claimed(known: Mapping[_Key, Kept], claims: Sequence[Claim]) -> set[_Key]:
    by_uid: dict[str, list[Claim]] = {}
    for claim in claims:
        by_uid.setdefault(claim.uid, []).append(claim)
    found = set()
    for key, old in known.items() if claims else ():
        whole = [(key[1], ""), split_id(key[1])]  # a UID may look as if it had a slot
        if any(claim.covers(old.row, slot) for uid, slot in whole for claim in by_uid.get(uid, ())):
            found.add(key)
    return found


def _same(old: Kept, one: Ready) -> bool:
    if old.row.withdrawn_at is not None:
        return False
    values = all(getattr(old.row, name) == value for name, value in one.values.items())
    return values and old.people == one.people


def _image(old: Kept) -> dict[str, Any]:
    """What `undo` puts back."""
    row = old.row
    return {
        "since": row.since.isoformat(),
        "until": row.until.isoformat(),
        "what": row.what,
        "team_id": row.team_id,
        "staff_needed": row.staff_needed,
        "withdrawn_at": None if row.withdrawn_at is None else row.withdrawn_at.isoformat(),
        "people": list(old.people),
    }


def _values(image: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of an image."""
    values = {name: value for name, value in image.items() if name != "people"}
    for name in ("since", "until", "withdrawn_at"):
        if values[name] is not None:
            values[name] = datetime.fromisoformat(values[name])
    return values


def _add(conn: Connection, one: Ready, source: str, now: datetime) -> str:
    plan_id = secrets.token_hex(8)
    conn.execute(
        insert(plan_visit).values(
            id=plan_id,
            home_id=one.home,
            source=source,
            external_id=one.external_id,
            imported_at=now,
            **one.values,
        )
    )
    _name(conn, plan_id, one.people)
    return plan_id


def _put(conn: Connection, plan_id: str, people: Sequence[str], **values: Any) -> None:
    conn.execute(update(plan_visit).where(plan_visit.c.id == plan_id).values(**values))
    conn.execute(delete(plan_staff).where(plan_staff.c.plan_id == plan_id))
    _name(conn, plan_id, people)


def _name(conn: Connection, plan_id: str, people: Sequence[str]) -> None:
    if people:
        rows = [{"plan_id": plan_id, "person_id": person} for person in people]
        conn.execute(insert(plan_staff), rows)


def _withdraw(conn: Connection, plan_id: str, now: datetime) -> None:
    conn.execute(update(plan_visit).where(plan_visit.c.id == plan_id).values(withdrawn_at=now))
