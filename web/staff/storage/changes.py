"""What a transaction has for others after its commit: changes, and orders to homes for now.

Not for: telling it (`web.staff.realtime`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MANY_HOMES = 10
"""A kind that one transaction has for more homes than this is told once: a screen loads its page
anew for it, and a thousand messages would only push everything else out of its queue
(`broker.QUEUE_MAX`)."""


@dataclass(frozen=True, slots=True)
class Change:
    """One committed event.  `home` None: it concerns no home; `person` is its own; `body` is its
    JSON, hash included."""

    home: str | None
    origin: str
    seq: int
    kind: str
    person: str | None
    body: str


@dataclass(frozen=True, slots=True)
class ManyChanges:
    """That something of this kind changed in each of these homes; what, is read anew.  `person`:
    who did all of it, None: nobody, or several.  `decided`: the server wrote it, and the homes are
    to hear of it."""

    kind: str
    homes: frozenset[str]
    person: str | None
    decided: bool


def gathered(changes: Sequence[Change | ManyChanges]) -> Iterator[Change | ManyChanges]:
    """The changes of one transaction as they are told: what is of one kind in more than
    `MANY_HOMES` homes as one, where the first of it was."""
    homes_of: dict[str, set[str]] = {}
    for change in changes:
        if isinstance(change, Change) and change.home is not None:
            homes_of.setdefault(change.kind, set()).add(change.home)
    many = {kind for kind, homes in homes_of.items() if len(homes) > MANY_HOMES}
    for change in changes:
        if isinstance(change, ManyChanges) or change.home is None:
            yield change
        elif change.kind not in homes_of:
            continue  # told with the first of its kind
        elif change.kind not in many:
            yield change
        else:
            same = [one for one in changes if isinstance(one, Change) and one.kind == change.kind]
            persons = {one.person for one in same}
            yield ManyChanges(
                change.kind,
                frozenset(homes_of.pop(change.kind)),
                persons.pop() if len(persons) == 1 else None,
                any(one.origin.startswith("staff:") for one in same),
            )


@dataclass(eq=False, slots=True)
class LockOrder:
    """An order to a home for now, to turn a lock (`grant` is the signed grant) or, `what` says so,
    about a call (`grant` is a `CallOrder` in JSON).  It is in no table and in no queue: a home that
    does not listen when the transaction is committed never gets it."""

    home: str
    grant: str
    what: str = "turn"
    """The event of the home's stream: `turn`, `call`."""
    ticket: str | None = None
    """Under which the worker that has the home's stream takes it; None: it is given here."""
    reached: bool = False
    """After the commit: whether it was given to whoever has the home's stream."""
