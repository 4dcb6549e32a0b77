"""Who changes what people of an organisation may do comes one after the other, and is not kept
waiting by those who sign in there."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import delete, text

from gateway.events import HomeClosedWhy
from tests.staff.parts import add_home, add_user, group_id
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.people import accounts, group_rights, home_life, way_in
from web.staff.storage import org_locks, tables
from web.staff.storage.database import Tx

pytestmark = pytest.mark.parametrize(
    "db", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)

WAIT_S = 60.0


def waiting(staff: Staff, count: int) -> None:
    """Until so many wait for a lock."""
    until_s = time.monotonic() + WAIT_S
    asked = text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
    with staff.db.read() as conn:
        while conn.execute(asked).scalar_one() < count:
            assert time.monotonic() < until_s, "it waits for nobody"
            time.sleep(0.02)


def run(do: Callable[[], object], failed: list[Exception]) -> Thread:
    """Do it beside."""

    def guarded() -> None:
        try:
            do()
        except Exception as error:  # whatever it is: it is looked at by the test
            failed.append(error)

    thread = Thread(target=guarded)
    thread.start()
    return thread


def test_who_signs_in_comes_after_who_waits_to_change_something(
    staff_app: Flask, staff: Staff
) -> None:
    """However many go on signing in: each of them would else go before whoever changes a role, or
    takes access back, until that is given up."""
    add_user(staff_app, "p1", ["administrator"])
    order: list[str] = []
    failed: list[Exception] = []

    def held(name: str, lock: Callable[[Tx, str], None]) -> None:
        with staff.write() as tx:
            lock(tx, "org1")
            order.append(name)

    with staff.write() as tx:
        org_locks.beside(tx, "org1")
        held("beside", org_locks.beside)
        held("elsewhere", lambda tx, _org: way_in.alone(tx, "org2"))
        threads = [run(lambda: held("change", way_in.alone), failed)]
        waiting(staff, 1)
        threads.append(run(lambda: held("sign-in", org_locks.beside), failed))
        waiting(staff, 2)
    for thread in threads:
        thread.join(WAIT_S)
    assert failed == []
    assert order == ["beside", "elsewhere", "change", "sign-in"]


Change = Callable[[Staff, Actor], object]

CHANGES: dict[str, Change] = {
    "areas of a team": lambda staff, boss: accounts.set_team_areas(
        staff, boss, group_id(staff, "team"), [group_id(staff, "area")]
    ),
    "area of a home": lambda staff, boss: accounts.set_home_area(
        staff, boss, "h2", group_id(staff, "area")
    ),
    "teams": lambda staff, boss: accounts.set_teams(staff, boss, "p1", [group_id(staff, "team")]),
    "roles": lambda staff, boss: accounts.set_roles(staff, boss, "p2", [Role.TECHNICIAN]),
    "grace": lambda staff, boss: accounts.set_grace(staff, boss, 3),
    "a closed home": lambda staff, boss: home_life.close(staff, boss, "h2", HomeClosedWhy.MOVED),
}
"""Each changes many accounts, or what many may do."""


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_of_many_accounts_come_one_after_the_other(
    staff_app: Flask, staff: Staff, change: Change
) -> None:
    """Two that hold some of the same accounts each would wait for one another."""
    boss = add_user(staff_app, "p1", ["administrator"])
    add_user(staff_app, "p2", ["caregiver"])
    add_home(staff_app, "h2")
    for kind in ("team", "area"):
        accounts.add_group(staff, boss, kind, "Norr")
    failed: list[Exception] = []
    with staff.write() as tx:
        way_in.alone(tx, "org1")
        thread = run(lambda: change(staff, boss), failed)
        waiting(staff, 1)
    thread.join(WAIT_S)
    assert failed == []


def test_a_role_that_is_missing_is_made_by_who_comes_first(staff_app: Flask, staff: Staff) -> None:
    """Two organisations whose groups give something for the first time in the same moment."""
    add_user(staff_app, "p1", ["administrator"])
    failed: list[Exception] = []
    with staff.db.write() as tx:
        tx.conn.execute(delete(tables.role).where(tables.role.c.name == "technician"))

    def other() -> None:
        with staff.write() as tx:
            assert set(group_rights.role_ids(tx)) == set(Role)

    with staff.write() as tx:
        assert set(group_rights.role_ids(tx)) == set(Role)
        thread = run(other, failed)
        waiting(staff, 1)
    thread.join(WAIT_S)
    assert failed == []
