"""A look: the signed permit, what goes to the home, one at a time, and its end.

Nothing is queued: a home that does not listen now never hears of it.  Two never look into a home at
once: the row of a look that goes on says who does.  A row is over when the home says so, and at its
own time whatever the home says; the home ends the look by itself as well.

Not for: who may (`grounds`), pages, or pictures.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, select, text, update

from gateway.access import look_permits
from gateway.access.look_permits import LookPermit
from gateway.envelope import Draft
from gateway.errors import DescriptionRefused
from gateway.events import LookBegun, LookPermitted, LookWhy
from gateway.media import description
from gateway.wire import IceServer, LookOrder
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.events import append
from web.staff.homelink.call_signals import OVER
from web.staff.looks import grounds
from web.staff.looks.grounds import Ground, Wish
from web.staff.realtime.pictures import NoPlace
from web.staff.storage import event_store, tables
from web.staff.storage.among import among
from web.staff.storage.changes import LockOrder
from web.staff.storage.database import Tx
from web.staff.storage.look_tables import look_session
from web.staff.talk import media_sessions, relays
from web.staff.talk.media_sessions import SETTING_UP_S, Begun, Kind

RELAYS_GOOD_S = 3 * 60
"""Seconds for which what opens a relay is good: for a page that asked for it when it was opened, a
minute ago at the most, and a look that was made longer."""

POLL_S = 1.0
"""Seconds that a page's question for a newer picture may stay open."""

ORDER_MAX_BYTES = 7_300
"""Of an order as another worker is told of it, in JSON once more: a notification of PostgreSQL's
holds 7,999."""

KEY = re.compile(r"[A-Za-z0-9_-]{87}")
"""A point of P-256, uncompressed: 65 bytes in base64url."""

S = look_session
LOOKS = Kind(look_session, "look", Why.NO_LOOK)


@dataclass(frozen=True, slots=True)
class LookState:
    """A look for the page that began it: `state` as the home said it last; `over` also where its
    time is out and the home said nothing."""

    id: str
    state: str
    why: str
    answer: str
    key: str
    over: bool
    picture: str = ""
    """What the camera shows, by `PictureKind`, once the home has said so."""


@dataclass(frozen=True, slots=True)
class Running:
    """A look that goes on or is being begun: whose, since when, and when it is over at the latest
    (real time)."""

    look: str
    person: str
    since: datetime
    until: datetime
    check: str | None


def prepare(staff: Staff, actor: Actor, home: str) -> tuple[IceServer, ...]:
    """Somebody may look soon: the home loads its programs, and the page is given the relays.
    Raises `Refused` as `grounds.require_person` and `grounds.require_home`."""
    grounds.require_person(actor, home)
    with staff.write() as tx:
        grounds.require_home(tx.conn, home)
        tx.orders.append(LockOrder(home, LookOrder(what="prepare").model_dump_json(), what="look"))
    name = secrets.token_urlsafe(8)  # the relay writes it down: nobody's
    return relays.servers(staff.config, name, time.time() + RELAYS_GOOD_S)


def begin(staff: Staff, actor: Actor, wish: Wish, sdp: str, key: str) -> LookState:
    """Sign a permit and send it to the home with the page's offer and key, now; `sdp` empty: the
    page can only be sent sealed pictures.

    Raises `Refused` as `grounds.judge`; LOOKING (another looks: who, since when), NOT_CONNECTED,
    BAD_OFFER.
    """
    offer = _offer(sdp, key)
    look, now = media_sessions.new_id(), datetime.now(UTC)
    ice = relays.servers(staff.config, look, time.time() + RELAYS_GOOD_S)
    with staff.write() as tx:
        append.hold(tx, wish.home)  # two at once: the second waits here, and then sees the first
        ground = grounds.judge(tx.conn, actor, wish)
        _require_alone(tx, actor, ground.home, now)
        media_sessions.require_listening(staff, tx, ground.home)
        permit = _permit(staff, actor, ground, look, look)
        order = LookOrder(
            what="begin", look=look, permit=_signed(staff, permit), sdp=offer, key=key, ice=ice
        )
        if len(json.dumps(order.model_dump_json())) > ORDER_MAX_BYTES:
            raise Refused(Why.BAD_OFFER, detail="it is too large")
        told = LookPermitted(
            look=look,
            why=ground.why,
            check=ground.check,
            alarm=ground.ref,
            expires=permit.expires,
        )
        begun = Begun(
            row=_row(look, actor, ground),
            told=Draft(told, device=ground.camera, person=actor.person),
            order=order,
            until=now + timedelta(seconds=SETTING_UP_S),
        )
        sent = media_sessions.begin(staff, tx, LOOKS, begun)
    media_sessions.require_sent(staff, LOOKS, sent, look)
    return LookState(look, "asked", "", "", "", over=False)


