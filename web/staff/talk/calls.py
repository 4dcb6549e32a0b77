"""A call with a home: who may, the signed permit, what goes to the home, and what came of it.

The ground is an open alarm of care in that home, nothing else: without one nobody listens there.
The home judges the permit again and uses it up.  Nothing is queued: a home that does not listen now
never hears of the call.

Not for: pages, or sound (it goes between page and home, and not by this server).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select

from gateway.access import permits
from gateway.access.permits import MediaAction, Permit
from gateway.envelope import Draft
from gateway.errors import DescriptionRefused
from gateway.events import LISTENING_ROLE, Ref, Severity, VoicePermitted
from gateway.media import description
from gateway.wire import CallOrder
from web.staff.care import helpers
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.database import Tx
from web.staff.storage.rows import AlarmRow, read_one
from web.staff.talk import media_sessions, relays
from web.staff.talk.media_sessions import SETTING_UP_S, Begun, Kind

CALLS = Kind(tables.media_call, "call", Why.NO_CALL)


@dataclass(frozen=True, slots=True)
class CallState:
    """A call for the page that began it: `state` as the home said it last."""

    id: str
    state: str
    why: str
    answer: str


def alarm_of(conn: Connection, actor: Actor, alarm: Ref) -> AlarmRow:
    """The care alarm because of which this person may speak with its home, while it is open.
    Raises `Refused`: NO_ALARM, NO_ROLE."""
    t = tables.alarm
    row = read_one(conn, AlarmRow, select(t).where(t.c.id == alarm))
    if row is None or not (actor.sees(row.home_id) or helpers.may_take(conn, actor, alarm)):
        raise Refused(Why.NO_ALARM)
    if row.raised_at is None or row.severity in (None, Severity.TECHNICAL.value):
        raise Refused(Why.NO_ALARM)
    if not (actor.may(Right.ANSWER_CARE_ALARM) and actor.may(Right.SEE_CARE)):
        raise Refused(Why.NO_ROLE)
    return row


def _open_alarm(tx: Tx, actor: Actor, alarm: Ref) -> AlarmRow:
    row = alarm_of(tx.conn, actor, alarm)
    if row.closed_at is not None:
        raise Refused(Why.CLOSED, person=row.closed_by, at=row.closed_at)
    return row


def has_voice(conn: Connection, home: str) -> bool:
    """Whether the home told of a speaker, and of a lamp that says that somebody listens."""
    t = tables.device
    told = conn.execute(select(t.c.type, t.c.role).where(t.c.home_id == home, t.c.present)).all()
    speaks = any(one.type == "speaker" for one in told)
    return speaks and any(one.type == "indicator" and one.role == LISTENING_ROLE for one in told)


def may_talk(conn: Connection, actor: Actor, row: AlarmRow) -> bool:
    """Whether this person may speak with the home because of this alarm, and it can be spoken
    with."""
    try:
        open_alarm = alarm_of(conn, actor, row.id).closed_at is None
    except Refused:
        return False
    return open_alarm and has_voice(conn, row.home_id)


def begin(staff: Staff, actor: Actor, alarm: Ref, sdp: str) -> CallState:
    """Sign a permit and send it to the home with the page's offer, now.

    Raises `Refused`: NO_ALARM, NO_ROLE, CLOSED, NO_VOICE, NOT_CONNECTED; BAD_OFFER.
    """
    try:
        offer = description.clean(sdp)
    except DescriptionRefused as error:
        raise Refused(Why.BAD_OFFER, detail=error.text) from error
    call, limit_s = media_sessions.new_id(), staff.config.voice.limit_s
    ice = relays.servers(staff.config, call, time.time() + limit_s + SETTING_UP_S)
    with staff.write() as tx:
        row = _open_alarm(tx, actor, alarm)
        append.hold(tx, row.home_id)
        if not has_voice(tx.conn, row.home_id):
            raise Refused(Why.NO_VOICE)
        media_sessions.require_listening(staff, tx, row.home_id)
        permit = _permit(staff, actor, row, call, call)
        order = CallOrder(
            what="begin", call=call, permit=_signed(staff, permit), sdp=offer, ice=ice
        )
        told = VoicePermitted(call=call, alarm=row.ref, expires=permit.expires)
        begun = Begun(
            row={"id": call, "home_id": row.home_id, "alarm": row.id, "person": actor.person},
            told=Draft(told, device=row.device, person=actor.person),
            order=order,
            until=datetime.now(UTC) + timedelta(seconds=2 * limit_s + SETTING_UP_S),
        )
        sent = media_sessions.begin(staff, tx, CALLS, begun)
    media_sessions.require_sent(staff, CALLS, sent, call)
    return CallState(call, "asked", "", "")


def state(staff: Staff, actor: Actor, call: str) -> CallState:
    """What has come of it.  Raises `Refused`: NO_CALL."""
    with staff.db.read() as conn:
        row = media_sessions.row_of(conn, CALLS, actor, call)
    return CallState(row.id, row.state, row.why, row.answer)


def add_ways(staff: Staff, actor: Actor, call: str, candidates: Sequence[str]) -> None:
    """More ways to reach the page.  Raises `Refused`: NO_CALL."""
    found = tuple(description.candidates(candidates))
    order = CallOrder(what="candidates", call=call, candidates=found)
    media_sessions.tell(staff, CALLS, actor, call, order)


def extend(staff: Staff, actor: Actor, call: str) -> None:
    """Ask for as long again, once; whether it is given is the home's to say.  Raises `Refused`:
    NO_CALL, and as `begin` where the alarm is closed."""
    with staff.write() as tx:
        row = media_sessions.row_of(tx.conn, CALLS, actor, call)
        alarm = _open_alarm(tx, actor, row.alarm)
        permit = _permit(staff, actor, alarm, media_sessions.new_id(), call)
        order = CallOrder(what="extend", call=call, permit=_signed(staff, permit))
        media_sessions.send(tx, CALLS, row, order)


def end(staff: Staff, actor: Actor, call: str) -> None:
    """Tell the home that it is over; the page may be gone already.  Raises `Refused`: NO_CALL."""
    media_sessions.tell(staff, CALLS, actor, call, CallOrder(what="end", call=call))


def _permit(staff: Staff, actor: Actor, alarm: AlarmRow, id_: str, call: str) -> Permit:
    not_before, expires = media_sessions.times(staff, permits.LIFE_S)
    return Permit(
        id=id_,
        home=alarm.home_id,
        call=call,
        action=MediaAction.TALK,
        person=actor.person,
        alarm=alarm.ref,
        limit_s=staff.config.voice.limit_s,
        not_before=not_before,
        expires=expires,
    )


def _signed(staff: Staff, permit: Permit) -> str:
    return permits.sign(permit, staff.keys.private, staff.keys.kid)
