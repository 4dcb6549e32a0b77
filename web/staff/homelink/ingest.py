"""Receiving what a home sends: all of a batch or nothing, each event once, the chain unbroken.

`receive_batch` returns only after the commit.  Not for: what goes ahead of the batches
(`web.staff.homelink.urgent`), or HTTP and tokens (`web.staff.homelink.routes`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    select,
    update,
)

from gateway.envelope import Event, canonical, from_json
from gateway.errors import BadEvent, ChainError, TryggveError
from gateway.events import AlarmRaised, ClockSynced
from gateway.origin import is_origin_of
from web.staff.core.admission import Way
from web.staff.core.context import Staff
from web.staff.events import judgement
from web.staff.events.judgement import REFUSED_KIND, Verdict
from web.staff.events.projections.rebuild import Fold, orphan_id, refold
from web.staff.homelink import catching_up, consequences, heard, second_path, unread
from web.staff.homelink.home_logs import may_begin, newest_have
from web.staff.storage import escalations, event_store, tables
from web.staff.storage.database import Tx

_HASH = re.compile(r"[0-9a-f]{64}")
EVENT_MAX = 256_000
"""Characters of an event that is taken at all, four times what counts (`judgement.BODY_MAX`): a
home cannot go on past one that is refused, so this is no size that a fault of ours makes.  An alarm
is taken whatever its size."""

PIECE = 16
"""Events after which a batch looks whether others are to go first: some 10 ms of a slow core.  A
batch of no more is of what happens now."""

HEARD_EVERY_S = 5.0
"""Seconds between two notes that a home was heard when it sent nothing: a write costs a disk
sync."""


def _between(table: Table, *columns: str) -> Select[*tuple[Any, ...]]:
    return select(*(table.c[name] for name in columns)).where(
        table.c.origin == bindparam("origin"),
        table.c.seq.between(bindparam("first"), bindparam("last")),
    )


_STORED_HASHES = _between(tables.event, "seq", "hash")
_URGENT_TWINS = _between(tables.urgent, "home_id", "seq", "hash", "received_at").where(
    ~tables.urgent.c.orphan
)


class Refused(TryggveError):
    """A request was refused: HTTP `status`, `code` for the program, and `have` after a gap."""

    def __init__(self, status: int, code: str, text: str, *, have: int | None = None) -> None:
        super().__init__(text, status=status, code=code)
        self.status = status
        self.code = code
        self.have = have


@dataclass(frozen=True, slots=True)
class Sent:
    """One event as it came: its canonical JSON without the hash, and what it means."""

    body: str
    event: Event
    digest: bytes


def read_events(objs: Sequence[dict[str, Any]], home: str, way: Way | None = None) -> list[Sent]:
    """Read the events of a request; with `way` others go first.  Raises `Refused` with one sentence
    on anything that is none."""
    sent = []
    for number, obj in enumerate(objs, start=1):
        if way is not None and number % PIECE == 0:
            way.give()
        try:
            event = from_json(obj)
            body = canonical(obj).decode()
            readable = event_store.cleaned(body)
            if readable is not body:
                event = from_json(json.loads(readable) | {"hash": event.hash})
        except BadEvent as error:
            raise Refused(400, "bad_event", f"Event {number} of the request: {error}.") from error
        except (ValueError, TypeError, RecursionError) as error:
            raise Refused(
                400, "bad_event", f"Event {number} of the request cannot be written as JSON."
            ) from error
        if not _HASH.fullmatch(event.hash):
            raise Refused(400, "bad_event", f"Event {number} of the request has no hash.")
        if len(body) > EVENT_MAX and not isinstance(event.data, AlarmRaised):
            field = judgement.largest_field(event)[: judgement.FIELD_SHOWN_MAX]
            raise Refused(400, "bad_event", f"Event {number} of the request: {field} is too big.")
        if not is_origin_of(event.origin, home):
            raise Refused(
                403, "other_home", f"Event {number} of the request was written by another home."
            )
        sent.append(Sent(body, event, bytes.fromhex(event.hash)))
    return sent


def receive_batch(
    staff: Staff,
    home: str,
    objs: Sequence[dict[str, Any]],
    down_have: int,
    backlog: int | None = None,
    way: Way | None = None,
) -> int:
    """Commit a batch in order; returns the highest number that the server has of its origin (of the
    home's newest log for an empty batch, which only says that the home is there).  `backlog` is
    what the home says that it has to tell; None: it does not say.  `way` counts how long it stands
    still for others.

    Raises `Refused`: `bad_event`, `other_home`, `mixed` (400: more than one origin), `gap`,
    `chain`, `too_many_logs` (403).
    """
    way = way or Way(staff.admission.turns)
    sent = read_events(objs, home, way)
    if not sent:
        return _only_heard(staff, home, down_have, backlog)
    origin, first = sent[0].event.origin, sent[0].event.seq
    if any(item.event.origin != origin for item in sent):
        raise Refused(400, "mixed", "A batch holds the events of one log; send two.")
    problem: Refused | None = None
    way.give_alarms()
    with staff.write() as tx:
        if staff.db.postgres:  # SQLite has one writer, which is us
            event_store.lock_home(tx.conn, home)
        head = event_store.read_head(tx.conn, origin)
        if head.seq == 0 and not may_begin(tx.conn, home):
            raise Refused(403, "too_many_logs", "The home has begun too many logs.")
        wanted = list(range(first, first + len(sent)))
        if first > head.seq + 1 or [item.event.seq for item in sent] != wanted:
            raise Refused(
                409,
                "gap",
                f"The server has {origin} up to {head.seq}; send from the next on, without gaps.",
                have=head.seq,
            )
        try:
            _same_as_stored(tx, origin, [item for item in sent if item.event.seq <= head.seq])
            new = [item for item in sent if item.event.seq > head.seq]
            head = _verified(head, new)
        except ChainError as error:
            consequences.tampered(staff, tx, home, origin, head, error)
            problem = Refused(
                409, "chain", f"{error.text[0].upper()}{error.text[1:]}.", have=head.seq
            )
        else:
            _commit(staff, tx, home, origin, new, head, way)
        behind = backlog if problem else catching_up.left(backlog, len(sent))
        heard.note(tx, home, down_have=down_have, behind=behind)
    if problem is not None:
        raise problem
    stored(staff, sent)
    return head.seq


def _only_heard(staff: Staff, home: str, down_have: int, backlog: int | None) -> int:
    t = tables.home_link
    with staff.db.read() as conn:
        row = conn.execute(select(t).where(t.c.home_id == home)).one_or_none()
        have = newest_have(conn, home)
        silent = _is_silent(conn, home)
    fresh = (
        row is not None
        and row.heard_at is not None
        and down_have in (0, row.down_have)
        and backlog in (None, row.behind)
        and abs((datetime.now(UTC) - row.heard_at).total_seconds()) < HEARD_EVERY_S
    )
    if silent or not fresh:
        known = row is not None and not silent
        heard.note_soon(staff, home, known=known, down_have=down_have, behind=backlog)
    return have


def _is_silent(conn: Connection, home: str) -> bool:
    t = tables.home_state
    return (
        conn.execute(select(t.c.silent_since).where(t.c.home_id == home)).scalar_one_or_none()
        is not None
    )


def _same_as_stored(tx: Tx, origin: str, again: Sequence[Sent]) -> None:
    """Events sent a second time must be those that are stored."""
    if not again:
        return
    rows = tx.conn.execute(
        _STORED_HASHES,
        {"origin": origin, "first": again[0].event.seq, "last": again[-1].event.seq},
    )
    stored = {row.seq: bytes(row.hash) for row in rows}
    for item in again:
        if stored.get(item.event.seq) != item.digest:
            seq = item.event.seq
            raise ChainError(f"event {seq} is not the one that was sent before", seq)


def _verified(head: event_store.Head, new: Sequence[Sent]) -> event_store.Head:
    """The head after `new`, which are of one origin and numbered on from `head`.  Raises
    `ChainError`."""
    seq, previous = head.seq, head.hash
    for item in new:
        seq += 1
        event_store.continues(previous, item.body, item.digest, seq)
        previous = item.digest
    return event_store.Head(seq, previous, head.tampered and not new)


def _commit(
    staff: Staff,
    tx: Tx,
    home: str,
    origin: str,
    new: Sequence[Sent],
    head: event_store.Head,
    way: Way,
) -> None:
    if not new:
        return
    twins = _confirm_urgent(tx, origin, new)
    now = staff.clock.now()
    verdicts = judged(tx.conn, home, new, now, twins)
    rows = [
        _row(item, verdict, twins.get(item.event.seq, now))
        for item, verdict in zip(new, verdicts, strict=True)
    ]
    event_store.insert_events(tx.conn, home, rows)
    event_store.write_head(tx.conn, origin, home, head)
    fold = Fold(tx.conn, home)
    for number, verdict in enumerate(verdicts, start=1):
        if number % PIECE == 0 and staff.db.postgres:  # where it keeps only its own home waiting
            way.give(holding=True)
        if verdict.refused:
            continue
        event = verdict.event
        fold.apply(event)
        if isinstance(event.data, ClockSynced) and event.data.offset_s:
            event_store.correct_times(tx.conn, event, event.data.offset_s)
            refold(fold, event)
    fold.flush()
    tx.changes.extend(
        event_store.change_of(home, item.event, item.body, item.digest)
        for item, verdict in zip(new, verdicts, strict=True)
        if item.event.seq not in twins and not verdict.refused
    )
    consequences.overstepped(staff, tx, home, verdicts)
    fresh = [v for v in verdicts if v.event.seq not in twins]
    consequences.follow(staff, tx, home, fresh)
    unread.tell(staff, tx, home, fresh)
    second_path.acknowledge(staff, tx, home, fresh)


def judged(
    conn: Connection,
    home: str,
    sent: Sequence[Sent],
    now: datetime,
    came: Mapping[int, datetime],
) -> list[Verdict]:
    """What becomes of each event; one that came over the urgent lane is judged by that time."""
    named = judgement.named_in(item.event for item in sent)
    persons = judgement.known_persons(conn, home, named)
    return [
        judgement.judge(item.event, home, persons, came.get(item.event.seq, now), len(item.body))
        for item in sent
    ]


def _row(item: Sent, verdict: Verdict, came_at: datetime) -> event_store.Row:
    kind = REFUSED_KIND if verdict.refused else item.event.kind
    person = None if verdict.refused else verdict.event.person
    return event_store.Row(
        verdict.event, item.body, item.digest, came_at, kind, person, verdict.mark
    )


def _confirm_urgent(tx: Tx, origin: str, new: Sequence[Sent]) -> dict[int, datetime]:
    """Drop the urgent twins of `new`; returns their numbers and when they came.  An urgent event
    whose number now belongs to another event stays, with an identity of its own."""
    t = tables.urgent
    rows = tx.conn.execute(
        _URGENT_TWINS,
        {"origin": origin, "first": new[0].event.seq, "last": new[-1].event.seq},
    ).all()
    if not rows:
        return {}
    by_seq = {item.event.seq: item.digest for item in new}
    twins: dict[int, datetime] = {}
    for row in rows:
        digest = bytes(row.hash)
        if by_seq[row.seq] == digest:
            twins[row.seq] = row.received_at
            tx.conn.execute(delete(t).where(_this(origin, row.seq, digest)))
        else:
            make_orphan(tx.conn, row.home_id, origin, row.seq, digest)
    return twins


def make_orphan(conn: Connection, home: str, origin: str, seq: int, digest: bytes) -> None:
    """An urgent event whose number another event has got: it is known by a name of its own, and so
    is what was told of it."""
    t, c = tables.urgent, tables.night_check
    conn.execute(update(t).where(_this(origin, seq, digest)).values(orphan=True))
    ref = f"{origin}/{seq}"
    own = orphan_id(ref, digest)
    escalations.rename(conn, ref, own)
    for named in (c.c.asked_ref, c.c.closed_ref):
        asked = (c.c.home_id == home) & (named == ref)
        conn.execute(update(c).where(asked).values({named: own}))


def _this(origin: str, seq: int, digest: bytes) -> ColumnElement[bool]:
    t = tables.urgent.c
    return and_(t.origin == origin, t.seq == seq, t.hash == digest)


def stored(staff: Staff, sent: Sequence[Sent]) -> None:
    """What rang from memory does so from its table now."""
    if staff.unsaved.drop((item.event.origin, item.event.seq, item.digest) for item in sent):
        staff.tell_saving()
