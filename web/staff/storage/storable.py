"""Whether a database can keep a text: PostgreSQL keeps neither a character 0 nor half a pair of
surrogates, and nobody types one.  SQLite keeps the first and refuses the second; both are refused
on both, in a sentence, by whoever reads what came from outside.

Not for: what a home's events hold, which is read all the same (`event_store.cleaned`).
"""

from __future__ import annotations

import re
from typing import Any

_ODD = re.compile("[\x00\ud800-\udfff]")

DEPTH_MAX = 20
"""How deep what is read as JSON may be nested: nothing of ours goes half as far."""


def storable(text: str) -> bool:
    """Whether it can stand in a column of text."""
    return _ODD.search(text) is None


def all_storable(value: Any, depth: int = 0) -> bool:
    """The same of every text in what was read as JSON."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if not isinstance(value, list):
        return True
    return depth < DEPTH_MAX and all(all_storable(item, depth + 1) for item in value)
