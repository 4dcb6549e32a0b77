"""SSH for an hour in a home: wanted by an administrator, with a reason, and ended by one.

The home opens it, or says why not; this server can neither sign in nor let anybody do so longer.
Not for: what is a key (`gateway.access.ssh_key`), or what the home does (`gateway.services`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from gateway.access.ssh_key import KeyWrong, read
from gateway.envelope import Draft
from gateway.events import Coded, SshCalledOff, SshEnd, SshRefusal, SshWanted, SshWhy
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.storage.tables import ssh_hour

SILENT = timedelta(minutes=12)
"""After which a home that has not answered takes the wish no more (`gateway.services.ssh_hour`)."""

MARGIN = timedelta(minutes=3)
"""After its end that a home has to say so."""


class Hour(Coded):
    """How it stands with SSH in a home."""

    NONE = "none"
    """Nobody ever wanted it."""
    WANTED = "wanted"
    SILENT = "silent"
    """It was wanted, and the home has said nothing."""
    OPENED = "opened"
    ENDING = "ending"
    """Somebody ended it, and the home has not yet said that it is closed."""
    OVERDUE = "overdue"
    """Its hour is over, and the home has not said that it is closed."""
    CLOSED = "closed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """As another version of the server has it: it may be open, and another may be asked for."""


GOING = (Hour.WANTED, Hour.OPENED)

ENDS = (*GOING, Hour.UNKNOWN)
"""What can be ended."""


@dataclass(frozen=True, slots=True)
class SshState:
    """The newest wish of a home, and what came of it."""

    hour: Hour
    request: str = ""
    why: SshWhy | None = None
    wanted_at: datetime | None = None
    wanted_by: str | None = None
    ended_by: str | None = None
    """Who ended it; empty: on the server itself; None: nobody."""
    state_at: datetime | None = None
    end: SshEnd | None = None
    refusal: SshRefusal | None = None
    until: datetime | None = None
    fingerprint: str = ""
    host_key: str = ""


def want(staff: Staff, actor: Actor, home: str, text: str, why: SshWhy) -> KeyWrong | None:
    """Ask the home to let the key in `text` in for an hour; what is wrong with the key, or None.
    Raises `Refused`: NO_ROLE, NO_HOME, NOT_FIRST (one is wanted or open, and could not be ended any
    more if another one took its place here)."""
    _may(actor, home)
    key = read(text)
    if isinstance(key, KeyWrong):
        return key
    with staff.write() as tx:
        append.hold(tx, home)
        now = state(tx.conn, home, staff.clock.now())
        if now.hour in (*GOING, Hour.ENDING):
            raise Refused(Why.NOT_FIRST, person=now.wanted_by, at=now.wanted_at)
        data = SshWanted(key=key.line, why=why)
        append.write(staff, tx, home, Draft(data, person=actor.person))
    return None


def end(staff: Staff, actor: Actor, home: str, request: str) -> None:
    """Ask the home to close it now.  Raises `Refused`: NO_ROLE, NO_HOME, CLOSED (it does not go on,
    or is another one)."""
    _may(actor, home)
    with staff.write() as tx:
        append.hold(tx, home)
        now = state(tx.conn, home, staff.clock.now())
        if now.request != request or now.hour not in ENDS:
            raise Refused(Why.CLOSED)
        draft = Draft(SshCalledOff(request=request), person=actor.person)
        append.write(staff, tx, home, draft)


def _may(actor: Actor, home: str) -> None:
    if not actor.may(Right.ADMINISTER):
        raise Refused(Why.NO_ROLE)
    if not actor.sees(home):
        raise Refused(Why.NO_HOME)


def state(conn: Connection, home: str, now: datetime) -> SshState:
    """How it stands."""
    row = conn.execute(select(ssh_hour).where(ssh_hour.c.home_id == home)).first()
    if row is None or row.request is None:
        return SshState(Hour.NONE)
    hour = Hour.read(row.state)
    if hour is Hour.WANTED and now - row.wanted_at > SILENT:
        hour = Hour.SILENT
    elif hour is Hour.OPENED and row.until is not None and now > row.until + MARGIN:
        hour = Hour.OVERDUE
    elif hour in GOING and row.ended_by is not None:
        hour = Hour.ENDING
    return SshState(
        hour,
        row.request,
        SshWhy.read(row.why),
        row.wanted_at,
        row.wanted_by,
        row.ended_by,
        row.state_at,
        SshEnd.read(row.state_why) if hour is Hour.CLOSED else None,
        SshRefusal.read(row.state_why) if hour is Hour.REFUSED else None,
        row.until,
        row.fingerprint or "",
        row.host_key or "",
    )
