"""Where a member of staff is reached: their devices, numbers and addresses, in the order in which
they are tried; each is used once it is proved to be theirs.

A number or an address is proved by a code that is sent to it, a device by a test alarm that it
showed.  What a provider says is gone stays, marked, so that its owner sees it.  Everything here is
the account's own: another account's id finds nothing.

Not for: whom alarms go to (`web.staff.ladders`), or what a page shows.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, or_, select, update

from gateway.events import Ref, Severity
from web.staff.channels import push, sms
from web.staff.channels.contract import (
    Address,
    Channel,
    Message,
    Outcome,
    Proof,
    Report,
    SendsCodes,
    Why,
)
from web.staff.core.context import Staff
from web.staff.storage import tables
from web.staff.storage.alarm_tables import contact_code, contact_point, contact_trial
from web.staff.storage.database import Tx

POINTS_MAX = 10
"""Ways of one person: two phones, a computer, a number and an address, and what was forgotten."""

CODES_A_DAY = 10
"""Codes that one account may have sent in a day: each costs money, and rings at somebody who may be
a stranger."""

CODE_GOOD = timedelta(minutes=15)
CODE_TRIES = 5
"""Guesses at one code of six digits: with `CODES_A_DAY` one in 20,000 a day."""

LABEL_MAX = 40
VALUE_MAX = 2000
"""Characters of a subscription: an endpoint of 1,000 and its keys."""

MAIL = re.compile(r"[^@\s\"<>,;]{1,64}@[a-z0-9.-]{1,180}\.[a-z]{2,20}")


class Wrong(StrEnum):
    """Why something was refused."""

    NOT_FOUND = "not_found"
    NO_CHANNEL = "no_channel"
    """The server has no such channel."""
    NO_NUMBER = "no_number"
    NO_ADDRESS = "no_address"
    NO_DEVICE = "no_device"
    """What the browser gave is no subscription."""
    TOO_MANY = "too_many"
    TOO_MANY_CODES = "too_many_codes"
    WRONG_CODE = "wrong_code"
    """Also one that is too old, or was guessed at too often."""


class Refused(Exception):
    """It was refused."""

    def __init__(self, why: Wrong) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class Trial:
    """The last test alarm of an address: when it was sent, came and was shown; `failed` why not."""

    sent_at: datetime
    delivered_at: datetime | None
    shown_at: datetime | None
    failed: Why | None


@dataclass(frozen=True, slots=True)
class Point:
    """One way to reach somebody.  `shown` is what the page calls it: a device's address is long and
    says nothing."""

    id: str
    channel: str
    shown: str
    label: str
    proved_at: datetime | None
    gone_at: datetime | None
    trial: Trial | None


def of(conn: Connection, user_id: int) -> list[Point]:
    """An account's ways, the first that is tried first."""
    c, t = contact_point.c, contact_trial.c
    query = (
        select(contact_point, t.sent_at, t.delivered_at, t.shown_at, t.failed)
        .outerjoin(contact_trial, t.contact == c.id)
        .where(c.user_id == user_id)
        .order_by(c.place, c.created_at, c.id)
    )
    return [
        Point(
            row.id,
            row.channel,
            "" if row.channel == "push" else row.value,
            row.label,
            row.proved_at,
            row.gone_at,
            None
            if row.sent_at is None
            else Trial(row.sent_at, row.delivered_at, row.shown_at, _why(row.failed)),
        )
        for row in conn.execute(query)
    ]


def _why(text: str | None) -> Why | None:
    return None if text is None else Why.read(text)


