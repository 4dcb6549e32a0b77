"""`tryggve staff org …`, and what the demo's organisation sets: everybody gets in by password."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import FileClock
from gateway.demo import town
from web.staff.cli.main import main
from web.staff.core.config import load_config
from web.staff.runtime.app import create_app
from web.staff.signin.grace import HOURS_MAX

Call = Callable[..., int]

EVENING = datetime(2026, 3, 2, 20, tzinfo=UTC)


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Run a command on a configuration of this test."""
    config = str(tmp_path / "staff.toml")
    return lambda *words: main([*words, "--config", config])


def test_an_organisation_sets_how_long_a_password_is_enough(
    db: str, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shown, set, and one sentence for what does not do."""
    assert call("init", "--public-url", "https://trygg.example/", "--database", db) == 0
    assert call("check") == 0
    home = ["home", "add", "h1", "--label", "Lgh 1", "--org", "o1", "--org-name", "Prov"]
    assert call(*home) == 0
    capsys.readouterr()
    assert call("org", "list") == 0
    assert "24 h" in capsys.readouterr().out
    for hours, told in (("0", "o1: 0 h\n"), ("0", "o1: 0 h (as before)\n")):
        assert call("org", "grace", "o1", hours) == 0
        assert capsys.readouterr().out == told
    assert call("org", "list") == 0
    assert "0 h" in capsys.readouterr().out
    for words in (("o9", "1"), ("o1", "-1"), ("o1", str(HOURS_MAX + 1))):
        assert call("org", "grace", *words) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_without_its_address_a_server_is_not_in_order(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """`run` and `check` say what to add, in one sentence."""
    assert call("init") == 0
    for word in ("run", "check"):
        capsys.readouterr()
        assert call(word) == 2
        told = capsys.readouterr().err
        assert "public_url" in told
        assert told.count("\n") == 1


def test_everybody_in_the_demo_gets_in_by_password(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In seconds, by what the demo itself gives to the command line; with the rules of every
    server."""
    people = town.accounts()
    passwords = iter(people)
    clock = tmp_path / "clock"
    FileClock.create(clock, EVENING, 60.0)
    for words in town.commands(clock, people, None):
        if "--password-stdin" in words:
            monkeypatch.setattr("sys.stdin", io.StringIO(next(passwords).password + "\n"))
        if words[0] != "enroll-code":
            assert call(*words) == 0, words
    config = load_config(tmp_path / "staff.toml")
    assert config.sign_in.second_factor_roles
    app = create_app(config, watch=False)
    for one in people:
        client: Any = app.test_client()
        page = client.get("/login").get_data(as_text=True)
        token = page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
        form = {"email": one.email, "password": one.password, "csrf_token": token}
        assert client.post("/login", data=form).status_code == 302
        page = client.get("/konto")
        assert page.status_code == 200, one
        assert 'data-test="factor-due"' not in page.get_data(as_text=True), "weeks are left"
    app.extensions["tryggve.stop"]()
