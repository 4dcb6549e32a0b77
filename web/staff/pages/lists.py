"""Long lists: what is searched for, what of it stands on one sheet, and where the next one begins.

A list goes on behind the last row that was shown (`?efter=`), not at a number: what comes or goes
meanwhile neither doubles a row nor hides one.  Not for: what a row shows, or reading it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, TypeVar

R = TypeVar("R")

Order = tuple[Any, ...]
"""Where a row stands in its list: no two rows have the same."""

FEW = 40
"""So many homes are shown or chosen from without searching: what one looks through on a screen or
two, and what a unit of home care has at the most; a municipality has a thousand."""

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

_SWEDISH = str.maketrans("åäæöøüđðłı", "{||}}yddli") | {ord("þ"): "th", ord("œ"): "oe"}
"""The last three letters behind z, in their order; what sorts as another letter, as that one."""


WHOLE = 6
"""So many things of a kind stand on a page with all that can be done about them, where there are
more than twice as many: who has that before them works from the top.  The others are a row each,
and a link makes one of them whole."""

ROWS = 50
"""Rows of a kind on a page; a link leads on behind the last of them."""

LATER = 10**17
"""What comes in a second group sorts behind every time: microseconds of three thousand years."""

NEVER_CUT = 1_000_000
"""Rows of what no page may leave out: all of them."""


@dataclass(frozen=True, slots=True)
class Sheet(Generic[R]):
    """What of a list is on this page.  `total`: rows of the whole list; `after` what `?efter=` is
    for the next sheet, None on the last; `first`: nothing stands before it."""

    rows: list[R]
    total: int
    after: str | None
    first: bool


def sheet(
    rows: Sequence[R],
    size: int,
    order: Callable[[R], Order],
    cursor: Callable[[R], str],
    begin: Order | None,
) -> Sheet[R]:
    """The next rows of a list that is sorted by `order`, behind `begin` (None: from the top)."""
    rest = rows if begin is None else [row for row in rows if order(row) > begin]
    shown = list(rest[:size])
    after = cursor(shown[-1]) if len(rest) > size else None
    return Sheet(shown, len(rows), after, first=begin is None)


@dataclass(frozen=True, slots=True)
class Fold(Generic[R]):
    """A part of a page: the first things of a kind `whole`, the others as rows of a `sheet`.
    `name` is the part's, `opens` what a row's link makes whole (`?oppna=`)."""

    name: str
    whole: list[R]
    sheet: Sheet[R]
    opens: Callable[[R], str]

    @property
    def total(self) -> int:
        """How many there are, shown or not."""
        return len(self.whole) + self.sheet.total

    def __bool__(self) -> bool:
        return self.total > 0


def fold(
    things: Iterable[R],
    name: str,
    order: Callable[[R], Order],
    key: Callable[[R], str],
    asked: Mapping[str, str],
    *,
    whole: int = WHOLE,
    rows: int = ROWS,
    opens: Callable[[R], str] | None = None,
) -> Fold[R]:
    """The first things in their order whole (all of them up to twice `whole`), with the one that
    `asked` opens (`oppna`) before them; the others as rows, behind the one that `efter` names where
    this part (`del`) is meant.  `order` begins with a whole number; `opens` is what a row opens
    where that is not itself (`key`)."""
    listed = sorted(things, key=order)
    wanted = asked.get("oppna", "")
    opened = [one for one in listed if wanted and key(one) == wanted]
    others = [one for one in listed if key(one) != wanted] if opened else listed
    first = max(0, (len(listed) if len(listed) <= 2 * whole else whole) - len(opened))
    begin = _begin(listed, order, key, asked.get("efter", "")) if asked.get("del") == name else None
    rest = sheet(others[first:], rows, order, lambda one: f"{order(one)[0]}_{key(one)}", begin)
    return Fold(name, opened + others[:first], rest, opens or key)


def _begin(
    listed: Sequence[R], order: Callable[[R], Order], key: Callable[[R], str], after: str
) -> Order | None:
    """The place in the list that `?efter=` names: that of the row itself; where it is gone, the
    one that it had."""
    known = cursor_of(after)
    if known is None:
        return None
    return next((order(one) for one in listed if key(one) == known[1]), known[:1])


@lru_cache(maxsize=8192)
def swedish(text: str) -> str:
    """What a text is sorted by: å, ä and ö last, other letters without their marks, capitals as
    small letters, 9 before 10."""
    return re.sub(r"\d+", lambda found: found[0].zfill(9), _plain(text))


def _plain(text: str) -> str:
    """Letters as Swedish has them: of all marks only those of å, ä and ö count."""
    plain = unicodedata.normalize("NFC", text).casefold().translate(_SWEDISH)
    apart = unicodedata.normalize("NFD", plain)
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def by_name(rows: Iterable[R], name: str = "name") -> list[R]:
    """Rows in the order of their names; those of one name stay as they came."""
    return sorted(rows, key=lambda row: swedish(getattr(row, name)))


def moment(at: datetime | None) -> int:
    """A time as a whole number that sorts as it does; unknown is before all."""
    return 0 if at is None else (at - _EPOCH) // timedelta(microseconds=1)


def cursor(order: Order) -> str:
    """`?efter=` for a place in a list that is sorted by a number and an id."""
    number, name = order
    return f"{number}_{name}"


def cursor_of(text: str) -> Order | None:
    """The place that `?efter=` names; None for none, and for what is no such thing."""
    number, _line, name = text.partition("_")
    if not name or not re.fullmatch(r"-?[0-9]{1,18}", number):
        return None
    return int(number), name


def matching(rows: Iterable[R], asked: str, told: Callable[[R], Iterable[str | None]]) -> list[R]:
    """The rows in which each word of `asked` stands, in any case and without other marks than those
    of å, ä and ö; all of them for no words."""
    words = _plain(asked).split()
    found = []
    for row in rows:
        text = _plain(" ".join(filter(None, told(row))))
        if all(word in text for word in words):
            found.append(row)
    return found
