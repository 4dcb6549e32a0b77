"""Nothing that is done in the pages leaves an organisation without an administrator who can sign
in."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlalchemy import insert, select, text, update

from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import add_home, add_user, sign_in
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Operator, Role
from web.staff.people import access_revocation, accounts, sso_ids
from web.staff.people.access_revocation import Scope
from web.staff.people.accounts import Refused, Wrong
from web.staff.storage import tables

Change = Callable[[Staff, Actor, str], object]


def demoted(staff: Staff, by: Actor, whom: str) -> None:
    """A caregiver from now on."""
    accounts.set_roles(staff, by, whom, [Role.CAREGIVER])


def closed(staff: Staff, by: Actor, whom: str) -> None:
    """An account that is shut."""
    accounts.set_active(staff, by, whom, False)


def taken_back(staff: Staff, by: Actor, whom: str) -> None:
    """All that somebody has."""
    access_revocation.revoke(staff, by, whom, Scope.ALL)


def administrators(staff: Staff) -> set[str]:
    """Whose open account may administer."""
    u, ur, r = tables.user.c, tables.user_role.c, tables.role.c
    query = select(u.person_id).join(tables.user_role, ur.user_id == u.id)
    query = query.join(tables.role, r.id == ur.role_id)
    with staff.db.read() as conn:
        found = conn.execute(query.where(u.active, r.name == "administrator")).scalars()
        return set(found)


@pytest.mark.parametrize("change", [demoted, closed, taken_back])
def test_two_administrators_do_not_take_each_other_away(
    staff_app: Flask, staff: Staff, change: Change
) -> None:
    """Both were let in as administrators; in the same second each takes the other's place away: one
    of them does, the other is told why not."""
    one, two = (add_user(staff_app, person, ["administrator"]) for person in ("p1", "p2"))
    ready, told = Barrier(2), []

    def press(by: Actor, whom: str) -> None:
        ready.wait(60)
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
    only_a_passkey(staff)
    with pytest.raises(Refused) as caught:
        accounts.reset_factors(staff, boss, "p1")
    assert caught.value.why is Wrong.LOCKED_OUT
    sso_ids.set_sso_id(staff, boss, "p1", "x")  # the passkey is still there
    accounts.set_active(staff, Operator("org1"), "p1", False)
    assert administrators(staff) == set()


def only_a_passkey(staff: Staff) -> None:
    """`p1` signs in by nothing else."""
    u = tables.user.c
    passkey = {
        "user_id": rows(staff, tables.user, person_id="p1")[0].id,
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


@pytest.mark.parametrize("others", [False, True], ids=["alone", "with another"])
def test_the_last_passkey_is_not_removed_by_its_owner(
    staff_app: Flask, staff: Staff, others: bool
) -> None:
    """On one's own page: what it says there is that nobody could administer any more; with another
    administrator, or another passkey, it goes."""
    add_user(staff_app, "p1", ["administrator"])
    if others:
        add_user(staff_app, "p2", ["administrator"])
    client = staff_app.test_client()
    sign_in(client, "p1")
    only_a_passkey(staff)
    page = client.get("/konto").get_data(as_text=True)
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    answer = client.post("/wan-delete", data={"csrf_token": token, "name": "x"})
    assert answer.status_code in (302, 303)
    assert rows(staff, tables.passkey) == [] if others else len(rows(staff, tables.passkey)) == 1
    said = client.get("/konto").get_data(as_text=True)
    assert ("ingen administratör logga in längre" in said) is not others


def test_where_nobody_is_left_nothing_is_held_up(staff_app: Flask, staff: Staff) -> None:
    """An organisation whose administrators all come by a group: they close an account and change
    roles all the same."""
    boss = add_user(staff_app, "p1", ["administrator"])
    add_user(staff_app, "p2", ["caregiver"])
    with staff.db.write() as tx:
        tx.conn.execute(update(tables.user_role).values(by_hand=False))
    demoted(staff, boss, "p2")
    closed(staff, boss, "p2")
    taken_back(staff, boss, "p2")


def test_a_new_address_waits_for_a_change_of_the_same_account(
    staff_app: Flask, staff: Staff
) -> None:
    """Both hold the account before the server's log: neither ends in a deadlock."""
    if not staff.db.postgres:
        pytest.skip("SQLite has one writer")
    boss = add_user(staff_app, "p1", ["administrator"])
    add_user(staff_app, "p2", ["caregiver"])
    failed: list[Exception] = []

    def rename() -> None:
        try:
            accounts.set_about(staff, boss, "p2", "Norr", "norr@prov.example")
        except Exception as error:  # whatever it is: it is looked at below
            failed.append(error)

    thread = Thread(target=rename)
    u, waits = tables.user.c, text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with staff.write() as tx:
        tx.conn.execute(select(u.id).where(u.person_id == "p2").with_for_update())
        thread.start()
        until_s = time.monotonic() + 60
        with staff.db.read() as conn:
            while not conn.execute(waits).scalar_one():
                assert time.monotonic() < until_s, "it waits for nobody"
                time.sleep(0.02)
        accounts.note(staff, tx, boss, "sso_id", "p2")
    thread.join(60)
    assert failed == []
    with staff.db.read() as conn:
        assert conn.execute(select(u.name).where(u.person_id == "p2")).scalar_one() == "Norr"


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
