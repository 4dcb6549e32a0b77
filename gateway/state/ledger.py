"""Who came in, opened or tried to, or looked: the rows that the resident may read at home.

They are the very events of the staff's access log (`gateway.events.ACCESS_KINDS`), read from the
home's own log, the server's `record.read` among them.  Not for: words (`web.home`), or the years
before the home's log begins (`retain_days`; the server keeps five).
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gateway import events as e
from gateway.engine.log_reader import connect, first_row
from gateway.envelope import Event, corrected_at, from_json
from gateway.events import ACCESS_KINDS, Ref

ENDED = ("unlock.ended", "voice.ended", "look.ended")
SYNCED = "clock.synced"


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row.  `at` aware UTC, corrected; `action` the event's kind, for a turn of the lock with
    what was asked (`unlock` or `lock`) in `turn`; `person` a staff id, None when nobody knows who;
    `why` the code that belongs to the action; `outcome` a `LockOperationOutcome` value, or of a
    look a `LookEnd` value (`unseen`: no picture came), None when it has none (yet); `took_s` how
    long somebody listened or saw, None: not (yet) known."""

    ref: Ref
    at: datetime
    action: str
    person: str | None
    why: str
    turn: str | None = None
    outcome: str | None = None
    took_s: float | None = None


def read_ledger(path: Path, since: datetime) -> list[LedgerRow]:
    """The rows of the log at `path` from about `since` on, newest first.  From any thread."""
    kinds = sorted({*ACCESS_KINDS, *ENDED, SYNCED})
    query = (
        "SELECT body FROM event WHERE row >= ? AND json_extract(body, '$.kind') IN "
        "(SELECT value FROM json_each(?)) ORDER BY row"
    )
    with closing(connect(path, read_only=True)) as db:
        given = (first_row(db, "at", e.utc_text(since)), json.dumps(kinds))
        events = [from_json(json.loads(body)) for (body,) in db.execute(query, given)]
    offsets = {one.boot: one.data.offset_s for one in events if isinstance(one.data, e.ClockSynced)}
    outcomes = {
        one.data.grant: one.data.outcome.value
        for one in events
        if isinstance(one.data, e.LockOperationEnded)
    }
    ended = {one.data.call: one.data.took_s for one in events if isinstance(one.data, e.VoiceEnded)}
    for one in events:
        if isinstance(one.data, e.LookEnded):
            ended[one.data.look] = one.data.took_s
            outcomes[one.data.look] = "unseen" if one.data.pictures == 0 else one.data.why.value
    rows = [
        _row(one, offsets.get(one.boot, 0.0), outcomes, ended)
        for one in events
        if one.kind in ACCESS_KINDS
    ]
    shown = [row for row in rows if row.at >= since - timedelta(minutes=1)]
    return sorted(shown, key=lambda row: (row.at, row.ref), reverse=True)


def _row(
    event: Event,
    offset_s: float,
    outcomes: dict[str, str],
    ended: dict[str, float | None],
) -> LedgerRow:
    why, outcome = "", None
    took_s: float | None = None
    turn: str | None = None
    match event.data:
        case e.RecordRead(what=what):
            why = what
        case e.LockOperationRequested(grant=grant, action=action, reason=reason):
            why, turn, outcome = reason, action, outcomes.get(grant)
        case e.LockOperationRefused(why=refusal):
            why = refusal.value
        case e.VisitStarted(source=source):
            why = source.value
        case e.VoiceBegun(call=call, party=party):
            why, took_s = party.value, ended.get(call)
        case e.LookBegun(look=look, why=look_why):
            why, outcome, took_s = look_why.value, outcomes.get(look), ended.get(look)
        case e.LookRefused(why=look_refusal):
            why = look_refusal.value
        case e.VoiceRefused(why=voice_refusal, party=party):
            why = f"{party.value}.{voice_refusal.value}"
    return LedgerRow(
        ref=event.ref,
        at=corrected_at(event, offset_s),
        action=event.kind,
        person=event.person,
        why=why,
        turn=turn,
        outcome=outcome,
        took_s=took_s,
    )
