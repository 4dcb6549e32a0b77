"""What has a name of its own is added once, however often and however quickly somebody asks; and a
name is no book."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Insert, insert, text

from gateway.errors import UserError
from tests.staff.parts import add_user
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Operator
from web.staff.events import append
from web.staff.people import accounts, registry
from web.staff.storage import tables

WAIT_S = 60.0

BOOK = secrets.token_urlsafe(6_000)
"""More than an index of PostgreSQL takes, and nothing to be packed."""

ORG = "org1"


def a_team(staff: Staff, name: str = "Norr") -> None:
    """Made by the command line."""
    accounts.add_group(staff, Operator(ORG), "team", name)


def an_account(staff: Staff, email: str = "norr@prov.example") -> object:
    """Likewise."""
    now = staff.clock.now()
    known: dict[str, Any] = {"org": ORG, "roles": [], "password_hash": None, "now": now}
    return registry.add_user(staff.db, email, name="Norr", **known)


def an_address(staff: Staff, email: str = "norr@prov.example") -> object:
    """The address of an account that is there."""
    return accounts.set_about(staff, Operator(ORG), "p1", "Norr", email)


def a_home(staff: Staff, label: str = "Norr") -> None:
    """A home of the organisation."""
    registry.add_home(staff.db, "norr", org=ORG, label=label)


def rows(staff: Staff) -> dict[Callable[..., object], Insert]:
    """What each of them would add, as somebody else has just added it."""
    email = {"org_id": ORG, "name": "Norr", "email": "norr@prov.example", "active": True}
    account = insert(tables.user).values(
        **email, person_id="p9", fs_uniquifier="x", locale="sv", created_at=staff.clock.now()
    )
    home = {"id": "norr", "org_id": ORG, "label": "Norr", "timezone": "UTC", "fallback": ""}
    return {
        a_team: insert(tables.team).values(org_id=ORG, name="Norr"),
        an_account: account,
        an_address: account,
        a_home: insert(tables.home).values(**home),
    }


@pytest.mark.parametrize("add", [a_team, an_account, an_address, a_home])
@pytest.mark.parametrize(
    "db", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
def test_who_comes_second_in_the_same_moment_is_told(
    staff_app: Flask, staff: Staff, add: Callable[..., object]
) -> None:
    """It waits for the first, and is refused as one that came later: a second click on a button is
    no fault of ours."""
    add_user(staff_app, "p1", ["caregiver"])
    told: list[Exception] = []

    def second() -> None:
        try:
            add(staff)
        except Exception as error:  # whatever it is: it is looked at below
            told.append(error)

    thread = Thread(target=second)
    with staff.db.write() as tx:
        append.hold(tx, None)
        tx.conn.execute(rows(staff)[add])
        thread.start()
        until_s = time.monotonic() + WAIT_S
        waits = text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )
        with staff.db.read() as conn:
            while not conn.execute(waits).scalar_one():
                assert time.monotonic() < until_s, "it waits for nobody"
                time.sleep(0.02)
    thread.join(WAIT_S)
    (error,) = told
    assert isinstance(error, UserError | accounts.Refused), error


@pytest.mark.parametrize("add", [a_team, an_account, an_address, a_home])
def test_a_name_is_no_book(staff_app: Flask, staff: Staff, add: Callable[..., object]) -> None:
    """It is refused in a sentence, not by an index."""
    boss: Actor = add_user(staff_app, "p1", ["administrator"])
    assert boss.org == ORG
    with pytest.raises((UserError, accounts.Refused)):
        add(staff, f"{BOOK}@prov.example")
