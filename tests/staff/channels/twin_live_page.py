"""A page that is open, or is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.staff.channels.twin import Twin
from web.staff.channels.contract import Address, Why
from web.staff.core.context import Staff
from web.staff.realtime.broker import Subscription

FAULTS: dict[str, Why | None] = {"open": None, "closed": Why.NO_CHANNEL, "another": Why.NO_CHANNEL}


@contextmanager
def running(folder: Path) -> Iterator[Twin]:
    """A page of account 7."""
    screens: list[Subscription] = []
    parts: list[Staff] = []

    def open_for(user: int) -> None:
        screens.append(parts[0].broker.subscribe(["h1"], user=user))

    def close() -> None:
        while screens:
            parts[0].broker.unsubscribe(screens.pop())

    def behave(how: str) -> None:
        close()
        if how != "closed":
            open_for(7 if how == "open" else 8)

    def meet(staff: Staff) -> None:
        parts.append(staff)
        open_for(7)

    yield Twin(
        settings={},
        secrets={},
        address=Address("page:7", "7", person="p7"),
        behave=behave,
        sent=lambda: b"",
        meet=meet,
    )
    if parts:
        close()
