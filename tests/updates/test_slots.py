"""Which release runs, and the way back: whatever is cut, one whole release is in force."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.updates import slots as slots_module
from gateway.updates.slots import PACKAGE, STARTS, TRIAL_S, Slots
from tests.updates.signed import small

MACHINE = "m1"


def made(folder: Path) -> Slots:
    """A machine with the package 0.2.0 and nothing else."""
    small(folder / PACKAGE, "0.2.0")
    (folder / "releases").mkdir()
    return Slots(folder / "releases", folder / "proved.json")


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    return made(tmp_path)


def bring(slots: Slots, version: str, trial: str = "t1") -> str:
    """A release as root's half brings it; its place."""
    small(slots.clear(), version)
    name = slots.settle()
    slots.begin(name, trial, version=version, plan=1)
    return name


def running(slots: Slots) -> str:
    """The version that a start would run."""
    return str(slots.release(slots.current())["release"])


def prove(slots: Slots, trial: str) -> None:
    slots._proved.write_text(json.dumps({"id": trial}))


def test_without_a_release_what_the_package_brought_runs(slots: Slots) -> None:
    """Also where the link leads to nothing that can run."""
    assert running(slots) == "0.2.0"
    slots.link.symlink_to("b")
    assert running(slots) == "0.2.0"


def test_a_release_that_proves_itself_is_held(slots: Slots) -> None:
    """It is in force from then on, and what came of it is told."""
    bring(slots, "0.3.0")
    slots.boot(MACHINE, 5.0)
    assert slots.look(MACHINE, 6.0) is None
    prove(slots, "t1")
    assert slots.look(MACHINE, 7.0) == "held"
    assert running(slots) == "0.3.0"
    assert (slots.last() or {})["outcome"] == "held"
    assert slots.look(MACHINE, 7.0 + 2 * TRIAL_S) == ""
    assert running(slots) == "0.3.0"


def test_a_proof_of_another_trial_is_none(slots: Slots) -> None:
    """What an earlier one left does not hold this one."""
    prove(slots, "t0")
    bring(slots, "0.3.0")
    slots.boot(MACHINE, 5.0)
    assert slots.look(MACHINE, 6.0) is None


def test_a_release_that_does_not_prove_itself_in_time_goes_back(slots: Slots) -> None:
    """The time begins with its first start, not when it was put in force: the old one may have had
    to wait for a quiet moment."""
    bring(slots, "0.3.0")
    assert slots.look(MACHINE, 10 * TRIAL_S) is None
    slots.boot(MACHINE, 10 * TRIAL_S)
    assert slots.look(MACHINE, 11 * TRIAL_S) is None
    assert slots.look(MACHINE, 11 * TRIAL_S + 1) == "returned"
    assert running(slots) == "0.2.0"
    assert (slots.last() or {})["why"] == "not_proved"


def test_a_release_that_ends_again_and_again_goes_back(slots: Slots) -> None:
    """Each start is counted, over power cuts too; after the last the one before is started."""
    bring(slots, "0.3.0")
    for number in range(STARTS):
        slots.boot(f"m{number}", 1.0)
        assert running(slots) == "0.3.0"
    slots.boot("m9", 1.0)
    assert running(slots) == "0.2.0"
    assert (slots.last() or {})["why"] == "stopped"


def test_a_release_that_cannot_be_started_goes_back_at_once(slots: Slots) -> None:
    """Its Python is not on this machine."""
    name = bring(slots, "0.3.0")
    python = slots.folder(name) / "bin" / "python3"
    python.unlink()
    python.symlink_to("/usr/bin/python3.99")
    slots.boot(MACHINE, 1.0)
    assert running(slots) == "0.2.0"
    assert (slots.last() or {})["why"] == "cannot_start"


def test_it_goes_back_to_the_release_before_and_not_to_the_package(slots: Slots) -> None:
    """Each release is written where the one in force is not."""
    first = bring(slots, "0.3.0")
    prove(slots, "t1")
    slots.look(MACHINE, 1.0)
    second = bring(slots, "0.4.0", "t2")
    assert {first, second} == {"a", "b"}
    slots.boot(MACHINE, 1.0)
    slots.look(MACHINE, 2 + TRIAL_S)
    assert running(slots) == "0.3.0"


def test_a_package_that_comes_during_a_trial_ends_it(slots: Slots) -> None:
    """What is in force is another: nothing is counted, and nothing goes back."""
    bring(slots, "0.3.0")
    slots.link.unlink()
    slots.boot(MACHINE, 1.0)
    assert slots.trial() is None
    assert running(slots) == "0.2.0"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": 1}'])
def test_what_cannot_be_read_ends_no_start(slots: Slots, text: str) -> None:
    """A trial that the card has spoiled is forgotten."""
    bring(slots, "0.3.0")
    (slots.root / "trial.json").write_text(text)
    slots.boot(MACHINE, 1.0)
    assert running(slots) == "0.3.0"
    assert slots.look(MACHINE, 9 * TRIAL_S) == ""


def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes no block more: only what needs none goes on."""

    def write_text(_path: Path, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_text)


def test_a_full_disk_keeps_no_release_on_trial(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one may be what fills it: whose starts cannot be counted, or whose time is up, is
    gone back from, though nothing of it can be told."""
    bring(slots, "0.3.0")
    with monkeypatch.context() as patch:
        full(patch)
        slots.boot(MACHINE, 1.0)
    assert running(slots) == "0.2.0"
    assert slots.trial() is None
    bring(slots, "0.4.0", "t2")
    slots.boot(MACHINE, 1.0)
    with monkeypatch.context() as patch:
        full(patch)
        assert slots.look(MACHINE, 2 + TRIAL_S) == "returned"
    assert running(slots) == "0.2.0"
    assert slots.look(MACHINE, 3 + TRIAL_S) == ""


