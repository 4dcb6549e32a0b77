"""The first administrator is made with the journal's code, once, and by nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.staff.parts import add_user
from web.staff.cli.main import main
from web.staff.core.context import Staff
from web.staff.people import first_start
from web.staff.people.first_start import TRIES, TRIES_MAX
from web.staff.storage import tables
from web.staff.storage.admin_tables import first_code

SAID = {
    "organisation": "Hemtjänsten Öst",
    "name": "Prov Första",
    "email": "Forsta@prov.example",
    "password": "correct horse battery",
    "again": "correct horse battery",
}


def code_of(staff: Staff, **more: Any) -> str:
    """A code as the journal shows it."""
    made = first_start.new_code(staff.db, staff.keys, **more)
    assert made is not None
    return made.code


def send(client: FlaskClient, code: str, address: str = "192.0.2.1", **changed: str) -> Any:
    """Fill in the page and send it; the answer."""
    page = client.get("/login").get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None
    return client.post(
        "/forsta-start",
        data=SAID | {"code": code, "csrf_token": token[1]} | changed,
        environ_base={"REMOTE_ADDR": address},
    )


def people(staff: Staff) -> int:
    """How many accounts there are."""
    with staff.db.read() as conn:
        return int(conn.execute(select(func.count()).select_from(tables.user)).scalar_one())


def test_the_first_administrator_is_made_and_signs_in(client: FlaskClient, staff: Staff) -> None:
    """The server's address leads to the page; with the code, however it is typed, organisation and
    administrator are there; then the page is closed, and the code opens nothing more."""
    assert client.get("/").location == "/forsta-start"
    code = code_of(staff)
    answer = send(client, f" {code.lower().replace('-', ' ')} ")
    assert answer.status_code == 303
    with staff.db.read() as conn:
        user = conn.execute(select(tables.user)).one()
        org = conn.execute(
            select(tables.organisation.c.name).where(tables.organisation.c.id == user.org_id)
        ).scalar_one()
        bodies = conn.execute(select(tables.event.c.body)).scalars().all()
    assert (user.email, user.org_id, org) == (
        "forsta@prov.example",
        "hemtjansten-ost",
        "Hemtjänsten Öst",
    )
    assert any('"what":"first_start"' in body and user.person_id in body for body in bodies)
    page = client.get("/login?next=/administration/oversikt").get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None
    said = {"email": SAID["email"], "password": SAID["password"], "csrf_token": token[1]}
    assert client.post("/login", data=said).location == "/"
    assert client.get("/").location == "/administration/oversikt"
    page = client.get("/administration/oversikt").get_data(as_text=True)
    assert "Hemtjänsten Öst" in page
    assert page.count('data-done="no"') == 5
    assert client.get("/forsta-start").location == "/login"
    other = client.application.test_client()
    assert send(other, code, email="andra@prov.example").location == "/login"
    assert people(staff) == 1
    assert first_start.new_code(staff.db, staff.keys) is None


def wrong(staff: Staff) -> str:
    code_of(staff)
    return "00000-00000-00000"


def expired(staff: Staff) -> str:
    return code_of(staff, now=datetime.now(UTC) - timedelta(hours=25))


def replaced(staff: Staff) -> str:
    code = code_of(staff)
    code_of(staff)
    return code


def used(staff: Staff) -> str:
    code = code_of(staff)
    with staff.db.write() as tx:
        tx.conn.execute(first_code.update().values(used_at=datetime.now(UTC)))
    return code


def never_made(_staff: Staff) -> str:
    return "ABCDE-FGHJK-MNPQR"


@pytest.mark.parametrize("kind", [wrong, expired, replaced, used, never_made])
def test_another_code_makes_nobody(
    client: FlaskClient, staff: Staff, kind: Callable[[Staff], str]
) -> None:
    """Wrong, too old, replaced by a later one, used: one sentence for all, and nobody is made."""
    answer = send(client, kind(staff))
    assert answer.status_code == 403
    assert "Koden stämmer inte" in answer.get_data(as_text=True)
    assert people(staff) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"again": "another horse battery"},
        {"password": "short", "again": "short"},
        {"email": "nowhere"},
        {"name": " "},
        {"organisation": ""},
        {"organisation": "x" * 201},
        {"password": "x" * 1001, "again": "x" * 1001},
    ],
    ids="+".join,
)
def test_what_is_filled_in_wrong_costs_no_code(
    client: FlaskClient, staff: Staff, changed: dict[str, str]
) -> None:
    """A sentence says what; the code is still good, and no password stands in the page again."""
    code = code_of(staff)
    answer = send(client, code, **changed)
    assert answer.status_code == 422
    told = answer.get_data(as_text=True)
    assert 'data-test="wrong"' in told
    assert (changed.get("password") or SAID["password"]) not in told
    assert people(staff) == 0
    assert send(client, code).status_code == 303


def test_tries_are_bounded(client: FlaskClient, staff: Staff) -> None:
    """Five wrong codes from a network, and it waits, with the right one too; another one does not.
    After so many from everywhere the code is void, and a new one is good."""
    code = code_of(staff)
    for _ in range(TRIES):
        assert send(client, "00000").status_code == 403
    assert send(client, code).status_code == 429
    assert people(staff) == 0
    for n in range(TRIES_MAX - TRIES):
        assert send(client, "00000", f"198.51.100.{n}").status_code == 403
    answer = send(client, code, "203.0.113.1")
    assert (answer.status_code, people(staff)) == (403, 0)
    assert "Starta om servern" in answer.get_data(as_text=True)
    assert send(client, code_of(staff), "203.0.113.1").status_code == 303


def test_there_is_no_page_once_somebody_administers(
    client: FlaskClient, staff: Staff, staff_app: Flask
) -> None:
    """A code that was made before another way brought an administrator is good for nothing; a
    closed account administers nothing."""
    code = code_of(staff)
    add_user(staff_app, "p1", ["administrator"])
    assert client.get("/").location == "/login"
    assert send(client, code).location == "/login"
    with pytest.raises(first_start.Refused, match="closed"):
        first_start.finish(
            staff, code, organisation="x", name="x", email="x@prov.example", password_hash="x"
        )
    assert people(staff) == 1
    with staff.db.write() as tx:
        tx.conn.execute(tables.user.update().values(active=False))
    assert client.get("/").location == "/login"
    assert client.get("/forsta-start").status_code == 200


def test_two_at_once_make_one(staff: Staff) -> None:
    """Both were told that the code is good: the second finds it used."""
    code = code_of(staff)

    def finish(email: str) -> None:
        said = {"organisation": "Öst", "name": "x", "email": email}
        first_start.finish(staff, code, password_hash="x", now=None, **said)

    first_start.check(staff, code, "a")
    first_start.check(staff, code, "b")
    finish("a@prov.example")
    with pytest.raises(first_start.Refused, match="code"):
        finish("b@prov.example")
    assert people(staff) == 1


def test_an_address_that_is_taken_leaves_the_code(
    client: FlaskClient, staff: Staff, staff_app: Flask
) -> None:
    """All or nothing: no organisation without its administrator, and the code is good again."""
    add_user(staff_app, "p7", ["caregiver"])
    code = code_of(staff)
    assert send(client, code, email="p7@prov.example").status_code == 422
    with staff.db.read() as conn:
        names = set(conn.execute(select(tables.organisation.c.name)).scalars())
    assert names == {"Provkommunen"}
    assert send(client, code, organisation="Provkommunen").status_code == 303
    with staff.db.read() as conn:
        orgs = set(conn.execute(select(tables.user.c.org_id)).scalars())
    assert orgs == {"org1"}, "an organisation of that name was there"


def test_the_command_prints_address_and_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where, with what, until when; only the keyed hash is kept.  With an administrator there is
    one sentence, and the code from before is gone."""
    config = tmp_path / "staff.toml"
    url = "https://trygg.kommun.example"
    assert main(["init", "--config", str(config), "--public-url", url]) == 0
    capsys.readouterr()
    assert main(["first-start", "--config", str(config)]) == 0
    told = capsys.readouterr().out
    code = re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{5}", told)
    assert code is not None
    assert f"{url}/forsta-start" in told
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("staff.db*"))
    assert code[0].encode() not in kept
    assert code[0].replace("-", "").encode() not in kept
    add = ("home", "add", "h1", "--label", "x", "--org", "o", "--org-name", "x")
    assert main([*add, "--config", str(config)]) == 0
    password = tmp_path / "password"
    password.write_text("correct horse battery\n")
    with password.open() as stdin, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", stdin)
        more = ("--name", "x", "--org", "o", "--role", "administrator", "--password-stdin")
        assert main(["user", "add", "a@prov.example", *more, "--config", str(config)]) == 0
    capsys.readouterr()
    assert main(["first-start", "--config", str(config)]) == 2
    assert "has an administrator" in capsys.readouterr().err
