"""How far who has an alarm has come on the way to it: the words, and what a row of `alarm` says.

Not for: folding it (`web.staff.events.projections.alarms`), or when who set out is asked
(`web.staff.ladders`).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum


class Coming(StrEnum):
    """What is known of who has the alarm now."""

    SET_OUT = "set_out"
    ASKED = "asked"
    """Asked whether they are there."""
    STILL = "still"
    """On the way still, by their own word."""
    THERE = "there"
    """There, by their own word."""


def of(
    word: str | None,
    at: datetime | None,
    number: int | None,
    *,
    taken_at: datetime | None,
    departed_at: datetime | None,
) -> tuple[Coming, datetime] | None:
    """How far, and since when; None: nobody has it, or who has it has not set out.  `word`, `at`
    and `number` are the columns `coming`, `coming_at`, `coming_seq`: a row that was folded before
    there were any has only when somebody first set out."""
    if taken_at is None:
        return None
    if word is not None and at is not None:
        try:
            return Coming(word), at
        except ValueError:  # of a newer version: as good as on the way
            return Coming.SET_OUT, at
    if number is None and departed_at is not None and departed_at >= taken_at:
        return Coming.SET_OUT, departed_at
    return None
