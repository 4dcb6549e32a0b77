"""The second factor: who needs one, codes that work once, recovery codes, and no guessing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from passlib.totp import TOTP

from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import sign_in
from web.staff.core.config import SignInConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.people import accounts
from web.staff.signin.failed_attempts import CODE_TRIES
from web.staff.storage import tables

MakeUser = Callable[..., Actor]


@pytest.fixture(autouse=True)
def needed(staff: Staff) -> None:
    """Administrators need a second factor."""
    roles = SignInConfig(second_factor_roles=frozenset({Role.ADMINISTRATOR}))
    staff.config = staff.config.model_copy(update={"sign_in": roles})


def token_in(text: str) -> str:
    """A form's token."""
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', text)
    assert token is not None, text
    return token.group(1)


def set_up(client: FlaskClient) -> TOTP:
    """Connect an authenticator as the pages do; returns it."""
    page = client.get("/tf-setup").get_data(as_text=True)
    data = {"csrf_token": token_in(page), "setup": "authenticator"}
    page = client.post("/tf-setup", data=data).get_data(as_text=True)
    found = re.search(r'data-test="factor-key">([^<]+)<', page)
    assert found is not None, page
    app = TOTP(key=found.group(1), format="base32")
    action = re.search(r'action="(/tf-[^"]+)"', page)
    assert action is not None
    data = {"csrf_token": token_in(page), "code": app.generate().token}
    answer = client.post(action.group(1), data=data)
    assert answer.status_code == 302, answer.get_data(as_text=True)
    return app


def give(client: FlaskClient, code: str, path: str = "/tf-validate") -> Any:
    """Send a code."""
    page = client.get(path).get_data(as_text=True)
    return client.post(path, data={"csrf_token": token_in(page), "code": code})


def inside(client: FlaskClient) -> bool:
    """Whether the browser is signed in."""
    return client.get("/konto").status_code == 200


def later(app: TOTP, steps: int = 1) -> str:
    """The authenticator's code some steps from now: within what the server takes."""
    return str(app.generate(time=int(time.time()) + 30 * steps).token)


