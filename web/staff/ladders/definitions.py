"""Making and changing ladders: by those who say who works where, in their own organisation.

What a ladder names must be of the organisation, and it must reach somebody: one that does not is
refused, with what is wrong of it.  Each change is an event of the server with who made it.

Not for: their order (`ordering`), rotas (`rotas`), or what a ladder is (`steps`).
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, func, select

from gateway.envelope import Draft
from gateway.events import AlarmType, Data, LadderRemoved, LadderSaved, Severity
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Operator, Right
from web.staff.events import append
from web.staff.ladders import choosing, receivers, steps
from web.staff.ladders.receivers import Asked
from web.staff.ladders.steps import Ladder, Step, write_steps
from web.staff.people.before import Changed, Thing, keep
from web.staff.storage import alarm_tables, event_store
from web.staff.storage import tables as t
from web.staff.storage.database import Tx
from web.staff.storage.ladder_tables import ladder, rota, rota_shift

By = Actor | Operator
"""Who changes something."""

NAME_MAX = 80
"""Characters of a ladder's or a rota's name: it stands in a list."""

LADDERS_MAX = 100
"""Of one organisation: areas times causes times hours, for who does it thoroughly."""

LAPSE_MAX_MIN = 7 * 24 * 60
"""Minutes: an alarm that somebody holds for longer than a week without a step is nobody's."""

ARRIVE_MAX_MIN = 7 * 24 * 60
"""Minutes: nor is one to which somebody is on the way for longer than a week."""

ROTA_AHEAD = timedelta(days=31)
"""How far ahead a rota must have somebody to count as one that reaches anybody."""

REMEMBERED = (
    *("name", "place", "severity", "types", "area_id", "days", "from_min", "until_min"),
    *("lapse_min", "arrive_min", "steps"),
)
"""Columns of a ladder that are put back when its last change is taken back."""

SEVERITIES = (Severity.CARE.value, Severity.TECHNICAL.value)


class Wrong(StrEnum):
    """Why a ladder was not saved."""

    NO_RIGHT = "no_right"
    NOT_FOUND = "not_found"
    """The ladder, or its area, is none of the organisation's."""
    EMPTY = "empty"
    """It has no name."""
    TOO_LONG = "too_long"
    EXISTS = "exists"
    """Another one has that name."""
    TOO_MANY = "too_many"
    OUT_OF_RANGE = "out_of_range"
    """A time, a day or a number cannot be meant."""
    FOREIGN = "foreign"
    """It names a person, team, rota or centre that is none of the organisation's."""
    MAY_NOT = "may_not"
    """It names a person who may not answer such alarms."""
    CHANGED = "changed"
    """Somebody changed it since."""
    NOBODY = "nobody"
    """It reaches nobody."""


class Refused(Exception):
    """A ladder was not saved; `about` is the id that is wrong."""

    def __init__(self, why: Wrong, about: str = "") -> None:
        super().__init__(why.value)
        self.why = why
        self.about = about


def save(staff: Staff, actor: By, wanted: Ladder, channels: Collection[str]) -> str:
    """Keep a ladder (`id` empty: a new one); returns its id.  `channels` are those that work.
    Raises `Refused`."""
    if not actor.may(Right.ASSIGN):
        raise Refused(Wrong.NO_RIGHT)
    _check_form(wanted)
    with staff.write() as tx:
        append.hold(tx, None)  # two at once: the second sees the first
        _check_named(tx.conn, actor.org, wanted)
        if not reaches_anybody(tx.conn, actor.org, wanted, channels, staff.clock.now()):
            raise Refused(Wrong.NOBODY)
        had = _row(tx.conn, actor.org, wanted.id)
        made = _keep(tx.conn, actor.org, wanted)
        _remember(staff, tx, actor, made, had)
        tell(staff, tx, actor, LadderSaved(ladder=made))
    return made


def _row(conn: Connection, org: str, ladder_id: str) -> dict[str, Any] | None:
    """What is kept of a ladder, as JSON has it, for whoever takes a change back."""
    c = ladder.c
    query = select(*(c[name] for name in REMEMBERED)).where(c.id == ladder_id, c.org_id == org)
    row = conn.execute(query).one_or_none()
    return None if row is None else dict(row._mapping)


def _remember(staff: Staff, tx: Tx, actor: By, ladder_id: str, had: dict[str, Any] | None) -> None:
    now = _row(tx.conn, actor.org, ladder_id)
    keep(staff, tx, actor, Thing.LADDER, ladder_id, had, now)


def _placeless(row: dict[str, Any] | None) -> dict[str, Any] | None:
    # `get`: what was remembered before a column there was has none
    return None if row is None else {name: row.get(name) for name in REMEMBERED if name != "place"}


