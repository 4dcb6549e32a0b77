"""A page that shows what is kept about residents says so here, before it is rendered.

Not for: what is written (`web.staff.care.reads`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from web.staff.care import reads
from web.staff.core.context import staff
from web.staff.core.rights import Actor
from web.staff.pages.layout import is_fragment

ONE_READING = timedelta(hours=12)
"""An open page that brings itself up to date is no new reading for as long as a shift; a home that
is new on it is."""


def note(actor: Actor, homes: Collection[str], what: str) -> None:
    """Write that the actor reads of these homes on the page `what`, all in one transaction."""
    parts = staff()
    if is_fragment():
        since = parts.clock.now() - ONE_READING
        reads.note_new(parts, actor, dict.fromkeys(homes, since), what)
        return
    reads.note(parts, actor, homes, what)
