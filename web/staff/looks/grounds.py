"""Who may look into a home, what for, and by which camera.

Needed each time: the right, the assignment to the home, a camera and a lamp that says that somebody
looks, everybody's consent, and a ground: a night check that the person has, an open alarm of care,
a reason of the watcher's own, chosen with the sensor's answer before the eyes, or a camera to be
tried.  The home judges
all of it again.

Not for: permits and orders (`sessions`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select

from gateway.events import LOOKING_ROLE, LookWhy, Ref, Severity
from web.staff.care.actions import Refused, Why
from web.staff.care.look_consent import looks_agreed
from web.staff.core.rights import Actor, Right
from web.staff.storage import tables
from web.staff.storage.rows import AlarmRow, CheckRow, DeviceRow, read_all, read_one

OWN = (LookWhy.WORRY, LookWhy.ASKED)
"""Reasons that a watcher chooses."""

TRIAL = LookWhy.TEST
"""A camera that is new, or was moved, is tried: by who may look there anyway, and with the consent
that any look needs, for a bed is seen all the same.  A technician alone is given no picture."""

ASKED_AS = {"camera": LookWhy.CHECK, "recheck": LookWhy.AGAIN}
"""What a look is for, by why the check asks; for any other: the sensor was not sure."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for.  `why` None: what the check or the alarm says; `seen`: the sensor's
    answer was shown; `camera` empty: the home's first."""

    home: str
    check: str | None = None
    alarm: str | None = None
    why: LookWhy | None = None
    camera: str = ""
    seen: bool = False


@dataclass(frozen=True, slots=True)
class Ground:
    """What a look stands on.  `alarm` is the row's id, `ref` what the home calls it."""

    home: str
    camera: str
    why: LookWhy
    check: str | None
    alarm: str | None
    ref: Ref | None


def cameras(conn: Connection, home: str) -> list[DeviceRow]:
    """The cameras that the home told of; none where no lamp of its own says that somebody looks."""
    t = tables.device
    query = select(t).where(t.c.home_id == home, t.c.present).order_by(t.c.id)
    told = read_all(conn, DeviceRow, query)
    if not any(one.type == "indicator" and one.role == LOOKING_ROLE for one in told):
        return []
    return [one for one in told if one.type == "camera"]


def require_person(actor: Actor, home: str) -> None:
    """Raise `Refused` (NO_HOME, NO_ROLE, NOT_ASSIGNED) unless this person may look there at all:
    assigned, also because of an alarm and with every home of the organisation to see."""
    if not actor.sees(home):
        raise Refused(Why.NO_HOME)
    if not actor.may(Right.LOOK):
        raise Refused(Why.NO_ROLE)
    if home not in actor.assigned:
        raise Refused(Why.NOT_ASSIGNED)


def require_home(conn: Connection, home: str) -> list[DeviceRow]:
    """The home's cameras.  Raises `Refused`: NO_CAMERA, NO_CONSENT."""
    found = cameras(conn, home)
    if not found:
        raise Refused(Why.NO_CAMERA)
    if not looks_agreed(conn, home):
        raise Refused(Why.NO_CONSENT)
    return found


def judge(conn: Connection, actor: Actor, wish: Wish) -> Ground:
    """What a look would stand on.  Raises `Refused`: as `require_person` and `require_home`,
    NO_CHECK, NOT_ASKED, NOT_FIRST (another has the check), NO_ALARM, CLOSED, NO_REASON, NOT_SEEN
    (the sensor's answer was not shown)."""
    require_person(actor, wish.home)
    known = [one.id for one in require_home(conn, wish.home)]
    camera = wish.camera or known[0]
    if camera not in known:
        raise Refused(Why.NO_CAMERA)
    ground = Ground(wish.home, camera, LookWhy.ALARM, wish.check, wish.alarm, None)
    if wish.alarm is not None:
        row = _open_alarm(conn, wish.home, wish.alarm)
        return replace(ground, check=None, alarm=row.id, ref=row.ref)
    if wish.why is None and wish.check is not None:
        asked = _asked(conn, actor, wish.home, wish.check)
        return replace(ground, why=ASKED_AS.get(asked.why or "", LookWhy.SENSOR_UNSURE))
    if wish.why is TRIAL and wish.check is None:  # it answers no check
        return replace(ground, why=TRIAL)
    if wish.why not in OWN:
        raise Refused(Why.NO_REASON)
    if not wish.seen:
        raise Refused(Why.NOT_SEEN)
    if wish.check is not None:
        _require_not_anothers(conn, actor, wish.home, wish.check)
    return replace(ground, why=wish.why)


def again(conn: Connection, actor: Actor, row: Any) -> Ground:
    """What a look that was begun stands on now, for its only extension.  Raises `Refused` as
    `judge`; what was chosen and shown when it was begun is not asked for again.  On a ground that
    only another version of the server knows it is not extended here."""
    begun = LookWhy.read(row.reason)
    if begun is LookWhy.UNKNOWN:
        raise Refused(Why.NO_REASON)
    own = begun if begun in (*OWN, TRIAL) else None
    wish = Wish(row.home_id, row.check, row.alarm, own, row.camera, seen=True)
    return replace(judge(conn, actor, wish), why=begun)


def _open_alarm(conn: Connection, home: str, alarm: str) -> AlarmRow:
    t = tables.alarm
    row = read_one(conn, AlarmRow, select(t).where(t.c.id == alarm, t.c.home_id == home))
    if row is None or row.raised_at is None or row.severity in (None, Severity.TECHNICAL.value):
        raise Refused(Why.NO_ALARM)
    if row.closed_at is not None:
        raise Refused(Why.CLOSED, person=row.closed_by, at=row.closed_at)
    return row


def _check(conn: Connection, home: str, check: str) -> CheckRow:
    t = tables.night_check
    row = read_one(conn, CheckRow, select(t).where(t.c.home_id == home, t.c.check == check))
    if row is None:
        raise Refused(Why.NO_CHECK)
    return row


def _asked(conn: Connection, actor: Actor, home: str, check: str) -> CheckRow:
    """A check that is open and this person's: taken before it is looked."""
    row = _check(conn, home, check)
    if row.closed_at is not None or row.state not in ("asked", "started"):
        raise Refused(Why.NOT_ASKED, state=row.state)
    if row.state == "started" and row.started_by != actor.person:
        raise Refused(Why.NOT_FIRST, person=row.started_by, at=row.started_at)
    if row.state != "started":
        raise Refused(Why.NOT_TAKEN)
    return row


def _require_not_anothers(conn: Connection, actor: Actor, home: str, check: str) -> None:
    """A look of the watcher's own at a check: none that another has."""
    row = _check(conn, home, check)
    if row.closed_at is None and row.state == "started" and row.started_by != actor.person:
        raise Refused(Why.NOT_FIRST, person=row.started_by, at=row.started_at)
