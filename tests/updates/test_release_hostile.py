"""The list was in somebody else's hands: what two people would not sign is told before a passphrase
is asked for, and no build comes to trust a stranger."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.updates import trust
from tests.updates.desk import Desk
from tools.release import listed

ROLES = ("root", "targets", "snapshot", "timestamp")
COMMANDS = ("check repo", "sign repo anna", "refresh repo", "drop repo 0.3.0", "root repo")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("spoiled", ["cut", "empty", "another", "number", "deep", "folder", "huge"])
def test_a_damaged_list_is_one_sentence(role: str, spoiled: str, desk: Desk) -> None:
    """Whichever file of it, and whatever is done with it; the list is as it was."""
    desk.does(f"add repo {desk.artefact('0.3.0')}")
    desk.both_sign()
    file = desk.repo.file(role)
    data = file.read_bytes()
    other = desk.repo.file("snapshot" if role != "snapshot" else "targets").read_bytes()
    told = json.loads(data)
    told["signed"]["version"] = 77 if role != "timestamp" else "77"
    file.unlink()
    if spoiled == "folder":
        file.mkdir()
    else:
        file.write_bytes(
            {
                "cut": data[: len(data) // 2],
                "empty": b"",
                "another": other,
                "number": json.dumps(told).encode(),
                "deep": b"[" * 100_000,
                "huge": data + b" " * listed.FILE_MAX_BYTES,
            }[spoiled]
        )
    before = desk.bytes_of_list()
    for words in COMMANDS:
        desk.refused(words)
        assert desk.bytes_of_list() == before


def outside(signed: dict[str, Any]) -> None:
    [entry] = signed["targets"].values()
    signed["targets"] = {"../../../etc/passwd": entry}


def shouting(signed: dict[str, Any]) -> None:
    [entry] = signed["targets"].values()
    signed["targets"] = {"\x1b[2J\ud800": entry}


def nameless(signed: dict[str, Any]) -> None:
    for entry in signed["targets"].values():
        del entry["custom"]


def odd(signed: dict[str, Any]) -> None:
    for entry in signed["targets"].values():
        entry["custom"] = ["0.3.0"]


def without_hash(signed: dict[str, Any]) -> None:
    for entry in signed["targets"].values():
        entry["hashes"] = {"sha256": "\x1b[2J"}


def for_ever(signed: dict[str, Any]) -> None:
    signed["expires"] = "2126-11-30T00:00:00Z"


def alone(signed: dict[str, Any]) -> None:
    signed["roles"]["targets"]["threshold"] = 1


@pytest.mark.parametrize(
    ("role", "change"),
    [
        *(("targets", x) for x in (outside, shouting, nameless, odd, without_hash)),
        *((role, for_ever) for role in ROLES),
        ("root", alone),
    ],
)
def test_what_nobody_would_sign_is_told_first(
    role: str, change: Callable[[dict[str, Any]], None], desk: Desk
) -> None:
    """Before the passphrase is asked for, for who asks could have it so; and nothing is signed."""
    desk.does(f"add repo {desk.artefact('0.3.0')}")
    with desk.edited(role) as signed:
        change(signed)
    before = desk.bytes_of_list()
    Path("word").unlink()
    said = desk.refused("sign repo anna")
    assert "word" not in said
    assert said.isprintable()
    assert desk.bytes_of_list() == before
    assert "the list has no release 0.9" in desk.refused("drop repo 0.9")


def test_what_is_signed_is_shown_before(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Each artefact with its hash, and whose keys sign from then on: then the passphrase, which
    Anna does not give."""
    name = desk.artefact("0.3.0")
    desk.does(f"add repo {name}")
    number = desk.does("key eve").split()[-1]
    desk.does("keys repo bo.pub eve.pub")
    Path("word").write_text("another passphrase")
    capsys.readouterr()
    assert listed.Repo(Path("repo")).told()
    from tools.release.__main__ import main

    assert main(["sign", "repo", "anna", "--passphrase-file", "word"]) == 2
    said = capsys.readouterr()
    [file] = desk.repo.targets.iterdir()
    assert f"{file.name.partition('.')[0]}  {name}" in said.out
    assert "NEW KEYS: " in said.out
    assert number in said.out
    assert "passphrase" in said.err


