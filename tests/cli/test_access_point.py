"""The network for who installs a home without internet: a file of NetworkManager's."""

from __future__ import annotations

import configparser
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.config.secrets import FileSecrets
from gateway.doors import install_code
from gateway.wire import make_code
from tests.test_enroll import CODE

FILE = "/nowhere/home.toml"


def asked(state: Path, *words: str, file: str | Path = FILE) -> int:
    """The command in a home with this state and this file."""
    given = ["--state", str(state), "--config", str(file)]
    return main(["gateway", "access-point", *words, *given])


def test_the_networks_password_is_the_homes_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it stands on the server's page, however it was typed; WPA2 takes 8 to 63 characters; the
    network is none that a Pi opens by itself, and none without a password."""
    assert asked(tmp_path, CODE.lower().replace("-", " ")) == 0
    file = configparser.ConfigParser()
    file.read_string(capsys.readouterr().out)
    security = file["wifi-security"]
    assert (security["psk"], security["key-mgmt"], security["proto"]) == (CODE, "wpa-psk", "rsn")
    assert 8 <= len(security["psk"]) <= 63
    assert (file["wifi"]["mode"], file["connection"]["autoconnect"]) == ("ap", "false")
    assert (file["connection"]["interface-name"], file["ipv4"]["method"]) == ("wlan0", "shared")


@pytest.mark.parametrize("words", [("12345",), (CODE, "--interface", "wlan0\npsk=x")])
def test_what_is_no_code_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """Nothing is printed that could be installed."""
    assert asked(tmp_path, *words) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)


def test_another_home_s_code_opens_no_network_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page would not take it: said before somebody stands there with a phone.  The home's own
    is taken."""
    other = make_code(bytes(range(1, 8)), bytes(32))
    install_code.keep(FileSecrets(tmp_path), other, datetime.now(UTC))
    assert asked(tmp_path, CODE) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert asked(tmp_path, other) == 0
    assert f"psk={other}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("web", "said"),
    [
        (None, "the page of the home is not there yet"),
        ("", "reached from the Pi alone"),
        ("enabled = false", "is switched off"),
        ('host = "0.0.0.0"', ""),
    ],
)
def test_a_page_that_the_phone_would_not_reach_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], web: str | None, said: str
) -> None:
    """In one sentence beside the file, which is printed all the same."""
    file = tmp_path / "home.toml"
    if web is not None:
        file.write_text(f'[home]\nid = "h1"\n[web]\n{web}\n')
    assert asked(tmp_path, CODE, file=file) == 0
    told = capsys.readouterr()
    assert told.out.startswith("# The network") and said in told.err
    assert told.err.count("\n") == (1 if said else 0)
