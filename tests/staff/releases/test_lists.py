"""Lists of releases that come to the server: none older than what is there, and none half made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.errors import UserError
from tests.updates.signed import KEYS, Signed
from web.staff.homelink.mirror import Mirror


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    made = Signed(tmp_path / "signed")
    made.add("0.3.0")
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_an_older_list_takes_no_newer_one_s_place(signed: Signed, tmp_path: Path) -> None:
    """From last year's stick: homes have seen the newer one, and would take nothing more."""
    mirror = Mirror(tmp_path / "releases")
    shutil.copytree(signed.repo.folder, tmp_path / "old")
    signed.add("0.3.1")
    mirror.add(signed.repo.folder, signed.root)
    before = contents(tmp_path / "releases")
    with pytest.raises(UserError, match="an older list"):
        mirror.add(tmp_path / "old", signed.root)
    assert contents(tmp_path / "releases") == before
    mirror.add(signed.repo.folder, signed.root)
    assert contents(tmp_path / "releases") == before


def test_a_change_that_was_not_finished_is_not_taken_over(signed: Signed, tmp_path: Path) -> None:
    """The page would show what no home takes: what was dropped in a list that nobody signed."""
    mirror = Mirror(tmp_path / "releases")
    shutil.copytree(signed.repo.folder, tmp_path / "half")
    signed.repo.drop("0.3.0")
    shutil.copy(signed.repo.file("targets"), tmp_path / "half/metadata")
    with pytest.raises(UserError, match="not finished"):
        mirror.add(tmp_path / "half", signed.root)
    assert mirror.releases() == []


def test_other_keys_that_begin_anew_are_taken_over(signed: Signed, tmp_path: Path) -> None:
    """Where the program was built with them: its list begins at one again."""
    mirror = Mirror(tmp_path / "releases")
    signed.add("0.3.1")
    mirror.add(signed.repo.folder, signed.root)
    other = Signed(tmp_path / "other", KEYS[1:])
    other.add("0.4.0")
    mirror.add(other.repo.folder, other.root)
