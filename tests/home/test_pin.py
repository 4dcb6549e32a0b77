"""The resident's PIN: drawn, shown once, kept as a hash, and not to be guessed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.config.secrets import FileSecrets
from gateway.doors.page_pin import DIGITS, HOUR_S, HOUR_TRIES, PinEntry, make_pin
from gateway.doors.tries import PLACE_TRIES


class Pin:
    """A home with a PIN and a clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets = FileSecrets.from_environment(folder, {})
        self.real_s = 0.0
        self.pin = make_pin(self.secrets)
        self.wrong = f"{(int(self.pin) + 1) % 10**DIGITS:0{DIGITS}d}"
        self.entry = PinEntry(self.secrets, lambda: self.real_s)


@pytest.fixture
def pin(tmp_path: Path) -> Pin:
    return Pin(tmp_path)


def test_the_right_pin_is_right_however_it_is_typed(pin: Pin) -> None:
    """Eight digits, nothing else; a new one ends the old one; without one none is right."""
    assert len(pin.pin) == DIGITS
    assert pin.entry.is_right(f" {pin.pin[:4]} {pin.pin[4:]}", "a") is True
    for none in ("", pin.pin[:7], pin.pin + "0", "abcdefgh", "²" * 8):
        assert pin.entry.is_right(none, "a") is False
    assert pin.entry.is_right(pin.wrong, "a") is False
    new = make_pin(pin.secrets)
    assert pin.entry.is_right(new, "a") is True
    pin.secrets.path("page_pin").unlink()
    assert pin.entry.is_right(new, "a") is False


def test_the_pin_is_on_no_disk(pin: Pin) -> None:
    """A slow hash with a salt; two PINs look nothing alike."""
    kept = pin.secrets.read("page_pin")
    assert pin.pin not in kept
    make_pin(pin.secrets)
    assert kept.split(":")[0] != pin.secrets.read("page_pin").split(":")[0]


def test_a_technician_draws_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`tryggve gateway pin` prints it once, and it is the one that opens."""
    assert main(["gateway", "pin", "--state", str(tmp_path)]) == 0
    shown = re.search(r"\b(\d{4} \d{4})\b", capsys.readouterr().out)
    assert shown is not None
    secrets = FileSecrets.from_environment(tmp_path, {})
    assert PinEntry(secrets, lambda: 0.0).is_right(shown[1], "a") is True


def test_guessing_is_bounded_and_locks_out_no_place_that_knows_it(pin: Pin) -> None:
    """Two dozen an hour from all the network together, while the tablet that has shown the right
    one goes on, mistyping too."""
    assert pin.entry.is_right(pin.pin, "tablet") is True
    judged = [pin.entry.is_right(pin.wrong, f"guess {n}") for n in range(100)]
    assert judged == [False] * HOUR_TRIES + [None] * (100 - HOUR_TRIES)
    assert pin.entry.is_right(pin.pin, "guess") is None, "not even the right one, from a new place"
    assert pin.entry.is_right(pin.wrong, "tablet") is False
    assert pin.entry.is_right(pin.pin, "tablet") is True
    tries = [pin.entry.is_right(pin.wrong, "tablet") for _ in range(PLACE_TRIES + 1)]
    assert tries == [False] * PLACE_TRIES + [None], "it may be a stolen tablet"
    pin.real_s += HOUR_S + 1
    assert pin.entry.is_right(pin.pin, "guess") is True
