"""One look at the ladders that are due: which alarms are over, which go on, and whom they tell.

A look is one transaction.  What it decides is read from the alarms themselves; that somebody took
one only makes it look sooner.  What it tells goes into the outbox in the same transaction, so that
a step is taken once, by whichever worker holds its row.

Not for: which steps (`stepping`), or sending (`outbox`, `senders`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select

from gateway.envelope import Draft
from gateway.errors import TryggveError
from gateway.events import AlarmArrivalAsked, AlarmLapsed, Climbed, Data
from web.staff.core.context import Staff
from web.staff.events.append_many import write_many
from web.staff.ladders import alarms, choosing, held, mass, queueing, stepping, steps
from web.staff.ladders.alarms import HELD, Alarm, Stage
from web.staff.ladders.held import Says, Word
from web.staff.ladders.stepping import Climb
from web.staff.storage import escalations, event_store
from web.staff.storage.database import Tx
from web.staff.storage.deadlines import Moment
from web.staff.storage.ladder_tables import escalation
from web.staff.storage.outage import is_away

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Ladders of one look: half of the homes that are told of in one go, and some tens of milliseconds
at the database's one writer."""

AGAIN_S = 30.0
"""Seconds (domain time) between two times that a step is told because the alarm's cause came again:
somebody who presses and presses is heard, and fills nobody's phone."""

LATE_S = 2.0
"""Seconds by which a step may be late without the next one being so: a round comes when it comes,
and five steps would add up what each of them waited for it.  One that waited longer (the server
stood still) gives its people their whole time."""

THERE_LOOK_S = 3600.0
"""Seconds until an alarm at which somebody is there is looked at again: whoever came may have left,
and forgotten to close it."""

OLD = timedelta(days=1)
"""How long ago somebody may have set out under a version that asked nobody, and is asked now: what
has been open for longer is known, and wakes nobody in the first night."""


def is_due(now: Moment) -> ColumnElement[bool]:
    """Which ladders are looked at."""
    e = escalation.c
    return and_(e.ended_at.is_(None), or_(e.look, now.is_due(escalation)))


class Unclimbed(TryggveError):
    """Ladders that cannot be climbed; the others were."""


def look(staff: Staff, channels: Collection[str]) -> int:
    """Look at what is due; returns how many ladders that were.  `channels` are those that work.
    Raises `Unclimbed` once all the others are looked at: one that cannot be climbed keeps no other
    alarm from anybody."""
    now = staff.moment()
    e = escalation.c
    with staff.db.read() as conn:  # most looks find nothing, and take no turn to write
        query = select(e.id).where(is_due(now)).order_by(e.due_at, e.id).limit(AT_ONCE)
        due = conn.execute(query).scalars().all()
    if not due:
        return 0
    try:
        return _look(staff, channels, now, is_due(now))
    except Exception as error:
        if is_away(error):
            raise
    broken = [one for one in due if not _is_climbed(staff, channels, now, one)]
    if broken:
        raise Unclimbed(f"{len(broken)} ladders cannot be climbed")
    return len(due)


def _is_climbed(staff: Staff, channels: Collection[str], now: Moment, ladder: str) -> bool:
    """Look at one by itself."""
    try:
        _look(staff, channels, now, and_(is_due(now), escalation.c.id == ladder))
    except Exception as error:
        if is_away(error):
            raise
        log.exception("a ladder cannot be climbed", extra={"escalation": ladder})
        return False
    return True


def _look(staff: Staff, channels: Collection[str], now: Moment, which: ColumnElement[bool]) -> int:
    e = escalation.c
    with staff.write() as tx:
        query = select(escalation, now.is_due(escalation).label("over")).where(which)
        query = query.order_by(e.due_at, e.id).limit(AT_ONCE)
        rows = tx.conn.execute(query.with_for_update(skip_locked=True, of=escalation)).all()
        if rows:
            _Look(staff, tx, channels, now).take(rows)
    return len(rows)


