"""A turn of a lock as a page shows it: step by step, and how it ended.

The state comes from the table `turn` alone, so that a page loaded anew, another tab and the live
page show the same; what no event tells any more, the page tells itself when the time is out
(`data-show-after`).  Not for: turning the lock (`forms`, `lock_orders`; the home decides).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from gateway.access.grants import Action
from gateway.events import LockOperationOutcome, Refusal
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor
from web.staff.doors.lock_orders import UNHEARD_S
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.rows import TurnRow, read_all
from web.staff.texts import door_words, words

SHOWN = timedelta(minutes=10)
"""How long a turn's outcome stays on the page."""

SILENT_STEP = timedelta(seconds=UNHEARD_S)
"""Without a word from the home for this long the page says so, and the button may be pressed
again."""

GRACE = timedelta(seconds=10)
"""Time for the last word to arrive after the grant's own deadline."""

ORDER = ("issued", "requested", "waking", "connecting", "turning", "asking", "ended")
"""Steps of a turn as the table has them, in order."""

UNSURE = frozenset({"no_answer", "link_lost", "restarted"})
"""Reasons after which nobody knows where the bolt is."""


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step on the phone.  `state` is done, now or later."""

    name: str
    text: str
    state: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a lock as the phone shows it.  `outcome` is None while it is under way, else `ok`,
    `bad` or `unknown`, with `text`."""

    row: TurnRow
    outcome: str | None
    text: str
    late_at: datetime | None
    over_at: datetime | None
    busy: bool
    """Whether pressing again must wait: no longer when the home has not said a word in time."""

    @property
    def lines(self) -> tuple[StepLine, ...]:
        """The steps on the way: made only where they are shown."""
        return _lines(self.row)

    @property
    def running(self) -> bool:
        return self.outcome is None


def newest(conn: Connection, actor: Actor, homes: Collection[str]) -> dict[str, Turn]:
    """My newest turn in each of these homes, while it is worth showing."""
    c = t.turn.c
    now = staff().clock.now()
    query = (
        select(t.turn)
        .where(among(c.home_id, homes), c.person == actor.person, c.issued_at > now - SHOWN)
        .order_by(c.issued_at)
    )
    rows = {row.home_id: row for row in read_all(conn, TurnRow, query)}  # the last one stays
    return {home: turn_of(row, now) for home, row in rows.items()}


def turn_of(row: TurnRow, now: datetime) -> Turn:
    """A row of `turn` as the phone shows it at `now`."""
    outcome, text = _outcome(row)
    over_at = None
    if outcome is None:
        over_at = (row.expires_at or row.step_at) + GRACE
        if now >= over_at:
            outcome, text = "unknown", _silence()
    late_at = row.step_at + SILENT_STEP if row.step == "issued" and outcome is None else None
    return Turn(
        row=row,
        outcome=outcome,
        text=text,
        late_at=late_at,
        over_at=over_at if outcome is None else None,
        busy=outcome is None and (late_at is None or now < late_at),
    )


def _silence() -> str:
    return _("Låset svarar inte. Vi vet inte om det är öppet. Känn på dörren.")


def _outcome(row: TurnRow) -> tuple[str | None, str]:
    if row.step == "refused":
        return "bad", words.enum_word(Refusal, row.why)
    if row.step == "issued" and row.why == "revoked":  # never reached the home, or taken back
        return "bad", _("Det gick inte.")
    if row.step != "ended":
        return None, ""
    if row.outcome == LockOperationOutcome.DONE:
        locking = row.action == Action.LOCK
        return "ok", _("Låst.") if locking else _("Dörren är upplåst.")
    if row.outcome == LockOperationOutcome.UNKNOWN or row.why in UNSURE:
        known = row.why in door_words.TURN_WHY and row.why in UNSURE
        return "unknown", words.spoken(door_words.TURN_WHY, row.why) if known else _silence()
    return "bad", words.spoken(door_words.TURN_WHY, row.why) or _("Det gick inte.")


def _lines(row: TurnRow) -> tuple[StepLine, ...]:
    """The steps on the way, each done, now or still to come."""
    locking = row.action == Action.LOCK
    shown = [
        ("issued", _("Skickat till hemmet")),
        ("waking", _("Väcker låset")),
        ("connecting", _("Ansluter till låset")),
        ("turning", _("Vrider")),
        ("ended", _("Låst") if locking else _("Öppet")),
    ]
    if row.step == "asking":
        shown.insert(4, ("asking", _("Inget svar. Frågar låset om det är låst")))
    at = ORDER.index(row.step) if row.step in ORDER else 0
    here = max((i for i, (name, _text) in enumerate(shown) if ORDER.index(name) <= at), default=0)
    if row.step == "ended" and row.outcome == LockOperationOutcome.DONE:
        here = len(shown)
    return tuple(
        StepLine(name, text, "done" if i < here else "now" if i == here else "later")
        for i, (name, text) in enumerate(shown)
    )
