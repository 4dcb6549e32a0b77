"""What residents agreed to: who asked, on which day, how; and that they agree no longer.

Noted by a staff member, for a resident of their own organisation; each is an event of the home
beside its row.  Not for: what ends when it is withdrawn (`web.staff.places.consenting`,
`web.staff.relatives`).
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Connection, insert, select, update

from gateway.envelope import Draft
from gateway.events import ConsentAbout, ConsentGiven, ConsentHow, ConsentWithdrawn
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.events import append
from web.staff.people.accounts import Refused, Wrong
from web.staff.storage.database import Tx
from web.staff.storage.place_tables import consent


def give(
    staff: Staff,
    tx: Tx,
    actor: Actor,
    home: str,
    resident: str,
    about: ConsentAbout,
    *,
    asked_on: date,
    how: ConsentHow,
    subject: str = "",
) -> int:
    """Note that the resident agreed, asked by the actor on that day; returns the row's number.
    Raises `Refused`: OUT_OF_RANGE for a day to come."""
    now = staff.clock.now()
    if asked_on > now.date():
        raise Refused(Wrong.OUT_OF_RANGE)
    append.hold(tx, home)
    row = {
        "home_id": home,
        "resident": resident,
        "about": about.value,
        "subject": subject,
        "asked_on": asked_on.isoformat(),
        "asked_by": actor.person,
        "how": how.value,
        "noted_at": now,
    }
    number = tx.conn.execute(insert(consent).values(**row).returning(consent.c.id)).scalar_one()
    given = ConsentGiven(resident=resident, about=about, how=how)
    append.write(staff, tx, home, Draft(given, person=actor.person))
    return int(number)


def withdraw(
    staff: Staff,
    tx: Tx,
    actor: Actor,
    home: str,
    resident: str,
    about: ConsentAbout,
    subject: str = "",
) -> bool:
    """Note that the resident agrees no longer; whether they did until now."""
    c = consent.c
    append.hold(tx, home)
    ended = update(consent).where(
        c.home_id == home,
        c.resident == resident,
        c.about == about.value,
        c.subject == subject,
        c.withdrawn_at.is_(None),
    )
    said = {"withdrawn_at": staff.clock.now(), "withdrawn_by": actor.person}
    if not tx.conn.execute(ended.values(**said)).rowcount:
        return False
    withdrawn = ConsentWithdrawn(resident=resident, about=about)
    append.write(staff, tx, home, Draft(withdrawn, person=actor.person))
    return True


def given_at(
    conn: Connection, resident: str, about: ConsentAbout, subject: str = ""
) -> datetime | None:
    """Since when the resident's consent stands; None: it does not."""
    c = consent.c
    query = select(c.noted_at).where(
        c.resident == resident,
        c.about == about.value,
        c.subject == subject,
        c.withdrawn_at.is_(None),
    )
    return conn.execute(query.order_by(c.noted_at).limit(1)).scalar_one_or_none()