def undo(staff: Staff, actor: By, change: Changed, channels: Collection[str]) -> None:
    """Put a ladder back as it was before its last change: as it was, or there again, or gone; its
    place among the others stays.  Raises `Refused`, as `save`, and CHANGED (somebody changed it
    since)."""
    if not actor.may(Right.ASSIGN):
        raise Refused(Wrong.NO_RIGHT)
    c, about = ladder.c, change.about
    with staff.write() as tx:
        append.hold(tx, None)
        now = _row(tx.conn, actor.org, about)
        if change.what is not Thing.LADDER or _placeless(now) != _placeless(change.after):
            raise Refused(Wrong.CHANGED)
        if not set(change.before or ()) <= set(REMEMBERED):  # a newer one put more aside
            raise Refused(Wrong.CHANGED)
        if change.before is None:
            tx.conn.execute(delete(ladder).where(c.id == about, c.org_id == actor.org))
        else:
            _check_name(tx.conn, actor.org, about, change.before["name"])
            place = change.before["place"] if now is None else now["place"]
            again = {**change.before, "place": place}
            values = {**again, "org_id": actor.org, "changed_at": datetime.now(UTC)}
            event_store.upsert(tx.conn, ladder, {"id": about}, values)
            _check_again(tx.conn, actor.org, about, channels, staff.clock.now())
        _remember(staff, tx, actor, about, now)
        gone = change.before is None
        tell(staff, tx, actor, LadderRemoved(ladder=about) if gone else LadderSaved(ladder=about))


def _check_again(
    conn: Connection, org: str, ladder_id: str, channels: Collection[str], now: datetime
) -> None:
    """Raise `Refused` when a ladder that was put back could not be saved as it is."""
    found = {one.id: one for one in choosing.of_orgs(conn, [org]).get(org, [])}.get(ladder_id)
    if found is None:  # another version's, or changed by hand
        raise Refused(Wrong.NOT_FOUND)
    _check_named(conn, org, found)
    if not reaches_anybody(conn, org, found, channels, now):
        raise Refused(Wrong.NOBODY)


def _check_name(conn: Connection, org: str, ladder_id: str, name: str) -> None:
    c = ladder.c
    others = select(c.id).where(c.org_id == org, c.name == name, c.id != ladder_id)
    if conn.execute(others).first() is not None:
        raise Refused(Wrong.EXISTS)


def _keep(conn: Connection, org: str, wanted: Ladder) -> str:
    c = ladder.c
    _check_name(conn, org, wanted.id, wanted.name)
    made, place = wanted.id, None
    if made:
        known = select(c.place).where(c.id == made, c.org_id == org)
        place = conn.execute(known).scalar_one_or_none()
        if place is None:
            raise Refused(Wrong.NOT_FOUND)
    else:
        made = secrets.token_hex(8)
        count, last = conn.execute(
            select(func.count(), func.max(c.place)).where(c.org_id == org)
        ).one()
        if count >= LADDERS_MAX:
            raise Refused(Wrong.TOO_MANY)
        place = (last or 0) + 1
    values = {
        "org_id": org,
        "name": wanted.name,
        "place": place,
        "severity": wanted.severity,
        "types": ",".join(sorted(wanted.types)),
        "area_id": wanted.area,
        "days": wanted.days,
        "from_min": wanted.from_min,
        "until_min": wanted.until_min,
        "lapse_min": wanted.lapse_min,
        "arrive_min": wanted.arrive_min,
        "steps": write_steps(wanted.steps),
        "changed_at": datetime.now(UTC),
    }
    event_store.upsert(conn, ladder, {"id": made}, values)
    return made


def remove(staff: Staff, actor: By, ladder_id: str) -> None:
    """Take a ladder away.  Raises `Refused`: NO_RIGHT, NOT_FOUND."""
    if not actor.may(Right.ASSIGN):
        raise Refused(Wrong.NO_RIGHT)
    c = ladder.c
    with staff.write() as tx:
        append.hold(tx, None)
        had = _row(tx.conn, actor.org, ladder_id)
        gone = delete(ladder).where(c.id == ladder_id, c.org_id == actor.org)
        if not tx.conn.execute(gone).rowcount:
            raise Refused(Wrong.NOT_FOUND)
        _remember(staff, tx, actor, ladder_id, had)
        tell(staff, tx, actor, LadderRemoved(ladder=ladder_id))


def tell(staff: Staff, tx: Tx, actor: By, data: Data) -> None:
    """Note a change in the server's own log, with who made it."""
    append.write(staff, tx, None, Draft(data, person=actor.person))


# --- what is wrong of it --------------------------------------------------------------------------


