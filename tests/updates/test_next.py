"""A release that could not take the next one does not hold, and its root's half is stood in for:
else a home could be updated by hand only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import LinkDown, ReleaseRefused
from gateway.events import GatewayTestPassed
from gateway.updates import slots as slots_module
from gateway.updates import trust
from gateway.updates.slots import PACKAGE
from tests.updates.signed import KEYS, Signed, small
from tests.updates.test_keeper import Home
from tests.updates.test_slots import bring, made


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    made = Signed(tmp_path)
    made.add("0.3.0")
    return made


@pytest.fixture
def new(signed: Signed, tmp_path: Path) -> Iterator[Home]:
    """The new release runs on trial, and its test alarm came back."""
    (tmp_path / "root.json").write_bytes(signed.root)
    small(tmp_path / PACKAGE, "0.2.0")
    (tmp_path / "releases").mkdir()
    (tmp_path / "state").mkdir()
    old = Home(tmp_path)
    old.want()
    old.pass_s(1)
    old.take()
    made = Home(tmp_path, "a", "0.3.0")
    made.want()
    made.slots.boot("m", 1.0)
    made.tell(GatewayTestPassed(test="home:h1/1"))
    yield made


def proved(home: Home) -> bool:
    home.pass_s(20)
    return home.slots.look("m", 2.0) == "held"


def lacks(home: Home) -> str:
    return home.inbox.lacked((home.slots.trial() or {})["id"])


def raising(error: BaseException) -> Any:
    def newest(*_: object) -> None:
        raise error

    return newest


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'tuf'"),
        AttributeError("a mistake"),
        ReleaseRefused("The release is refused: x.", why="no_root"),
        ReleaseRefused("The release is refused: x.", why="unreadable"),
        LinkDown("no answer"),
    ],
)
def test_what_cannot_read_the_list_does_not_hold(
    error: BaseException, new: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its test alarm came back: it says what it lacks, tries again, and holds if it can."""
    with monkeypatch.context() as patch:
        patch.setattr(trust, "newest", raising(error))
        assert not proved(new)
        assert lacks(new) == "updates"
    assert proved(new)


def test_what_was_built_with_other_keys_does_not_hold(new: Home, tmp_path: Path) -> None:
    """The two who sign would never reach it again."""
    right = (tmp_path / "root.json").read_bytes()
    (tmp_path / "root.json").write_bytes(Signed(tmp_path / "other", KEYS[1:]).root)
    assert not proved(new)
    assert lacks(new) == "updates"
    (tmp_path / "root.json").write_bytes(right)
    assert proved(new)


@pytest.mark.parametrize("state", ["over", "gone", "busy"])
def test_what_is_the_server_s_fault_fails_no_trial(
    state: str, new: Home, signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list's date is over, there is none any more, or many homes ask at once: it was read."""
    if state == "over":
        signed.expire("timestamp")
    elif state == "gone":
        signed.repo.folder.rename(signed.folder / "away")
    else:
        monkeypatch.setattr(trust, "newest", raising(LinkDown("many ask", busy=True)))
    assert proved(new)


def test_it_is_asked_once(new: Home) -> None:
    """What it has shown need not be shown again while the watch has not looked."""
    new.pass_s(20)
    asked = len(new.lane.asked)
    new.pass_s(20)
    assert len(new.lane.asked) == asked


# --- root's half ----------------------------------------------------------------------------------


def says(folder: Path, text: str) -> None:
    """A release whose Python is a shell's line."""
    python = folder / "bin" / "python3"
    python.unlink()
    python.write_text(f"#!/bin/sh\n{text}\n")
    python.chmod(0o755)


@pytest.mark.parametrize(
    ("of_release", "came"),
    [("echo release $*", "release"), ("exit 1", "package"), ("kill -9 $$", "package")],
)
def test_the_package_takes_in_what_the_release_cannot(
    of_release: str, came: str, tmp_path: Path
) -> None:
    """A release in force whose root's half does not run, and one whose does."""
    slots = made(tmp_path)
    says(slots.folder(bring(slots, "0.3.0")), of_release)
    says(slots.folder(PACKAGE), "echo package $*")
    where = ("--root", str(slots.root), "--proved", str(slots._proved))
    done = subprocess.run(
        [sys.executable, "-I", "-S", slots_module.__file__, *where, "take", "/state"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout == f"{came} -I -u -m gateway.updates.install /state\n"


def test_where_neither_can_it_says_so(tmp_path: Path) -> None:
    """Its unit has failed then, and the journal says why."""
    slots = made(tmp_path)
    says(slots.folder(PACKAGE), "exit 3")
    assert slots_module.main(["--root", str(slots.root), "take"]) == 1
