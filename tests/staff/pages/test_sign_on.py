"""Single sign-on set in the pages, against a real provider: tried before it is used, its secret
never shown again, and no administrator locked out."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.staff.homelink.test_ingest import rows
from tests.staff.pages.conftest import text_of
from tests.staff.parts import add_home, add_user, sign_in
from tests.staff.provider import CLIENT, LOA3, SECRET, Provider, running
from tests.staff.signin.test_single_sign_on import leads_to
from web.staff.core.context import Staff
from web.staff.core.rights import Operator, Role
from web.staff.people import roster, sign_on_groups
from web.staff.signin.asking import Clients
from web.staff.storage import tables
from web.staff.storage.admin_tables import sign_on_provider

PAGE = "/administration/egen-inloggning"
SUBJECT = "SE165500001234-AB12"


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The organisation's provider."""
    with running() as started:
        yield started


@pytest.fixture
def boss(as_role: Callable[..., FlaskClient]) -> FlaskClient:
    """The organisation's only administrator."""
    return as_role("administrator", person="p1")


def press(client: FlaskClient, do: str, **fields: str) -> Any:
    """One of the page's forms."""
    page = text_of(client, "/nu")
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    return client.post(PAGE, data={"do": do, "csrf_token": token, **fields})


def name_of(page: str) -> str:
    """What the page calls the provider that it has a form for."""
    form = page.split('name="do" value="write">', 1)[1]
    found = re.match(r'<input type="hidden" name="name" value="(\w+)"', form)
    assert found is not None
    return found[1]


def write(client: FlaskClient, provider: Provider, **other: str) -> str:
    """Write the provider down; its name."""
    name = other.pop("name", "") or name_of(text_of(client, PAGE))
    form = {
        "label": "SITHS",
        "issuer": provider.url,
        "client_id": CLIENT,
        "secret": SECRET,
        "levels": LOA3,
        "claim": "sub",
    }
    answer = press(client, "write", name=name, **form | other)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return name


def tried(client: FlaskClient, provider: Provider, name: str) -> str:
    """The page after a trial."""
    answer = press(client, "try", name=name)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    back = client.get(provider.sign_in(leads_to(answer)))
    assert (back.status_code, back.location) == (303, PAGE)
    return html.unescape(text_of(client, PAGE))


def used(client: FlaskClient, provider: Provider) -> str:
    """A provider that people sign in with; its name."""
    name = write(client, provider)
    assert 'data-test="passed"' in tried(client, provider, name)
    press(client, "use", name=name)
    assert 'data-used="yes"' in text_of(client, PAGE)
    return name


def offered(app: Flask, name: str) -> bool:
    """Whether the page of signing in has its button."""
    return f'data-test="sign-on-{name}"' in text_of(app.test_client(), "/login")


def test_it_is_tried_before_it_is_used(
    boss: FlaskClient, staff_app: Flask, staff: Staff, provider: Provider
) -> None:
    """The trial says whom the provider named, signs nobody in and leaves whoever tries it as they
    are; only then people sign in with it, as the account that has this id."""
    name = write(boss, provider)
    assert press(boss, "use", name=name).status_code == 303
    assert not offered(staff_app, name)
    assert f"/inloggning/{name}/svar" in text_of(boss, PAGE)
    page = tried(boss, provider, name)
    assert SUBJECT in page
    assert len(rows(staff, tables.session)) == 1, "whoever tries it has the one session"
    press(boss, "use", name=name)
    assert offered(staff_app, name)
    add_user(staff_app, "p2", ["coordinator"])
    with staff.db.write() as tx:
        mine = update(tables.user).where(tables.user.c.person_id == "p2")
        tx.conn.execute(mine.values(sso_id=SUBJECT, sso_issuer=provider.url))
    client = staff_app.test_client()
    token = text_of(client, "/login").split('name="csrf_token"', 1)[1]
    token = token.split('value="', 1)[1].split('"', 1)[0]
    sent = client.post(f"/inloggning/{name}", data={"csrf_token": token})
    assert client.get(provider.sign_in(leads_to(sent))).status_code == 303
    assert "Prov p2" in text_of(client, "/nu")
    said = rows(staff, tables.event, kind="account.changed")
    assert [row.person for row in said] == ["p1", "p1"]


