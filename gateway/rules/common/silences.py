"""Silences of a bed mat under a sleeper, counted by length.  Helps rules and is none.

Not for: which silences are counted, or what they say of the mat (`mat_quality`).
"""

from __future__ import annotations

from collections.abc import Sequence

CLASSES_S = (5.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0)
"""Upper bounds of the classes of silences, seconds; one more class holds the longer ones.  Around
the hold times that the rules use: a minute, five minutes, half an hour."""

SLEEPLESS_S = 4 * 3600.0
"""A silence longer than this is nobody in bed; the longest under a sleeper in the recordings is
4.1 h, and it alone would say nothing."""


def quantile(counts: Sequence[int], part: float) -> float:
    """The upper bound, in seconds, of the class in which the quantile `part` lies: at most so long;
    `SLEEPLESS_S` for the last class, 0 when nothing was counted."""
    total = sum(counts)
    if total == 0:
        return 0.0
    seen = 0
    for count, top in zip(counts, (*CLASSES_S, SLEEPLESS_S), strict=True):
        seen += count
        if seen >= part * total:
            return top
    return SLEEPLESS_S
