"""The plan of a home's night checks: set whole, numbered, and sent to the home as an event.

Each change is `plan.set`; which plan the home follows, the home says (`plan.held`).  A home of a
version that knows no plans has the event and says nothing: it follows its own file, and so it is
told.  Not for: ringing, which the home does, or what a plan may hold (`gateway.night_plan`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, func, select

from gateway.envelope import Draft
from gateway.events import PlanRefusal, PlanSet, PlanTerms, from_fields
from gateway.night_plan import evening_of, night_plan, slots
from gateway.schedule import Slot
from web.staff.care.actions import Refused, Why
from web.staff.checks.spreading import offset_for
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.among import among
from web.staff.storage.tables import check_plan, plan_state

NUMBER_MAX = 2**31 - 1


class Follows(StrEnum):
    """Whether the home follows the newest plan."""

    YES = "yes"
    NOT_YET = "not_yet"
    """The home has not had it, or has not told of it."""
    REFUSED = "refused"
    """It does not understand it: the one before goes on."""
    ITS_FILE = "its_file"
    """It has it and says nothing: its version knows no plans."""


@dataclass(frozen=True, slots=True)
class SetPlan:
    """One plan as it was set."""

    number: int
    terms: PlanTerms
    set_at: datetime
    set_by: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the home does about the newest plan: `held` is the number that it said last (0: its
    file), None: it never said."""

    follows: Follows
    held: int | None
    held_at: datetime | None
    why: PlanRefusal | None


@dataclass(frozen=True, slots=True)
class Ahead:
    """A slot of the nights to come; `paused`: nobody looks then, and it is said."""

    slot: Slot
    paused: bool


def set_plan(staff: Staff, actor: Actor, home: str, terms: PlanTerms, *, after: int) -> SetPlan:
    """Let this be the home's plan, after the plan number `after` (0: there was none), from its next
    slot on; the minute that it is given is chosen here.  What changes nothing writes nothing.

    Raises `BadPlan`, and `Refused`: NO_ROLE, NO_HOME, NOT_FIRST (another was set meanwhile)."""
    if not actor.may(Right.PLAN_CHECKS):
        raise Refused(Why.NO_ROLE)
    if not actor.sees(home):
        raise Refused(Why.NO_HOME)
    night_plan(replace(terms, offset_min=0))
    with staff.write() as tx:
        append.hold(tx, home)
        now = newest(tx.conn, home)
        if (now.number if now else 0) != after:
            raise Refused(Why.NOT_FIRST, person=now.set_by if now else None)
        if now is not None and _same_minutes(now.terms, terms):
            terms = replace(terms, offset_min=now.terms.offset_min)
        else:
            terms = replace(terms, offset_min=offset_for(terms, others(tx.conn, home)))
        if now is not None and now.terms == terms:
            return now
        number = after + 1
        event = append.write(
            staff, tx, home, Draft(PlanSet(number=number, terms=terms), person=actor.person)
        )
        return SetPlan(number, terms, event.at, actor.person)


def _same_minutes(one: PlanTerms, other: PlanTerms) -> bool:
    """Whether two plans ring at the same times within the same tolerance."""
    names = ("times", "every_min", "begins", "ends", "tolerance_min")
    return all(getattr(one, name) == getattr(other, name) for name in names)


@dataclass(frozen=True, slots=True)
class Rechecks:
    """After how many minutes a home makes an unclear check again, in those that came due after
    `since`: one that was open keeps what held then."""

    since: datetime
    minutes: int


# --- reading --------------------------------------------------------------------------------------


def newest(conn: Connection, home: str) -> SetPlan | None:
    """The plan that holds as far as the server has decided; None: none was set here."""
    found = history(conn, home, 1)
    return found[0] if found else None


def history(conn: Connection, home: str, count: int) -> list[SetPlan]:
    """The newest plans, the last one first."""
    c = check_plan.c
    query = select(check_plan).where(c.home_id == home, c.terms.is_not(None))
    found = []
    for row in conn.execute(query.order_by(c.number.desc()).limit(count)):
        terms = _terms(row.number, row.terms)
        if terms is not None:
            found.append(SetPlan(row.number, terms, row.set_at, row.set_by))
    return found


