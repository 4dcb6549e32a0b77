"""Single sign-on against a real provider (`provider`): the right person, and nobody else."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway.clock import ManualClock
from gateway.errors import ConfigError, SecretError
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import add_home, add_user, parts_of, sign_in
from tests.staff.provider import CLIENT, LOA3, SECRET, Provider, running
from web.staff.core.config import SignInConfig, SingleSignOn, StaffConfig, load_config
from web.staff.core.secret_files import SecretFiles
from web.staff.people import sso_ids
from web.staff.people.accounts import Refused, Wrong
from web.staff.runtime.app import create_app
from web.staff.storage import tables
from web.staff.storage.database import Database

SENTENCE = "Inloggningen misslyckades"
SUBJECT = "SE165500001234-AB12"


@pytest.fixture
def db(sqlite_template: Path, tmp_path: Path) -> str:
    """SQLite: what is tried here is no matter of the database."""
    path = tmp_path / "staff.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The organisation's provider."""
    with running() as started:
        yield started


@pytest.fixture
def with_provider(config: StaffConfig, provider: Provider) -> StaffConfig:
    """The configuration with it, for `org1`."""
    secret = config.secrets_dir / "oidc_region"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    known = SingleSignOn(
        label="SITHS",
        issuer=provider.url,
        client_id=CLIENT,
        organisations=frozenset({"org1"}),
        acr_values=(LOA3,),
    )
    signing = SignInConfig(oidc={"region": known})
    return config.model_copy(update={"sign_in": signing, "public_url": "http://localhost"})


@pytest.fixture
def app(with_provider: StaffConfig, provider: Provider, clock: ManualClock) -> Iterator[Flask]:
    """The application, with `p7` of `org1` known to the provider."""
    made = create_app(with_provider, clock=clock, watch=False)
    made.testing = True
    add_home(made, "h1")
    add_user(made, "p7", ["coordinator"], homes=["h1"])
    with parts_of(made).db.write() as tx:
        bound = {"sso_id": SUBJECT, "sso_issuer": provider.url}
        tx.conn.execute(tables.user.update().values(**bound))
    yield made
    made.extensions["tryggve.stop"]()


def begin(client: FlaskClient, name: str = "region") -> str:
    """Press the button; returns where the browser is sent."""
    page = client.get("/login").get_data(as_text=True)
    assert f'data-test="sign-on-{name}"' in page
    token = page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
    answer = client.post(f"/inloggning/{name}", data={"csrf_token": token})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return leads_to(answer)


def leads_to(answer: Any) -> str:
    """Where the page goes on to by itself: no redirect, which a form's page would not allow."""
    return str(answer.headers["Refresh"]).removeprefix("0; url=")


def inside(client: FlaskClient) -> bool:
    """Whether the browser is signed in."""
    return client.get("/konto").status_code == 200


def refused(app: Flask, client: FlaskClient, back: str) -> None:
    """One sentence, no session, one event."""
    staff = parts_of(app)
    before = len(rows(staff, tables.event, kind="account.refused"))
    answer = client.get(back)
    assert answer.status_code == 403
    assert html.unescape(answer.get_data(as_text=True)).count(SENTENCE) == 1
    assert not inside(client)
    assert rows(staff, tables.session) == []
    assert len(rows(staff, tables.event, kind="account.refused")) == before + 1


def test_the_right_person_is_let_in(app: Flask, provider: Provider) -> None:
    """With the asked level of assurance; it is enough for a role that needs a second factor."""
    client = app.test_client()
    answer = client.get(provider.sign_in(begin(client)))
    assert answer.status_code == 303
    assert provider.asked["acr_values"] == LOA3
    assert provider.asked["code_challenge_method"] == "S256"
    assert inside(client)
    (session,) = rows(parts_of(app), tables.session)
    assert session.factor == "sign_on"


@pytest.mark.parametrize(
    "claims",
    [
        {"acr": "http://id.sambi.se/loa/loa2"},
        {"acr": None},
        {"acr": [LOA3]},
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another client"},
        {"iss": "https://elsewhere.example"},
        {"exp": 1_700_000_000, "iat": 1_699_999_000},
        {"sub": "somebody else"},
        {"sub": None},
    ],
    ids=str,
)
def test_a_wrong_answer_is_one_sentence(
    app: Flask, provider: Provider, claims: dict[str, Any]
) -> None:
    """Level, nonce, audience, issuer, time, person: whatever is wrong, nobody is signed in."""
    provider.claims = claims
    client = app.test_client()
    refused(app, client, provider.sign_in(begin(client)))


def test_a_token_signed_by_another_key(app: Flask, provider: Provider) -> None:
    """The provider's published key counts, not what the token says."""
    provider.foreign_key = True
    client = app.test_client()
    refused(app, client, provider.sign_in(begin(client)))


