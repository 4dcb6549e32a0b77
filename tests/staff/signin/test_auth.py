"""Signing in, forms, headers, secrets and configuration."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway.errors import ConfigError, SecretError
from tests.staff import cheap
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import PASSWORD, sign_in
from tests.staff.walked import OPEN
from web.staff.core.config import StaffConfig, load_config
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.core.secret_files import ALL, SecretFiles
from web.staff.runtime.app import create_app
from web.staff.signin import auth
from web.staff.signin.failed_attempts import TRIES
from web.staff.signin.passwords import make_hasher
from web.staff.storage import tables

SENTENCE = "Inloggningen misslyckades"


def test_signing_in_is_an_event(
    client: FlaskClient, make_user: Callable[..., Actor], staff: Staff
) -> None:
    """The right password opens a session of one shift, with a guarded cookie."""
    make_user("p7", ["caregiver"], homes=["h1"])
    answer = sign_in(client, "p7")
    assert answer.status_code == 302
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Expires" in cookie
    (row,) = rows(staff, tables.event, kind="account.signed_in")
    assert (row.person, row.origin) == ("p7", "staff")


def test_a_stored_password_is_a_costly_hash(
    config: StaffConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """argon2id over 64 MiB, three times, in four lanes, of the password with the pepper; the other
    tests hash cheaply (`tests/staff/cheap.py`)."""
    monkeypatch.setattr(auth, "ARGON2", cheap.REAL)
    stored = make_hasher(config, SecretFiles(config.secrets_dir))(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_any_failed_sign_in_reads_the_same(
    client: FlaskClient, make_user: Callable[..., Actor], staff: Staff
) -> None:
    """No such account, a wrong password, an empty one, a closed account: one sentence, one page."""
    make_user("p7", ["caregiver"])
    make_user("p8", ["caregiver"])
    with staff.db.write() as tx:
        tx.conn.execute(
            tables.user.update().where(tables.user.c.person_id == "p8").values(active=False)
        )
    pages = []
    for person, password in (
        ("p7", "wrong password 1"),
        ("p9", PASSWORD),
        ("p8", PASSWORD),
        ("p7", ""),
    ):
        text = html.unescape(sign_in(client, person, password).get_data(as_text=True))
        assert text.count(SENTENCE) == 1, text
        assert "p8@" not in text.replace(f"{person}@", "")
        pages.append("\n".join(line for line in text.splitlines() if "value=" not in line))
    stable = [[line for line in page.splitlines() if "data-now" not in line] for page in pages]
    assert all(page == stable[0] for page in stable)
    refused = rows(staff, tables.event, kind="account.refused")
    assert len(refused) == 4
    assert all(row.person is None for row in refused)


def test_passwords_cannot_be_guessed(
    client: FlaskClient, make_user: Callable[..., Actor], staff: Staff
) -> None:
    """After ten failures even the right password waits, with the same sentence; others may go
    on."""
    make_user("p7", ["caregiver"])
    make_user("p8", ["caregiver"])
    for _ in range(TRIES):
        sign_in(client, "p7", "wrong password 1")
    answer = sign_in(client, "p7")
    assert answer.status_code == 200
    assert SENTENCE in html.unescape(answer.get_data(as_text=True))
    assert len(rows(staff, tables.event, kind="account.refused")) == TRIES
    assert sign_in(client, "p8").status_code == 302


def test_a_form_without_its_token_is_refused(
    client: FlaskClient, make_user: Callable[..., Actor]
) -> None:
    """Another site cannot post in somebody's name."""
    make_user("p7", ["caregiver"])
    answer = client.post("/login", data={"email": "p7@prov.example", "password": PASSWORD})
    assert answer.status_code == 400
    assert "account" not in answer.headers.get("Set-Cookie", "")
    sign_in(client, "p7")
    assert client.post("/logout").status_code == 400


def test_every_answer_is_guarded(client: FlaskClient) -> None:
    """No inline script, nothing framed, nothing kept."""
    for path in ("/login", "/healthz", "/api/v1/openapi.json", "/nowhere"):
        headers = client.get(path).headers
        assert "unsafe-inline" not in headers["Content-Security-Policy"]
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy.pop("default-src") == policy.pop("frame-ancestors") == "'none'"
        assert policy.pop("base-uri") == "'none'"
        assert policy.pop("img-src") == "'self' data:"
        assert set(policy.values()) == {"'self'"}, "nothing of another site, scripts least of all"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"


def test_a_page_is_not_shown_to_a_stranger(client: FlaskClient) -> None:
    """Every page sends to the sign-in, with nothing of itself."""
    rules = client.application.url_map.iter_rules()
    asked = [
        rule.rule
        for rule in rules
        if "GET" in (rule.methods or ()) and not rule.arguments and rule.endpoint not in OPEN
        if rule.endpoint.startswith("pages.")
    ]
    assert "/nu" in asked
    assert len(asked) > 30
    for path in asked:
        answer = client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code in (302, 303), path
        assert "/login" in answer.location, path
    assert client.get("/live").status_code == 401


