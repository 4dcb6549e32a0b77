"""What is signed: a release that two people signed is taken, and nothing else is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.errors import LinkDown, ReleaseRefused
from gateway.updates import trust
from tests.updates.signed import HERE, KEYS, Signed

NAME = HERE.target("0.3.0")


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    made = Signed(tmp_path)
    made.add("0.3.0")
    return made


def why(read: trust.Read, kept: Path, root: bytes, name: str = NAME) -> str:
    """The word of the refusal; `taken` where there is none."""
    try:
        trust.genuine(name, read, kept, root)
    except ReleaseRefused as error:
        assert error.text.startswith("The release is refused: ")
        assert error.text.endswith(".")
        return error.why
    return "taken"


def test_what_two_people_signed_is_taken(signed: Signed, tmp_path: Path) -> None:
    """The artefact is named with its hash, its length and what its signers say of it."""
    found = trust.genuine(NAME, signed.read, tmp_path / "kept", signed.root)
    file = signed.repo.targets / found.path
    assert found.length == file.stat().st_size
    assert HERE.refuses(found.about, "0.3.0") is None
    found.check(file)


def half_signed(signed: Signed) -> None:
    signed.repo.refresh()
    signed.sign(KEYS[0])


def by_a_stranger(signed: Signed) -> None:
    """A whole list of somebody else's, as who has the server could make it."""
    other = Signed(signed.folder / "other", KEYS[1:])
    other.add("0.3.0")
    for file in (other.repo.metadata).iterdir():
        if "root" not in file.name:
            shutil.copy(file, signed.repo.metadata)


def cut(role: str) -> Callable[[Signed], None]:
    def truncated(signed: Signed) -> None:
        file = signed.repo.file(role)
        file.write_bytes(file.read_bytes()[:-40])

    return truncated


def changed(signed: Signed) -> None:
    """One digit of a length, in a list that was rightly signed."""
    file = signed.repo.file("targets")
    told = json.loads(file.read_text())
    told["signed"]["targets"][NAME]["length"] += 1
    file.write_text(json.dumps(told))


def gone(signed: Signed) -> None:
    signed.repo.file("snapshot").unlink()


def huge(signed: Signed) -> None:
    signed.repo.file("timestamp").write_bytes(b" " * (trust.TIMESTAMP_MAX_BYTES + 1))


def old_list(signed: Signed) -> None:
    """Each part was rightly signed, on another day: a new date and an older list."""
    mixed(signed, "targets")


def old_snapshot(signed: Signed) -> None:
    mixed(signed, "snapshot")


def mixed(signed: Signed, role: str) -> None:
    before = signed.repo.file(role).read_bytes()
    signed.add("0.3.1")
    signed.repo.file(role).write_bytes(before)


def withdrawn(signed: Signed) -> None:
    signed.repo.drop("0.3.0")
    signed.sign()


WRONG: dict[str, tuple[Callable[[Signed], None], str]] = {
    "one key only": (half_signed, "wrongly_signed"),
    "a stranger's list": (by_a_stranger, "wrongly_signed"),
    "a changed list": (changed, "wrongly_signed"),
    "the date is over": (lambda signed: signed.expire("timestamp"), "expired"),
    "the list is over": (lambda signed: signed.expire("targets"), "expired"),
    "the keys are over": (lambda signed: signed.expire("root"), "expired"),
    "a new date, an old list": (old_list, "rolled_back"),
    "a new date, an old snapshot": (old_snapshot, "rolled_back"),
    "a cut date": (cut("timestamp"), "unreadable"),
    "a cut list": (cut("targets"), "unreadable"),
    "half a list": (gone, "missing"),
    "a file without end": (huge, "too_large"),
    "withdrawn": (withdrawn, "missing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_rightly_signed_is_refused(case: str, signed: Signed, tmp_path: Path) -> None:
    """Each in one sentence with its word, and what is offered rightly afterwards is taken."""
    spoil, expected = WRONG[case]
    shutil.copytree(signed.repo.folder, tmp_path / "well")
    spoil(signed)
    assert why(signed.read, tmp_path / "kept", signed.root) == expected
    shutil.rmtree(signed.repo.folder)
    shutil.copytree(tmp_path / "well", signed.repo.folder)
    assert why(signed.read, tmp_path / "kept2", signed.root) == "taken"


def test_an_older_list_than_was_seen_is_refused(signed: Signed, tmp_path: Path) -> None:
    """Who carries the list cannot hide a newer one from a home that saw it."""
    shutil.copytree(signed.repo.folder, tmp_path / "old")
    signed.add("0.3.1")
    kept = tmp_path / "kept"
    assert why(signed.read, kept, signed.root, HERE.target("0.3.1")) == "taken"
    shutil.rmtree(signed.repo.folder)
    shutil.copytree(tmp_path / "old", signed.repo.folder)
    assert why(signed.read, kept, signed.root) == "rolled_back"


def test_what_reads_without_end_is_cut(signed: Signed, tmp_path: Path) -> None:
    """A mirror that never ends is left after as many bytes as a list may have."""
    given = 0

    def endless(name: str) -> Iterator[bytes]:
        nonlocal given
        if name != "timestamp.json":
            yield from signed.read(name)
            return
        while True:
            given += 1
            yield b"x" * 1000

    assert why(endless, tmp_path / "kept", signed.root) == "too_large"
    assert given <= trust.TIMESTAMP_MAX_BYTES / 1000 + 1


def test_a_line_that_breaks_is_no_refusal(signed: Signed, tmp_path: Path) -> None:
    """It is tried again: nothing was wrong with the release."""

    def broken(name: str) -> Iterator[bytes]:
        if name == "timestamp.json":
            raise LinkDown("no answer")
        yield from signed.read(name)

    with pytest.raises(LinkDown):
        trust.genuine(NAME, broken, tmp_path / "kept", signed.root)


@pytest.mark.parametrize("do", ["cut", "longer", "other"])
def test_a_file_that_is_not_the_one_that_was_signed_is_refused(
    do: str, signed: Signed, tmp_path: Path
) -> None:
    """Half of it, more than it, or one byte of it changed."""
    found = trust.genuine(NAME, signed.read, tmp_path / "kept", signed.root)
    data = bytearray((signed.repo.targets / found.path).read_bytes())
    if do == "other":
        data[len(data) // 2] ^= 1
    file = tmp_path / "came"
    file.write_bytes(data[:-1] if do == "cut" else data + b"x" if do == "longer" else data)
    with pytest.raises(ReleaseRefused) as refused:
        found.check(file)
    assert refused.value.why == "altered"


def test_without_a_root_of_trust_nothing_is_taken(tmp_path: Path) -> None:
    """A program that was built without one says so."""
    with pytest.raises(ReleaseRefused) as refused:
        trust.root_of_trust(tmp_path / "none.json")
    assert refused.value.why == "no_root"
