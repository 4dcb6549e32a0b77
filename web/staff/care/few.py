"""Groups that are too small to be shown, and what else must be hidden with them.

A group of fewer than `FEW` is hidden, and with it as many more as are needed so that no difference
between a total and what is shown gives it away.

Pure.  Not for: which groups there are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

FEW = 5
"""Groups of fewer are hidden: a count of a few may be one person, whom a colleague then knows."""

K = TypeVar("K", bound=Hashable)


def is_few(count: int) -> bool:
    """Whether a count may be of so few that it points at somebody; nobody is pointed at by none."""
    return 0 < count < FEW


def hidden(counts: Mapping[K, int], part: Callable[[K], Hashable] = lambda _name: None) -> set[K]:
    """The groups that are not shown: the few, and of each part, and of all, the smallest others
    until what is hidden is two groups and `FEW` together."""
    gone: set[K] = set()
    for one in {part(name) for name in counts}:
        here = {name: count for name, count in counts.items() if part(name) == one}
        gone |= _with_more(here, {name for name, count in here.items() if is_few(count)})
    return _with_more(counts, gone)


def _with_more(counts: Mapping[K, int], gone: set[K]) -> set[K]:
    left = sorted((name for name in counts if name not in gone), key=lambda name: counts[name])
    gone = set(gone)
    while gone and left and (len(gone) < 2 or sum(counts[name] for name in gone) < FEW):
        gone.add(left.pop(0))
    return gone