@pytest.mark.parametrize("name", ALL)
def test_the_server_does_not_start_without_a_secret(config: StaffConfig, name: str) -> None:
    """A missing secret is one sentence with how to make it; one that others can read is refused."""
    path = config.secrets_dir / name
    kept = path.read_text()
    path.unlink()
    with pytest.raises(SecretError, match=r"tryggve staff init"):
        create_app(config, watch=False)
    path.write_text(kept)
    path.chmod(0o640)
    with pytest.raises(SecretError, match="chmod 600"):
        create_app(config, watch=False)
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(SecretError, match="too short"):
        create_app(config, watch=False)


def test_credentials_go_before_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd's credentials are read where they are given."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "tryggve-staff-session_key").write_text("c" * 43)
    secrets = SecretFiles(tmp_path / "secrets")
    secrets.make_missing()
    before = secrets.read("session_key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert secrets.read("session_key") == "c" * 43 != before
    assert secrets.make_missing() == []


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('database = "sqlite:///x"\nsecrets_dir = "s"\nport = 1\n', "port"),
        ('secrets_dir = "s"\n', "database"),
        ('database = "sqlite:///x"\nsecrets_dir = "s"\n[listen]\nport = 99999\n', "listen.port"),
        ('database = "sqlite:///x"\nsecrets_dir = "s"\n[listen]\nworkers = 2\n', "listen.workers"),
        (
            'database = "sqlite:///x"\nsecrets_dir = "s"\n[listen]\ncertfile = "c"\n',
            "listen.keyfile",
        ),
    ],
)
def test_a_wrong_setting_is_one_sentence(tmp_path: Path, text: str, key: str) -> None:
    """File, key and mend."""
    path = tmp_path / "staff.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(path) in caught.value.text
    assert key in caught.value.text
    assert "\n" not in caught.value.text


def test_every_route_that_writes_needs_a_token(staff_app: Flask) -> None:
    """Whatever pages there are: a POST without its token is refused, but for the homes' own."""
    client = staff_app.test_client()
    checked = 0
    for rule in staff_app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or rule.endpoint.startswith("link."):
            continue
        # a provider or a device, who knows the address and has no cookie
        if rule.endpoint in ("channels.told", "channels.moved"):
            continue
        own_key = rule.endpoint == "plan_api.receive_plan"
        if own_key or rule.endpoint.startswith("positions_api."):  # and no cookie
            assert client.post(rule.rule).status_code == 401
            continue
        path = rule.rule
        for argument in rule.arguments:
            path = path.replace(f"<{argument}>", "x").replace(f"<path:{argument}>", "x")
        assert client.post(path).status_code == 400, rule
        checked += 1
    assert checked >= 2


DEEP = "[" * 100_000
ODD_ANSWERS = (
    DEEP,
    '{"id":' + "9" * 5000 + "}",
    "[]",
    "1",
    '{"id":"å","rawId":"å","type":"public-key","response":{}}',
    '{"id":"YQ","rawId":"YQ","type":"public-key","response":{"clientDataJSON":"'
    + base64.urlsafe_b64encode(DEEP[:20_000].encode()).decode()
    + '","attestationObject":"'
    + base64.urlsafe_b64encode(b"\x81" * 20_000).decode()
    + '","authenticatorData":"YQ","signature":"YQ"}}',
)
"""What no authenticator says: nested without end (JSON, and CBOR in it), numbers without end."""


def test_a_passkeys_answer_that_is_none_is_a_wrong_one(
    client: FlaskClient, make_user: Callable[..., Actor]
) -> None:
    """To whoever asks, signed in or not: a sentence, no fault of ours."""
    make_user("p7", ["caregiver"])

    def asked(path: str, **said: str) -> Any:
        page = client.get("/login").get_data(as_text=True)
        if "csrf_token" not in page:
            page = client.get("/konto").get_data(as_text=True)
        token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
        head = {"Accept": "application/json", "X-CSRFToken": token}
        return client.post(path, json=said, headers=head)

    for begin, state in (("/wan-signin", {}), ("/wan-register", {"name": "x"})):
        if begin == "/wan-register":
            assert sign_in(client, "p7").status_code == 302
        for odd in ODD_ANSWERS:
            begun = asked(begin, **state)
            assert begun.status_code == 200, begun.text
            name = begun.get_json()["response"]["wan_state"]
            answer = asked(f"{begin}/{name}", credential=odd)
            assert answer.status_code == 400, (begin, odd[:40], answer.text)
