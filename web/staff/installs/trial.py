"""The trial of a home: begun by a person, ticked by the home's own events, skipped with a reason,
accepted when nothing is left.

All of it stands in events, so that a page that was closed, or another technician's, goes on where
it was.  A trial ends by itself after `TRIAL_S`: who installs a home has no business with who lies
in its bed tomorrow.

Not for: which event ticks what (`steps`), or words (`web.staff.texts.install_words`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
    TrialStep,
    Tried,
)
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.installs import steps
from web.staff.installs.steps import Step, steps_of
from web.staff.storage import event_store, tables
from web.staff.storage.database import Tx
from web.staff.storage.install_tables import install_run
from web.staff.storage.plan_tables import visit_note
from web.staff.storage.rows import DeviceRow, read_all

TRIAL_S = 4 * 3600.0
"""Seconds that a trial goes on at the most: half a working day; an hour is meant to be enough."""

EVENTS_MAX = 4_000
"""Events of a trial that are looked at: a mat that chatters says some hundreds in an hour."""

NOTE_MAX = 500
"""Characters of why a step was skipped, as of a note beside an alarm."""

OWN = frozenset({InstallRetried.KIND, InstallSkipped.KIND})


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


@dataclass(slots=True)
class Standing:
    """One step of a trial, as it stands.  `reversed`: its mat says that somebody is on it while
    nobody is, so that nothing it says can tick anything."""

    step: Step
    seen: Event | None = None
    skipped: Event | None = None
    reversed: bool = False

    @property
    def done(self) -> bool:
        """Whether it needs nothing more."""
        return self.seen is not None or self.skipped is not None

    @property
    def why(self) -> SkipWhy | None:
        """Why it was skipped; None where it was not, or was seen after all."""
        data = self.skipped.data if self.skipped is not None and self.seen is None else None
        return data.why if isinstance(data, InstallSkipped) else None

    def forget(self) -> None:
        """It is tried anew."""
        self.seen = self.skipped = None


@dataclass(slots=True)
class Trial:
    """A trial that was begun.  `accepted` None: it goes on, or was left."""

    home: str
    begun: Event
    until: datetime
    accepted: Event | None = None
    steps: list[Standing] = field(default_factory=list)
    skips: list[Event] = field(default_factory=list)
    """Every step that was skipped, also of a thing that is gone since."""

    def goes_on(self, now: datetime) -> bool:
        """Whether it may still be ticked and accepted."""
        return self.accepted is None and now < self.until

    @property
    def left(self) -> int:
        """Steps that are neither seen nor skipped."""
        return sum(not one.done for one in self.steps)

    @property
    def next(self) -> Standing | None:
        """What is to be done first."""
        return next((one for one in self.steps if not one.done), None)


def latest(conn: Connection, home: str) -> Trial | None:
    """The home's last trial, as it stands now; None: it never had one."""
    r = install_run.c
    query = select(install_run).where(r.home_id == home).order_by(r.begun_at.desc()).limit(1)
    row = conn.execute(query).first()
    return None if row is None else _read(conn, home, row.begun_seq, row.accepted_seq)


def accepted(conn: Connection, home: str, number: int) -> Event | None:
    """The acceptance with this number among what was decided about the home; None: it is none."""
    event = _own_event(conn, home, number)
    return event if event is not None and isinstance(event.data, InstallAccepted) else None


def acceptances(conn: Connection, home: str) -> list[Event]:
    """Every acceptance of the home, the newest first."""
    r = install_run.c
    query = select(r.accepted_seq).where(r.home_id == home, r.accepted_seq.is_not(None))
    numbers = conn.execute(query.order_by(r.accepted_seq.desc()).limit(50)).scalars()
    found = (_own_event(conn, home, number) for number in numbers.all())
    return [event for event in found if event is not None]


def devices(conn: Connection, home: str) -> list[DeviceRow]:
    """What the home consists of, in the order in which it is tried: beds, mats, buttons, doors."""
    d = tables.device
    query = select(d).where(d.c.home_id == home, d.c.present).order_by(d.c.id)
    return sorted(read_all(conn, DeviceRow, query), key=_place)


_ORDER = ("bed", "floor", "seat", "pendant", "button", "front_door")


