"""The devices that a relative lets be told, added and taken away by the relative alone.

A device is told what its owner is told, and nothing else; it is whoever's added it last.  The last
bond that ends takes them all.  Not for: what is told (`telling`), or devices of staff
(`web.staff.channels.points`).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from gateway.events import Ref, Severity
from web.staff.channels import points
from web.staff.channels.contract import Address, Channel, Message, Outcome
from web.staff.core.context import Staff
from web.staff.core.i18n import N_, say_in
from web.staff.people.accounts import Refused, Wrong
from web.staff.relatives.visiting import Visitor
from web.staff.storage.database import Tx
from web.staff.storage.relative_tables import relative_device

DEVICES_MAX = 5
"""Devices of one relative: two phones, a tablet, a computer."""

TRIED = N_("Hit kommer besked om hemtjänsten.")
"""What a device that is added shows at once."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device; `gone_at`: its push service said that it is no longer."""

    id: str
    value: str
    made_at: datetime
    gone_at: datetime | None


def of(conn: Connection, who: str) -> list[Device]:
    """A relative's devices, the oldest first."""
    d = relative_device.c
    query = select(d.id, d.value, d.made_at, d.gone_at).where(d.relative_id == who)
    return [Device(*row) for row in conn.execute(query.order_by(d.made_at, d.id))]


def add(staff: Staff, who: Visitor, value: str) -> str:
    """Keep a device; one that is there already is not added twice, and is used again.  Raises
    `Refused`: BAD_ADDRESS (no subscription), EXISTS (as many as there may be)."""
    try:
        value = points.normal("push", value)
    except points.Refused as refusal:
        raise Refused(Wrong.BAD_ADDRESS) from refusal
    hashed = hashlib.sha256(json.loads(value)["endpoint"].encode()).hexdigest()
    d, new = relative_device, f"rd-{secrets.token_hex(8)}"
    with staff.write() as tx:
        tx.conn.execute(delete(d).where(d.c.value_sha256 == hashed))
        count = select(func.count()).select_from(d).where(d.c.relative_id == who.id)
        if tx.conn.execute(count).scalar_one() >= DEVICES_MAX:
            raise Refused(Wrong.EXISTS)
        row = {"id": new, "relative_id": who.id, "value": value, "value_sha256": hashed}
        tx.conn.execute(insert(d).values(**row, made_at=staff.clock.now()))
    return new


def remove(staff: Staff, who: Visitor, id_: str) -> None:
    """Nothing is told there any more.  Raises `Refused`: NOT_FOUND."""
    d = relative_device
    with staff.write() as tx:
        mine = (d.c.id == id_, d.c.relative_id == who.id)
        if not tx.conn.execute(delete(d).where(*mine)).rowcount:
            raise Refused(Wrong.NOT_FOUND)


def gone(tx: Tx, id_: str, at: datetime) -> None:
    """Its push service says that it is no longer: not used, and its owner's page says so."""
    d = relative_device
    tx.conn.execute(update(d).where(d.c.id == id_, d.c.gone_at.is_(None)).values(gone_at=at))


def try_out(staff: Staff, channel: Channel, who: Visitor, id_: str, locale: str) -> Outcome:
    """Show on a device that it is told from now on; whether its push service took that."""
    with staff.db.read() as conn:
        value = next(one.value for one in of(conn, who.id) if one.id == id_)
    message = Message(
        id=secrets.token_hex(8),
        org=who.org,
        home="",
        alarm=Ref(""),
        type="",
        severity=Severity.ROUTINE,
        raised_at=staff.clock.now(),
        url=f"{staff.config.public_url or ''}/anhorig",
        said=say_in(locale, TRIED),
    )
    return channel.send(message, Address(id_, value, locale, who.id))