def test_a_code_twice(app: Flask, provider: Provider) -> None:
    """The same answer again, in the same browser and in another one."""
    client, thief = app.test_client(), app.test_client()
    back = provider.sign_in(begin(client))
    refused(app, thief, back)
    assert client.get(back).status_code == 303
    assert inside(client)
    again = client.get(back)
    assert again.status_code == 403
    assert not inside(thief)


def test_a_closed_account(app: Flask, provider: Provider) -> None:
    """The provider does not know who left yesterday; the server does."""
    with parts_of(app).db.write() as tx:
        tx.conn.execute(tables.user.update().values(active=False))
    client = app.test_client()
    refused(app, client, provider.sign_in(begin(client)))


def test_a_provider_signs_in_its_own_organisation_only(app: Flask, provider: Provider) -> None:
    """Another organisation's account with the same id stays shut."""
    with parts_of(app).db.write() as tx:
        tx.conn.execute(tables.organisation.insert().values(id="org2", name="x"))
        tx.conn.execute(tables.user.update().values(org_id="org2"))
    client = app.test_client()
    refused(app, client, provider.sign_in(begin(client)))


@pytest.fixture
def second(app: Flask, with_provider: StaffConfig) -> Iterator[Provider]:
    """Another provider of the same organisation, which calls anybody what it likes."""
    with running() as started:
        known = with_provider.sign_in.oidc["region"].model_copy(update={"issuer": started.url})
        both = with_provider.sign_in.oidc | {"other": known}
        parts = parts_of(app)
        parts.config = parts.config.model_copy(update={"sign_in": SignInConfig(oidc=both)})
        app.extensions["tryggve.sign_on"].add("other", known, SECRET)
        yield started


def test_what_another_provider_calls_somebody_is_somebody_else(
    app: Flask, provider: Provider, second: Provider
) -> None:
    """The same id from the organisation's other provider opens nothing; from its own it does."""
    thief, client = app.test_client(), app.test_client()
    refused(app, thief, second.sign_in(begin(thief, "other")))
    assert client.get(provider.sign_in(begin(client))).status_code == 303
    assert inside(client)


def test_an_id_from_before_is_bound_where_there_is_no_doubt(
    app: Flask, provider: Provider, request: pytest.FixtureRequest
) -> None:
    """To the organisation's only provider, at the first sign-in; a second provider finds nothing
    unbound."""
    parts = parts_of(app)
    with parts.db.write() as tx:
        tx.conn.execute(tables.user.update().values(sso_issuer=None))
    client = app.test_client()
    assert client.get(provider.sign_in(begin(client))).status_code == 303
    assert rows(parts, tables.user)[0].sso_issuer == provider.url
    with parts.db.write() as tx:
        tx.conn.execute(tables.user.update().values(sso_issuer=None))
        tx.conn.execute(tables.session.delete())
    second: Provider = request.getfixturevalue("second")
    for one, name in ((second, "other"), (provider, "region")):
        thief = app.test_client()
        refused(app, thief, one.sign_in(begin(thief, name)))
    assert rows(parts, tables.user)[0].sso_issuer is None


def test_an_id_is_given_with_its_provider(
    app: Flask, provider: Provider, request: pytest.FixtureRequest
) -> None:
    """An administrator says which where there are several; two people may be called the same by
    two of them, and not by one; another organisation's provider is none."""
    parts = parts_of(app)
    boss = add_user(app, "p1", ["administrator"])
    add_user(app, "p8", ["caregiver"])
    issuer = {row.person_id: row.sso_issuer for row in rows(parts, tables.user)}
    assert issuer == {"p7": provider.url, "p1": None, "p8": None}
    sso_ids.set_sso_id(parts, boss, "p8", "b")
    assert rows(parts, tables.user, person_id="p8")[0].sso_issuer == provider.url
    second: Provider = request.getfixturevalue("second")
    for given, why in (
        (("p8", SUBJECT, ""), Wrong.WHICH_PROVIDER),
        (("p8", SUBJECT, "nobody"), Wrong.NOT_FOUND),
        (("p8", SUBJECT, "region"), Wrong.EXISTS),
    ):
        with pytest.raises(Refused) as caught:
            sso_ids.set_sso_id(parts, boss, *given)
        assert caught.value.why is why
    sso_ids.set_sso_id(parts, boss, "p8", SUBJECT, "other")
    thief = app.test_client()
    assert thief.get(second.sign_in(begin(thief, "other"))).status_code == 303
    assert rows(parts, tables.session)[0].user_id == rows(parts, tables.user, person_id="p8")[0].id
    theirs = {"organisations": frozenset({"org2"})}
    elsewhere = {"region": parts.config.sign_in.oidc["region"].model_copy(update=theirs)}
    parts.config = parts.config.model_copy(update={"sign_in": SignInConfig(oidc=elsewhere)})
    with pytest.raises(Refused):
        sso_ids.set_sso_id(parts, boss, "p8", "c", "region")


