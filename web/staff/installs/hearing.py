"""A home that is being installed tells a technician's page what it hears, and pairs and calibrates
what stands there.

Nothing of it is kept: a row with what was told last, gone when the page is closed or minutes after.
An answer may be a lock's PIN: it goes to the home with the order, and is in no table, no event and
no log.

Not for: what the home consists of, or what it does with an order (`gateway.app.installing`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError
from sqlalchemy import Connection, delete, insert, select, update

from gateway.access import listen_orders
from gateway.access.listen_orders import ListenAction, ListenOrder
from gateway.wire import HeardSignal
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.events import append
from web.staff.installs.trial import Fault, Refused, require
from web.staff.storage import tables
from web.staff.storage.changes import LockOrder
from web.staff.storage.database import Tx
from web.staff.storage.install_tables import hearing

KEPT = timedelta(seconds=120)
"""How long what was told is shown without a word from the page, which comes every ten seconds:
longer than the home goes on without one (`gateway.app.install_room.OPEN_S`)."""

TOO_OLD = timedelta(seconds=12)
"""After which a home that was reached and has told nothing is of a version that cannot."""

SILENT = timedelta(seconds=15)
"""After which a home that told something tells nothing any more: while it hears it does so at least
every five seconds (`gateway.app.installing.ANYWAY_S`), also where nothing changes."""

H = hearing.c


@dataclass(frozen=True, slots=True)
class Heard:
    """What a home tells.  `signal` None: nothing yet; `too_old`: it never will; `silent`: it did,
    and does not now: it lost its network or its power, and what it told is old."""

    id: str
    person: str
    signal: HeardSignal | None
    too_old: bool = False
    silent: bool = False


def begin(staff: Staff, actor: Actor, home: str) -> None:
    """Ask a home to tell what it hears; whoever looked before looks no more.  Raises `Refused`:
    NO_RIGHT, NO_HOME, NOT_CONNECTED."""
    require(actor, home)
    now, id_ = datetime.now(UTC), secrets.token_urlsafe(16)
    with staff.write() as tx:
        append.hold(tx, home)
        tx.conn.execute(delete(hearing).where((H.home_id == home) | (H.until < now)))
        row = {"id": id_, "home_id": home, "person": actor.person, "told": "", "made_at": now}
        tx.conn.execute(insert(hearing).values(**row, until=now + KEPT))
        sent = _give(staff, tx, actor, home, id_, ListenAction.BEGIN)
    if not sent.reached:
        with staff.write() as tx:
            tx.conn.execute(delete(hearing).where(H.id == id_))
        raise Refused(Fault.NOT_CONNECTED)


def go_on(staff: Staff, actor: Actor, home: str) -> None:
    """The page is still open.  A home that went silent is asked anew: it may have started again,
    and goes on; one that still hears takes that as the page's word.  Raises `Refused`: NO_RIGHT,
    NO_HOME, NOT_HEARING."""
    require(actor, home)
    until = datetime.now(UTC) + KEPT
    with staff.write() as tx:
        id_ = _mine(tx, actor, home)
        tx.conn.execute(update(hearing).where(H.id == id_).values(until=until))
        found = heard(tx.conn, home)
        away = found is not None and found.silent
        action = ListenAction.BEGIN if away else ListenAction.GO_ON
        _give(staff, tx, actor, home, id_, action)


def end(staff: Staff, actor: Actor, home: str) -> None:
    """Nobody looks any more.  Raises `Refused`: NO_RIGHT, NO_HOME, NOT_HEARING."""
    require(actor, home)
    with staff.write() as tx:
        id_ = _mine(tx, actor, home)
        tx.conn.execute(delete(hearing).where(H.id == id_))
        _give(staff, tx, actor, home, id_, ListenAction.END)


def guide(staff: Staff, actor: Actor, home: str, action: ListenAction, device: str) -> None:
    """Have a device of the home paired or calibrated.  Raises `Refused`: NO_RIGHT, NO_HOME,
    NOT_HEARING, NO_DEVICE, NOT_CONNECTED."""
    require(actor, home)
    d = tables.device.c
    known = select(d.id).where(d.home_id == home, d.id == device, d.present)
    with staff.write() as tx:
        id_ = _mine(tx, actor, home)
        if tx.conn.execute(known).first() is None:
            raise Refused(Fault.NO_DEVICE)
        sent = _give(staff, tx, actor, home, id_, action, device=device)
    if not sent.reached:
        raise Refused(Fault.NOT_CONNECTED)


def answer(staff: Staff, actor: Actor, home: str, number: int, text: str) -> None:
    """What somebody answers to question `number`; kept by nobody.  Raises `Refused`: NO_RIGHT,
    NO_HOME, NOT_HEARING, NOT_CONNECTED."""
    require(actor, home)
    said = text.strip()[: listen_orders.ANSWER_MAX]
    with staff.write() as tx:
        id_ = _mine(tx, actor, home)
        sent = _give(staff, tx, actor, home, id_, ListenAction.ANSWER, question=number, text=said)
    if not sent.reached:
        raise Refused(Fault.NOT_CONNECTED)


def heard(conn: Connection, home: str) -> Heard | None:
    """What the home tells now; None: nobody has asked, or no longer looks."""
    now = datetime.now(UTC)
    row = conn.execute(select(hearing).where(H.home_id == home, H.until > now)).first()
    if row is None:
        return None
    if not row.told:
        return Heard(row.id, row.person, None, too_old=now - row.made_at > TOO_OLD)
    try:
        signal = HeardSignal.model_validate_json(row.told)
    except ValidationError:  # another version of the server kept it
        signal = None
    silent = row.told_at is not None and now - row.told_at > SILENT
    return Heard(row.id, row.person, signal, silent=silent)


def look(staff: Staff) -> None:
    """What nobody looks at any more is gone, also where the home never said that it ended."""
    old = H.until < datetime.now(UTC)
    with staff.db.read() as conn:
        if conn.execute(select(H.id).where(old).limit(1)).first() is None:
            return
    with staff.write() as tx:
        tx.conn.execute(delete(hearing).where(old))


def _mine(tx: Tx, actor: Actor, home: str) -> str:
    """The hearing that this person began.  Raises `Refused` (NOT_HEARING)."""
    query = select(H.id).where(
        H.home_id == home, H.person == actor.person, H.until > datetime.now(UTC)
    )
    found = tx.conn.execute(query).scalar_one_or_none()
    if found is None:
        raise Refused(Fault.NOT_HEARING)
    return str(found)


def _give(
    staff: Staff,
    tx: Tx,
    actor: Actor,
    home: str,
    id_: str,
    action: ListenAction,
    *,
    device: str = "",
    question: int = 0,
    text: str = "",
) -> LockOrder:
    now, rate = staff.clock.now(), staff.clock.rate() or 1.0  # real seconds, whatever the pace
    order = ListenOrder(
        id=secrets.token_urlsafe(12),
        home=home,
        hearing=id_,
        action=action,
        person=actor.person,
        not_before=now,
        expires=now + timedelta(seconds=listen_orders.LIFE_S * rate),
        device=device,
        question=question,
        text=text,
    )
    token = listen_orders.sign(order, staff.keys.private, staff.keys.kid)
    sent = LockOrder(home, token, what="listen")
    tx.orders.append(sent)
    return sent
