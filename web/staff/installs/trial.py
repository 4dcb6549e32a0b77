"""The trial of a home: begun by a person, ticked by the home's own events, skipped with a reason,
accepted when nothing is left.

All of it stands in events, so that a page that was closed, or another technician's, goes on where
it was.

Not for: what the events make of a trial (`gateway.installs`), or words
(`web.staff.texts.install_words`).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, insert, select, update

from gateway.envelope import Draft, Event
from gateway.errors import TryggveError
from gateway.events import (
    InstallAccepted,
    InstallBegun,
    InstallRetried,
    InstallSkipped,
    Ref,
    SkipWhy,
)
from gateway.installs import steps
from gateway.installs.steps import steps_of
from gateway.installs.trial import EVENTS_MAX, OWN, Trial, in_order, trial_of
from gateway.origin import is_origin_of
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.storage import event_store, tables
from web.staff.storage.database import Tx
from web.staff.storage.install_tables import install_run
from web.staff.storage.plan_tables import visit_note
from web.staff.storage.rows import DeviceRow, read_all

SHOWN_MAX = 50
"""Acceptances that are shown: a home is installed once, and again when something is added."""

NUMBER_DIGITS = 18
"""Of an event's number, at the most: what a database counts to."""

NOTE_MAX = 500
"""Characters of why a step was skipped, as of a note beside an alarm."""


class Fault(StrEnum):
    """Why something about a trial is refused."""

    NO_RIGHT = "no_right"
    NO_HOME = "no_home"
    """There is no such home, or not for this person."""
    NO_DEVICES = "no_devices"
    """The home has told of nothing that can be tried."""
    NO_TRIAL = "no_trial"
    """None goes on: not begun, accepted, or too old."""
    NO_STEP = "no_step"
    """The trial has no such step, or it is ticked already."""
    NO_REASON = "no_reason"
    NO_WORDS = "no_words"
    """A reason of one's own needs words."""
    NOT_ALL = "not_all"
    """Something is neither seen nor skipped."""
    NOT_CONNECTED = "not_connected"
    """The home does not listen now."""
    NOT_HEARING = "not_hearing"
    """The home does not tell this person what it hears (any more)."""
    NO_DEVICE = "no_device"
    """The home has no such device."""


class Refused(TryggveError):
    """Something about a trial was refused: `why` is a `Fault`."""

    def __init__(self, why: Fault) -> None:
        super().__init__(f"refused: {why}", why=why)
        self.why = why


def latest(conn: Connection, home: str) -> Trial | None:
    """The home's last trial, as it stands now, by its number: the server's clock may have been set
    back since the one before; None: it never had one."""
    r = install_run.c
    query = select(install_run).where(r.home_id == home).order_by(r.begun_seq.desc()).limit(1)
    row = conn.execute(query).first()
    if row is None:
        return None
    ours, ended = append.origin_of(home), row.accepted_seq
    end = None if ended is None else _event(conn, ours, ended)
    return _read(conn, home, _event(conn, ours, row.begun_seq), end)


def accepted(conn: Connection, home: str, number: int, log: str = "") -> Event | None:
    """The acceptance with this number among what was decided about the home, or in this log of the
    home's own; None: it is none."""
    ours = append.origin_of(home)
    if log and log != ours and not is_origin_of(log, home):
        return None
    event = _event(conn, log or ours, number)
    return event if event is not None and isinstance(event.data, InstallAccepted) else None


def acceptances(conn: Connection, home: str) -> list[Event]:
    """The acceptances of the home, at a page of ours or at the Pi's own, the newest first."""
    r, t = install_run.c, tables.home_trial.c
    query = select(r.accepted_seq).where(r.home_id == home, r.accepted_seq.is_not(None))
    numbers = conn.execute(query.order_by(r.accepted_seq.desc()).limit(SHOWN_MAX)).scalars()
    ours = append.origin_of(home)
    found = [_event(conn, ours, number) for number in numbers.all()]
    told = select(t.origin, t.seq).where(t.home_id == home).order_by(t.accepted_at.desc())
    found += [_event(conn, one.origin, one.seq) for one in conn.execute(told.limit(SHOWN_MAX))]
    there = [event for event in found if event is not None]
    return sorted(there, key=lambda event: event.at, reverse=True)