def _place(device: DeviceRow) -> tuple[int, bool, str]:
    known = device.role in _ORDER
    return (_ORDER.index(device.role) if known and device.role else 99), known, device.id


# --- reading --------------------------------------------------------------------------------------


def _read(conn: Connection, home: str, begun: int, ended: int | None) -> Trial | None:
    event = _own_event(conn, home, begun)
    if event is None or not isinstance(event.data, InstallBegun):
        return None
    end = None if ended is None else _own_event(conn, home, ended)
    trial = Trial(home, event, event.at + timedelta(seconds=TRIAL_S), end)
    trial.steps = [Standing(step) for step in steps_of(devices(conn, home))]
    for one in trial.steps:
        one.reversed = one.step.device in event.data.pressed and one.step.what in _OF_MATS
    for said in _said(conn, trial):
        _apply(trial, said)
    return trial


_OF_MATS = frozenset(
    {TrialStep.STEPPED_ON, TrialStep.STEPPED_OFF, TrialStep.LAY_DOWN, TrialStep.FELL}
)


def _own_event(conn: Connection, home: str, number: int) -> Event | None:
    e = tables.event.c
    query = select(e.body, e.hash).where(e.origin == append.origin_of(home), e.seq == number)
    row = conn.execute(query).first()
    return None if row is None else event_store.to_event(row.body, row.hash)


def _said(conn: Connection, trial: Trial) -> list[Event]:
    """What was told in the time of the trial, in order; what is still in the urgent lane too.  What
    came before it began is older, whatever the home's clock said."""
    e, u = tables.event.c, tables.urgent.c
    until = trial.until if trial.accepted is None else trial.accepted.at
    kinds = sorted(steps.TOLD | OWN)
    query = (
        select(e.body, e.hash, e.corrected_at)
        .where(e.home_id == trial.home, e.kind.in_(kinds))
        .where(e.corrected_at >= trial.begun.at, e.corrected_at <= until)
        .where(e.received_at >= trial.begun.at)
        .order_by(e.corrected_at.desc())
        .limit(EVENTS_MAX)
    )
    ahead = select(u.body, u.hash).where(
        u.home_id == trial.home, u.kind.in_(kinds), ~u.orphan, u.mark.is_(None)
    )
    found: dict[Ref, tuple[datetime, Event]] = {}
    for early in conn.execute(ahead):
        event = event_store.to_event(early.body, early.hash)
        if trial.begun.at <= event.at <= until:
            found[event.ref] = event.at, event
    for row in conn.execute(query):
        event = event_store.to_event(row.body, row.hash)
        found[event.ref] = row.corrected_at, event
    told = sorted(found.values(), key=lambda one: (one[0], one[1].origin, one[1].seq))
    return [event for _at, event in told]


def _apply(trial: Trial, event: Event) -> None:
    data = event.data
    if isinstance(data, InstallRetried):
        for one in trial.steps:
            if one.step.device == event.device:
                one.forget()
                one.reversed = data.pressed and one.step.what in _OF_MATS
        return
    if isinstance(data, InstallSkipped):
        trial.skips.append(event)
        for one in trial.steps:
            if one.step == Step(data.step, event.device):
                one.skipped = event
        return
    for one in trial.steps:
        if one.seen is None and not one.reversed and steps.ticks(one.step, event):
            first = steps.AFTER.get(one.step.what)
            if first is None or _was_seen(trial, Step(first, one.step.device)):
                one.seen = event


def _was_seen(trial: Trial, step: Step) -> bool:
    return any(one.step == step and one.seen is not None for one in trial.steps)


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
        said = InstallAccepted(begun=trial.begun.ref, steps=tuple(_tried(trial.steps)))
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
    r = install_run.c
    query = select(r.begun_seq).where(r.home_id == home, r.accepted_seq == acceptance.seq)
    begun = conn.execute(query).scalar_one_or_none()
    trial = None if begun is None else _read(conn, home, begun, acceptance.seq)
    return [] if trial is None else trial.skips


def _tried(standing: Iterable[Standing]) -> Iterable[Tried]:
    for one in standing:
        seen = None if one.seen is None else one.seen.ref
        yield Tried(step=one.step.what, device=one.step.device, seen=seen, why=one.why)


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