def normal(channel: str, value: str, country: str = "46") -> str:
    """An address as it is kept.  Raises `Refused`."""
    if channel == "sms":
        number = sms.number(value, country)
        if number is None:
            raise Refused(Wrong.NO_NUMBER)
        return number
    if channel == "email":
        bare = value.strip().lower()
        if not MAIL.fullmatch(bare):
            raise Refused(Wrong.NO_ADDRESS)
        return bare
    if channel == "push":
        found = push.read_subscription(value) if len(value) <= VALUE_MAX else None
        if found is None:
            raise Refused(Wrong.NO_DEVICE)
        keys = {"p256dh": found.keys.p256dh, "auth": found.keys.auth}
        return json.dumps({"endpoint": found.endpoint, "keys": keys})
    raise Refused(Wrong.NO_CHANNEL)


def add(staff: Staff, tx: Tx, user_id: int, channel: str, value: str, label: str = "") -> str:
    """Keep a way that is not proved yet, last; returns its id.  One that is there already is not
    added twice; a device is whoever's added it last.  Raises `Refused`."""
    value = normal(channel, value)
    hashed = _hashed(staff, channel, value)
    c = contact_point.c
    if channel == "push":
        others = (c.channel == channel, c.value_sha256 == hashed, c.user_id != user_id)
        tx.conn.execute(delete(contact_point).where(*others))
    mine = select(c.id, c.gone_at).where(
        c.user_id == user_id, c.channel == channel, c.value_sha256 == hashed
    )
    found = tx.conn.execute(mine).first()
    label = " ".join(label.split())[:LABEL_MAX]
    if found is not None:
        changed: dict[str, Any] = {"value": value, "gone_at": None}
        if found.gone_at is not None:
            changed["proved_at"] = None
        tx.conn.execute(update(contact_point).where(c.id == found.id).values(changed))
        return str(found.id)
    count, last = tx.conn.execute(
        select(func.count(), func.coalesce(func.max(c.place), -1)).where(c.user_id == user_id)
    ).one()
    if count >= POINTS_MAX:
        raise Refused(Wrong.TOO_MANY)
    id_ = secrets.token_hex(8)
    tx.conn.execute(
        insert(contact_point).values(
            id=id_,
            user_id=user_id,
            channel=channel,
            value=value,
            value_sha256=hashed,
            label=label,
            place=last + 1,
            created_at=_now(),
        )
    )
    return id_


def _hashed(staff: Staff, channel: str, value: str) -> str:
    """What makes an address one and the same."""
    same = json.loads(value)["endpoint"] if channel == "push" else value
    said = f"contact:{channel}:{same}".encode()
    return hmac.new(staff.keys.code_key, said, hashlib.sha256).hexdigest()


def moved(staff: Staff, tx: Tx, before: str, after: str) -> tuple[int, str] | None:
    """A device's browser says that its subscription was replaced by another: account and id of the
    way, which must be proved anew; None where nothing of it is ours.  Who says so has the keys of
    the one before, which are here and in that browser."""
    try:
        before, after = normal("push", before), normal("push", after)
    except Refused:
        return None
    c, hashed = contact_point.c, _hashed(staff, "push", after)
    query = select(c.id, c.user_id, c.value).where(c.channel == "push")
    row = tx.conn.execute(query.where(c.value_sha256 == _hashed(staff, "push", before))).first()
    taken = tx.conn.execute(query.where(c.value_sha256 == hashed)).first()
    if row is None or taken is not None or not hmac.compare_digest(row.value, before):
        return None
    changed = {"value": after, "value_sha256": hashed, "proved_at": None, "gone_at": None}
    tx.conn.execute(update(contact_point).where(c.id == row.id).values(changed))
    return row.user_id, row.id


def remove(tx: Tx, user_id: int, id_: str) -> None:
    """Take a way away.  Raises `Refused`."""
    _row(tx.conn, user_id, id_)
    tx.conn.execute(delete(contact_point).where(contact_point.c.id == id_))


def move_up(tx: Tx, user_id: int, id_: str) -> None:
    """Let a way be tried one place earlier.  Raises `Refused`."""
    _row(tx.conn, user_id, id_)
    ids = [one.id for one in of(tx.conn, user_id)]
    at = ids.index(id_)
    ids.insert(max(0, at - 1), ids.pop(at))
    for place, one in enumerate(ids):
        tx.conn.execute(update(contact_point).where(contact_point.c.id == one).values(place=place))


