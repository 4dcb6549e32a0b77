"""Which statements a connection to PostgreSQL has prepared: it neither reads nor plans those anew.

PostgreSQL refuses a prepared statement whose columns a migration has changed since ("cached plan
must not change result type"), and servers run on while a newer version migrates beneath them.  So
one that gives rows is prepared only where it may be asked once more without: alone, outside of a
transaction.  One that gives none cannot be refused.

Not for: talking to PostgreSQL (`pg_connection`).
"""

from __future__ import annotations

from collections import OrderedDict

FROM = 5
"""Times that a connection is asked a statement before it is prepared: psycopg's number, and
PostgreSQL's for trying a plan that fits all values."""

MAX = 100
"""Statements that one connection keeps prepared, psycopg's number: what a server asks often."""

COUNTED_MAX = 1_000
"""Statements that are counted."""

LONGEST = 8_000
"""Characters; a longer statement is made for the occasion, and comes but once."""

Key = tuple[str, tuple[int, ...], bool]
"""A statement, the types of what it is given (PostgreSQL's numbers), whether it stands alone."""


class Prepared:
    """What one connection has prepared.  Used by one thread at a time."""

    def __init__(self) -> None:
        self._names: OrderedDict[Key, bytes] = OrderedDict()
        self._asked: OrderedDict[Key, int] = OrderedDict()
        self._made = 0

    def name_of(self, key: Key) -> bytes | None:
        """The name of a statement that is prepared."""
        name = self._names.get(key)
        if name is not None:
            self._names.move_to_end(key)
        return name

    def is_due(self, key: Key) -> bool:
        """Whether it was asked so often that it should be."""
        return self._asked.get(key, 0) >= FROM

    def asked(self, key: Key, *, rows: bool) -> None:
        """It was asked, not prepared, and gave rows (none are rows too) or only a count."""
        if (rows and not key[2]) or len(key[0]) > LONGEST:
            return
        self._asked[key] = self._asked.pop(key, 0) + 1
        if len(self._asked) > COUNTED_MAX:
            self._asked.popitem(last=False)

    def new_name(self) -> bytes:
        """A name that none has."""
        self._made += 1
        return b"tryggve_%d" % self._made

    def keep(self, key: Key, name: bytes) -> bytes | None:
        """It is prepared; returns the name of one that is not wanted any more."""
        self._names[key] = name
        self._asked.pop(key, None)
        return self._names.popitem(last=False)[1] if len(self._names) > MAX else None

    def forget(self, key: Key) -> bytes | None:
        """It was refused: it begins anew.  Returns its name."""
        return self._names.pop(key, None)
