"""The network for who installs a home without internet: a file of NetworkManager's."""

from __future__ import annotations

import configparser

import pytest

from gateway.cli import main
from tests.test_enroll import CODE


def test_the_networks_password_is_the_homes_code(capsys: pytest.CaptureFixture[str]) -> None:
    """As it stands on the server's page, however it was typed; WPA2 takes 8 to 63 characters; the
    network is none that a Pi opens by itself, and none without a password."""
    assert main(["gateway", "access-point", CODE.lower().replace("-", " ")]) == 0
    file = configparser.ConfigParser()
    file.read_string(capsys.readouterr().out)
    security = file["wifi-security"]
    assert (security["psk"], security["key-mgmt"], security["proto"]) == (CODE, "wpa-psk", "rsn")
    assert 8 <= len(security["psk"]) <= 63
    assert (file["wifi"]["mode"], file["connection"]["autoconnect"]) == ("ap", "false")
    assert (file["connection"]["interface-name"], file["ipv4"]["method"]) == ("wlan0", "shared")


@pytest.mark.parametrize("words", [("12345",), (CODE, "--interface", "wlan0\npsk=x")])
def test_what_is_no_code_is_a_sentence(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """Nothing is printed that could be installed."""
    assert main(["gateway", "access-point", *words]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
