"""Guessing from many places: slowed for an account as a whole, and no lock on its owner's own
phone."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import PASSWORD, sign_in
from tests.staff.signin.test_second_factor import token_in
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.people import accounts
from web.staff.signin import devices, failed_attempts
from web.staff.signin.failed_attempts import TRIES, TRIES_OF_ACCOUNT, TRIES_OF_DEVICE, What
from web.staff.storage import tables

MakeUser = Callable[..., Actor]

WRONG = "wrong password 1"


def from_address(app: Flask, number: int) -> FlaskClient:
    """A browser that nobody knows, at an address of its own."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = f"198.51.{number // 250}.{number % 250 + 1}"
    return client


def guess(app: Flask, person: str, times: int = TRIES_OF_ACCOUNT, *, since: int = 0) -> None:
    """Try a wrong password that often, each time from another address."""
    for number in range(since, since + times):
        assert sign_in(from_address(app, number), person, WRONG).status_code == 200


def gets_in(client: FlaskClient, person: str, password: str = PASSWORD) -> bool:
    """Whether the form lets in."""
    return bool(sign_in(client, person, password).status_code == 302)


def sign_out(client: FlaskClient) -> None:
    """By the form."""
    token = token_in(client.get("/konto").get_data(as_text=True))
    assert client.post("/logout", data={"csrf_token": token}).status_code == 302


def test_guesses_from_many_addresses_are_slowed(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """After twenty in a day even the right password waits at a strange browser, with the same
    sentence; other accounts go on; the day after it lets in."""
    make_user("p7", ["caregiver"])
    make_user("p8", ["caregiver"])
    guess(staff_app, "p7", TRIES_OF_ACCOUNT - 1)
    assert gets_in(from_address(staff_app, 500), "p7"), "one is left"
    guess(staff_app, "p7", 1, since=600)
    answer = sign_in(from_address(staff_app, 501), "p7")
    assert answer.status_code == 200
    assert "Inloggningen misslyckades" in html.unescape(answer.get_data(as_text=True))
    assert gets_in(from_address(staff_app, 502), "p8")
    counted = rows(staff, tables.failed_sign_in)
    assert len(counted) == TRIES_OF_ACCOUNT, "what waits is not counted, or it would never end"
    earlier = datetime.now(UTC) - timedelta(hours=24, seconds=1)
    with staff.db.write() as tx:
        tx.conn.execute(tables.failed_sign_in.update().values(at=earlier))
    assert gets_in(from_address(staff_app, 503), "p7")


def test_others_guesses_never_shut_out_a_device_that_was_used(
    staff_app: Flask, make_user: MakeUser
) -> None:
    """The owner's own phone, from whatever address: not after guesses from everywhere, nor from
    behind the same address."""
    make_user("p7", ["caregiver"], homes=["h1"])
    phone = from_address(staff_app, 900)
    assert gets_in(phone, "p7")
    sign_out(phone)
    guess(staff_app, "p7")
    for _ in range(TRIES):
        sign_in(from_address(staff_app, 900), "p7", WRONG)
    assert not gets_in(from_address(staff_app, 900), "p7"), "a stranger behind the same address"
    assert gets_in(phone, "p7")
    sign_out(phone)
    phone.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    assert gets_in(phone, "p7")


def test_an_address_that_is_flooded_shuts_out_no_device(
    staff_app: Flask, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred failures of others behind a municipality's one address."""
    make_user("p7", ["caregiver"], homes=["h1"])
    phone = from_address(staff_app, 1)
    assert gets_in(phone, "p7")
    sign_out(phone)
    address = staff_app.extensions[failed_attempts.EXTENSION].address
    while address.allow(phone.environ_base["REMOTE_ADDR"]):
        pass
    assert not gets_in(from_address(staff_app, 1), "p7")
    assert gets_in(phone, "p7")


def test_a_site_of_ipv6_is_one_place(staff_app: Flask, make_user: MakeUser) -> None:
    """Whoever has a whole network of addresses tries no more often than from one."""
    make_user("p7", ["caregiver"])
    clients = [staff_app.test_client() for _ in range(TRIES + 1)]
    for number, client in enumerate(clients):
        client.environ_base["REMOTE_ADDR"] = f"2001:db8:1:2::{number + 1:x}"
        gets_in(client, "p7", WRONG)
    assert not gets_in(clients[-1], "p7")


@pytest.mark.parametrize("cookie", ["another account's", "made up", "cut", "signed elsewhere"])
def test_a_device_cookie_is_of_its_own_account_only(
    staff_app: Flask, make_user: MakeUser, cookie: str
) -> None:
    """Somebody with an account of their own, or with a pen, is a stranger to everybody else's."""
    make_user("p7", ["caregiver"], homes=["h1"])
    make_user("p8", ["caregiver"], homes=["h1"])
    thief = from_address(staff_app, 901)
    assert gets_in(thief, "p8")
    sign_out(thief)
    kept = thief.get_cookie("tryggve-device")
    assert kept is not None
    assert kept.http_only
    if cookie == "made up":
        thief.set_cookie("tryggve-device", "eyJuIjoieCIsImEiOnt9fQ.x")
    elif cookie == "cut":
        thief.set_cookie("tryggve-device", kept.value[:-1])
    elif cookie == "signed elsewhere":
        with staff_app.test_request_context():
            from itsdangerous import URLSafeSerializer

            name = "n"
            told = {"n": name, "a": {devices._tag(name, "p7@prov.example"): devices._today()}}
            forged = URLSafeSerializer("another key", salt=devices.PURPOSE).dumps(told)
        thief.set_cookie("tryggve-device", str(forged))
    guess(staff_app, "p7")
    assert not gets_in(thief, "p7")


def test_a_device_cookie_ends(
    staff_app: Flask, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a year after the account's last sign-in there its browser is a stranger."""
    make_user("p7", ["caregiver"], homes=["h1"])
    phone = from_address(staff_app, 900)
    today = devices._today()
    monkeypatch.setattr(devices, "_today", lambda: today)  # it is midnight once a day
    assert gets_in(phone, "p7")
    sign_out(phone)
    guess(staff_app, "p7")
    monkeypatch.setattr(devices, "_today", lambda: today + devices.KEPT_DAYS + 1)
    assert not gets_in(phone, "p7")
    monkeypatch.setattr(devices, "_today", lambda: today + devices.KEPT_DAYS)
    assert gets_in(phone, "p7")


def test_a_stolen_device_is_slow_too(staff_app: Flask, make_user: MakeUser, staff: Staff) -> None:
    """A browser that is known has a limit of its own, fast and slow, and takes nothing of others':
    the owner's other places go on."""
    make_user("p7", ["caregiver"], homes=["h1"])
    phone, stolen = from_address(staff_app, 900), from_address(staff_app, 901)
    for client in (phone, stolen):
        assert gets_in(client, "p7")
        sign_out(client)
    for number in range(TRIES_OF_DEVICE):
        if number % TRIES == 0:
            staff_app.extensions[failed_attempts.EXTENSION].account.clear()
        sign_in(stolen, "p7", WRONG)
    staff_app.extensions[failed_attempts.EXTENSION].account.clear()
    assert not gets_in(stolen, "p7")
    assert gets_in(phone, "p7")
    assert gets_in(from_address(staff_app, 5), "p7")


def test_no_account_is_told_from_one(staff_app: Flask, make_user: MakeUser, staff: Staff) -> None:
    """Addresses that are nobody's are counted and slowed alike."""
    make_user("p7", ["caregiver"])
    for person in ("p7", "nobody"):
        guess(staff_app, person)
    before = len(rows(staff, tables.event, kind="account.refused"))
    for number, person in enumerate(("p7", "nobody")):
        assert not gets_in(from_address(staff_app, 700 + number), person)
    assert len(rows(staff, tables.event, kind="account.refused")) == before


def test_the_table_is_bounded(
    staff_app: Flask, make_user: MakeUser, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an account, of addresses that are nobody's, and by age; nobody's push out no account's."""
    make_user("p7", ["caregiver"])
    monkeypatch.setattr(failed_attempts, "KEPT_OF_NOBODY", 3)
    monkeypatch.setattr(failed_attempts, "KEPT_OF_ACCOUNT", 4)
    guess(staff_app, "p7", 6)
    for number in range(5):
        sign_in(from_address(staff_app, number), f"nobody{number}", WRONG)
    owners = [row.user_id for row in rows(staff, tables.failed_sign_in)]
    assert (owners.count(None), len(owners)) == (3, 7)
    long_ago = datetime.now(UTC) - failed_attempts.KEPT - timedelta(seconds=1)
    with staff.db.write() as tx:
        tx.conn.execute(tables.failed_sign_in.update().values(at=long_ago))
    guess(staff_app, "p7", 1, since=50)
    assert sum(row.user_id is not None for row in rows(staff, tables.failed_sign_in)) == 1


def test_the_owner_sees_what_was_tried(staff_app: Flask, make_user: MakeUser) -> None:
    """When, with what, and roughly from where; that new places wait; and nobody else's."""
    make_user("p7", ["caregiver"], homes=["h1"])
    make_user("p8", ["caregiver"], homes=["h1"])
    mine, other = from_address(staff_app, 900), from_address(staff_app, 901)
    assert gets_in(mine, "p7")
    assert gets_in(other, "p8")
    assert 'data-test="failed"' not in mine.get("/konto").get_data(as_text=True)
    guess(staff_app, "p7", 3)
    page = mine.get("/konto").get_data(as_text=True)
    assert page.count('data-test="failed-one"') == 3
    assert "198.51.0.x" in page
    assert 'data-test="strangers-wait"' not in page
    guess(staff_app, "p7", since=3, times=TRIES_OF_ACCOUNT - 3)
    assert 'data-test="strangers-wait"' in mine.get("/konto").get_data(as_text=True)
    assert 'data-test="failed"' not in other.get("/konto").get_data(as_text=True)


def test_a_new_password_ends_the_wait(staff_app: Flask, make_user: MakeUser, staff: Staff) -> None:
    """Somebody with a new phone, while others guess: the administrator hands over a new one."""
    from flask_security.utils import hash_password

    make_user("p7", ["caregiver"], homes=["h1"])
    boss = make_user("p1", ["administrator"])
    guess(staff_app, "p7")
    with staff_app.app_context():
        accounts.set_password(staff, boss, "p7", str(hash_password("another long password")))
    assert gets_in(from_address(staff_app, 900), "p7", "another long password")
    assert len(rows(staff, tables.failed_sign_in)) == TRIES_OF_ACCOUNT, "still there to be seen"


@pytest.mark.parametrize("form", ["verify", "change"])
def test_no_form_lets_the_password_be_guessed(
    staff_app: Flask, make_user: MakeUser, form: str
) -> None:
    """A phone left signed in: neither where it is asked for again, nor where it is changed."""
    make_user("p7", ["caregiver"], homes=["h1"])
    phone = from_address(staff_app, 900)
    assert gets_in(phone, "p7")
    token = token_in(phone.get("/konto").get_data(as_text=True))

    def tried(password: str) -> Any:
        data = {"csrf_token": token, "password": password}
        if form == "verify":
            return phone.post("/verify", data=data)
        new = "another long password"
        more = {"new_password": new, "new_password_confirm": new}
        return phone.post("/konto/losenord", data=data | more)

    for _ in range(TRIES):
        assert tried(WRONG).status_code == 200
    assert tried(PASSWORD).status_code == 200
    staff_app.extensions[failed_attempts.EXTENSION].account.clear()
    assert tried(PASSWORD).status_code == 302


def test_many_tries_at_once_are_not_one(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """A try is counted before the password is looked at: who sends a hundred at once gets no more
    than who sends them one by one."""
    make_user("p7", ["caregiver"])
    looked = 0

    def wrong() -> bool:
        nonlocal looked
        looked += 1
        with staff_app.test_request_context(environ_base={"REMOTE_ADDR": f"192.0.2.{looked}"}):
            if looked <= TRIES_OF_ACCOUNT:  # another comes while this one is being looked at
                failed_attempts.attempt("p7@prov.example", What.PASSWORD, wrong)
        return False

    with staff_app.test_request_context(environ_base={"REMOTE_ADDR": "192.0.2.200"}):
        assert not failed_attempts.attempt("p7@prov.example", What.PASSWORD, wrong)
    assert looked == TRIES_OF_ACCOUNT
    assert len(rows(staff, tables.failed_sign_in)) == TRIES_OF_ACCOUNT
