"""`tryggve gateway pair` and `calibrate`: what they refuse, and how they ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import home, main
from gateway.errors import UserError

TOML = """\
[home]
id = "h9"
[gpio]
factory = "mock"
[devices.bed]
driver = "mat_adc"
channels = [0, 1]
[devices.pendant]
driver = "bthome"
role = "pendant"
address = "E8:E0:7E:00:00:01"
[devices.outside]
driver = "bthome"
encrypted = false
address = "E8:E0:7E:00:00:02"
"""


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    """A configuration and a state folder."""
    (tmp_path / "home.toml").write_text(TOML)
    return ["--config", str(tmp_path / "home.toml"), "--state", str(tmp_path / "state")]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["calibrate", "pendant"], "pendant (bthome) needs no calibration"),
        (["calibrate", "chair"], "has no device 'chair'; it has: bed, pendant, outside"),
        (["pair", "bed"], "bed (mat_adc) needs no pairing"),
        (["check"], "devices.pendant: needs the secret 'bthome-pendant'"),
    ],
)
def test_one_sentence(
    words: list[str], why: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be done is one sentence and status 2."""
    assert main(["gateway", *words, *options]) == 2
    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1


async def test_the_terminal_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers come stripped, hidden ones unseen; where nobody can answer it says so."""
    monkeypatch.setattr("builtins.input", lambda question: f" {question}yes ")
    monkeypatch.setattr(home, "getpass", lambda _question: "0a0b\n")
    terminal = home.Terminal()
    terminal("Lie down.")
    assert capsys.readouterr().out == "Lie down.\n"
    assert await terminal.ask("Ready?") == "Ready? yes"
    assert await terminal.ask("Key:", hidden=True) == "0a0b"

    def nobody(_question: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(UserError, match="nobody is there"):
        await terminal.ask("Ready?")