def test_the_secret_is_never_shown_again(
    boss: FlaskClient, staff: Staff, provider: Provider
) -> None:
    """Neither on the page nor in the database; an empty field keeps it."""
    name = write(boss, provider)
    write(boss, provider, name=name, secret="", label="Region")
    assert SECRET not in text_of(boss, PAGE)
    assert SECRET not in str([rows(staff, table) for table in tables.metadata.sorted_tables])
    assert 'data-test="passed"' in tried(boss, provider, name)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"acr": "http://id.sambi.se/loa/loa2"}, "Nivån som den sa är ingen av dem"),
        ({"sub": None}, "släppte inte in dig"),
        ({"aud": "another"}, "släppte inte in dig"),
    ],
)
def test_a_trial_that_fails_says_why(
    boss: FlaskClient,
    staff_app: Flask,
    provider: Provider,
    claims: dict[str, Any],
    said: str,
) -> None:
    """In a sentence, and it cannot be used."""
    name = write(boss, provider)
    provider.claims = claims
    assert said in tried(boss, provider, name)
    press(boss, "use", name=name)
    assert not offered(staff_app, name)


def test_what_was_written_after_the_trial_was_not_tried(
    boss: FlaskClient, staff_app: Flask, provider: Provider
) -> None:
    """What people sign in with goes on until the new settings have passed."""
    name = used(boss, provider)
    write(boss, provider, name=name, label="Region")
    press(boss, "use", name=name)
    assert "Logga in med SITHS" in text_of(staff_app.test_client(), "/login")
    tried(boss, provider, name)
    write(boss, provider, name=name, label="Kommunen")
    press(boss, "use", name=name)
    assert "Logga in med SITHS" in text_of(staff_app.test_client(), "/login")
    tried(boss, provider, name)
    press(boss, "use", name=name)
    assert "Logga in med Kommunen" in text_of(staff_app.test_client(), "/login")


def test_no_administrator_is_locked_out(
    boss: FlaskClient, staff_app: Flask, staff: Staff, provider: Provider
) -> None:
    """While the only administrator has no password and no passkey, what signs them in is neither
    ended nor changed for another."""
    name = used(boss, provider)
    known = {"sso_id": SUBJECT, "sso_issuer": provider.url, "password": None}
    with staff.db.write() as tx:
        tx.conn.execute(update(tables.user).values(**known))
    press(boss, "end", name=name)
    assert offered(staff_app, name)
    with running() as other:
        write(boss, other, name=name)
        tried(boss, other, name)
        press(boss, "use", name=name)
    (row,) = rows(staff, sign_on_provider)
    assert provider.url in row.used
    with staff.db.write() as tx:
        tx.conn.execute(update(tables.user).values(password="x"))
    press(boss, "end", name=name)
    press(boss, "end", name=name)
    assert not offered(staff_app, name)
    assert rows(staff, sign_on_provider) == []


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"issuer": "http://id.example"}, "https://"),
        ({"issuer": "ftp://127.0.0.1"}, "https://"),
        ({"issuer": "http://127.0.0.1.example"}, "https://"),
        ({"issuer": "https://"}, "https://"),
        ({"issuer": "https://a:b@id.example"}, "https://"),
        ({"issuer": "https://id.example/x?y="}, "https://"),
        ({"issuer": "https://id.example/x#y"}, "https://"),
        ({"issuer": "https://id.example:99999"}, "https://"),
        ({"issuer": "https://[::1"}, "https://"),
        ({"issuer": "https://id\n.example"}, "https://"),
        ({"label": ""}, "Fyll i alla fält"),
        ({"secret": ""}, "Fyll i alla fält"),
        ({"client_id": "x" * 301}, "Fyll i alla fält"),
        ({"groups_claim": ""}, "Fältet med grupper"),
        ({"groups_claim": "x" * 201}, "Fältet med grupper"),
        ({"groups_claim": "two words"}, "Fältet med grupper"),
        ({"groups_claim": "a\tb"}, "Fältet med grupper"),
        ({"levels": " "}, "minst en nivå"),
        ({"levels": "a b c d e f"}, "minst en nivå"),
    ],
)
def test_what_cannot_be_a_provider_is_refused(
    boss: FlaskClient, staff: Staff, provider: Provider, field: dict[str, str], said: str
) -> None:
    """In one sentence, and nothing is kept."""
    form = {"label": "x", "issuer": provider.url, "client_id": "x", "secret": "x", "levels": "x"}
    name = name_of(text_of(boss, PAGE))
    answer = press(boss, "write", name=name, **form | {"claim": "sub"} | field)
    assert said in text_of(boss, answer.location)
    assert rows(staff, sign_on_provider) == []