def _row(conn: Connection, user_id: int, id_: str) -> Any:
    c = contact_point.c
    row = conn.execute(select(contact_point).where(c.id == id_, c.user_id == user_id)).one_or_none()
    if row is None:
        raise Refused(Wrong.NOT_FOUND)
    return row


def org_of(conn: Connection, user_id: int) -> str:
    """The organisation of an account."""
    u = tables.user.c
    return str(conn.execute(select(u.org_id).where(u.id == user_id)).scalar_one())


def _address(conn: Connection, row: Any) -> Address:
    u = tables.user.c
    who = conn.execute(select(u.person_id, u.locale).where(u.id == row.user_id)).one()
    return Address(row.id, row.value, who.locale, who.person_id)


# --- proved by a code -----------------------------------------------------------------------------


def send_code(staff: Staff, ways: Mapping[str, Channel], user_id: int, id_: str) -> Outcome:
    """Send a code to a number or an address.  Raises `Refused`."""
    now, k = _now(), contact_code.c
    with staff.write() as tx:
        row = _row(tx.conn, user_id, id_)
        channel = ways.get(row.channel)
        if not isinstance(channel, SendsCodes):
            raise Refused(Wrong.NO_CHANNEL)
        tx.conn.execute(delete(contact_code).where(k.sent_at < now - timedelta(days=1)))
        sent = tx.conn.execute(
            select(func.count()).select_from(contact_code).where(k.user_id == user_id)
        ).scalar_one()
        if sent >= CODES_A_DAY:
            raise Refused(Wrong.TOO_MANY_CODES)
        code = f"{secrets.randbelow(1_000_000):06}"
        tx.conn.execute(
            insert(contact_code).values(
                id=secrets.token_hex(8),
                user_id=user_id,
                contact=id_,
                code_sha256=staff.keys.hash_code(f"{id_}:{code}"),
                sent_at=now,
            )
        )
        to = _address(tx.conn, row)
    return channel.send_code(code, to)


def prove(staff: Staff, user_id: int, id_: str, code: str) -> None:
    """The owner read the code.  Raises `Refused`: WRONG_CODE."""
    now, k = _now(), contact_code.c
    with staff.write() as tx:
        _row(tx.conn, user_id, id_)
        newest = tx.conn.execute(
            select(contact_code)
            .where(k.user_id == user_id, k.contact == id_, k.sent_at > now - CODE_GOOD)
            .order_by(k.sent_at.desc())
            .limit(1)
        ).first()
        said = "".join(code.split())
        right = (
            newest is not None
            and newest.tries < CODE_TRIES
            and hmac.compare_digest(newest.code_sha256, staff.keys.hash_code(f"{id_}:{said}"))
        )
        if newest is not None:
            tries = CODE_TRIES if right else newest.tries + 1
            tx.conn.execute(update(contact_code).where(k.id == newest.id).values(tries=tries))
        if right:
            _prove(tx, id_, now)
    if not right:
        raise Refused(Wrong.WRONG_CODE)


def _prove(tx: Tx, id_: str, at: datetime) -> None:
    c = contact_point.c
    tx.conn.execute(
        update(contact_point).where(c.id == id_, c.proved_at.is_(None)).values(proved_at=at)
    )


def vouch(tx: Tx, id_: str, at: datetime) -> None:
    """Whoever runs the server says that this way is its owner's."""
    _prove(tx, id_, at)


# --- test alarms ----------------------------------------------------------------------------------