def devices(conn: Connection, home: str) -> list[DeviceRow]:
    """What the home consists of, in the order in which it is tried: beds, mats, buttons, doors."""
    d = tables.device
    query = select(d).where(d.c.home_id == home, d.c.present).order_by(d.c.id)
    return in_order(read_all(conn, DeviceRow, query))


# --- reading --------------------------------------------------------------------------------------


def _read(conn: Connection, home: str, event: Event | None, end: Event | None) -> Trial | None:
    if event is None:
        return None
    return trial_of(event, end, devices(conn, home), _said(conn, home, event, end))


def _event(conn: Connection, origin: str, number: int) -> Event | None:
    e = tables.event.c
    query = select(e.body, e.hash).where(e.origin == origin, e.seq == number, e.mark.is_(None))
    row = conn.execute(query).first()
    return None if row is None else event_store.to_event(row.body, row.hash)


def _said(conn: Connection, home: str, begun: Event, accepted: Event | None) -> list[Event]:
    """What was told in the time of the trial, in order; what is still in the urgent lane too.  What
    came before it began is older, whatever the home's clock said."""
    e, u = tables.event.c, tables.urgent.c
    until = Trial(begun).until if accepted is None else accepted.at
    kinds = sorted(steps.TOLD | OWN)
    query = (
        select(e.body, e.hash, e.corrected_at)
        .where(e.home_id == home, e.kind.in_(kinds))
        .where(e.corrected_at >= begun.at, e.corrected_at <= until)
        .where(e.received_at >= begun.at)
        .order_by(e.corrected_at.desc())
        .limit(EVENTS_MAX)
    )
    ahead = select(u.body, u.hash).where(
        u.home_id == home, u.kind.in_(kinds), ~u.orphan, u.mark.is_(None)
    )
    found: dict[Ref, tuple[datetime, Event]] = {}
    for early in conn.execute(ahead):
        event = event_store.to_event(early.body, early.hash)
        if begun.at <= event.at <= until:
            found[event.ref] = event.at, event
    for row in conn.execute(query):
        event = event_store.to_event(row.body, row.hash)
        found[event.ref] = row.corrected_at, event
    told = sorted(found.values(), key=lambda one: (one[0], one[1].origin, one[1].seq))
    ours = append.origin_of(home)  # what is done at the Pi's own page is of another trial
    here = begun.origin == ours
    return [e for _at, e in told if e.kind not in OWN or (e.origin == ours) is here]


# --- what a person does ---------------------------------------------------------------------------


def require(actor: Actor, home: str) -> None:
    """Raise `Refused` (NO_RIGHT, NO_HOME) for who may not install this home."""
    if not actor.may(Right.ENROLL):
        raise Refused(Fault.NO_RIGHT)
    if not actor.sees(home):
        raise Refused(Fault.NO_HOME)


def begin(staff: Staff, actor: Actor, home: str) -> Event:
    """Begin a trial, in place of one that goes on.  Raises `Refused`: NO_RIGHT, NO_HOME,
    NO_DEVICES."""
    require(actor, home)
    with staff.write() as tx:
        append.hold(tx, home)
        here = devices(tx.conn, home)
        if not steps_of(here):
            raise Refused(Fault.NO_DEVICES)
        pressed = tuple(one.id for one in here if steps.is_mat(one) and one.state == "pressed")
        event = append.write(
            staff, tx, home, Draft(InstallBegun(pressed=pressed), person=actor.person)
        )
        row = {"home_id": home, "begun_seq": event.seq, "begun_at": event.at}
        tx.conn.execute(insert(install_run).values(**row))
        return event


