"""Administration in the pages: the overview, keys of the planning system, tags, the signing key,
and who changed what."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, add_home, add_user, sign_in
from web.staff import channels, pages
from web.staff.channels import points
from web.staff.core.context import Staff
from web.staff.core.keys import load_keys
from web.staff.core.rights import Right
from web.staff.core.secret_files import SecretFiles
from web.staff.pages.administration import GROUPS, SAYS

CONNECTIONS = "/administration/anslutningar"


def told_once(text: str, test: str) -> str:
    """What a page shows this once."""
    found = re.search(rf'data-test="{test}">([^<]+)<', text)
    assert found is not None
    return found[1]


def plan(client: FlaskClient, token: str) -> int:
    """A plan that another system brings; the answer's status."""
    body = {"source": "s", "visits": []}
    headers = {"Authorization": f"Bearer {token}"}
    return int(client.post("/api/v1/plan", json=body, headers=headers).status_code)


def changes(client: FlaskClient) -> list[str]:
    """What *Ändringar* lists, the newest first."""
    return re.findall(r'data-what="(\w+)"', text_of(client, "/administration/andringar"))


def test_the_overview_has_what_one_may_do(as_role: Callable[..., FlaskClient]) -> None:
    """An administrator is led through the first day, a coordinator finds homes and staff and
    nothing of the server; a caregiver has no such page."""
    boss = text_of(as_role("administrator", person="p1"), "/administration/oversikt")
    planner = text_of(as_role("coordinator", person="p2"), "/administration/oversikt")
    assert 'data-test="to-pages.connections"' in boss
    assert 'data-test="first-day"' in boss
    assert "pages.connections" not in planner
    assert 'data-test="to-pages.people"' in planner
    assert 'data-test="first-day"' not in planner
    text_of(as_role("caregiver", person="p3"), "/administration/oversikt", 403)


def test_a_page_of_administration_is_under_it() -> None:
    """What the overview leads to is what the menu's entry is marked for, and nothing is left out
    that stands below it without a home or a person in its address."""
    led = {entry.endpoint for _title, group in GROUPS for entry in group}
    under = {
        f"pages.{one.name}"
        for one in pages.discover()
        if one.under == "administration" and "<" not in one.path and one.name != "rotas"
    }
    assert led == under  # the rota is a part of the ladders, and stands on their page


def test_every_right_is_said_in_words() -> None:
    """A role's list on the overview leaves nothing out."""
    assert set(SAYS) == set(Right)


def test_a_planning_systems_key(
    as_role: Callable[..., FlaskClient], client: FlaskClient, staff: Staff
) -> None:
    """It is shown once, lets the system in until it is ended, and both are noted."""
    boss = as_role("administrator")
    shown = post(boss, CONNECTIONS, do="token", name="  Planering   X ").get_data(as_text=True)
    token = told_once(shown, "new-token")
    assert plan(client, token) == 200
    page = text_of(boss, CONNECTIONS)
    assert token not in page
    assert 'data-works="yes"' in page
    assert post(boss, CONNECTIONS, do="token", name="Planering X").status_code == 409
    assert post(boss, CONNECTIONS, do="token", name=" ").status_code == 422
    assert post(boss, CONNECTIONS, do="end_token", name="Planering X").status_code == 200
    assert post(boss, CONNECTIONS, do="end_token", name="Planering X").status_code == 409
    assert plan(client, token) == 401
    assert 'data-works="no"' in text_of(boss, CONNECTIONS)
    assert changes(boss) == ["token_ended", "token"]


def test_tags_at_a_door(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff_app: Flask
) -> None:
    """Its link is shown once and opens the page of the visit; ended, it opens nothing.  Another
    organisation's home has none."""
    boss = as_role("coordinator", person="p1")
    carer = as_role("caregiver", person="p2")
    path = "/administration/hem/h1"
    link = told_once(post(boss, path, do="tag").get_data(as_text=True), "tag-link")
    tag = link.rpartition("/t/")[2]
    assert link.startswith("http://localhost/t/")
    assert "/t/" not in text_of(boss, path)
    text_of(carer, f"/t/{tag}")
    assert post(boss, path, do="end_tags").status_code == 200
    assert post(boss, path, do="end_tags").status_code == 409
    text_of(carer, f"/t/{tag}", 404)
    assert changes(boss) == ["tags_ended", "tag"]
    add_home(staff_app, "h2", org="org2")
    for what in ("tag", "end_tags"):
        assert post(boss, "/administration/hem/h2", do=what).status_code == 404
    assert post(as_role("technician", person="p3"), path, do="tag").status_code == 403