def state(staff: Staff, actor: Actor, look: str) -> LookState:
    """What has come of it.  Raises `Refused`: NO_LOOK."""
    with staff.db.read() as conn:
        row = media_sessions.row_of(conn, LOOKS, actor, look)
        shown = _picture(conn, row) if row.state == "begun" else ""
    over = row.state in OVER or row.until < datetime.now(UTC)
    return LookState(row.id, row.state, row.why, row.answer, row.key, over, shown)


def picture(staff: Staff, actor: Actor, look: str, after: int) -> tuple[int, bytes] | LookState:
    """A sealed picture newer than number `after`, as soon as there is one; else how the look
    stands.  Raises `Refused`: NO_LOOK."""
    found = state(staff, actor, look)
    if found.over:
        return found
    try:
        return staff.pictures.newest(look, after, POLL_S) or found
    except NoPlace:
        return found


def add_ways(staff: Staff, actor: Actor, look: str, candidates: Sequence[str]) -> None:
    """More ways to reach the page.  Raises `Refused`: NO_LOOK."""
    found = tuple(description.candidates(candidates))
    if found:
        order = LookOrder(what="candidates", look=look, candidates=found)
        media_sessions.tell(staff, LOOKS, actor, look, order)


def go_over(staff: Staff, actor: Actor, look: str, key: str) -> None:
    """The page finds no way: the home is to send sealed pictures.  Raises `Refused`: NO_LOOK,
    BAD_OFFER."""
    _require_key(key)
    media_sessions.tell(staff, LOOKS, actor, look, LookOrder(what="relay", look=look, key=key))


def extend(staff: Staff, actor: Actor, look: str) -> None:
    """Ask for as long again, once; whether it is given is the home's to say.  Raises `Refused`:
    NO_LOOK, EXTENDED, and as `grounds.judge` where its ground is gone."""
    with staff.write() as tx:
        row = media_sessions.row_of(tx.conn, LOOKS, actor, look)
        append.hold(tx, row.home_id)
        if row.state in OVER or row.until < datetime.now(UTC):
            raise Refused(Why.NO_LOOK)
        once = and_(S.c.id == look, S.c.extended.is_(False))
        if not tx.conn.execute(update(S).where(once).values(extended=True)).rowcount:
            raise Refused(Why.EXTENDED)
        ground = grounds.again(tx.conn, actor, row)
        permit = _permit(staff, actor, ground, media_sessions.new_id(), look)
        order = LookOrder(what="extend", look=look, permit=_signed(staff, permit))
        media_sessions.send(tx, LOOKS, row, order)


def end(staff: Staff, actor: Actor, look: str) -> None:
    """Tell the home that it is over; the page may be gone already.  Another may look at once: a
    home that has not heard of the end is busy, and says so.  Raises `Refused`: NO_LOOK."""
    with staff.write() as tx:
        row = media_sessions.row_of(tx.conn, LOOKS, actor, look)
        media_sessions.send(tx, LOOKS, row, LookOrder(what="end", look=look))
        _close(tx, row)
    staff.pictures.drop(look)


