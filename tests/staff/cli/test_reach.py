"""`tryggve staff ways …` and `ladder …`: who is reached, set up without a page."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from web.staff.cli.main import main

Call = Callable[..., int]


@pytest.fixture
def call(
    db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Run a command where `o1` has a home and a caregiver."""
    config = str(tmp_path / "staff.toml")

    def run(*words: str) -> int:
        return main([*words, "--config", config])

    assert run("init", "--plain-http", "--database", db) == 0
    home = ["home", "add", "h1", "--label", "h1", "--org", "o1", "--org-name", "Prov"]
    assert run(*home) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    user = ["user", "add", "a@prov.example", "--name", "Prov", "--org", "o1", "--home", "h1"]
    assert run(*user, "--role", "caregiver", "--password-stdin") == 0
    capsys.readouterr()
    return run


def test_a_number_is_added_and_shown(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """As people write it, proved by whoever runs the server; what is no number is refused in one
    sentence."""
    assert call("ways", "list", "a@prov.example") == 0
    assert "open pages only" in capsys.readouterr().out
    assert call("ways", "add", "a@prov.example", "--sms", "070-174 06 05") == 0
    capsys.readouterr()
    assert call("ways", "list", "a@prov.example") == 0
    told = capsys.readouterr().out
    assert "+46701740605" in told and "not proved" not in told
    assert call("ways", "add", "a@prov.example", "--sms", "112 eller så") == 2
    assert "no telephone number" in capsys.readouterr().err
    assert call("ways", "add", "a@prov.example", "--mail", "a.prov.example") == 2
    assert "no e-mail address" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ([["30", "role:technician"]], "nobody"),
        ([["5", "assigned"]], "it begins with whole seconds, 30 to 3600"),
        ([["half a minute", "assigned"]], "it begins with whole seconds, 30 to 3600"),
        ([["30", "everybody"]], "stands who, at most 20: assigned, area, role:ROLE"),
        ([["30", "team:Norr"]], "no team called 'Norr'"),
        ([["30", "person:b@prov.example"]], "no account"),
        ([["30"]], "stands who, at most 20"),
    ],
)
def test_a_ladder_that_cannot_be_is_refused_in_a_sentence(
    steps: list[list[str]], sentence: str, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also one that reaches nobody."""
    words = [word for step in steps for word in ("--step", *step)]
    assert call("ladder", "add", "Natt", "--org", "o1", *words) == 2
    told = capsys.readouterr().err
    assert sentence in told and told.count("\n") == 1


def test_a_ladder_is_added(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Step by step; the same name again is refused."""
    steps = ["--step", "30", "assigned", "--step", "60", "person:a@prov.example", "area"]
    assert call("ladder", "add", "Natt", "--org", "o1", "--severity", "care", *steps) == 0
    assert call("ladder", "add", "Natt", "--org", "o1", *steps) == 2
    assert "exists" in capsys.readouterr().err


def test_whom_a_step_names_is_found_by_name(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """A team, a centre and a role of the area, by names as people write them; a name in other
    letters is another one, and so is another organisation's."""
    org = ["--org", "o1"]
    for words in (
        ("team", "add", "Östra_50%", *org),
        ("team", "join", "Östra_50%", "a@prov.example", *org),
        ("area", "add", "Ånäset", *org),
        ("area", "put", "Ånäset", "h1", *org),
        ("team", "cover", "Östra_50%", "Ånäset", *org),
        ("centre", "add", "o1", "Larmcentralen", "sip:larm@centralen.example"),
        ("home", "add", "h9", "--label", "h9", "--org", "o9", "--org-name", "Prov"),
    ):
        assert call(*words) == 0, capsys.readouterr().err
    steps = ("--step", "30", "team:Östra_50%", "role:caregiver@area", "--step", "60")
    add = ("ladder", "add", "Natt", *org, "--area", "Ånäset", *steps, "centre:Larmcentralen")
    assert call(*add) == 0, capsys.readouterr().err
    for name in ("östra_50%", "Östra x50%", "Östra_50"):
        capsys.readouterr()
        assert call("ladder", "add", "Dag", *org, "--step", "30", f"team:{name}") == 2
        assert f"no team called '{name}'" in capsys.readouterr().err
    other = ("ladder", "add", "Natt", "--org", "o9", "--step", "30", "team:Östra_50%")
    assert call(*other) == 2
    assert "o9 has no team" in capsys.readouterr().err
