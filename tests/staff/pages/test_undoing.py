"""The last change of who works where and what somebody may do, put back by one press."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway.clock import ManualClock
from tests.staff.homelink.test_ingest import rows
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import add_home, add_user, parts_of, sign_in
from web.staff.core.context import Staff
from web.staff.core.rights import Operator
from web.staff.people import accounts, before, roster
from web.staff.people.before import OFFERED
from web.staff.storage import tables
from web.staff.storage.admin_tables import change_before

PAGE = "/administration/andringar"


@pytest.fixture
def boss(as_role: Callable[..., FlaskClient], staff_app: Flask) -> FlaskClient:
    """An administrator; `p2` is a caregiver in a team of theirs, `h1` in an area."""
    client = as_role("administrator", person="p1")
    add_user(staff_app, "p2", ["caregiver"], homes=["h1"])
    staff = parts_of(staff_app)
    for kind in ("team", "area"):
        for name in ("Norr", "Söder"):
            accounts.add_group(staff, Operator("org1"), kind, name)
    return client


def steps(client: FlaskClient) -> dict[str, str]:
    """What can be put back, by what it is."""
    found = re.findall(
        r'data-test="step" data-what="(\w+)".*?name="change" value="(\w+)"',
        text_of(client, PAGE),
        re.DOTALL,
    )
    return dict(found)


def undone(client: FlaskClient, what: str) -> Any:
    """Press the button beside it."""
    return post(client, PAGE, change=steps(client)[what])


def held(staff: Staff) -> tuple[object, ...]:
    """What `p2` may, where they work, what the teams cover, where the home is."""
    with staff.db.read() as conn:
        (one,) = roster.accounts(conn, "org1", "p2")
        teams = [(team.name, team.covers) for team in roster.teams(conn, "org1")]
        areas = [(area.name, area.inside) for area in roster.areas(conn, "org1")]
        roles = sorted(one.roles)
    own = rows(staff, tables.assignment)
    return roles, one.teams, [row.home_id for row in own], teams, areas


def test_each_change_is_put_back_and_is_a_change_itself(boss: FlaskClient, staff: Staff) -> None:
    """Roles, homes, teams, areas: as it was, with an event by whoever pressed; and that can be put
    back again."""
    first = held(staff)
    person, home = "/administration/person/p2", "/administration/hem/h1"
    post(boss, person, do="roles", role="coordinator")
    post(boss, person, do="homes")
    post(boss, person, do="teams", team="1")
    post(boss, "/administration/grupper", do="covers", team="1", area="2")
    post(boss, home, do="area", area="2")
    changed = held(staff)
    assert changed != first
    assert set(steps(boss)) == {"roles", "homes", "teams", "team_areas", "home_area"}
    told = len(rows(staff, tables.event, kind="account.changed"))
    for what in steps(boss):
        assert undone(boss, what).status_code == 200, what
    assert held(staff) == first
    events = rows(staff, tables.event, kind="account.changed")
    assert [row.person for row in events[told:]] == ["p1"] * 5
    for what in steps(boss):
        assert undone(boss, what).status_code == 200, what
    assert held(staff) == changed


def test_what_somebody_changed_since_is_not_written_over(boss: FlaskClient, staff: Staff) -> None:
    """A page from before the newer change undoes nothing, and a change behind the pages neither."""
    person = "/administration/person/p2"
    post(boss, person, do="roles", role="coordinator")
    old = steps(boss)["roles"]
    post(boss, person, do="roles", role="technician")
    assert post(boss, PAGE, change=old).status_code == 409
    assert held(staff)[0] == ["technician"]
    with staff.db.write() as tx:
        tx.conn.execute(tables.user_role.delete().where(tables.user_role.c.user_id == 2))
    assert undone(boss, "roles").status_code == 409


def test_whose_change_it_is(
    boss: FlaskClient, staff_app: Flask, staff: Staff, clock: ManualClock
) -> None:
    """Who may not give roles is not offered to put them back, another organisation is offered
    nothing of it, and after a week nobody is."""
    post(boss, "/administration/person/p2", do="roles", role="coordinator")
    change = steps(boss)["roles"]
    add_user(staff_app, "p3", ["coordinator"])
    add_home(staff_app, "h2", org="org2")
    add_user(staff_app, "z1", ["administrator"], org="org2")
    for person, status in (("p3", 403), ("z1", 409)):
        client = staff_app.test_client()
        sign_in(client, person)
        assert steps(client) == {}
        assert post(client, PAGE, change=change).status_code == status
    assert held(staff)[0] == ["coordinator"]
    clock.advance(OFFERED / timedelta(seconds=1))
    with staff.db.read() as conn:
        assert before.offered(conn, staff, "org1") == []
    assert post(boss, PAGE, change=change).status_code == 409, "nor by a page that stood open"
    assert held(staff)[0] == ["coordinator"]


def test_what_a_newer_version_remembers_does_not_darken_the_page(
    boss: FlaskClient, staff: Staff
) -> None:
    """A row of a sort that this version does not know is neither offered nor put back."""
    post(boss, "/administration/person/p2", do="roles", role="coordinator")
    change = steps(boss)["roles"]
    with staff.db.write() as tx:
        tx.conn.execute(change_before.update().values(what="toaster"))
    assert steps(boss) == {}
    assert post(boss, PAGE, change=change).status_code == 409


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (
            "/administration/person/p2",
            {"do": "about", "name": "a\x00b", "email": "p2@prov.example"},
        ),
        ("/administration/person/p2", {"do": "sso", "sso_id": "a\x00b"}),
        ("/administration/grupper", {"do": "team", "name": "a\x00b"}),
        ("/administration/planering", {"do": "check", "source": "a\x00b"}),
    ],
)
def test_a_character_that_no_text_has_is_refused(
    boss: FlaskClient, staff: Staff, path: str, fields: dict[str, str]
) -> None:
    """PostgreSQL keeps none; on both databases the form is refused, and nothing is changed."""
    told = len(rows(staff, tables.event, kind="account.changed"))
    assert post(boss, path, **fields).status_code == 400
    assert len(rows(staff, tables.event, kind="account.changed")) == told
