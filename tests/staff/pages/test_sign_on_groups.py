"""Grupper som ger behörighet: set by an administrator, told by whom, put back by one press, and
seen on the person's page."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.staff.homelink.test_ingest import rows
from tests.staff.pages.conftest import post, text_of
from tests.staff.pages.test_sign_on import PAGE as SIGN_ON
from tests.staff.pages.test_sign_on import press, tried, used, write
from tests.staff.pages.test_sign_on_ended import known
from tests.staff.parts import add_user, sign_in
from tests.staff.provider import Provider, running
from tests.staff.signin.test_single_sign_on import begin
from web.staff.core.context import Staff
from web.staff.core.rights import Operator
from web.staff.people import accounts, roster
from web.staff.storage import tables
from web.staff.storage.admin_tables import sign_on_group

PAGE = "/administration/egen-inloggning/grupper"
CHANGES = "/administration/andringar"
NIGHT = "Nattpatrull <Vård>"


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The organisation's provider."""
    with running() as started:
        yield started


@pytest.fixture
def boss(as_role: Callable[..., FlaskClient], staff: Staff) -> FlaskClient:
    """The organisation's administrator; it has two teams."""
    client = as_role("administrator", person="p1")
    for name in ("Norr", "Söder"):
        accounts.add_group(staff, Operator("org1"), "team", name)
    return client


def enter(app: Flask, provider: Provider, name: str, *groups: str) -> FlaskClient:
    """A browser that comes by the provider, which says these groups."""
    provider.claims = {"groups": list(groups)}
    client = app.test_client()
    assert client.get(provider.sign_in(begin(client, name))).status_code == 303
    return client


def shown(client: FlaskClient, path: str) -> str:
    """A page as it is read."""
    return html.unescape(text_of(client, path))


def group_of(client: FlaskClient) -> str:
    """The id of the only group on the page."""
    found = re.findall(r"grupp=(\w+)", text_of(client, PAGE))
    assert len(found) == 1
    return str(found[0])


