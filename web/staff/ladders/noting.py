"""What came of messages: noted, told as events, and what could not be delivered goes on at once.

A receiver's next address is tried when none of those before it took the message; when nobody of a
step is left, the ladder goes on.  A report counts whenever it comes, and how far a message came
never goes back: what is told twice, late or in the wrong order changes nothing.

Not for: sending, or whom the next step means (`climbing`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select, update

from gateway.envelope import Draft
from gateway.events import AlarmDelivered, AlarmSent, AlarmShown, AlarmUndelivered, Climbed, Data
from web.staff.channels import points
from web.staff.channels.contract import Outcome, Proof, Report, Why
from web.staff.core.context import Staff
from web.staff.events.append_many import write_many
from web.staff.ladders import queueing
from web.staff.ladders.receivers import Contact, Reached, is_usable
from web.staff.storage import alarm_tables, event_store
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.database import Tx
from web.staff.storage.deadlines import Moment
from web.staff.storage.ladder_tables import alarm_message, escalation
from web.staff.storage.outage import is_away

log = logging.getLogger(__name__)

AT_ONCE = 150
"""Messages that are noted in one transaction."""

TRIES_MAX = 3
"""How often a message is tried at one address; then the next one is, or the next receiver."""

AGAIN_MAX_S = 10.0
"""Real seconds that a channel may want to wait before it tries again; who asks for more is passed
over: another address or person is sooner."""

STUCK_S = 45.0
"""Real seconds after which a message that no thread of its channel was free for is not delivered:
a provider that hangs must not hold up an alarm."""

ALIVE = frozenset({"queued", "sending", "sent", "handed", "delivered", "shown"})
"""States of a message that still may reach somebody, or has."""

PROOF = {"delivered": Proof.DELIVERED, "shown": Proof.SHOWN}


@dataclass(frozen=True, slots=True)
class Known:
    """What became known of a message: an outcome of sending, or a report of it (`sent` False)."""

    message: str
    proof: Proof | None
    why: Why | None = None
    again_s: float | None = None
    provider_ref: str | None = None
    answer: Mapping[str, str] | None = None
    sent: bool = True

    @classmethod
    def of(cls, message: str, outcome: Outcome) -> Known:
        """Of what a channel's `send` said."""
        return cls(
            message,
            outcome.proof,
            outcome.why,
            outcome.again_s,
            outcome.provider_ref,
            outcome.answer,
        )


Within = Callable[[str], float | None]
"""A channel's `delivered_within_s`, by its name."""


def note(staff: Staff, known: Sequence[Known], within: Within) -> None:
    """Note these, in one transaction.  What cannot be noted holds up none of the others, and no
    ladder: it is noted without what the provider said beside it, else sent again when its lease is
    over."""
    if not known:
        return
    try:
        _note(staff, known, within)
    except Exception as error:
        if is_away(error):
            raise
        for one in known:
            _note_by_itself(staff, one, within)


def _note(staff: Staff, known: Sequence[Known], within: Within) -> None:
    with staff.write() as tx:
        _Noting(staff, tx, within).take(known)


def _note_by_itself(staff: Staff, one: Known, within: Within) -> None:
    for known in (one, replace(one, provider_ref=None, answer=None)):
        try:
            _note(staff, [known], within)
        except Exception as error:
            if is_away(error):
                raise
            log.exception("what came of a message cannot be noted", extra={"sent": one.message})
        else:
            return