def retry(staff: Staff, actor: Actor, home: str, device: str) -> Event:
    """Try a thing's steps anew.  Raises `Refused`: NO_RIGHT, NO_HOME, NO_TRIAL, NO_STEP."""
    require(actor, home)
    with staff.write() as tx:
        trial = _going_on(staff, tx, home)
        if not any(one.step.device == device for one in trial.steps):
            raise Refused(Fault.NO_STEP)
        row = next(one for one in devices(tx.conn, home) if one.id == device)
        retried = InstallRetried(pressed=steps.is_mat(row) and row.state == "pressed")
        return append.write(staff, tx, home, Draft(retried, device=device, person=actor.person))


def skip(staff: Staff, actor: Actor, home: str, step: str, why: str, words: str) -> Event:
    """Leave a step out, by its key, for one of the reasons; the reason `other` needs words.  Raises
    `Refused`: NO_RIGHT, NO_HOME, NO_TRIAL, NO_STEP, NO_REASON, NO_WORDS."""
    require(actor, home)
    if why not in SkipWhy.offered():
        raise Refused(Fault.NO_REASON)
    said = words.strip()[:NOTE_MAX]
    if why == SkipWhy.OTHER and not said:
        raise Refused(Fault.NO_WORDS)
    with staff.write() as tx:
        trial = _going_on(staff, tx, home)
        one = next((one for one in trial.steps if one.step.key == step), None)
        if one is None or one.seen is not None:
            raise Refused(Fault.NO_STEP)
        note = _keep(tx, home, said) if said else None
        skipped = InstallSkipped(step=one.step.what, why=SkipWhy(why), note_ref=note)
        draft = Draft(skipped, device=one.step.device, person=actor.person)
        return append.write(staff, tx, home, draft)


def accept(staff: Staff, actor: Actor, home: str) -> Event:
    """Accept the home: every step was seen, or skipped for a reason.  Raises `Refused`: NO_RIGHT,
    NO_HOME, NO_TRIAL, NOT_ALL."""
    require(actor, home)
    with staff.write() as tx:
        trial = _going_on(staff, tx, home)
        if not trial.steps or trial.left:
            raise Refused(Fault.NOT_ALL)
        said = InstallAccepted(begun=trial.begun.ref, steps=trial.tried)
        event = append.write(staff, tx, home, Draft(said, person=actor.person))
        r = install_run.c
        mine = (r.home_id == home) & (r.begun_seq == trial.begun.seq)
        row = {"accepted_seq": event.seq, "accepted_at": event.at}
        tx.conn.execute(update(install_run).where(mine).values(**row))
        return event


def notes(conn: Connection, events: Sequence[Event]) -> dict[Ref, str]:
    """The words that were written to skipped steps, by the event that skipped."""
    wanted = {
        event.data.note_ref: event.ref
        for event in events
        if isinstance(event.data, InstallSkipped) and event.data.note_ref
    }
    n = visit_note.c
    rows = conn.execute(select(n.ref, n.text).where(n.ref.in_(sorted(wanted)))) if wanted else ()
    return {wanted[row.ref]: row.text for row in rows}


def skips(conn: Connection, home: str, acceptance: Event) -> list[Event]:
    """What was skipped in the trial that this accepted."""
    if not isinstance(acceptance.data, InstallAccepted):
        return []
    origin, _, number = acceptance.data.begun.rpartition("/")
    known = number.isascii() and number.isdecimal() and len(number) < NUMBER_DIGITS
    begun = _event(conn, origin, int(number)) if known else None
    trial = _read(conn, home, begun, acceptance)
    return [] if trial is None else trial.skips


def _going_on(staff: Staff, tx: Tx, home: str) -> Trial:
    append.hold(tx, home)
    trial = latest(tx.conn, home)
    if trial is None or not trial.goes_on(staff.clock.now()):
        raise Refused(Fault.NO_TRIAL)
    return trial


def _keep(tx: Tx, home: str, words: str) -> str:
    ref = f"note:{secrets.token_hex(8)}"
    tx.conn.execute(insert(visit_note).values(ref=ref, home_id=home, text=words))
    return ref
