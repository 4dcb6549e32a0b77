"""How many wrong codes the entry at the door takes, and from whom.

Two counts, for two promises:

*Never open for someone without the right.*  Each number (the first two digits) takes
`NUMBER_TRIES` wrong codes, and as many again from places that are slowed, within the life of a
code.  The count is in the log, so that a restart gives no new tries.  Then that number opens by the
phone's own proof only, which nobody can guess.  A code has six digits and there is one to a
number, so with N codes alive a guesser who has every address of the network for a whole shift
opens with a chance of at most N × 20 / 1,000,000: 6 in 100,000 with the three codes of one
caregiver, 0.18 % with all ninety numbers given out.  The staff hear of it at the fifth wrong code.

*Never lock out the right one.*  Nothing is closed: a right code opens from any address at any time,
unless its own number was guessed as above.  Five wrong codes from one place (`PLACE_TRIES`) only
make further ones from there count apart, so that one machine uses up nothing for the others; who
wants to use up all ninety numbers needs 180 addresses in the home's network.

Not for: judging a code (`gateway.doors.code_entry`), or the resident's own PIN
(`gateway.doors.page_pin`, which counts places with the same `Places`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

PLACE_TRIES = 5
"""Wrong codes from one place before further ones count apart: cold hands need two."""

PLACE_S = 15 * 60.0
"""Seconds that they are remembered: long for a guesser, and a caregiver is not hindered."""

NUMBER_TRIES = 10
"""Wrong codes with one number within a code's life, and as many from slowed places."""

PLACES_MAX = 256
"""Places that are remembered: a home's network has some twenty.  The oldest is forgotten."""


@dataclass(slots=True)
class _Place:
    wrong: list[float] = field(default_factory=list)


class Places:
    """Wrong tries by network address, in memory; one thread at a time."""

    def __init__(self, mono_s: Callable[[], float]) -> None:
        self._mono_s = mono_s
        self._places: OrderedDict[str, _Place] = OrderedDict()

    def wrong(self, place: str) -> int:
        """A wrong try came from there; how many within `PLACE_S`, this one too."""
        known = self._places.setdefault(place, _Place())
        self._places.move_to_end(place)
        known.wrong = [*self._recent(known), self._mono_s()][-PLACE_TRIES:]
        while len(self._places) > PLACES_MAX:
            self._places.popitem(last=False)
        return len(known.wrong)

    def is_slowed(self, place: str) -> bool:
        """Whether `PLACE_TRIES` wrong ones came from there within `PLACE_S`."""
        known = self._places.get(place)
        return known is not None and len(self._recent(known)) >= PLACE_TRIES

    def right(self, place: str) -> None:
        """A right one came from there: whoever mistyped before is forgiven."""
        self._places.pop(place, None)

    def _recent(self, place: _Place) -> list[float]:
        since = self._mono_s() - PLACE_S
        return [at for at in place.wrong if at > since]
