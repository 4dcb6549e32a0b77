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

FEW_CHANGES = 20
"""A transaction with more changes than this is one of history: a kind that came several times in a
home is told once there, for a page that is loaded anew shows all of it."""

ALONE = ("alarm.", "check.", "unlock.", "grant.")
"""Kinds that somebody waits for: each is told for itself, and before the rest."""


def goes_alone(kind: str) -> bool:
    """Whether a change of this kind is told for itself."""
    return kind.startswith(ALONE)


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
    """The changes of one transaction as they are told: what somebody waits for first; what is of
    one kind in more than `MANY_HOMES` homes as one, where the first of it was; and what came
    several times in a home, of many changes, as one."""
    first = sorted(changes, key=lambda change: not goes_alone(change.kind))
    same: dict[str, dict[str, list[Change]]] = {}
    for change in first:
        if isinstance(change, Change) and change.home is not None:
            same.setdefault(change.kind, {}).setdefault(change.home, []).append(change)
    history = len(changes) > FEW_CHANGES
    for change in first:
        if isinstance(change, ManyChanges) or change.home is None:
            yield change
            continue
        of_kind = same[change.kind]
        if len(of_kind) > MANY_HOMES:
            yield _as_one([one for here in of_kind.values() for one in here])
            same[change.kind] = {}
        elif of_kind and (not history or goes_alone(change.kind)):
            yield change
        elif here := of_kind.get(change.home):
            yield change if len(here) == 1 else _as_one(here)
            of_kind[change.home] = []


def _as_one(changes: Sequence[Change]) -> ManyChanges:
    """Changes of one kind."""
    persons = {one.person for one in changes}
    return ManyChanges(
        changes[0].kind,
        frozenset(one.home for one in changes if one.home is not None),
        persons.pop() if len(persons) == 1 else None,
        any(one.origin.startswith("staff:") for one in changes),
    )


@dataclass(eq=False, slots=True)
class LockOrder:
    """An order to a home for now, to turn a lock (`grant` is the signed grant) or, `what` says so,
    about a call or a look (`grant` is a `CallOrder` or `LookOrder` in JSON) or to a home that is
    installed (`grant` is an order of `gateway.access.listen_orders`).  It is in no table and in no
    queue: a home that does not listen when the transaction is committed never gets it."""

    home: str
    grant: str
    what: str = "turn"
    """The event of the home's stream: `turn`, `call`, `look`, `listen`."""
    ticket: str | None = None
    """Under which the worker that has the home's stream takes it; None: it is given here."""
    reached: bool = False
    """After the commit: whether it was given to whoever has the home's stream."""
