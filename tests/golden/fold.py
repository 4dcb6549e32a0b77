"""What a log comes to, as JSON: in the home (its view, its rights, each rule's state) and at the
server (the rows of every table that is folded).

Not for: comparing (`tests/test_golden.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gateway.envelope import Event
from gateway.events import utc_text
from gateway.rules import DeviceFacts, HomeFacts, bind
from gateway.rules.fold import Fold as Rules
from gateway.state.home_view import HomeView
from tests.golden.world import ROLES, TEXTS
from web.staff.events.projections.rebuild import Fold
from web.staff.storage import tables
from web.staff.storage.database import Database, parse_url

FACTS = HomeFacts(
    "h1",
    TEXTS["timezone"],
    resident=TEXTS["resident"],
    devices={
        name: DeviceFacts(name, driver, kind, role) for name, (driver, kind, role) in ROLES.items()
    },
)
SHOWN = ("at", "devices", "alarms", "bed", "visits", "checks", "mains", "away", "timezone")
"""Of a home's snapshot: all but its last events, which are the log."""


def home_state(events: Sequence[Event]) -> dict[str, Any]:
    """What a home makes of its log after a start."""
    view, rules = HomeView(), bind({}, FACTS)
    for event in events:
        view.apply(event)
    fold = Rules(rules)
    fold.rebuild((event, event.at) for event in events)
    shown = view.snapshot()
    return {
        "view": {name: plain(getattr(shown, name)) for name in SHOWN},
        "rights": plain(view.rights),
        "rules": {rule.name: plain(fold.state_of(rule.name)) for rule in rules},
    }


def server_state(events: Iterable[Event], folder: Path) -> dict[str, Any]:
    """What the server makes of it, in a database in `folder`."""
    database = Database(parse_url(f"sqlite:///{folder / 'golden.db'}"))
    try:
        tables.metadata.create_all(database.engine)
        with database.write() as tx:
            fold = Fold(tx.conn, "h1")
            for event in events:
                fold.apply(event)
            fold.flush()
        with database.read() as conn:
            return {
                table.name: sorted(
                    (_row(row) for row in conn.execute(select(table)).mappings()),
                    key=lambda row: str(sorted(row.items())),
                )
                for table in tables.PROJECTIONS
            }
    finally:
        database.close()


def _row(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): plain(value) for name, value in row.items()}


def plain(value: Any) -> Any:
    """Anything that a state is made of, as JSON."""
    if isinstance(value, Event):
        return value.ref
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str | int) else value.name
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in sorted(value.items(), key=_by_key)}
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: plain(getattr(value, name)) for name in names}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return repr(type(value))


def _key(key: Any) -> str:
    made = plain(key)
    return "|".join(map(str, made)) if isinstance(made, list) else str(made)


def _by_key(item: tuple[Any, Any]) -> str:
    return str(plain(item[0]))
