"""Nothing that is done in the pages leaves an organisation without an administrator who can sign
in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlalchemy import insert, select, update

from tests.staff.parts import add_home, add_user
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Operator, Role
from web.staff.people import accounts, sso_ids
from web.staff.people.accounts import Refused, Wrong
from web.staff.storage import tables

Change = Callable[[Staff, Actor, str], object]


def demoted(staff: Staff, by: Actor, whom: str) -> None:
    """A caregiver from now on."""
    accounts.set_roles(staff, by, whom, [Role.CAREGIVER])


def closed(staff: Staff, by: Actor, whom: str) -> None:
    """An account that is shut."""
    accounts.set_active(staff, by, whom, False)


def administrators(staff: Staff) -> set[str]:
    """Whose open account may administer."""
    u, ur, r = tables.user.c, tables.user_role.c, tables.role.c
    query = select(u.person_id).join(tables.user_role, ur.user_id == u.id)
    query = query.join(tables.role, r.id == ur.role_id)
    with staff.db.read() as conn:
        found = conn.execute(query.where(u.active, r.name == "administrator")).scalars()
        return set(found)


@pytest.mark.parametrize("change", [demoted, closed])
def test_two_administrators_do_not_take_each_other_away(
    staff_app: Flask, staff: Staff, change: Change
) -> None:
    """Both were let in as administrators; in the same second each takes the other's place away: one
    of them does, the other is told why not."""
    one, two = (add_user(staff_app, person, ["administrator"]) for person in ("p1", "p2"))
    ready, told = Barrier(2), []

    def press(by: Actor, whom: str) -> None:
        ready.wait(30)
        try:
            change(staff, by, whom)
        except Refused as refusal:
            told.append(refusal.why)

    both = [Thread(target=press, args=given) for given in ((one, "p2"), (two, "p1"))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert told == [Wrong.LOCKED_OUT]
    assert len(administrators(staff)) == 1


def test_the_last_way_in_is_not_taken(staff_app: Flask, staff: Staff) -> None:
    """The only administrator signs in by a passkey alone: it is not taken away, and neither is the
    id of one who has nothing else; the command line may."""
    boss = add_user(staff_app, "p1", ["administrator"])
    u = tables.user.c
    passkey = {
        "user_id": 1,
        "credential_id": b"c",
        "public_key": b"k",
        "backup_state": False,
        "device_type": "x",
        "lastuse_datetime": datetime(2026, 11, 23),  # noqa: DTZ001 - the column is naive
        "name": "x",
        "usage": "first",
    }
    with staff.db.write() as tx:
        tx.conn.execute(update(tables.user).where(u.person_id == "p1").values(password=None))
        tx.conn.execute(insert(tables.passkey).values(**passkey))
    with pytest.raises(Refused) as caught:
        accounts.reset_factors(staff, boss, "p1")
    assert caught.value.why is Wrong.LOCKED_OUT
    sso_ids.set_sso_id(staff, boss, "p1", "x")  # the passkey is still there
    accounts.set_active(staff, Operator("org1"), "p1", False)
    assert administrators(staff) == set()


def test_an_id_is_no_book(staff_app: Flask, staff: Staff) -> None:
    """Of an id for single sign-on no more is kept than a name has."""
    boss = add_user(staff_app, "p1", ["administrator"])
    with pytest.raises(Refused) as caught:
        sso_ids.set_sso_id(staff, boss, "p1", "x" * 201)
    assert caught.value.why is Wrong.TOO_LONG


def test_an_id_is_of_one_person(staff_app: Flask, staff: Staff) -> None:
    """Nobody else of the organisation gets it while it is somebody's, in the very same letters;
    another organisation may use the same, and one that was taken away is free."""
    boss, other = (add_user(staff_app, person, ["administrator"]) for person in ("p1", "z1"))
    add_home(staff_app, "h9", org="org9")
    far = add_user(staff_app, "p9", ["administrator"], org="org9")
    sso_ids.set_sso_id(staff, boss, "z1", "Åsa_1%")
    with pytest.raises(Refused) as caught:
        sso_ids.set_sso_id(staff, other, "p1", "Åsa_1%")
    assert caught.value.why is Wrong.EXISTS
    sso_ids.set_sso_id(staff, other, "p1", "åsa_1%")
    sso_ids.set_sso_id(staff, far, "p9", "Åsa_1%")
    sso_ids.set_sso_id(staff, boss, "z1", "")
    sso_ids.set_sso_id(staff, boss, "p1", "Åsa_1%")
    u = tables.user.c
    with staff.db.read() as conn:
        known = conn.execute(select(u.person_id, u.sso_id).order_by(u.person_id)).all()
    assert [tuple(row) for row in known] == [("p1", "Åsa_1%"), ("p9", "Åsa_1%"), ("z1", None)]