def _check_form(wanted: Ladder) -> None:
    if not wanted.name:
        raise Refused(Wrong.EMPTY)
    if len(wanted.name) > NAME_MAX:
        raise Refused(Wrong.TOO_LONG)
    known = {one.value for one in AlarmType}
    lapse_min, arrive_min = wanted.lapse_min, wanted.arrive_min
    fits = (
        wanted.severity in (None, *SEVERITIES)
        and wanted.types <= known
        and 0 < wanted.days < 128
        and 0 <= wanted.from_min < 1440
        and 0 <= wanted.until_min < 1440
        and (lapse_min is None or 0 < lapse_min <= LAPSE_MAX_MIN)
        and (arrive_min is None or 0 < arrive_min <= ARRIVE_MAX_MIN)
        and 0 < len(wanted.steps) <= steps.STEPS_MAX
    )
    if not fits:
        raise Refused(Wrong.OUT_OF_RANGE)


def _check_named(conn: Connection, org: str, wanted: Ladder) -> None:
    """Raise `Refused` for what is not of this organisation, or may not answer."""
    if wanted.area is not None:
        a = t.area.c
        ours = conn.execute(select(a.id).where(a.id == wanted.area, a.org_id == org)).first()
        if ours is None:
            raise Refused(Wrong.NOT_FOUND)
    rights = [receivers.right_to_answer(one) for one in _severities(wanted)]
    for one in _named(wanted.steps):
        if not _is_ours(conn, org, one):
            raise Refused(Wrong.FOREIGN, str(one.id))
        if isinstance(one, steps.Person) and not any(
            receivers.may(conn, one.id, right) for right in rights
        ):
            raise Refused(Wrong.MAY_NOT, one.id)


Named = steps.Person | steps.Team | steps.OnCall | steps.Centre


def _named(found: Sequence[Step]) -> Iterator[Named]:
    for step in found:
        for one in step.receivers:
            if isinstance(one, Named):
                yield one


def _is_ours(conn: Connection, org: str, one: Named) -> bool:
    u, team, centre = t.user.c, t.team.c, alarm_tables.alarm_centre.c
    if isinstance(one, steps.Person):
        query = select(u.id).where(u.person_id == one.id, u.org_id == org, u.active)
    elif isinstance(one, steps.Team):
        query = select(team.id).where(team.id == one.id, team.org_id == org)
    elif isinstance(one, steps.OnCall):
        query = select(rota.c.id).where(rota.c.id == one.id, rota.c.org_id == org)
    else:
        ours = centre.id == one.id, centre.org_id == org, centre.ended_at.is_(None)
        query = select(centre.id).where(*ours)
    return conn.execute(query).first() is not None


def _severities(wanted: Ladder) -> Sequence[str]:
    return SEVERITIES if wanted.severity is None else (wanted.severity,)


def reaches_anybody(
    conn: Connection, org: str, wanted: Ladder, channels: Collection[str], now: datetime
) -> bool:
    """Whether any step means somebody with an address, in any home that it is for; of a rota,
    anybody who is on call within `ROTA_AHEAD`."""
    h, area = t.home.c, t.area_home.c
    query = select(h.id).where(h.org_id == org)
    if wanted.area is not None:
        query = query.join(t.area_home, area.home_id == h.id).where(area.area_id == wanted.area)
    homes = frozenset(conn.execute(query).scalars()) or frozenset({""})
    found = (_anytime(conn, org, step, now) for step in wanted.steps)
    asked = [
        Asked(org, step, homes, severity)
        for step in found
        if step is not None
        for severity in _severities(wanted)
    ]
    answers = receivers.resolve(conn, asked, channels, now)
    return any(one.contacts for each in answers for told in each.values() for one in told)


def _anytime(conn: Connection, org: str, step: Step, now: datetime) -> Step | None:
    """A step with the people of its rotas in place of whoever is on call now; None: nobody."""
    named: list[steps.Receiver] = []
    for one in step.receivers:
        if isinstance(one, steps.OnCall):
            named += [steps.Person(id=person) for person in _coming(conn, org, one.id, now)]
        else:
            named.append(one)
    known = tuple(dict.fromkeys(named))
    return step.model_copy(update={"receivers": known}) if known else None


def _coming(conn: Connection, org: str, rota_id: str, now: datetime) -> list[str]:
    s, r, u = rota_shift.c, rota.c, t.user.c
    query = (
        select(u.person_id)
        .join(rota_shift, s.user_id == u.id)
        .join(rota, r.id == s.rota_id)
        .where(r.id == rota_id, r.org_id == org, s.until > now, s.since < now + ROTA_AHEAD)
        .distinct()
        .order_by(u.person_id)
    )
    return list(conn.execute(query).scalars())
