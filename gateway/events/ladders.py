"""Decided at the server about who is reached of an alarm: ladders, and who is on call.

Ids only: what a ladder says, and the times of a rota, are the server's own tables.  Not for: an
alarm on its way (`alarm_way`).
"""

from __future__ import annotations

from gateway.events.base import By, Coded, Data, kind


@kind("ladder.saved", by=By.SERVER)
class LadderSaved(Data):
    """A person (the event's `person`) made or changed a ladder."""

    ladder: str


@kind("ladder.removed", by=By.SERVER)
class LadderRemoved(Data):
    """A person (the event's `person`) took a ladder away; alarms climb the next one that fits."""

    ladder: str


class LadderOrderChange(Coded):
    """Why ladders stand in another order."""

    EARLIER = "earlier"
    """One is asked before the one that was before it."""
    LATER = "later"
    """One is asked after the one that was after it."""
    PUT_BACK = "put_back"
    """The last change of the order was taken back."""
    UNKNOWN = "unknown"
    """Of a newer version: something else."""


@kind("ladder.order_changed", by=By.SERVER)
class LadderOrderChanged(Data):
    """A person (the event's `person`) changed which ladder is asked first; `order` is that of all
    of the organisation's, from then on.  `ladder` None: no single one was moved."""

    why: LadderOrderChange
    ladder: str | None = None
    order: tuple[str, ...]


class RotaChange(Coded):
    """What was changed of a rota."""

    MADE = "made"
    SHIFT_ADDED = "shift_added"
    SHIFT_REMOVED = "shift_removed"
    IMPORTED = "imported"
    """Its shifts of a calendar were replaced by those of a file."""
    REMOVED = "removed"
    UNKNOWN = "unknown"
    """Of a newer version: something else."""


@kind("rota.changed", by=By.SERVER)
class RotaChanged(Data):
    """A person (the event's `person`) changed who is on call."""

    rota: str
    what: RotaChange


@kind("home.protection_set", by=By.SERVER)
class HomeProtectionSet(Data):
    """A person (the event's `person`) said whether somebody of protected identity lives in the
    home: then nothing outside the pages says which home it is."""

    protected: bool
