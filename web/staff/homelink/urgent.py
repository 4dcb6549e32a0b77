"""Receiving what goes ahead of a home's batches: urgent events of any numbers, in any order, each
once; the batch that brings them later confirms them.

When many homes call at once, what waits is stored in one transaction: five hundred alarms cost
some fifteen commits, and a statement reads or writes for forty homes.  One that calls alone waits
for nobody (`web.staff.core.together`).  What another home sent never makes a home's own fail, nor
wait for whoever writes about that one.

Not for: batches in order (`web.staff.homelink.ingest`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    LargeBinary,
    and_,
    bindparam,
    case,
    insert,
    literal,
    select,
    union_all,
)
from sqlalchemy.exc import TimeoutError as TooLong

from gateway.events import AlarmRaised
from web.staff.core.context import Staff
from web.staff.core.together import NotDone
from web.staff.events.judgement import REFUSED_KIND, Verdict
from web.staff.events.projections.rebuild import Fold, orphan_id
from web.staff.homelink import consequences, heard, ingest, second_path, unread
from web.staff.homelink.ingest import Sent
from web.staff.storage import event_store, tables
from web.staff.storage.among import among, among_refs
from web.staff.storage.database import Tx

_E, _U, _A = tables.event.c, tables.urgent.c, tables.alarm.c


@dataclass(frozen=True, slots=True)
class Came:
    """What one home sent in one request."""

    home: str
    sent: Sequence[Sent]
    down_have: int
    backlog: int | None


@dataclass(frozen=True, slots=True)
class _Here:
    """What is here already under some numbers: `stored` is the hash of the event in its log,
    `urgent` those that came ahead, `ahead` the one of them that has the number, `alarms` those that
    something was told of before."""

    stored: dict[tuple[str, int], bytes]
    urgent: set[tuple[str, int, bytes]]
    ahead: dict[tuple[str, int], bytes]
    alarms: set[str]


def receive_urgent(
    staff: Staff,
    home: str,
    objs: Sequence[dict[str, Any]],
    down_have: int,
    backlog: int | None = None,
) -> int:
    """Commit urgent events of any numbers, in any order.  Returns the highest number given.  Raises
    `Refused`: `bad_event`, `other_home`."""
    came = Came(home, ingest.read_events(objs, home), down_have, backlog)
    try:
        staff.urgent.do(came, partial(_commit, staff))
    except NotDone as error:
        raise TooLong("what is urgent was not stored in time") from error
    ingest.stored(staff, came.sent)
    return max((item.event.seq for item in came.sent), default=0)


def _commit(staff: Staff, several: Sequence[Came]) -> list[Came]:
    """Store what these homes sent, in one transaction.  Returns what it left out of several:
    somebody else writes about that home now, or may climb a ladder that is to make way."""
    left: list[Came] = []
    alone = len(several) == 1
    with staff.write() as tx:
        if staff.db.postgres:  # SQLite has one writer, which is us
            homes = {came.home for came in several}
            held = event_store.lock_homes(tx.conn, homes, wait=alone)
            if not alone:
                left = [came for came in several if came.home not in held]
                several = [came for came in several if came.home in held]
        now = staff.clock.now()
        here = _here(tx.conn, [item for came in several for item in came.sent])
        if staff.db.postgres and not alone:
            left += [came for came in several if _lost(here, came)]
            several = [came for came in several if not _lost(here, came)]
        for came in several:
            _make_way(tx.conn, here, came)
        folds = _folds(tx.conn, several, here)
        rows: list[dict[str, object]] = []
        told = []
        for came in several:
            verdicts = ingest.judged(tx.conn, came.home, came.sent, now, {})
            fresh = []
            for item, verdict in zip(came.sent, verdicts, strict=True):
                ref = _taken(here, rows, came.home, item, verdict, now)
                if ref is None:
                    continue
                fresh.append(verdict)
                if not verdict.refused:
                    folds[came.home].apply(verdict.event, ref=ref)
                    change = event_store.change_of(came.home, item.event, item.body, item.digest)
                    tx.changes.append(change)
            told.append((came, fresh))
        if rows:
            tx.conn.execute(_INSERT, rows)
        _flush(tx.conn, folds)
        for came, fresh in told:
            _follow(staff, tx, came.home, fresh)
        heard.note_many(tx, {came.home: (came.down_have, came.backlog) for came in several})
    return left


def _follow(staff: Staff, tx: Tx, home: str, fresh: Sequence[Verdict]) -> None:
    consequences.overstepped(staff, tx, home, fresh)
    consequences.follow(staff, tx, home, fresh)
    unread.tell(staff, tx, home, fresh, urgent=True)
    second_path.acknowledge(staff, tx, home, fresh)


_INSERT = insert(tables.urgent)


def _make_way(conn: Connection, here: _Here, came: Came) -> None:
    """A home that gives the number of an urgent event to another one has lost the first with its
    power: what was raised, taken or closed under that number is not the new one's."""
    for item in _lost(here, came):
        at = (item.event.origin, item.event.seq)
        ingest.make_orphan(conn, came.home, *at, here.ahead[at])
        here.ahead[at] = item.digest
        here.alarms.discard(item.event.ref)


