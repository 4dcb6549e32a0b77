"""What alarm centres were told and what they said, in the database: so that a message goes on where
it stood after a restart, and an answer that comes late, or to another worker, is found.

Nothing that fails here keeps an alarm back.  Not for: sending (`scaip`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update

from gateway.scaip.codes import ABOUT_THE_MESSAGE, Status
from gateway.scaip.message import ScaipAnswer
from web.staff.storage import event_store
from web.staff.storage.alarm_tables import alarm_centre, scaip_message
from web.staff.storage.database import Database
from web.staff.storage.outage import FAULTS

log = logging.getLogger(__name__)

KEPT = timedelta(days=30)
"""How long it is kept what a centre was told: longer than any answer is late."""


@dataclass(frozen=True)
class Told:
    """What is known of a message before a try."""

    tries: int = 0
    """That were begun before, those that were passed over included."""
    wants_bare: bool = False
    """The centre could not use the message as it was."""
    answer: Mapping[str, str] | None = None
    """Of the centre that has it; None: none has."""


def begin(db: Database, ref: str, centre: str, *, at_least: int) -> Told:
    """What is known of this message; that it is tried once more is noted.  `at_least`: how many
    tries are known of without the database, which may be away."""
    m = scaip_message.c
    try:
        with db.write() as tx:
            query = select(scaip_message).where(m.ref == ref).with_for_update()
            row = tx.conn.execute(query).one_or_none()
            at = Told(at_least) if row is None else _told(row)
            if at.answer is None:
                tried = {"tries": at.tries + 1, "told_at": datetime.now(UTC)}
                new = {"ref": ref, "centre_id": centre, **tried}
                event_store.upsert_many(tx.conn, scaip_message, ("ref",), [new])
            return at
    except FAULTS as error:
        log.warning("that an alarm centre is told cannot be noted: %s", type(error).__name__)
        return Told(at_least)


def note(db: Database, ref: str, tries: int, answer: ScaipAnswer | None) -> None:
    """What a try has brought, and how many are done with it."""
    values: dict[str, Any] = {"tries": tries}
    if answer is not None:
        values["status"] = int(answer.status)
    try:
        _change(db, ref, values, answer)
    except FAULTS as error:
        log.warning("an alarm centre's answer cannot be noted: %s", type(error).__name__)


def note_late(db: Database, answer: ScaipAnswer) -> None:
    """An answer that nobody waited for: a proof, if it is one."""
    _change(db, answer.ref, {"status": int(answer.status)}, answer)


def uris_of(db: Database, ref: str) -> list[str]:
    """The addresses of the centre that this message went to; none: there is no such message."""
    m, c = scaip_message.c, alarm_centre.c
    query = select(c.value, c.second_value).join(scaip_message, c.id == m.centre_id)
    with db.read() as conn:
        row = conn.execute(query.where(m.ref == ref)).one_or_none()
    return [] if row is None else [uri for uri in (row.value, row.second_value) if uri]


def forget(db: Database) -> None:
    """What is older than any answer goes."""
    old = scaip_message.c.told_at < datetime.now(UTC) - KEPT
    with db.read() as conn:
        found = conn.execute(select(scaip_message.c.ref).where(old).limit(1)).first()
    if found is not None:
        with db.write() as tx:
            tx.conn.execute(delete(scaip_message).where(old))


def said_by(answer: ScaipAnswer, centre: str) -> dict[str, str]:
    """What others need of an answer: `ref` and `centre`, and when the centre wants to talk to the
    home `media` (duplex, microphone, speaker), and `number` (`sip:`, `tel:`) and `cre` as they
    came, where it says them."""
    said = {"ref": answer.ref, "centre": centre}
    voice = answer.voice
    if voice is not None:
        said["media"] = voice.media.name.lower()
        said |= {k: v for k, v in (("number", voice.number), ("cre", voice.cre)) if v is not None}
    return said


def _change(db: Database, ref: str, values: dict[str, Any], answer: ScaipAnswer | None) -> None:
    """Change a message that no centre has yet."""
    m = scaip_message.c
    waits = (m.ref == ref, m.answered_at.is_(None))
    with db.write() as tx:
        centre = tx.conn.execute(select(m.centre_id).where(*waits)).scalar_one_or_none()
        if centre is None:
            return
        if answer is not None and answer.status is Status.OK:
            said = json.dumps(said_by(answer, centre))
            values = {**values, "answered_at": datetime.now(UTC), "answer": said}
        tx.conn.execute(update(scaip_message).where(*waits).values(values))


def _told(row: Any) -> Told:
    answer = json.loads(row.answer) if row.answered_at else None
    return Told(row.tries, row.status in ABOUT_THE_MESSAGE, answer)
