"""A look that a rule asks for by itself: named, asked, remembered.  Helps rules and is none.

A look is a check that no plan has: `look-<rule>@<UTC second>`.  What its answer leads to, the rule
`look` decides; the rule that asked sees the same events and keeps quiet for a while after `ok`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.events import CheckAsked, Ref
from gateway.rules import Decision
from gateway.rules.common.time import later

PREFIX = "look-"

ANSWER_MIN = 10.0
"""Minutes that the watchers have to answer a look; less than for a planned check (15), because
something made a rule ask."""

KINDS = frozenset({"check.asked", "check.done", "check.missed", "check.escalated"})
"""What a rule that asks for looks must see."""


def ask(rule: str, why: str, now: datetime, rests_on: tuple[Ref, ...]) -> Decision:
    """The question to the night watcher, asked at `now`."""
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked = CheckAsked(
        check=f"{PREFIX}{rule}@{stamp}", why=why, answer_by=later(now, minutes=ANSWER_MIN)
    )
    return Decision(asked, rests_on=rests_on)


def of(rule: str, check: str) -> bool:
    """Whether `check` is a look that `rule` asked for."""
    return check.startswith(f"{PREFIX}{rule}@")