def test_the_signing_key_is_changed_where_it_is_nobody_elses(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff, staff_app: Flask
) -> None:
    """A new one is kept for the next start, and the home is told; the server goes on with the old
    one.  Where another organisation is on the server too, it is not this one's to change."""
    boss = as_role("administrator")
    secrets = SecretFiles(Path(staff.config.secrets_dir))
    before = load_keys(secrets).kid
    assert post(boss, CONNECTIONS, do="key").status_code == 200
    assert load_keys(secrets).kid != before
    assert staff.keys.kid == before
    assert changes(boss) == ["signing_key"]
    assert "Starta om servern" in text_of(boss, CONNECTIONS)
    add_home(staff_app, "h2", org="org2")
    assert 'data-test="rotate"' not in text_of(boss, CONNECTIONS)
    changed = load_keys(secrets).kid
    assert post(boss, CONNECTIONS, do="key").status_code == 403
    assert load_keys(secrets).kid == changed


def test_changes_of_ones_own_organisation(
    as_role: Callable[..., FlaskClient], staff_app: Flask
) -> None:
    """Who changed whose account; nothing of another organisation."""
    boss = as_role("administrator", person="p1")
    add_user(staff_app, "p2", ["caregiver"])
    path = "/administration/person/p2"
    assert post(boss, path, do="roles", role="coordinator").status_code == 200
    page = text_of(boss, "/administration/andringar")
    assert "Roller ändrade" in page
    assert "Prov p2" in page
    assert "Prov p1" in page
    add_home(staff_app, "h2", org="org2")
    add_user(staff_app, "z1", ["administrator"], org="org2")
    other = staff_app.test_client()
    assert sign_in(other, "z1").status_code == 302
    assert changes(other) == []


@pytest.mark.parametrize("what", ["token", "end_token", "key"])
def test_only_administrators_change_connections(
    as_role: Callable[..., FlaskClient], what: str
) -> None:
    """A coordinator neither sees the page nor changes anything."""
    planner = as_role("coordinator")
    text_of(planner, CONNECTIONS, 403)
    assert post(planner, CONNECTIONS, do=what, name="x").status_code == 403


def test_where_somebody_is_reached(
    as_role: Callable[..., FlaskClient], staff_app: Flask, staff: Staff
) -> None:
    """An administrator adds a number that counts only once its owner has confirmed it, and takes it
    away; a coordinator sees that there is one, and not which."""

    class Codes:
        """A channel that proves its addresses by codes; none is sent here."""

        def send_code(self, code: str, to: object) -> None: ...

    boss = as_role("administrator", person="p1")
    planner = as_role("coordinator", person="p2")
    add_user(staff_app, "p3", ["caregiver"])
    path, sms = "/administration/person/p3", {"do": "add", "channel": "sms"}
    assert post(boss, f"{path}/larmvagar", **sms, value="070-174 06 05").status_code == 422
    staff_app.extensions[channels.EXTENSION] = {"sms": Codes()}
    assert post(boss, f"{path}/larmvagar", **sms, value="what").status_code == 422
    assert post(boss, f"{path}/larmvagar", **sms, value="070-174 06 05").status_code == 200
    assert "+46701740605" in text_of(boss, path)
    assert "Används inte förrän" in text_of(planner, path)
    assert "+46701740605" not in text_of(planner, path)
    with staff.db.read() as conn:
        (way,) = points.of(conn, 3)
    assert way.proved_at is None
    remove = {"do": "remove", "way": way.id}
    assert post(planner, f"{path}/larmvagar", **remove).status_code == 403
    assert post(boss, f"{path}/larmvagar", **remove).status_code == 200
    assert 'data-test="no-way"' in text_of(boss, path)
    assert changes(boss) == ["contact", "contact"]
    add_home(staff_app, "h2", org="org2")
    add_user(staff_app, "z1", ["caregiver"], org="org2")
    stranger = "/administration/person/z1/larmvagar"
    assert post(boss, stranger, **sms, value="070-174 06 05").status_code == 404