class _Look:
    """One transaction."""

    def __init__(self, staff: Staff, tx: Tx, channels: Collection[str], now: Moment) -> None:
        self._staff = staff
        self._tx = tx
        self._channels = channels
        self._now = now
        self._told: dict[str, list[Draft]] = {}
        self._changed: list[dict[str, Any]] = []
        self._words: list[Word] = []
        self._of_held: choosing.Ladders | None = None
        self._there: dict[str, tuple[Row[Any], Alarm]] = {}
        self._coming: list[str] = []
        self._given_back: set[str] = set()

    def take(self, rows: Sequence[Row[Any]]) -> None:
        """Decide about each ladder, and write all of it."""
        conn = self._tx.conn
        known = alarms.read(conn, [row.alarm for row in rows if row.alarm is not None])
        together = alarms.gathered(conn, known.keys())
        held_in = {one.home for one in known.values() if one.taken_at is not None}
        self._of_held = choosing.read(conn, held_in) if held_in else None
        going: list[tuple[Row[Any], Mapping[str, Alarm], Climbed]] = []
        for row in rows:
            if row.mass_id is not None:
                members = mass.members(conn, row.mass_id)
                waiting = members.waiting
                why = self._decide_mass(row, members)
            else:
                alarm = known.get(row.alarm)
                waiting = {} if alarm is None else {alarm.home: alarm}
                why = self._decide(row, alarm, gathered=row.alarm in together)
            if why is not None:
                going.append((row, waiting, why))
        self._climb(going)
        for alarm_id in sorted(held.left(conn, self._there.keys())):
            self._words.append(Word(*self._there[alarm_id], Says.LEFT))
        words = held.messages(conn, self._words, self._channels, self._now.at, self._staff.boot)
        queueing.put(conn, words)
        write_many(self._staff, self._tx, self._told)
        event_store.upsert_many(conn, escalation, ("id",), self._changed)
        if self._coming:
            mass.begin_again(conn, self._coming)
        if self._given_back:
            escalations.wake(conn, self._given_back)

    # --- whether it goes on

    def _decide(self, row: Row[Any], alarm: Alarm | None, *, gathered: bool) -> Climbed | None:
        """Why a ladder takes a step now; None: it does not."""
        together = gathered and (alarm is None or alarm.stage not in mass.ON_THE_WAY)
        if alarm is None or not alarm.is_open or together:
            self._change(row, state="ended", ended_at=self._now.at)
            return None
        if alarm.taken_at is None:
            if row.look and not row.over and self._came_again(row, alarm):
                return Climbed.REPEATED
            return Climbed.LAPSED if row.state in HELD else self._on_time(row)
        why = self._decide_held(row, alarm)
        if why is not None and gathered:  # others are told by the mass alarm's ladder
            self._given_back.add(alarm.home)
            self._change(row, state="ended", ended_at=self._now.at)
            return None
        return why

    def _decide_held(self, row: Row[Any], alarm: Alarm) -> Climbed | None:
        """Of one that somebody has: what they do next is waited for, asked for, or over."""
        limit_s = self._limit_s(row, alarm)
        if row.state != alarm.stage.value:
            gone_s = (self._now.at - (alarm.stage_at or self._now.at)).total_seconds()
            # from here on by the clock that is never set
            self._wait(row, min(max(limit_s - gone_s, 0.0), limit_s), state=alarm.stage.value)
        elif not row.over:
            self._change(row)
        elif alarm.stage is Stage.THERE or self._is_known(alarm):
            self._there[alarm.id] = row, alarm
            self._wait(row, THERE_LOOK_S)
        elif alarm.stage is Stage.COMING:
            self._tell(row, alarm, AlarmArrivalAsked(alarm=alarm.id), Says.ASKS)
            self._wait(row, steps.answer_s(alarm.severity), state=Stage.ASKED.value)
        else:
            self._tell(row, alarm, AlarmLapsed(alarm=alarm.id), Says.LAPSED)
            return Climbed.LAPSED
        return None

    def _is_known(self, alarm: Alarm) -> bool:
        """Whether they set out so long ago that nobody was asked then."""
        return alarm.is_old and self._now.at - (alarm.stage_at or self._now.at) > OLD

    def _tell(self, row: Row[Any], alarm: Alarm, data: Data, says: Says) -> None:
        """Write what became of who has it, and let them know."""
        self._told.setdefault(alarm.home, []).append(Draft(data, person=alarm.taken_by))
        self._words.append(Word(row, alarm, says))

    def _came_again(self, row: Row[Any], alarm: Alarm) -> bool:
        """Whether its cause came again since the step was told: the step is told once more."""
        if row.step_at is None:
            return False
        since = row.step_at + timedelta(seconds=AGAIN_S)
        return alarms.came_again(self._tx.conn, alarm, since)

    def _decide_mass(self, row: Row[Any], members: mass.Members) -> Climbed | None:
        if not members.is_open:
            self._change(row, state="ended", ended_at=self._now.at)
            return None
        self._coming += members.coming
        if not members.waiting:
            self._wait(row, mass.LOOK_AGAIN_S, state=Stage.TAKEN.value)
            return None
        lapsed_at, told_at = members.lapsed_at, row.step_at
        is_new = bool(lapsed_at and told_at and lapsed_at > told_at)
        if row.state in HELD or (row.look and not row.over and is_new):
            return Climbed.LAPSED
        return self._on_time(row)

    def _on_time(self, row: Row[Any]) -> Climbed | None:
        if row.over:
            return alarms.why_of(row.why)
        self._change(row)
        return None

    def _limit_s(self, row: Row[Any], alarm: Alarm) -> float:
        """Seconds until it is looked at again, from when its stage began."""
        ladders = self._of_held
        if ladders is None or alarm.home not in ladders.places:
            return THERE_LOOK_S
        chosen = ladders.climbed(row.ladder, alarm.home, alarm.about, alarm.severity, self._now.at)
        limit_s = held.limit_s(alarm, chosen)
        return THERE_LOOK_S if limit_s is None else limit_s

    def _wait(self, row: Row[Any], seconds: float, **values: object) -> None:
        self._change(row, **values, **self._now.values(seconds))

    def _change(self, row: Row[Any], **values: object) -> None:
        kept = {name: value for name, value in row._mapping.items() if name != "over"}
        self._changed.append({**kept, "look": False, **values})

    # --- the steps

    def _climb(self, going: Sequence[tuple[Row[Any], Mapping[str, Alarm], Climbed]]) -> None:
        """Let these take their next step, and go on at once while nobody of it can be reached."""
        conn = self._tx.conn
        ladders = choosing.read(conn, {home for _, waiting, _ in going for home in waiting})
        climbs = []
        for row, waiting, why in going:
            climb = stepping.begin(row, waiting, ladders, why, self._now.at)
            if climb is None:  # its home is no longer
                self._change(row, state="ended", ended_at=self._now.at)
            else:
                climbs.append(climb)
        moving = climbs
        while moving:
            for climb in moving:
                climb.go_on()  # a step that is told once more stays where it is
            stepping.reach(conn, moving, self._channels, self._now.at)
            for climb in moving:
                self._told.setdefault(climb.lead.home, []).extend(climb.drafts())
            moving = [one for one in moving if not one.is_told and not one.is_last]
            for climb in moving:
                climb.why = Climbed.UNDELIVERED
        boot = self._staff.boot
        queueing.put(conn, [row for one in climbs for row in one.messages(self._now.at, boot)])
        for climb in climbs:
            self._note(climb)

    def _late_s(self, row: Row[Any]) -> float:
        return self._now.late_s(row, LATE_S) if row.over and row.state == "climbing" else 0.0

    def _note(self, climb: Climb) -> None:
        # told once more, a step ends when it would have: a press each minute must not hold it up
        due = {} if climb.is_again else self._now.values(climb.pause_s() - self._late_s(climb.row))
        self._change(
            climb.row,
            **due,
            state="climbing",
            ladder=climb.ladders[climb.lead.home].id,
            step=climb.step,
            round=climb.round,
            is_last=climb.is_last,
            why=Climbed.TIMED_OUT.value,
            step_at=self._now.at,
        )
