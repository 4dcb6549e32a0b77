"""Under which address the server is: the configured one, whatever a request says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, request
from flask import url_for as url

from gateway.clock import ManualClock
from gateway.errors import ConfigError
from tests.staff.parts import sign_in
from web.staff.core.config import ListenConfig, StaffConfig, load_config, require_public_url
from web.staff.core.rights import Actor
from web.staff.runtime.app import create_app

PUBLIC = "https://trygg.kommun.example"

LIES = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "4444",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Server": "evil.example",
    "Forwarded": "for=203.0.113.9;host=evil.example;proto=https",
}


def asked(config: StaffConfig, clock: ManualClock, peer: str, headers: dict[str, str]) -> Any:
    """What the application takes a request for."""
    app = create_app(config, clock=clock, watch=False)

    @app.get("/asked")
    def _asked() -> dict[str, object]:
        return {
            "link": url("asked_link", _external=True),
            "host": request.host,
            "client": request.remote_addr,
            "root": request.url_root,
            "secure": request.is_secure,
        }

    app.add_url_rule("/asked/link", "asked_link", lambda: "")
    told = app.test_client().get("/asked", headers=headers, environ_base={"REMOTE_ADDR": peer})
    app.extensions["tryggve.stop"]()
    return told.get_json()


@pytest.mark.parametrize("host", ["evil.example", "trygg.kommun.example", "127.0.0.1:8080"])
@pytest.mark.parametrize("proxies", [0, 1])
def test_addresses_are_made_of_the_configured_one(
    config: StaffConfig, clock: ManualClock, host: str, proxies: int
) -> None:
    """Whatever host a request or a proxy names: links, and what passkeys are bound to, stay."""
    listen = ListenConfig(trusted_proxies=proxies)
    known = config.model_copy(update={"public_url": PUBLIC, "listen": listen})
    told = asked(known, clock, "127.0.0.1", {"Host": host, **LIES})
    assert told["link"] == f"{PUBLIC}/asked/link"
    assert told["host"] == "trygg.kommun.example"
    assert told["root"] == f"{PUBLIC}/"
    assert told["secure"]


def test_a_forwarded_host_is_never_believed(config: StaffConfig, clock: ManualClock) -> None:
    """Not even from the configured proxy, and without an address of our own: a proxy passes on
    what the browser wrote."""
    known = config.model_copy(update={"listen": ListenConfig(trusted_proxies=1)})
    told = asked(known, clock, "127.0.0.1", LIES)
    assert told["root"] == "http://localhost/"


@pytest.mark.parametrize(
    ("trusted", "peer", "client", "secure"),
    [
        (1, "127.0.0.1", "198.51.100.7", True),
        (1, "::1", "198.51.100.7", True),
        (1, "::ffff:127.0.0.1", "198.51.100.7", True),
        (1, "203.0.113.5", "203.0.113.5", False),
        (0, "127.0.0.1", "127.0.0.1", False),
        (1, "", "", False),
    ],
)
def test_only_the_configured_proxy_speaks_for_others(
    config: StaffConfig, clock: ManualClock, trusted: int, peer: str, client: str, secure: bool
) -> None:
    """Who reaches the server directly is who it is, whatever it writes."""
    known = config.model_copy(update={"listen": ListenConfig(trusted_proxies=trusted)})
    said = {"X-Forwarded-For": "10.0.0.1, 198.51.100.7", "X-Forwarded-Proto": "https"}
    told = asked(known, clock, peer, said)
    assert (told["client"], told["secure"]) == (client, secure)


def test_a_passkey_is_bound_to_the_configured_address(
    staff_app: Flask, config: StaffConfig, clock: ManualClock, make_user: Callable[..., Actor]
) -> None:
    """A page at another name that passes everything on gets no passkey for that name."""
    make_user("p7", ["caregiver"])
    app = create_app(config.model_copy(update={"public_url": PUBLIC}), clock=clock, watch=False)
    client = app.test_client()
    client.environ_base |= {"HTTP_HOST": "evil.example", "HTTP_REFERER": f"{PUBLIC}/"}
    assert sign_in(client, "p7").status_code == 302
    token = client.get("/konto").get_data(as_text=True).split('name="csrf_token" value="', 1)[1]
    answer = client.post(
        "/wan-register",
        data={"name": "x", "csrf_token": token.split('"', 1)[0]},
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 200, answer.get_data(as_text=True)
    options = answer.get_json()["response"]["credential_options"]
    assert options["rp"]["id"] == "trygg.kommun.example"
    app.extensions["tryggve.stop"]()


def test_a_server_for_real_use_knows_its_address(
    config: StaffConfig, tmp_path: Any, clock: ManualClock
) -> None:
    """It does not start without one; on a try at home it does.  Single sign-on always needs it."""
    real = config.model_copy(update={"secure_cookies": True})
    with pytest.raises(ConfigError, match="public_url"):
        create_app(real, clock=clock, watch=False)
    require_public_url(real.model_copy(update={"public_url": PUBLIC}))
    require_public_url(config)
    file = tmp_path / "staff.toml"
    start = 'database = "sqlite:///x.db"\nsecrets_dir = "secrets"\n'
    for text, key in (
        ('public_url = "http://trygg.example"\n', "public_url"),
        ('public_url = "https://trygg.example/path"\n', "public_url"),
        (
            (
                '[sign_in.oidc.region]\nlabel = "x"\nissuer = "https://id.example"\n'
                'client_id = "x"\norganisations = ["org1"]\nacr_values = ["x"]\n'
            ),
            "public_url",
        ),
    ):
        file.write_text(start + text)
        with pytest.raises(ConfigError, match=key):
            load_config(file)
    file.write_text(start + f'public_url = "{PUBLIC}"\n')
    assert load_config(file).public_url == PUBLIC