def running(conn: Connection, homes: Collection[str]) -> Mapping[str, Running]:
    """Who looks into which of these homes now."""
    query = select(S).where(among(S.c.home_id, homes), *_goes_on(datetime.now(UTC)))
    return {
        row.home_id: Running(row.id, row.person, row.made_at, row.until, row.check)
        for row in conn.execute(query.order_by(S.c.made_at))
    }


def end_all(tx: Tx, home: str) -> None:
    """End what goes on there: its ground is gone for everybody."""
    query = select(S).where(S.c.home_id == home, *_goes_on(datetime.now(UTC)))
    for row in tx.conn.execute(query).all():
        media_sessions.send(tx, LOOKS, row, LookOrder(what="end", look=row.id))


def _picture(conn: Connection, row: Any) -> str:
    """What the home wrote that its camera shows, in this look; empty: its event is on its way."""
    e = tables.event.c
    query = select(e.body).where(
        e.home_id == row.home_id, e.kind == LookBegun.KIND, text(tables.ACCESS_SQL)
    )
    body = conn.execute(query.order_by(e.corrected_at.desc()).limit(1)).scalar_one_or_none()
    data = event_store.data_in(body) if body is not None else {}
    return str(data.get("picture", "")) if data.get("look") == row.id else ""


def _goes_on(now: datetime) -> tuple[Any, ...]:
    return (S.c.state.not_in(OVER), S.c.until > now)


def _require_alone(tx: Tx, actor: Actor, home: str, now: datetime) -> None:
    """Raise `Refused` (LOOKING) while another looks there.  What the same person had open is over:
    their page was loaded anew, and the home ends it for the new one."""
    for row in tx.conn.execute(select(S).where(S.c.home_id == home, *_goes_on(now))).all():
        if row.person != actor.person:
            raise Refused(Why.LOOKING, person=row.person)
        _close(tx, row)


def _close(tx: Tx, row: Any) -> None:
    """Over, as far as this server and its page are concerned; the first end stands."""
    if row.state not in OVER:
        over = {"state": "ended", "why": "closed", "answer": "", "key": ""}
        tx.conn.execute(update(S).where(S.c.id == row.id).values(**over))


def _offer(sdp: str, key: str) -> str:
    """The page's end, if it is one.  Raises `Refused`: BAD_OFFER."""
    if key or not sdp:
        _require_key(key)
    try:
        return description.clean(sdp, description.VIDEO) if sdp else ""
    except DescriptionRefused as error:
        raise Refused(Why.BAD_OFFER, detail=error.text) from error


def _require_key(key: str) -> None:
    """Raise `Refused` (BAD_OFFER) unless it has the form of a point that is not compressed."""
    try:
        good = KEY.fullmatch(key) is not None and base64.urlsafe_b64decode(key + "=")[0] == 4
    except (binascii.Error, ValueError):
        good = False
    if not good:
        raise Refused(Why.BAD_OFFER, detail="its key is no point of P-256")


def _row(look: str, actor: Actor, ground: Ground) -> dict[str, Any]:
    return {
        "id": look,
        "home_id": ground.home,
        "camera": ground.camera,
        "person": actor.person,
        "reason": ground.why.value,
        "check": ground.check,
        "alarm": ground.alarm,
        "key": "",
        "extended": False,
    }


def _permit(staff: Staff, actor: Actor, ground: Ground, id_: str, look: str) -> LookPermit:
    not_before, expires = media_sessions.times(staff, look_permits.LIFE_S)
    return LookPermit(
        id=id_,
        home=ground.home,
        look=look,
        camera=ground.camera,
        person=actor.person,
        why=LookWhy(ground.why),
        check=ground.check,
        alarm=ground.ref,
        limit_s=look_permits.LIMIT_S,
        not_before=not_before,
        expires=expires,
    )


def _signed(staff: Staff, permit: LookPermit) -> str:
    return look_permits.sign(permit, staff.keys.private, staff.keys.kid)
