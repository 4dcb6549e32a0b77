"""Of a provider of single sign-on in `staff.toml`: who somebody is does not travel in the clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from web.staff.core.config import StaffConfig, parse_config

FILE = """
public_url = "https://staff.example"
database = "sqlite:///staff.db"
secrets_dir = "secrets"
[sign_in.oidc.kommun]
label = "Kommunen"
issuer = "ISSUER"
client_id = "x"
organisations = ["org1"]
acr_values = ["loa3"]
"""


def read(issuer: str) -> StaffConfig:
    return parse_config(FILE.replace("ISSUER", issuer), Path("staff.toml"))


@pytest.mark.parametrize(
    "issuer", ["https://idp.example", "http://127.0.0.1:8080/realms/x", "http://localhost"]
)
def test_a_provider_is_asked_over_https_or_on_this_machine(issuer: str) -> None:
    """As it is written."""
    assert read(issuer).sign_in.oidc["kommun"].issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        *("http://idp.example", "http://127.0.0.1.idp.example", "http://localhost.idp.example"),
        *("http://localhost@idp.example", "http://["),
    ],
)
def test_none_is_asked_in_the_clear(issuer: str) -> None:
    """Also where its name begins as this machine's does."""
    with pytest.raises(ConfigError, match="must not travel in the clear"):
        read(issuer)
