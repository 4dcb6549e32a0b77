"""A provider that is silent, hostile or odd costs a bounded time and one sentence."""

from __future__ import annotations

import html
import math
import socket
import time
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from flask import Flask
from requests import RequestException
from sqlalchemy import update

from tests.staff.parts import PASSWORD, parts_of, sign_in
from tests.staff.provider import CLIENT, LOA3, SECRET, Provider, running
from tests.staff.signin.test_single_sign_on import (  # noqa: F401 - fixtures
    SENTENCE,
    app,
    begin,
    db,
    inside,
    provider,
    refused,
    with_provider,
)
from web.staff.core.config import SingleSignOn
from web.staff.core.reaching import Reach
from web.staff.signin import asking
from web.staff.signin.asking import Clients, NotThere
from web.staff.storage import tables


def pressed(app: Flask) -> Any:  # noqa: F811
    """The answer to the button on the page of signing in."""
    client = app.test_client()
    page = client.get("/login").get_data(as_text=True)
    token = page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
    return client.post("/inloggning/region", data={"csrf_token": token})


def known(url: str) -> SingleSignOn:
    """A provider there."""
    return SingleSignOn(
        label="x",
        issuer=url,
        client_id=CLIENT,
        organisations=frozenset({"org1"}),
        acr_values=(LOA3,),
    )


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_silent_provider_costs_a_bounded_time(
    app: Flask,  # noqa: F811
    silent: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Anybody may press the button: whoever waits for the provider is not kept for ever."""
    monkeypatch.setattr(asking, "TIMEOUT_S", 0.2)
    app.extensions["tryggve.sign_on"].add("region", known(silent), SECRET)
    began_s = time.monotonic()
    assert pressed(app).status_code == 403
    assert time.monotonic() - began_s < 60


DOORS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@pytest.mark.parametrize(
    "said",
    [
        *([], "x", 5, {}),
        *({name: None} for name in DOORS),
        *({name: "javascript:alert(1)//"} for name in DOORS),
        *({name: 7} for name in DOORS),
        *({name: "https://" + "x" * 2000} for name in DOORS),
        b"[" * 60_000,
    ],
    ids=lambda said: str(said)[:80],
)
def test_what_no_provider_says_of_itself_is_one_sentence(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    said: Any,
) -> None:
    """No door, one that is no address, or nothing of the sort: nobody is led anywhere."""
    if isinstance(said, dict) and said:
        provider.metadata = said
    else:
        provider.whole = said
    answer = pressed(app)
    assert answer.status_code == 403
    assert html.unescape(answer.get_data(as_text=True)).count(SENTENCE) == 1


@pytest.mark.parametrize(
    "keys",
    [[], {"keys": 5}, {"keys": [5]}, {"keys": [{"kty": "x"}]}, {}, b"[" * 60_000],
    ids=lambda keys: str(keys)[:80],
)
def test_keys_that_are_none(app: Flask, provider: Provider, keys: Any) -> None:  # noqa: F811
    """Nobody is signed in by them."""
    client = app.test_client()
    back = provider.sign_in(begin(client))
    provider.keys = keys
    refused(app, client, back)


def test_a_provider_says_nothing_about_how_it_is_asked(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
) -> None:
    """What it says of itself is no setting of ours: neither the time that is waited, nor whether
    its certificate counts, nor a proxy, nor PKCE, nor how its token must be signed."""
    provider.metadata = {
        "timeout": None,
        "default_timeout": None,
        "verify": False,
        "proxies": {"http": "http://127.0.0.1:9"},
        "cert": "/etc/passwd",
        "client_id": "somebody",
        "code_challenge_method": "",
        "scope": "everything",
        "id_token_signing_alg_values_supported": ["none", "HS256", "RS256", 5],
    }
    client = app.test_client()
    assert client.get(provider.sign_in(begin(client))).status_code == 303
    assert provider.asked["code_challenge_method"] == "S256"
    assert (provider.asked["client_id"], provider.asked["scope"]) == (CLIENT, "openid")
    assert inside(client)


def test_only_a_checked_token_says_who_somebody_is(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
) -> None:
    """What stands beside it, or instead, was checked by nobody."""
    claims = {"iss": provider.url, "sub": "SE165500001234-AB12", "acr": LOA3}
    provider.beside = {"id_token": None, "userinfo": claims}
    client = app.test_client()
    refused(app, client, provider.sign_in(begin(client)))


@pytest.mark.parametrize("told", [math.nan, -math.inf, math.inf, -1e30, 10**400, True])
def test_a_time_that_cannot_be_meant_is_none(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    told: Any,
) -> None:
    """The person is in, and what is sensitive asks who they are."""
    provider.claims = {"auth_time": told}
    client = app.test_client()
    assert client.get(provider.sign_in(begin(client))).status_code == 303
    assert inside(client)
    with client.session_transaction() as session:
        assert session["fs_paa"] == 0.0


def test_sign_ins_that_came_to_nothing_do_not_fill_the_cookie(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
) -> None:
    """A browser drops a cookie of more than four kilobytes, and with it whoever is signed in; the
    newest sign-in still works."""
    client = app.test_client()
    backs = [provider.sign_in(begin(client)) for _ in range(12)]
    with client.session_transaction() as session:
        left = [key for key in session if key.startswith("_state_")]
    assert len(left) == asking.STATES_MAX
    assert client.get(backs[-1]).status_code == 303
    assert inside(client)


# --- what a page names ----------------------------------------------------------------------------


def test_what_a_page_names_is_not_asked_in_the_own_network(
    provider: Provider,  # noqa: F811
    app: Flask,  # noqa: F811
) -> None:
    """Nothing connects, unless the server's file says so."""
    with app.app_context():
        with pytest.raises(NotThere):
            Clients().of_page("own.1", known(provider.url), SECRET).load_server_metadata()
        assert provider.looked == []
        open_ = Clients(private=(ip_network("127.0.0.0/8"),))
        client = open_.of_page("own.1", known(provider.url), SECRET)
        assert client.load_server_metadata()["issuer"] == provider.url


def test_what_a_page_names_sends_nowhere_else(
    provider: Provider,  # noqa: F811
    app: Flask,  # noqa: F811
) -> None:
    """A redirect is not followed, and an answer is no book."""
    open_ = Clients(private=(ip_network("127.0.0.0/8"),))
    client = open_.of_page("own.1", known(provider.url), SECRET)
    with running() as other, app.app_context():
        provider.whole = f"{other.url}/.well-known/openid-configuration"
        with pytest.raises((*asking.NOT_SAID, RequestException)):
            client.load_server_metadata()
        assert other.looked == []
        provider.whole = {"x": "x" * 100_000} | provider.about()
        with pytest.raises(RequestException, match="too long"):
            client.load_server_metadata()
        assert client.server_metadata == {}


def test_a_server_without_providers_of_pages_reads_no_certificates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor does each of its workers at its start: 20 ms of a processor, and some memory."""
    made: list[Reach] = []

    def make(**more: Any) -> Reach:
        made.append(Reach(**more))
        return made[-1]

    monkeypatch.setattr(asking, "Reach", make)
    clients = Clients()
    clients.add("town", known("https://x.example"), SECRET)
    assert made == []
    for key in ("one", "another"):
        clients.of_page(key, known("https://x.example"), SECRET)
    assert len(made) == 1 and made[0].public_only


def test_clients_of_pages_are_bounded() -> None:
    """However often somebody writes another secret."""
    clients = Clients()
    for number in range(asking.CLIENTS_MAX + 5):
        clients.of_page(f"own.{number}", known("https://x.example"), SECRET)
    assert len(clients._of_pages) == asking.CLIENTS_MAX


def test_a_trial_that_came_to_nothing_is_not_taken_for_a_sign_in(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
) -> None:
    """Somebody began to try a provider and went away; their next sign-in is one."""
    with parts_of(app).db.write() as tx:
        tx.conn.execute(update(tables.user).values(active=True))
    client = app.test_client()
    sign_in(client, "p7", PASSWORD)
    with client.session_transaction() as session:
        session["tryggve_trial"] = {"name": "region", "version": "file"}
    client.post("/logout")
    other = app.test_client()
    with other.session_transaction() as session:
        session["tryggve_trial"] = {"name": "region", "version": "file"}
    assert other.get(provider.sign_in(begin(other))).location.endswith("/")
    assert inside(other)