def report(staff: Staff, channel: str, reports: Sequence[Report], within: Within) -> list[Report]:
    """Note what a provider says later; returns what is of no message that is known (yet: a report
    may come before its message is noted)."""
    if not reports:
        return []
    m = alarm_message.c
    refs = {one.provider_ref for one in reports if one.provider_ref}
    ids = {one.message for one in reports if one.message}
    query = select(m.id, m.provider_ref).where(
        m.channel == channel, or_(among(m.id, ids), among(m.provider_ref, refs))
    )
    with staff.db.read() as conn:
        rows = conn.execute(query).all()
    by_name = {row.provider_ref: row.id for row in rows if row.provider_ref}
    by_name |= {row.id: row.id for row in rows}
    found, strange = [], []
    for one in reports:
        message = by_name.get(one.message) or by_name.get(one.provider_ref)
        if message is None:
            if not points.report(staff, channel, one):  # somebody's own test alarm
                strange.append(one)
            continue
        why = None if one.proof is not None else one.why or Why.NOT_DELIVERED
        found.append(Known(message, one.proof, why, sent=False))
    for first in range(0, len(found), AT_ONCE):
        note(staff, found[first : first + AT_ONCE], within)
    return strange


def overdue(staff: Staff, within: Within) -> int:
    """Note what was not delivered in time: no report came, no thread was free, or whoever sent it
    died each time; returns how many those were."""
    m = alarm_message.c
    now = Moment.real(staff.boot)
    late = or_(
        and_(m.state == "sent", now.is_due(alarm_message)),
        and_(m.state == "queued", now.is_due(alarm_message, STUCK_S)),
        and_(m.state == "sending", m.tries >= TRIES_MAX, now.is_due(alarm_message)),
    )
    with staff.db.read() as conn:
        rows = conn.execute(select(m.id, m.state).where(late).limit(AT_ONCE)).all()
    why = {"sent": Why.NOT_DELIVERED, "queued": Why.BUSY, "sending": Why.UNREACHABLE}
    note(staff, [Known(row.id, None, why[row.state], sent=False) for row in rows], within)
    return len(rows)