def try_out(
    staff: Staff, ways: Mapping[str, Channel], user_id: int, id_: str, *, org: str, url: str
) -> Outcome:
    """Send a test alarm to one's own way, and note what came of it.  A number or an address must be
    proved first.  Raises `Refused`."""
    with staff.db.read() as conn:
        row = _row(conn, user_id, id_)
        to = _address(conn, row)
    channel = ways.get(row.channel)
    if channel is None or (row.proved_at is None and isinstance(channel, SendsCodes)):
        raise Refused(Wrong.NO_CHANNEL)
    message = Message(
        id=secrets.token_hex(8),
        org=org,
        home="",
        alarm=Ref("trial"),
        type="",
        severity=Severity.ROUTINE,
        raised_at=staff.clock.now(),
        url=url,
        trial=True,
    )
    t = contact_trial.c
    with staff.write() as tx:  # before it is sent: a report may come before the answer
        tx.conn.execute(delete(contact_trial).where(t.contact == id_))
        tx.conn.execute(
            insert(contact_trial).values(message=message.id, contact=id_, sent_at=_now())
        )
    outcome = channel.send(message, to)
    with staff.write() as tx:
        values: dict[str, Any] = {"provider_ref": outcome.provider_ref}
        if outcome.why is not None:
            values["failed"] = outcome.why.value
        elif outcome.proof is not None:
            values |= _reached(outcome.proof)
        tx.conn.execute(update(contact_trial).where(t.message == message.id).values(values))
        if outcome.gone:
            gone(tx, id_, _now())
    return outcome


def _reached(proof: Proof) -> dict[str, Any]:
    """The columns that say how far something came."""
    now = _now()
    reached: dict[str, Any] = {"delivered_at": now} if proof >= Proof.DELIVERED else {}
    return reached | ({"shown_at": now} if proof is Proof.SHOWN else {})


def report(staff: Staff, channel: str, told: Report) -> bool:
    """What a provider or a device says of a message: whether it was a test alarm of somebody's own.
    One that was shown proves that the device is there."""
    c, t = contact_point.c, contact_trial.c
    named = or_(
        t.message == told.message if told.message else t.message.is_(None),
        t.provider_ref == told.provider_ref if told.provider_ref else t.message.is_(None),
    )
    query: Select[Any] = (
        select(contact_trial, c.id)
        .join(contact_point, c.id == t.contact)
        .where(c.channel == channel, named)
    )
    with staff.db.read() as conn:
        row = conn.execute(query).first()
    if row is None:
        return False
    with staff.write() as tx:
        if told.proof is None:
            values: dict[str, Any] = {"failed": (told.why or Why.NOT_DELIVERED).value}
        else:
            values = {
                name: at for name, at in _reached(told.proof).items() if getattr(row, name) is None
            }
        if values:
            tx.conn.execute(update(contact_trial).where(t.message == row.message).values(values))
        if told.proof is Proof.SHOWN:
            _prove(tx, row.contact, _now())
    return True


def gone(tx: Tx, id_: str, at: datetime) -> None:
    """The provider says that this way is no longer: it is not used, and its owner's page says
    so."""
    c = contact_point.c
    tx.conn.execute(
        update(contact_point).where(c.id == id_, c.gone_at.is_(None)).values(gone_at=at)
    )


# --- who has none ---------------------------------------------------------------------------------


def without(conn: Connection, org: str, channels: Iterable[str]) -> list[tuple[str, str]]:
    """Person id and name of the organisation's active staff who have no way that works, on any of
    these channels; by name."""
    u, c = tables.user.c, contact_point.c
    works = (
        select(c.id)
        .where(c.user_id == u.id, c.proved_at.is_not(None), c.gone_at.is_(None))
        .where(c.channel.in_(list(channels)))
    )
    query = (
        select(u.person_id, u.name)
        .where(u.org_id == org, u.active, ~works.exists())
        .order_by(u.name, u.person_id)
    )
    return [(row.person_id, row.name) for row in conn.execute(query)]


def _now() -> datetime:
    """Real time: what is sent outside knows no other."""
    return datetime.now(UTC)