def one(conn: Connection, home: str, number: int) -> SetPlan | None:
    """The home's plan with this number; None: there is none, or it cannot be read."""
    c = check_plan.c
    query = select(check_plan).where(c.home_id == home, c.number == number, c.terms.is_not(None))
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    terms = _terms(row.number, row.terms)
    return None if terms is None else SetPlan(row.number, terms, row.set_at, row.set_by)


def others(conn: Connection, home: str) -> list[PlanTerms]:
    """The newest plans of the organisation's other homes."""
    c, h = check_plan.c, tables.home.c
    org = select(h.org_id).where(h.id == home).scalar_subquery()
    last = (
        select(c.home_id, func.max(c.number).label("number"))
        .join(tables.home, h.id == c.home_id)
        .where(h.org_id == org, h.id != home, c.terms.is_not(None))
        .group_by(c.home_id)
        .subquery()
    )
    query = select(c.number, c.terms).join(
        last, (last.c.home_id == c.home_id) & (last.c.number == c.number)
    )
    read = (_terms(number, terms) for number, terms in conn.execute(query.order_by(c.home_id)))
    return [terms for terms in read if terms is not None]


def rechecks(conn: Connection, homes: Collection[str]) -> dict[str, Rechecks]:
    """By the plan that each of these homes said last that it follows; none where it follows its own
    file, which nobody here knows."""
    c, s = check_plan.c, plan_state.c
    held = select(s.home_id, s.held_at, c.number, c.terms).join(
        plan_state, (c.home_id == s.home_id) & (c.number == s.held)
    )
    found = {}
    for row in conn.execute(held.where(among(s.home_id, homes), c.terms.is_not(None))):
        terms = _terms(row.number, row.terms)
        if terms is not None and row.held_at is not None:
            found[row.home_id] = Rechecks(row.held_at, terms.recheck_min)
    return found


def standing(conn: Connection, home: str) -> Standing:
    """Whether the home follows the newest plan."""
    p, s, g, k = check_plan.c, plan_state.c, tables.home_state.c, tables.home_link.c
    plan = conn.execute(
        select(p.number, p.set_seq).where(p.home_id == home).order_by(p.number.desc()).limit(1)
    ).first()
    said = conn.execute(select(plan_state).where(s.home_id == home)).first()
    started = conn.execute(select(g.started_at).where(g.home_id == home)).scalar_one_or_none()
    link = conn.execute(select(k.down_have, k.behind).where(k.home_id == home)).first()
    held, held_at = (said.held, said.held_at) if said is not None else (None, None)
    fresh = held_at is not None and (started is None or held_at >= started)
    number = plan.number if plan is not None else 0
    why = None
    if plan is not None and said is not None and said.refused == number:
        why = PlanRefusal.read(said.refused_why)
    if plan is None or (fresh and held == number):
        return Standing(Follows.YES, held, held_at, None)
    if why is not None:
        return Standing(Follows.REFUSED, held, held_at, why)
    has_it = link is not None and not link.behind and link.down_have >= (plan.set_seq or 0)
    follows = Follows.ITS_FILE if has_it and not fresh and started else Follows.NOT_YET
    return Standing(follows, held, held_at, None)


def ahead(terms: PlanTerms, tz: str, start: datetime, nights: int) -> Sequence[Ahead]:
    """The slots of the coming nights, sorted.  Raises `BadPlan`."""
    plan = night_plan(terms)
    found = slots(plan, tz, start, start + timedelta(days=nights))
    return [Ahead(slot, plan.paused(evening_of(plan, tz, slot.at))) for slot in found]


def _terms(number: int, text: str) -> PlanTerms | None:
    """The terms of a row; None for what another version wrote and this one cannot read."""
    data = from_fields(PlanSet.KIND, {"number": number, "terms": json.loads(text)})
    return data.terms if isinstance(data, PlanSet) else None
