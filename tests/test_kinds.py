"""No kind of event is listed that nothing writes: each is made somewhere in the code that runs.

Not for: what a kind means (docs/events.md), or what it is called (tests/staff/pages/test_words.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

import pytest

from gateway.events import KINDS, By, Data
from tests._tree import modules, within

DEFINED = ("gateway.events",)

PLAYED = ("gateway.demo", "gateway.replay")
"""What makes events up, to show or to measure the home: no kind is real by that."""

WRITES = {By.HOME: ("gateway", "drivers"), By.SERVER: ("web",), By.EITHER: ("gateway", "web")}
"""Where a kind may be written, by its own definition."""


def _made(tree: ast.AST) -> Iterable[str]:
    """The names of classes that are called (`MatPressed()`, `AlarmRaised.usual(…)`), or that stand
    as a value in a table from which they are called (`{Bolt.LOCKED: LockLocked}`)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _names(node.func)
        elif isinstance(node, ast.Dict):
            for value in node.values:
                yield from _names(value)


def _names(node: ast.expr) -> Iterable[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
        yield from _names(node.value)


def _written(*packages: str) -> set[str]:
    """The names that code in these packages makes."""
    return {
        name
        for module in modules().values()
        if within(module.name, *packages) and not within(module.name, *DEFINED, *PLAYED)
        for name in _made(module.tree)
    }


def unwritten(kinds: Iterable[type[Data]]) -> list[str]:
    """Those of `kinds` that no code of their writer makes."""
    made = {by: _written(*packages) for by, packages in WRITES.items()}
    return sorted(cls.KIND for cls in kinds if cls.__name__ not in made[cls.BY])


def test_every_kind_is_written() -> None:
    """What the lists, filters and pages know is what can happen, at the side that may write it."""
    assert len({cls.__name__ for cls in KINDS.values()}) == len(KINDS), "a name is a kind's own"
    assert unwritten(KINDS.values()) == []


@pytest.mark.parametrize("by", [By.HOME, By.SERVER])
def test_a_kind_that_nothing_writes_is_found(by: By) -> None:
    """Also one that is only read: matched, shown, or made by the wrong side."""

    class MatFolded(Data):
        KIND = "mat.folded"
        BY = by

    class LockLocked(Data):  # the home makes this one, the server only reads it
        KIND = "lock.locked"
        BY = by

    right = ["mat.folded"] if by is By.HOME else ["lock.locked", "mat.folded"]
    assert unwritten((MatFolded, LockLocked)) == right
