"""Who read, and how the access log is sampled and checked."""

from __future__ import annotations

from gateway.events.base import By, Coded, Data, Ref, kind


@kind("record.read", by=By.SERVER)
class RecordRead(Data):
    """A staff member (the event's `person`) opened what is kept about a resident."""

    what: str


@kind("page.opened", by=By.HOME)
class PageOpened(Data):
    """A staff member (the event's `person`) opened the page that the Pi serves with a one-time
    code, which is used up by it.  Not: that a door was opened."""

    grant: str
    """The code's id."""


class CheckedAs(Coded):
    """What a coordinator found when a row of the access log was checked."""

    IN_ORDER = "in_order"
    """There was a reason in the work."""
    ASKED = "asked"
    """The person is asked for the reason; another check will say what it was."""
    WRONG = "wrong"
    """There was no reason: it goes on by the organisation's own routine."""
    UNKNOWN = "unknown"
    """Of a newer version: no answer, and not that it was in order."""


@kind("access.sampled", by=By.SERVER)
class AccessSampled(Data):
    """A random part of an organisation's access log was drawn to be checked.  From `seed` and the
    log anybody can draw it again."""

    organisation: str
    month: str
    """Which month of the log, as `2026-10`."""
    seed: str
    of: int
    """How many rows the month had."""
    rows: tuple[Ref, ...]
    """The rows that were drawn: references of the events that they show."""


@kind("access.checked", by=By.SERVER)
class AccessChecked(Data):
    """A person (the event's `person`) checked one row of a sample."""

    sample: Ref
    row: Ref
    found: CheckedAs


ACCESS_KINDS = frozenset(
    {
        "record.read",
        "page.opened",
        "unlock.requested",
        "unlock.refused",
        "visit.started",
        "voice.begun",
        "voice.refused",
        "look.begun",
        "look.refused",
    }
)
"""Who read, who opened or tried to, who came in, who listened or saw by a camera, or tried to.  The
staff's access log and the ledger that the resident sees in the home are these events, no more and
no fewer."""