class _Noting:
    """One transaction."""

    def __init__(self, staff: Staff, tx: Tx, within: Within) -> None:
        self._staff = staff
        self._tx = tx
        self._within = within
        self._now = staff.clock.now()
        self._real = Moment.real(staff.boot)
        self._told: dict[str, list[Draft]] = {}
        self._changed: dict[str, dict[str, Any]] = {}
        self._failed: list[dict[str, Any]] = []

    def take(self, known: Sequence[Known]) -> None:
        """Note each, and go on where something could not be delivered."""
        conn, m = self._tx.conn, alarm_message.c
        ids = {one.message for one in known}
        if any(one.proof is None for one in known):  # ladders before messages, as in a look
            climbed = select(m.escalation).where(among(m.id, ids))
            e = escalation.c
            locked = select(e.id).where(e.id.in_(climbed)).order_by(e.id).with_for_update()
            conn.execute(locked).all()
        query = select(alarm_message).where(among(m.id, ids)).order_by(m.id).with_for_update()
        self._changed = {row.id: dict(row._mapping) for row in conn.execute(query)}
        for one in known:
            row = self._changed.get(one.message)
            if row is None:
                continue
            if one.proof is None:
                self._did_not(row, one)
            else:
                self._did(row, one, one.proof)
        event_store.upsert_many(conn, alarm_message, ("id",), list(self._changed.values()))
        for row in self._failed:
            if row["why"] == Why.GONE:
                points.gone(self._tx, row["contact"], self._real.at)
        self._go_on()
        write_many(self._staff, self._tx, self._told)

    def _did(self, row: dict[str, Any], one: Known, proof: Proof) -> None:
        if one.provider_ref is not None:
            row["provider_ref"] = event_store.clean(one.provider_ref)
        if one.answer is not None:
            row["answer"] = json.dumps(dict(one.answer))
        if row["sent_at"] is None:
            row["sent_at"] = self._now
            sent = AlarmSent(
                alarm=row["alarm"], message=row["id"], channel=row["channel"], step=row["step"]
            )
            self._tell(row, sent)
        if proof > Proof.SENT and row["delivered_at"] is None and row["shown_at"] is None:
            row["delivered_at"] = self._now
            if proof is Proof.DELIVERED:
                self._tell(row, AlarmDelivered(alarm=row["alarm"], message=row["id"]))
        if proof is Proof.SHOWN and row["shown_at"] is None:
            row["shown_at"] = self._now
            self._tell(row, AlarmShown(alarm=row["alarm"], message=row["id"]))
        if PROOF.get(row["state"], Proof.SENT) >= proof and row["state"] in PROOF:
            return
        if proof is not Proof.SENT:
            row["state"] = "shown" if proof is Proof.SHOWN else "delivered"
        elif row["state"] in ("queued", "sending"):
            within_s = self._within(row["channel"])
            row["state"] = "handed" if within_s is None else "sent"
            if within_s is not None:
                row |= self._real.values(within_s)

    def _did_not(self, row: dict[str, Any], one: Known) -> None:
        if row["state"] not in ("queued", "sending", "sent"):
            return  # it came after all, or it failed already
        again_s = one.again_s
        if one.sent and again_s is not None and again_s <= AGAIN_MAX_S and row["tries"] < TRIES_MAX:
            row |= {"state": "queued", **self._real.values(max(again_s, 0.0))}
            return
        why = one.why or Why.UNREACHABLE
        row |= {"state": "failed", "why": why.value}
        self._failed.append(row)
        undelivered = AlarmUndelivered(alarm=row["alarm"], message=row["id"], why=why.value)
        self._tell(row, undelivered)

    def _tell(self, row: Mapping[str, Any], data: Data) -> None:
        draft = Draft(data, person=row["person"])
        self._told.setdefault(row["home_id"], []).append(draft)

    # --- the next address, or the next step

    def _go_on(self) -> None:
        conn = self._tx.conn
        more: list[dict[str, Any]] = []
        for ladder, siblings in _siblings(conn, self._failed):
            mine = [row for row in self._failed if row["escalation"] == ladder.id]
            here = [
                row for row in mine if (row["step"], row["round"]) == (ladder.step, ladder.round)
            ]
            if ladder.state != "climbing" or not here:
                continue
            added = [row for one in _by_receiver(here) for row in self._next(one, siblings)]
            more += added
            alive = any(row.state in ALIVE for row in siblings)
            if not added and not alive and not ladder.is_last:
                due = {**self._staff.moment().values(), "why": Climbed.UNDELIVERED.value}
                this = escalation.c.id == ladder.id
                conn.execute(update(escalation).where(this).values(**due))
        queueing.put(conn, more)

    def _next(self, row: Mapping[str, Any], siblings: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        """Messages to the receiver's next addresses; none while one of those before may reach."""
        tried = [one for one in siblings if one.receiver == row["receiver"]]
        if any(one.state in ALIVE for one in tried) or row["person"] is None:
            return []
        last = max(one.place for one in tried)
        left = [one for one in _contacts(self._tx.conn, row["person"]) if one.place > last]
        about = queueing.About(
            *(row["escalation"], row["org_id"], row["home_id"], row["alarm"]),
            *(row["others"], row["step"], row["round"]),
        )
        to = Reached(row["receiver"], row["person"], tuple(left))
        first = queueing.first_of(left)
        return queueing.rows_for(about, to, first, self._now, self._staff.boot)


def _by_receiver(rows: Collection[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({row["receiver"]: row for row in rows}.values())


def _siblings(
    conn: Connection, failed: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Row[Any], list[Row[Any]]]]:
    """The ladders of messages that failed, each with all messages of its present step."""
    ids = {row["escalation"] for row in failed}
    if not ids:
        return
    e, m = escalation.c, alarm_message.c
    for ladder in conn.execute(select(escalation).where(among(e.id, ids))).all():
        query = select(alarm_message).where(
            m.escalation == ladder.id, m.step == ladder.step, m.round == ladder.round
        )
        yield ladder, list(conn.execute(query))


def _contacts(conn: Connection, person: str) -> list[Contact]:
    c, u = alarm_tables.contact_point.c, t.user.c
    query = (
        select(c.id, c.channel, c.place)
        .join(t.user, u.id == c.user_id)
        .where(u.person_id == person, is_usable())
        .order_by(c.place, c.id)
    )
    return [Contact(*row) for row in conn.execute(query)]