def test_a_signature_that_is_none_is_made_anew(desk: Desk) -> None:
    """Somebody wrote one beside Anna's name, so that hers would be missing for ever."""
    desk.does(f"add repo {desk.artefact('0.3.0')}")
    desk.both_sign()
    file = desk.repo.file("targets")
    content = json.loads(file.read_text())
    for one in content["signatures"]:
        one["sig"] = "00" * 64
    file.write_text(json.dumps(content))
    desk.refused("check repo")
    assert "targets" in desk.does("sign repo anna")
    desk.does("sign repo bo")
    desk.does("check repo")


def test_nothing_is_written_through_a_link(desk: Desk) -> None:
    """Who knows what will be added laid a link there, to a file of Anna's."""
    name = desk.artefact("0.3.0")
    mine = Path("mine")
    mine.write_text("mine")
    hashed = listed._hash(Path(name).read_bytes())
    (desk.repo.targets / f"{hashed}.{name}").symlink_to(mine.resolve())
    (desk.repo.metadata / ".timestamp.json.new").symlink_to(mine.resolve())
    desk.does(f"add repo {name}")
    assert mine.read_text() == "mine"
    desk.both_sign()
    desk.does("check repo")


def test_a_pipe_holds_nobody_up(desk: Desk) -> None:
    """Where a file should be: it would be waited for, for ever."""
    name = desk.artefact("0.3.0")
    desk.does(f"add repo {name}")
    desk.both_sign()
    for file in (desk.repo.file("root"), next(desk.repo.targets.iterdir()), Path(name), Path("bo")):
        file.unlink()
        os.mkfifo(file)
    for words in ("check repo", "sign repo bo", f"add repo {name}", "begin new bo anna.pub"):
        desk.refused(words)


def test_a_pipe_for_the_next_keys_or_the_bill_holds_nobody_up(desk: Desk) -> None:
    """Nor one where a home looks for what may not be there."""
    bill = {"bomFormat": "CycloneDX", "metadata": {"component": {"version": "0.3.0"}}}
    Path("tryggve-gateway-0.3.0.cdx.json").write_text(json.dumps(bill))
    desk.does(f"add repo {desk.artefact('0.3.0')} tryggve-gateway-0.3.0.cdx.json")
    desk.both_sign()
    [file] = desk.repo.targets.glob("*.cdx.json")
    file.unlink()
    os.mkfifo(file)
    assert "is missing" in desk.refused("check repo")
    os.mkfifo(desk.repo.metadata / "2.root.json")
    desk.refused("check repo")


# --- whom a build trusts -------------------------------------------------------------------------


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Path:
    """The keys that programs come with, from the desk's list."""
    monkeypatch.setattr(trust, "ROOT", tmp_path / "root.json")
    monkeypatch.setattr(trust, "SEEN", tmp_path / "timestamp.json")
    desk.does("root repo")
    return tmp_path / "root.json"


def test_a_build_comes_to_trust_no_stranger(desk: Desk, trusted: Path) -> None:
    """A list that is whole and signed, by others: programs built from here on would take theirs
    alone.  Where that is meant, the file is removed first."""
    before = trusted.read_bytes()
    for name in ("eve", "mallory"):
        desk.does(f"key {name}")
    desk.does("begin theirs eve.pub mallory.pub")
    for name in ("eve", "mallory"):
        desk.does(f"sign theirs {name}")
    desk.does("check theirs")
    assert "remove that file first" in desk.refused("root theirs")
    assert trusted.read_bytes() == before
    trusted.unlink()
    desk.does("root theirs")


def test_a_build_forgets_no_newer_list(desk: Desk, trusted: Path) -> None:
    """Of the right hands, and old: a new card would take what was withdrawn since."""
    shutil.copytree("repo", "old")
    desk.does("refresh repo")
    desk.both_sign()
    desk.does("root repo")
    seen = trust.SEEN.read_bytes()
    desk.refused("root old")
    assert trust.SEEN.read_bytes() == seen
    desk.does("root repo")


def test_a_build_follows_the_keys(
    desk: Desk, trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where both those before and those after signed them."""
    desk.does("key cilla")
    desk.does("keys repo bo.pub cilla.pub")
    for name in ("bo", "cilla"):
        desk.does(f"sign repo {name}")
    desk.refused("root repo")
    desk.does("sign repo anna")
    desk.does("root repo")
    assert trusted.read_bytes() == desk.repo.file("root").read_bytes()
    later = listed._now() + timedelta(days=30)
    monkeypatch.setattr(listed, "_now", lambda: later)
    desk.does("check repo")