def has(staff: Staff, person: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The roles and teams of somebody."""
    with staff.db.read() as conn:
        (one,) = roster.accounts(conn, "org1", person)
    return one.roles, one.teams


def test_a_group_is_set_told_and_put_back(
    boss: FlaskClient, staff_app: Flask, staff: Staff, provider: Provider
) -> None:
    """Added, changed, removed, each an event by whoever did it and put back by one press; what it
    gives stands on the person's page, beside what was given by hand, and in *Ändringar* with the
    provider's name."""
    assert "to-groups" not in text_of(boss, "/administration/egen-inloggning")
    name = used(boss, provider)
    assert "to-groups" in text_of(boss, "/administration/egen-inloggning")
    known(staff_app, provider, "p2")
    form = {"do": "add", "provider": name, "role": "night_watcher", "team": "1"}
    assert post(boss, PAGE, name=f" {NIGHT} ", **form).status_code == 200
    enter(staff_app, provider, name, NIGHT)
    assert has(staff, "p2") == (("coordinator", "night_watcher"), ("Norr",))
    assert "1 person" in shown(boss, PAGE)
    person = shown(boss, "/administration/person/p2")
    assert f"Från gruppen {NIGHT} i organisationens inloggning: nattpatrull." in person
    assert f"Från gruppen {NIGHT} i organisationens inloggning: Norr." in person
    assert 'value="night_watcher" checked' not in person, "nobody gave it by hand"
    assert 'value="coordinator" checked' in person
    log = shown(boss, CHANGES)
    assert log.count("Grupper i SITHS") == 2
    group = group_of(boss)
    assert "checked" in text_of(boss, f"{PAGE}?grupp={group}")
    post(boss, PAGE, do="change", group=group, role="caregiver", team="2")
    assert has(staff, "p2") == (("caregiver", "coordinator"), ("Söder",))
    assert f"Grupp i organisationens inloggning ändrad: {NIGHT}" in shown(boss, CHANGES)
    (step,) = re.findall(r'name="change" value="(\w+)"', text_of(boss, CHANGES))
    assert post(boss, CHANGES, change=step).status_code == 200
    assert has(staff, "p2") == (("coordinator", "night_watcher"), ("Norr",))
    assert post(boss, CHANGES, change=step).status_code == 409
    post(boss, PAGE, do="remove", group=group)
    assert has(staff, "p2") == (("coordinator",), ())
    assert rows(staff, sign_on_group) == []
    (step,) = re.findall(r'name="change" value="(\w+)"', text_of(boss, CHANGES))
    assert post(boss, CHANGES, change=step).status_code == 200
    assert has(staff, "p2") == (("coordinator",), ()), "until the next sign-in"
    enter(staff_app, provider, name, NIGHT)
    assert has(staff, "p2") == (("coordinator", "night_watcher"), ("Norr",))
    events = rows(staff, tables.event, kind="account.changed")
    mapped = [row.person for row in events if '"sign_on_group"' in row.body]
    assert mapped == ["p1"] * 5


def test_what_cannot_be_set_is_one_sentence(
    boss: FlaskClient, staff_app: Flask, staff: Staff, provider: Provider
) -> None:
    """Nothing chosen, no group, one that is there, one that is too long or no text; another
    organisation's team or group is not there; a coordinator may not."""
    name = used(boss, provider)
    form = {"do": "add", "provider": name, "role": "night_watcher"}
    assert post(boss, PAGE, name="x", **form).status_code == 200
    for changed, status in (
        ({"name": "x"}, 409),
        ({"name": " "}, 409),
        ({"name": "x" * 201}, 409),
        ({"name": "x\u200by"}, 409),
        ({"name": "y", "role": "king"}, 409),
        ({"name": "y", "team": "99"}, 404),
        ({"name": "y", "team": "²"}, 404),
        ({"name": "y", "team": "9" * 40}, 404),
        ({"name": "y", "provider": "region"}, 404),
        ({"do": "change", "group": "x"}, 404),
        ({"do": "remove", "group": "x"}, 404),
        ({"do": "else"}, 422),
    ):
        assert post(boss, PAGE, **(form | changed)).status_code == status, changed
    assert [row.name for row in rows(staff, sign_on_group)] == ["x"]
    add_user(staff_app, "p3", ["coordinator"])
    other = staff_app.test_client()
    sign_in(other, "p3")
    assert other.get(PAGE).status_code == 403
    assert post(other, PAGE, name="z", **form).status_code == 403


def test_accounts_are_made_only_when_an_administrator_says_so(
    boss: FlaskClient, staff: Staff
) -> None:
    """The switch is off at first; each change of it is an event."""
    assert 'data-test="adds" data-on="no"' in text_of(boss, PAGE)
    for on in ({"on": "yes"}, {"on": "yes"}, {}):
        assert post(boss, PAGE, do="adds", **on).status_code == 200
        now = "yes" if on else "no"
        assert f'data-test="adds" data-on="{now}"' in text_of(boss, PAGE)
    events = rows(staff, tables.event, kind="account.changed")
    assert sum('"sign_on_adds"' in row.body for row in events) == 2


def test_with_a_provider_of_the_pages_goes_what_it_gave(
    boss: FlaskClient, staff_app: Flask, staff: Staff, provider: Provider
) -> None:
    """With another one of that address nothing goes, with the last one it does, by the name of the
    provider and of who ended it."""
    name = used(boss, provider)
    known(staff_app, provider, "p2")
    form = {"do": "add", "provider": name, "role": "night_watcher"}
    post(boss, PAGE, name=NIGHT, **form)
    enter(staff_app, provider, name, NIGHT)
    forms = re.findall(r'value="write"><[^>]*name="name" value="(\w+)"', text_of(boss, SIGN_ON))
    second = forms[-1]
    assert second != name
    write(boss, provider, name=second)
    assert 'data-test="passed"' in tried(boss, provider, second)
    press(boss, "use", name=second)
    press(boss, "end", name=second)
    assert has(staff, "p2")[0] == ("coordinator", "night_watcher")
    press(boss, "end", name=name)
    assert has(staff, "p2")[0] == ("coordinator",)
    assert "Grupper i SITHS (Prov p1)" in shown(boss, CHANGES)
    assert "Inloggningen används inte." in shown(boss, PAGE)


def test_what_was_taken_back_is_said(
    boss: FlaskClient, staff_app: Flask, staff: Staff, provider: Provider
) -> None:
    """Who looks for why a group does not give a team finds it on the person's page."""
    name = used(boss, provider)
    known(staff_app, provider, "p2")
    accounts.add_group(staff, Operator("org1"), "area", "Norr")
    accounts.set_home_area(staff, Operator("org1"), "h1", 1)
    accounts.set_team_areas(staff, Operator("org1"), 1, [1])
    post(boss, PAGE, do="add", provider=name, name=NIGHT, team="1")
    enter(staff_app, provider, name, NIGHT)
    page = "/administration/person/p2"
    assert "given-teams" in text_of(boss, page)
    post(boss, f"{page}/atkomst", scope="home", home="h1")
    assert f"Gruppen {NIGHT} ger inte Norr" in shown(boss, page)
    assert has(staff, "p2")[1] == ()
