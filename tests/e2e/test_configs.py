"""A home that is edited at the server, with both programs: what is right holds, what is wrong is
said and does not, a death in between is nothing, and a new card gets it all back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gateway.config.held_config import FOLDER, TRIED
from gateway.config.secrets import FileSecrets
from gateway.demo.home_process import stop
from gateway.demo.stage import Stage, codes_in
from gateway.link.enrolment import enroll
from tests.e2e.configs import PAGE, PINS, Technician, applied_s
from tests.e2e.second_path import wait

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STILL = ("--still", "--awake")


def test_what_is_edited_holds_what_is_wrong_does_not_and_a_new_card_gets_it_back(
    set_stage: Callable[..., Stage], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A device is added and holds; a wrong pin is refused with its sentence and the one before goes
    on; the home is killed while it takes one, and has it afterwards; the card is replaced by an
    empty one with a code, and everything is back but what must be paired anew, which is said."""
    made = set_stage(home_options=STILL, looks=False, sound=False)
    by = Technician(made)
    took = applied_s(by, 2)
    with capsys.disabled():
        print(f"\nconfig_applied_s {', '.join(f'{one:.2f}' for one in took)}")
    assert 'data-follows="yes"' in by.client.get(PAGE)

    refused = by.mat(99)
    wait(lambda: by.state()["refused"] == refused, "the home did not refuse it")
    state = by.state()
    assert [state[f"refused_{name}"] for name in ("why", "about", "field")] == [
        *("value", "golv2", "pin"),
    ]
    assert state["held"] == refused - 1
    assert "golv2, pin: värdet går inte" in by.client.get(PAGE)

    assert made.home is not None
    number = by.mat(PINS[0])
    wait(lambda: has_begun(made, by), "it was never begun")
    made.home.process.kill()
    made.home.stop()
    made.start_home(*STILL)
    by.wait_until_held(number)

    made.home.stop()
    with new_card(made, tmp_path / "card"):
        wait(lambda: "door" in (by.state()["unpaired"] or ""), "nothing is to be paired anew")
        state = by.state()
    assert state["held"] == by.number
    assert {"door", "pendant"} < set(state["unpaired"].split(","))
    page = by.client.get(PAGE)
    assert "Måste parkopplas i hemmet" in page


def has_begun(made: Stage, by: Technician) -> bool:
    """Whether the home takes the newest one just now, or has it."""
    tried = ""
    with suppress(FileNotFoundError):
        tried = (made.folder / "home" / FOLDER / TRIED).read_text()
    return f'"number": {by.number},' in tried or by.state()["held"] == by.number


@contextmanager
def new_card(made: Stage, folder: Path) -> Iterator[None]:
    """A gateway on an empty card: its file says what only the home may say, and its code does the
    rest."""
    folder.mkdir(mode=0o700)
    (code,) = codes_in(made.staff_says(["enroll-code", "h1"]))
    enroll(made.url, code, folder, FileSecrets.from_environment(folder))
    file = folder / "home.toml"
    file.write_text(
        f'[home]\nid = "h1"\n[staff]\nurl = "{made.url}"\n[gpio]\nfactory = "mock"\n'
        "[web]\nenabled = false\n"
    )
    words = ("gateway", "run", "--config", str(file), "--state", str(folder))
    with (folder / "journal").open("w") as journal:
        process = subprocess.Popen(
            made.home_from.module("gateway.cli", *words, "--clock", str(made.clock_file)),
            stdout=journal,
            stderr=journal,
            text=True,
        )
    try:
        yield
    finally:
        stop(process)