def test_what_has_proved_itself_is_not_gone_back_from(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when the power goes before that is noticed, after its last start; nor on a full disk,
    where it waits to be told."""
    bring(slots, "0.3.0")
    for number in range(STARTS):
        slots.boot(f"m{number}", 1.0)
    prove(slots, "t1")
    with monkeypatch.context() as patch:
        full(patch)
        slots.boot("m9", 1.0)
        with pytest.raises(OSError, match="No space"):
            slots.look("m9", 2.0)
    slots.boot("m9", 3.0)
    assert running(slots) == "0.3.0"
    assert slots.look("m9", 4.0) == "held"


def test_a_start_waits_a_moment_for_who_changes_something(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that is installed on a Pi may take minutes, and the gateway must start meanwhile:
    such a start is not counted."""
    bring(slots, "0.3.0")
    with monkeypatch.context() as patch, slots.locked():
        patch.setattr(slots_module, "LOCK_S", 0.05)
        where = ["--root", str(slots.root), "--proved", str(slots._proved)]
        assert slots_module.main([*where, "boot"]) == 0
    assert "machine" not in (slots.trial() or {})
    assert slots_module.main([*where, "boot"]) == 0
    assert (slots.trial() or {})["left"] == STARTS - 1


# --- cuts -----------------------------------------------------------------------------------------


class Cut(BaseException):
    """The power is gone."""


CALLS = ("fsync", "replace", "rename", "unlink", "symlink", "mkdir")


def cut_at(monkeypatch: pytest.MonkeyPatch, number: int) -> list[str]:
    """Let the power go before the so-manieth call that changes the disk; the calls so far."""
    seen: list[str] = []

    def guarded(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if len(seen) == number:
                raise Cut
            seen.append(name)
            return real(*args, **kwargs)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, guarded(name, getattr(os, name)))
    return seen


def whole_update(slots: Slots) -> None:
    bring(slots, "0.3.0")
    slots.boot(MACHINE, 1.0)
    prove(slots, "t1")
    slots.look(MACHINE, 2.0)


def update_and_return(slots: Slots) -> None:
    bring(slots, "0.3.0")
    slots.boot(MACHINE, 1.0)
    slots.look(MACHINE, 2 + TRIAL_S)


@pytest.mark.parametrize("life", [whole_update, update_and_return])
def test_a_cut_at_any_moment_leaves_one_whole_release(
    life: Callable[[Slots], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each single change of the disk the power goes: what starts then is the old release or
    the new one, whole; and from there another update holds."""
    number, cut = 0, True
    while cut:
        folder = tmp_path / str(number)
        folder.mkdir()
        slots, cut = made(folder), False
        with monkeypatch.context() as patch:
            cut_at(patch, number)
            try:
                life(slots)
            except Cut:
                cut = True
        after = Slots(slots.root, slots._proved)
        after.boot("m2", 1.0)
        current = after.folder(after.current())
        version = json.loads((current / "release.json").read_text())["release"]
        assert version in ("0.2.0", "0.3.0")
        assert (current / "lib" / "one.py").read_text() == f'VERSION = "{version}"\n'
        after.look("m2", 2 + TRIAL_S)  # whatever was on trial is decided
        bring(after, "0.4.0", "t9")
        after.boot("m2", 1.0)
        prove(after, "t9")
        assert after.look("m2", 2.0) == "held"
        assert running(after) == "0.4.0"
        number += 1
    assert number > 20  # so many moments there were


def test_a_change_is_on_the_disk_before_the_next_begins(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is synced before it gets its name, and each folder after: else a cut could keep the
    second of two changes and lose the first."""
    bring(slots, "0.3.0")
    slots.boot(MACHINE, 1.0)
    with monkeypatch.context() as patch:
        seen = cut_at(patch, -1)
        slots.look(MACHINE, 2 + TRIAL_S)
    assert [name for name in seen if name in ("replace", "fsync")][:3] == [
        *("fsync", "replace", "fsync"),
    ]
    for index, name in enumerate(seen):
        if name == "replace" or (name == "unlink" and seen[index + 1 : index + 2] != ["symlink"]):
            assert "fsync" in seen[index + 1 : index + 3], (index, seen)


# --- the program ----------------------------------------------------------------------------------


def say(slots: Slots, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it as the package's unit does: by a Python without anything of ours."""
    file = slots_module.__file__
    where = ("--root", str(slots.root), "--proved", str(slots._proved))
    return subprocess.run(
        [sys.executable, "-I", "-S", file, *where, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_runs_by_itself_and_goes_back_by_itself(slots: Slots) -> None:
    """Nothing of any release is needed: neither the new one's nor the old one's."""
    bring(slots, "0.3.0")
    for _ in range(STARTS + 1):
        assert say(slots, "boot").returncode == 0
    told = json.loads(say(slots, "show").stdout)
    assert told["current"] == PACKAGE
    assert told["last"]["why"] == "stopped"
    assert say(slots, "watch", "false").returncode == 0  # nothing is on trial: it ends
    assert say(slots, "nonsense").returncode == 2


def test_the_link_is_read_once(slots: Slots, tmp_path: Path) -> None:
    """A program that was started never sees a switch: its own Python names the place."""
    name = bring(slots, "0.3.0")
    python = slots.folder(name) / "bin" / "python3"
    python.unlink()
    python.write_text('#!/bin/sh\necho "$0 $*"\n')
    python.chmod(0o755)
    assert say(slots, "run", "gateway", "run").stdout.split() == [
        *(str(python.resolve()), "-I", "-u", "-m", "gateway.cli", "gateway", "run"),
    ]
