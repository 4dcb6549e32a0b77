"""`tryggve staff centre …`: alarm centres, and what they call a home."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from web.staff.cli.main import main

Call = Callable[..., int]


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command on a configuration of this test, in which `o1` has the homes h1 and h2."""
    config = str(tmp_path / "staff.toml")

    def run(*words: str) -> int:
        return main([*words, "--config", config])

    assert run("init", "--public-url", "https://trygg.example/") == 0
    for home in ("h1", "h2"):
        add = ["home", "add", home, "--label", home, "--org", "o1", "--org-name", "Prov"]
        assert run(*add) == 0
    capsys.readouterr()
    return run


def test_a_centre_is_added_shown_and_ended(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """With the homes that it has no number for; a home's number is digits, and its own."""
    uri = "sip:larm@centre.example;transport=tls"
    assert call("centre", "list") == 0
    assert "no alarm centres yet" in capsys.readouterr().out
    assert call("centre", "add", "o1", "Larmcentralen", uri, "--second", "sip:b.example") == 0
    assert call("centre", "cid", "o1", "h1", "1014 9471") == 0
    capsys.readouterr()
    assert call("centre", "list") == 0
    told = capsys.readouterr().out
    assert uri in told and "sip:b.example" in told and "yes" in told
    assert "h2 has no care id" in told and "h1 has no care id" not in told
    assert call("centre", "cid", "o1", "h1", "10149471") == 0
    assert "(as before)" in capsys.readouterr().out
    assert call("centre", "end", "o1", "Larmcentralen") == 0
    assert call("centre", "cid", "o1", "h1", "") == 0
    capsys.readouterr()
    assert call("centre", "list") == 0
    assert "ended" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ("add", "o1", "Larmcentralen", "larm@centre.example"),
        ("add", "o1", "Larmcentralen", "sip:a.example", "--second", "tel:+46"),
        ("add", "o1", " ", "sip:a.example"),
        ("add", "o9", "Larmcentralen", "sip:a.example"),
        ("add", "o1", "Finns", "sip:a.example"),
        ("end", "o1", "Finns inte"),
        ("cid", "o1", "h1", "12a"),
        ("cid", "o1", "h1", "7"),
        ("cid", "o9", "h1", "8"),
    ],
)
def test_what_does_not_do_is_said_in_one_sentence(
    call: Call, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """What was wrong, and nothing is changed."""
    assert call("centre", "add", "o1", "Finns", "sip:a.example") == 0
    assert call("centre", "cid", "o1", "h2", "7") == 0
    capsys.readouterr()
    assert call("centre", "list") == 0
    before = capsys.readouterr().out
    assert call("centre", *words) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert call("centre", "list") == 0
    assert capsys.readouterr().out == before


def test_a_program_is_added_with_its_secret(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """An https address is a webhook; what it checks signatures with is shown once."""
    assert call("centre", "add", "o1", "Journalen", "https://journal.example/larm") == 0
    assert re.search(r"signatures with whsec_[A-Za-z0-9+/]{43}=;", capsys.readouterr().out)
    call("centre", "list")
    assert "webhook" in capsys.readouterr().out
    assert (
        call("centre", "add", "o1", "X", "https://a.example", "--second", "https://b.example") == 2
    )