@pytest.mark.parametrize("told", ["now", "an hour ago", "nothing", "a word", "true", "tomorrow"])
def test_who_is_asked_again_was_asked_again(app: Flask, provider: Provider, told: str) -> None:
    """The provider is told to ask (`prompt`, `max_age`), and one that answers from an old session
    of its own, or does not say when it asked, proves nothing."""
    client = app.test_client()
    assert client.get(provider.sign_in(begin(client))).status_code == 303
    assert "max_age" not in provider.asked
    with client.session_transaction() as kept:
        kept["fs_paa"] = 0
    assert "/verify" in client.get("/tf-setup").location
    now = int(time.time())
    claims: dict[str, dict[str, Any]] = {
        "now": {},
        "an hour ago": {"auth_time": now - 3600},
        "nothing": {"auth_time": None},
        "a word": {"auth_time": "now"},
        "true": {"auth_time": True},
        "tomorrow": {"auth_time": now + 86400},
    }
    provider.claims = claims[told]
    page = client.get("/verify?next=/konto").get_data(as_text=True)
    token = page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
    answer = client.post("/inloggning/region?next=/konto", data={"csrf_token": token})
    back = provider.sign_in(leads_to(answer))
    assert (provider.asked["prompt"], provider.asked["max_age"]) == ("login", "0")
    answer = client.get(back)
    if told == "now":
        assert answer.location == "/konto"
        assert client.get("/tf-setup").status_code == 200
    else:
        assert answer.status_code == 403
        assert "/verify" in client.get("/tf-setup").location


@pytest.mark.parametrize("told", [-3600, None])
def test_a_silent_sign_in_is_not_fresh(app: Flask, provider: Provider, told: int | None) -> None:
    """A provider that lets in without asking (somebody is signed in there) lets in, and what is
    sensitive asks again."""
    provider.claims = {"auth_time": None if told is None else int(time.time()) + told}
    client = app.test_client()
    assert client.get(provider.sign_in(begin(client))).status_code == 303
    assert inside(client)
    assert "/verify" in client.get("/tf-setup").location


def test_a_provider_that_does_not_answer(with_provider: StaffConfig, clock: ManualClock) -> None:
    """One sentence, at once."""
    known = with_provider.sign_in.oidc["region"].model_copy(update={"issuer": "http://127.0.0.1:1"})
    gone = with_provider.model_copy(update={"sign_in": SignInConfig(oidc={"region": known})})
    app = create_app(gone, clock=clock, watch=False)
    client = app.test_client()
    page = client.get("/login").get_data(as_text=True)
    token = page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
    began = time.monotonic()
    answer = client.post("/inloggning/region", data={"csrf_token": token})
    assert answer.status_code == 403
    assert time.monotonic() - began < 60
    app.extensions["tryggve.stop"]()


def test_it_is_off_unless_configured(client: FlaskClient) -> None:
    """No button, and no way in."""
    assert "sign-on-" not in client.get("/login").get_data(as_text=True)
    assert client.get("/inloggning/region/svar").status_code == 404


def test_the_client_secret_is_a_file(
    with_provider: StaffConfig, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does not start without it, and leaves nothing open."""
    (with_provider.secrets_dir / "oidc_region").unlink()
    closed: list[Database] = []
    close = Database.close

    def noted(database: Database) -> None:
        close(database)
        closed.append(database)

    monkeypatch.setattr(Database, "close", noted)
    with pytest.raises(SecretError, match="oidc_region"):
        create_app(with_provider, clock=clock, watch=False)
    assert len(closed) == 1


def test_a_provider_in_the_clear_is_refused(tmp_path: Path) -> None:
    """Who somebody is must not travel over plain HTTP."""
    SecretFiles(tmp_path / "secrets").make_missing()
    path = tmp_path / "staff.toml"
    path.write_text(
        'database = "sqlite:///x"\nsecrets_dir = "secrets"\n[sign_in.oidc.region]\n'
        'label = "x"\nissuer = "http://id.example"\nclient_id = "x"\n'
        'organisations = ["org1"]\nacr_values = ["x"]\n'
    )
    with pytest.raises(ConfigError, match=r"sign_in\.oidc\.region\.issuer"):
        load_config(path)


def test_a_provider_that_is_taken_from_the_file_ends_what_it_had_opened(
    app: Flask, with_provider: StaffConfig, provider: Provider, clock: ManualClock
) -> None:
    """A server that starts without it lets nobody go on who came by it; one that starts with it
    does, and so does whoever came by a password."""
    client, own = app.test_client(), app.test_client()
    assert client.get(provider.sign_in(begin(client))).status_code == 303
    sign_in(own, "p7")
    for known, goes_on in ((with_provider.sign_in, True), (SignInConfig(), False)):
        anew = with_provider.model_copy(update={"sign_in": known})
        create_app(anew, clock=clock, watch=False).extensions["tryggve.stop"]()
        assert inside(client) is goes_on
        assert inside(own)
