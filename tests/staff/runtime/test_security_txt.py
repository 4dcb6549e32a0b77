"""`/.well-known/security.txt`, as the configuration says (RFC 9116)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.clock import ManualClock
from gateway.errors import ConfigError
from web.staff.core.config import SecurityTxt, StaffConfig, load_config

PATH = "/.well-known/security.txt"

TOLD = SecurityTxt(
    contact=("mailto:sakerhet@kommun.example", "https://kommun.example/sakerhet"),
    expires=date(2027, 5, 1),
    policy="https://kommun.example/policy",
)


@pytest.fixture
def config(config: StaffConfig, request: pytest.FixtureRequest) -> StaffConfig:
    told = getattr(request, "param", TOLD)
    update: dict[str, Any] = {"security_txt": told, "public_url": "https://trygg.kommun.example"}
    return config.model_copy(update=update)


def test_it_says_whom_to_tell(client: FlaskClient) -> None:
    """To everybody, without signing in: contacts in their order, the day it ends, in which
    languages, where it belongs, and how reports are dealt with."""
    answer = client.get(PATH)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text.splitlines() == [
        "Contact: mailto:sakerhet@kommun.example",
        "Contact: https://kommun.example/sakerhet",
        "Expires: 2027-05-01T00:00:00Z",
        "Preferred-Languages: sv, en",
        f"Canonical: https://trygg.kommun.example{PATH}",
        "Policy: https://kommun.example/policy",
    ]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("config", [None], indirect=True)
def test_without_the_table_there_is_none(client: FlaskClient) -> None:
    """Nobody is sent to an address that nobody gave."""
    assert client.get(PATH).status_code == 404
    assert client.get("/healthz").text == "ok"


def test_a_stale_one_is_not_served_and_told(client: FlaskClient, clock: ManualClock) -> None:
    """From its day on it is gone, and `/healthz` says so to whoever runs the server."""
    last = datetime(2027, 5, 1, tzinfo=UTC) - timedelta(seconds=1)
    clock.step((last - clock.now()).total_seconds())
    assert client.get(PATH).status_code == 200
    clock.step(1)
    assert client.get(PATH).status_code == 404
    assert client.get("/healthz").text == "ok\nexpired: security.txt"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("contact = []\nexpires = 2027-05-01", "contact"),
        ('contact = ["sakerhet@kommun.example"]\nexpires = 2027-05-01', "contact"),
        ('contact = ["mailto:a@b.se\\nPolicy: x"]\nexpires = 2027-05-01', "contact"),
        ('contact = ["mailto:a@b.se"]', "expires"),
        ('contact = ["mailto:a@b.se"]\nexpires = "soon"', "expires"),
        ('contact = ["mailto:a@b.se"]\nexpires = 2027-05-01\npolicy = "http://a.se"', "policy"),
    ],
)
def test_what_is_no_contact_is_one_sentence(tmp_path: Path, line: str, key: str) -> None:
    """No way to tell anybody, no day, a second line in one: the file is refused by its key."""
    file = tmp_path / "staff.toml"
    file.write_text(f'database = "sqlite:///x.db"\nsecrets_dir = "s"\n[security_txt]\n{line}\n')
    with pytest.raises(ConfigError, match=rf"security_txt\.{key}"):
        load_config(file)