def test_a_role_asks_for_a_second_factor(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """An administrator's first sign-in leads to setting one up, and to nothing else before; a
    caregiver's does not, when the configuration says so."""
    boss = make_user("p1", ["administrator"])
    accounts.set_grace(staff, boss, 0)
    make_user("p7", ["caregiver"], homes=["h1"])
    carer = staff_app.test_client()
    sign_in(carer, "p7")
    assert inside(carer)
    client = staff_app.test_client()
    sign_in(client, "p1")
    assert client.get("/nu").location == "/konto/skydda"
    assert not inside(client)
    set_up(client)
    assert inside(client)


def test_a_password_alone_is_not_enough_any_more(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """Password, then the code: before the code nobody is signed in; a code works once."""
    make_user("p1", ["administrator"])
    first = staff_app.test_client()
    sign_in(first, "p1")
    app = set_up(first)
    second, third = staff_app.test_client(), staff_app.test_client()
    assert "/tf-validate" in sign_in(second, "p1").location
    assert not inside(second)
    code = later(app)
    assert give(second, code).status_code == 302
    assert inside(second)
    sign_in(third, "p1")
    assert give(third, code).status_code == 200
    assert not inside(third)
    assert [row.factor for row in rows(staff, tables.session)] == ["code", "code"]


def test_codes_cannot_be_guessed(staff_app: Flask, make_user: MakeUser, staff: Staff) -> None:
    """After a few wrong ones even the right one waits, from anywhere but where its owner has signed
    in before; each is an event."""
    make_user("p1", ["administrator"])
    first = staff_app.test_client()
    sign_in(first, "p1")
    app = set_up(first)
    client = staff_app.test_client()
    sign_in(client, "p1")
    for _ in range(CODE_TRIES):
        assert give(client, "000000").status_code == 200
    elsewhere = staff_app.test_client()
    sign_in(elsewhere, "p1")
    assert give(elsewhere, later(app)).status_code == 200
    assert not inside(elsewhere)
    assert len(rows(staff, tables.event, kind="account.refused")) == CODE_TRIES
    first.post("/logout", data={"csrf_token": token_in(first.get("/konto").get_data(as_text=True))})
    sign_in(first, "p1")
    assert give(first, later(app)).status_code == 302
    assert inside(first)


def test_a_recovery_code_works_once(staff_app: Flask, make_user: MakeUser, staff: Staff) -> None:
    """A lost phone: one of ten codes in place of it; in the database none can be read."""
    make_user("p1", ["administrator"])
    first = staff_app.test_client()
    sign_in(first, "p1")
    set_up(first)
    page = first.get("/mf-recovery-codes").get_data(as_text=True)
    data = {"csrf_token": token_in(page), "generate_new_codes": "1"}
    page = first.post("/mf-recovery-codes", data=data).get_data(as_text=True)
    codes = re.findall(r"<li>([0-9a-f-]{14})</li>", page)
    assert len(codes) == 10
    with staff.db.read() as conn:
        stored = str(conn.execute(tables.user.select()).mappings().all())
    assert codes[0] not in stored
    second, third = staff_app.test_client(), staff_app.test_client()
    sign_in(second, "p1")
    assert give(second, codes[0], "/mf-recovery").status_code == 302
    assert inside(second)
    sign_in(third, "p1")
    assert give(third, codes[0], "/mf-recovery").status_code == 200
    assert not inside(third)


def test_a_required_second_factor_cannot_be_taken_away(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """Not by its owner; an administrator may reset it, which ends every session."""
    make_user("p1", ["administrator"])
    boss = make_user("p2", ["administrator"])
    client = staff_app.test_client()
    sign_in(client, "p1")
    set_up(client)
    page = client.get("/tf-setup").get_data(as_text=True)
    assert "factor-disable" not in page
    client.post("/tf-setup", data={"csrf_token": token_in(page), "setup": "disable"})
    assert rows(staff, tables.user, person_id="p1")[0].tf_primary_method == "authenticator"
    accounts.reset_factors(staff, boss, "p1")
    assert rows(staff, tables.user, person_id="p1")[0].tf_totp_secret is None
    assert not inside(client)


def test_a_secret_cannot_be_read_from_the_database(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """It is encrypted with a key that is a file."""
    make_user("p1", ["administrator"])
    client = staff_app.test_client()
    sign_in(client, "p1")
    app = set_up(client)
    stored = rows(staff, tables.user, person_id="p1")[0].tf_totp_secret
    assert app.base32_key not in stored
    assert '"enckey"' in stored


def test_a_stolen_password_sets_nothing_up_beside_a_passkey(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """Whoever must use more than a password, and has a passkey, is not let in to set up codes."""
    from datetime import UTC, datetime

    make_user("p1", ["administrator"])
    with staff.db.write() as tx:
        tx.conn.execute(
            tables.passkey.insert().values(
                user_id=rows(staff, tables.user, person_id="p1")[0].id,
                credential_id=b"c",
                public_key=b"p",
                backup_state=False,
                device_type="single_device",
                lastuse_datetime=datetime.now(UTC).replace(tzinfo=None),
                name="x",
                usage="first",
            )
        )
    client = staff_app.test_client()
    assert sign_in(client, "p1").status_code == 200
    assert not inside(client)


def test_a_passkey_is_kept_on_both_databases(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """As Flask-Security writes it, with the library's own types; its name is its owner's alone."""
    from webauthn.helpers.structs import AuthenticatorTransport, CredentialDeviceType

    make_user("p1", ["caregiver"])
    with staff_app.test_request_context():
        datastore = staff_app.extensions["security"].datastore
        user = datastore.find_user(email="p1@prov.example")
        datastore.create_webauthn(
            user,
            name="Jobbmobilen",
            credential_id=b"\x00credential",
            public_key=b"\x00key",
            sign_count=4_000_000_000,
            transports=[AuthenticatorTransport.INTERNAL, AuthenticatorTransport.HYBRID],
            extensions="",
            usage="first",
            backup_state=True,
            device_type=CredentialDeviceType.MULTI_DEVICE,
        )
        datastore.commit()
    (row,) = rows(staff, tables.passkey)
    assert (bytes(row.credential_id), row.sign_count) == (b"\x00credential", 4_000_000_000)
    assert row.transports == ["internal", "hybrid"]
    assert row.device_type == "multi_device"