def test_the_field_of_the_groups(boss: FlaskClient, staff: Staff, provider: Provider) -> None:
    """It is shown, tried anew when it changes, kept by a page of before that has no such field, and
    its usual name is not written down: a version that knew no other reads what it can."""
    name = used(boss, provider)
    page = text_of(boss, PAGE)
    assert re.search(r'value="groups" data-test="groups-claim"', page)
    assert "Grupper läses ur fältet groups." in page
    assert "groups_claim" not in rows(staff, sign_on_provider)[0].used
    write(boss, provider, name=name, groups_claim=" https://id.example/roles ")
    assert "Grupper läses ur fältet groups." in text_of(boss, PAGE), "not before it is tried"
    write(boss, provider, name=name, label="Region")
    assert 'value="https://id.example/roles"' in text_of(boss, PAGE)
    assert 'data-test="passed"' in tried(boss, provider, name)
    press(boss, "use", name=name)
    assert "Grupper läses ur fältet https://id.example/roles." in text_of(boss, PAGE)
    write(boss, provider, name=name, groups_claim="groups")
    assert "groups_claim" not in rows(staff, sign_on_provider)[0].wanted


def test_the_field_of_the_page_gives_the_groups(
    boss: FlaskClient, staff_app: Flask, staff: Staff, provider: Provider
) -> None:
    """What the provider says there gives the role, and what it says in `groups` gives nothing."""
    name = write(boss, provider, groups_claim="roles")
    tried(boss, provider, name)
    press(boss, "use", name=name)
    add_user(staff_app, "p2", ["coordinator"])
    with staff.db.write() as tx:
        mine = update(tables.user).where(tables.user.c.person_id == "p2")
        tx.conn.execute(mine.values(sso_id=SUBJECT, sso_issuer=provider.url))
    sign_on_groups.add(staff, Operator("org1"), name, "natt", (Role.NIGHT_WATCHER,), ())

    def roles(**claims: object) -> set[str]:
        provider.claims = claims
        client = staff_app.test_client()
        token = text_of(client, "/login").split('name="csrf_token"', 1)[1]
        token = token.split('value="', 1)[1].split('"', 1)[0]
        sent = client.post(f"/inloggning/{name}", data={"csrf_token": token})
        assert client.get(provider.sign_in(leads_to(sent))).status_code == 303
        with staff.db.read() as conn:
            (one,) = roster.accounts(conn, "org1", "p2")
        return set(one.roles)

    assert roles(groups=["natt"]) == {"coordinator"}
    assert roles(roles=["natt"]) == {"coordinator", "night_watcher"}


def test_nobody_answers_at_the_address(boss: FlaskClient) -> None:
    """One sentence, and no trial is left open."""
    with running() as gone:
        name = write(boss, gone)
    answer = press(boss, "try", name=name)
    assert "Ingen svarar på adressen" in text_of(boss, answer.location)


def test_a_page_leads_nowhere_inside(
    boss: FlaskClient, staff_app: Flask, provider: Provider
) -> None:
    """Whoever may write an address does not see by it what stands in the server's own network."""
    staff_app.extensions["tryggve.sign_on"] = Clients()
    name = write(boss, provider)
    answer = press(boss, "try", name=name)
    assert "internt nät" in text_of(boss, answer.location)
    assert provider.looked == []


def test_what_the_provider_says_of_itself_is_asked_anew_by_each_trial(
    boss: FlaskClient, provider: Provider
) -> None:
    """Whoever mends the provider need not change anything here to try again."""
    name = write(boss, provider)
    provider.metadata = {"jwks_uri": f"{provider.url}/nowhere"}
    assert 'data-test="failed"' in tried(boss, provider, name)
    provider.metadata = {}
    assert 'data-test="passed"' in tried(boss, provider, name)


def test_a_button_is_told_by_whose_it_is(
    boss: FlaskClient, staff_app: Flask, provider: Provider
) -> None:
    """Everybody on the server reads the page of signing in: nobody's SITHS is taken for theirs."""
    used(boss, provider)
    assert "Logga in med SITHS<" in text_of(staff_app.test_client(), "/login").replace("\n", "")
    add_home(staff_app, "h2", org="org2")
    assert "Logga in med SITHS (Provkommunen)" in text_of(staff_app.test_client(), "/login")


def test_whose_provider_it_is(boss: FlaskClient, staff_app: Flask, provider: Provider) -> None:
    """Another organisation neither sees it nor is signed in by it; a coordinator sets none."""
    name = used(boss, provider)
    add_home(staff_app, "h2", org="org2")
    add_user(staff_app, "z1", ["administrator"], org="org2")
    other = staff_app.test_client()
    sign_in(other, "z1")
    assert 'data-test="provider"' not in text_of(other, PAGE)
    for what in ("use", "end", "try"):
        assert press(other, what, name=name).status_code == 404
    assert press(other, "write", name=name, label="x").status_code == 404
    add_user(staff_app, "p3", ["coordinator"])
    planner = staff_app.test_client()
    sign_in(planner, "p3")
    text_of(planner, PAGE, 403)
    assert press(planner, "end", name=name).status_code == 403
