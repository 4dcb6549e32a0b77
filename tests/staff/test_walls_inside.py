"""Homes are walls inside an organisation too: who works in one home reads and writes nothing of
another one, on every route, with its ids everywhere.

Not for: another organisation (`test_walls`, whose walk this is), or whom an open alarm lets help.
"""

from __future__ import annotations

import pytest

from tests.staff.parts import add_home, add_user
from tests.staff.test_walls import Walker, Walls, quick, walls
from web.staff.storage import tables

__all__ = ["quick", "walls"]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("role", ["caregiver", "night_watcher"])
def test_another_home_of_the_organisation_is_neither_read_nor_written(
    walls: Walls, role: str
) -> None:
    """The names of colleagues, teams and areas are everybody's; of the home and who lives there
    nothing is, and no row of it changes."""
    add_home(walls.app, "h3", label="Vårt hem")
    add_user(walls.app, "x1", [role], homes=["h3"])
    with walls.staff.db.write() as tx:
        tx.conn.execute(tables.user.update().values(name="Prov"))
        tx.conn.execute(tables.team.update().values(name="Lag"))
        tx.conn.execute(tables.area.update().values(name="Norr"))
        # whoever may go to an open one is shown it, and that is noted
        tx.conn.execute(tables.alarm.update().values(closed_at=walls.ours.clock.now()))
    walker = Walker(walls, "x1")
    before = walls.theirs_now()
    walker.walk()
    assert walker.read == []
    after = walls.theirs_now()
    assert {name for name in after if _others(after, name) != _others(before, name)} == set()


OWN = ("user", "session", "event")
"""Tables with rows about the walker that name no home: their account, and that they signed in."""


def _others(found: dict[str, list[str]], table: str) -> list[str]:
    """The rows of a table but those about the walker's own account."""
    rows = found.get(table, ())
    own = table in OWN
    return [row for row in rows if not own or "'x1'" not in row or "'h1'" in row]