def _lost(here: _Here, came: Came) -> list[Sent]:
    """What came under the number of an urgent event that the home has lost."""
    found = []
    for item in came.sent:
        at = (item.event.origin, item.event.seq)
        known = at in here.stored or (*at, item.digest) in here.urgent
        if at in here.ahead and not known:
            found.append(item)
    return found


def _taken(
    here: _Here,
    rows: list[dict[str, object]],
    home: str,
    item: Sent,
    verdict: Verdict,
    now: datetime,
) -> str | None:
    """Keep one urgent event; returns its identity, None when it is here already, by either way."""
    event = item.event
    stored = here.stored.get((event.origin, event.seq))
    key = (event.origin, event.seq, item.digest)
    if stored == item.digest or key in here.urgent:
        return None
    here.urgent.add(key)
    rows.append(
        {
            "origin": event.origin,
            "seq": event.seq,
            "hash": item.digest,
            "home_id": home,
            "kind": REFUSED_KIND if verdict.refused else event_store.clean(event.kind),
            "body": item.body,
            "received_at": now,
            "orphan": stored is not None,
            "mark": verdict.mark,
        }
    )
    return event.ref if stored is None else orphan_id(event.ref, item.digest)


# --- what the tables hold -------------------------------------------------------------------------


def _asked(
    stored: ColumnElement[bool], ahead: ColumnElement[bool], alarm: ColumnElement[bool]
) -> Any:
    """One query for all that is here already."""
    nothing = literal(b"", LargeBinary)
    return union_all(
        select(literal(0), _E.origin, _E.seq, _E.hash).where(stored),
        select(case((_U.orphan, 2), else_=1), _U.origin, _U.seq, _U.hash).where(ahead),
        select(literal(3), _A.id, literal(0, BigInteger), nothing).where(alarm),
    )


_ONE = _asked(  # built once: most requests hold one event
    and_(_E.origin == bindparam("origin"), _E.seq == bindparam("seq")),
    and_(_U.origin == bindparam("origin"), _U.seq == bindparam("seq")),
    _A.id == bindparam("ref"),
)


def _here(conn: Connection, sent: Sequence[Sent]) -> _Here:
    """What is here already under the numbers of these events, by either way."""
    named = {item.event.ref: (item.event.origin, item.event.seq) for item in sent}
    if len(named) == 1:
        ((ref, (origin, seq)),) = named.items()
        rows = conn.execute(_ONE, {"origin": origin, "seq": seq, "ref": ref}).all()
    else:
        pairs = named.values()
        query = _asked(
            among_refs(tables.event, pairs),
            among_refs(tables.urgent, pairs),
            among(_A.id, named),
        )
        rows = conn.execute(query).all()
    here = _Here({}, set(), {}, set())
    for what, name, seq, digest in rows:
        if what == 0:
            here.stored[name, seq] = bytes(digest)
        elif what == 3:
            here.alarms.add(name)
        else:
            here.urgent.add((name, seq, bytes(digest)))
            if what == 1:
                here.ahead[name, seq] = bytes(digest)
    return here


def _folds(conn: Connection, several: Sequence[Came], here: _Here) -> Mapping[str, Fold]:
    """The homes' tables.  An alarm that nothing was told of is not looked for once more."""
    folds = {came.home: Fold(conn, came.home) for came in several}
    for came in several:
        for item in came.sent:
            if item.event.kind == AlarmRaised.KIND and item.event.ref not in here.alarms:
                folds[came.home].give(tables.alarm, {"id": item.event.ref}, None)
    return folds


def _flush(conn: Connection, folds: Mapping[str, Fold]) -> None:
    """Write every changed row: rows of one table together."""
    if len(folds) == 1:
        for fold in folds.values():
            fold.flush()
        return
    changed: dict[tuple[str, tuple[str, ...]], list[dict[str, object]]] = {}
    for fold in folds.values():
        for table, key, row in fold.take_changed():
            changed.setdefault((table.name, tuple(key)), []).append({**key, **row})
    for (name, key_names), found in changed.items():
        event_store.upsert_many(conn, tables.metadata.tables[name], key_names, found)
