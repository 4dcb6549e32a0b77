"""What a group of single sign-on gives is given and taken for thousands at once, in a number of
statements that does not grow with them: whoever else writes waits for all of them."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from sqlalchemy import insert, select

from tests.staff.doors.test_lock_orders import told
from tests.staff.pages.test_statements import counted
from tests.staff.parts import add_user, group_id
from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.people import accounts, group_rights, sign_on_groups, signing_on
from web.staff.storage import tables
from web.staff.storage.admin_tables import sign_on_group, sign_on_member

FEW, MANY = 3, 400


def a_group(staff: Staff, name: str, count: int) -> list[int]:
    """So many accounts in a group of a provider of this name, which makes them caregivers."""
    u, now = tables.user, staff.clock.now()
    made = [
        {
            "email": f"{name}{n}@prov.example",
            "name": f"{name} {n}",
            "org_id": "org1",
            "person_id": f"{name}{n}",
            "active": True,
            "fs_uniquifier": f"{name}{n}",
            "locale": "sv",
            "created_at": now,
        }
        for n in range(count)
    ]
    group = {"id": name, "org_id": "org1", "issuer": f"https://{name}.example", "name": name}
    with staff.write() as tx:
        tx.conn.execute(insert(u), made)
        mine = select(u.c.id).where(u.c.person_id.in_([one["person_id"] for one in made]))
        ids = list(tx.conn.execute(mine.order_by(u.c.id)).scalars())
        tx.conn.execute(insert(sign_on_group).values(**group, roles='["caregiver"]'))
        tx.conn.execute(insert(sign_on_member), [{"group_id": name, "user_id": i} for i in ids])
        group_rights.fill(tx, ids)
    return ids


def roles_of(staff: Staff, ids: list[int]) -> set[tuple[str, bool]]:
    """What all of these have together, and whether by hand."""
    r, ur = tables.role.c, tables.user_role.c
    query = select(r.name, ur.by_hand).join(tables.user_role, ur.role_id == r.id)
    with staff.db.read() as conn:
        found = conn.execute(query.where(ur.user_id.in_(ids))).all()
    assert len(found) % len(ids) == 0
    return {(row.name, bool(row.by_hand)) for row in found}


def test_a_large_group_costs_as_many_statements_as_a_small_one(
    staff_app: Flask, staff: Staff
) -> None:
    """Both when what it gives is another thing, and when its provider ends; the log has an event
    for each account, in its order."""
    boss = add_user(staff_app, "p1", ["administrator"])
    few, many = a_group(staff, "few", FEW), a_group(staff, "many", MANY)

    def cost(do: Callable[[], object]) -> int:
        with counted(staff_app, beside=False) as spent:
            do()
        return len(spent.statements)

    def change(group: str) -> None:
        sign_on_groups.change(staff, boss, group, [Role.NIGHT_WATCHER], [])

    def end(group: str) -> None:
        with staff.write() as tx:
            issuer = f"https://{group}.example"
            signing_on.end_of(staff, tx, "org1", issuer, group, by="p1")

    assert cost(lambda: change("many")) <= cost(lambda: change("few"))
    assert roles_of(staff, few) == roles_of(staff, many) == {("night_watcher", False)}
    assert cost(lambda: end("many")) <= cost(lambda: end("few"))
    assert roles_of(staff, few) == roles_of(staff, many) == set()
    events = told(staff, "account.settled")
    assert [event.data.account for event in events][:2] == ["many0", "many1"]
    assert len(events) == FEW + MANY
    numbers = [int(event.ref.rpartition("/")[2]) for event in events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert {event.person for event in events} == {"p1"}


def test_somebody_in_many_groups_costs_as_many_statements_as_in_one(
    staff_app: Flask, staff: Staff
) -> None:
    """What each of them gives is read together."""
    boss = add_user(staff_app, "p1", ["administrator"])
    accounts.add_group(staff, boss, "team", "Norr")
    team = group_id(staff, "team")
    (mine,) = a_group(staff, "g0", 1)
    costs = []
    for number in range(1, 5):
        a_group(staff, f"g{number}", 1)
        sign_on_groups.change(staff, boss, f"g{number}", [Role.CAREGIVER], [team])
        with staff.write() as tx:
            tx.conn.execute(insert(sign_on_member).values(group_id=f"g{number}", user_id=mine))
        with counted(staff_app, beside=False) as cost, staff.db.read() as conn:
            given = group_rights.of(conn, mine)
        costs.append(len(cost.statements))
        assert [(one.group, one.teams) for one in given] == [
            ("g0", ()),
            *((f"g{n}", (team,)) for n in range(1, number + 1)),
        ]
    assert len(set(costs)) == 1, costs
