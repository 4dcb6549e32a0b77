"""Whoever signs at the end of a long day: the wrong file, the same command twice, a full disk, a
clock that is wrong.  One sentence, and nothing is lost or signed that was not meant."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from gateway.errors import ReleaseRefused
from gateway.updates import trust
from tests._tree import ROOT
from tests.updates.desk import PASSPHRASE, Desk
from tests.updates.signed import HERE
from tools.release import listed
from tools.release.__main__ import main

MOMENTS = 40
"""More than any command has in which it writes."""


@contextmanager
def full_at(number: int) -> Iterator[None]:
    """The disk is full when for the `number`th time something is to be on it."""
    real, left = os.fsync, [number]

    def fsync(handle: int) -> None:
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= 1
        real(handle)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield


# --- keys ----------------------------------------------------------------------------------------


def test_a_new_key_writes_over_nobody_s(desk: Desk) -> None:
    """Anna's key is on her stick, and only what others know of it lies here: another of that name
    would take that away."""
    Path("anna").rename("stick")
    before = Path("anna.pub").read_bytes()
    assert "anna.pub is there already" in desk.refused("key anna")
    assert Path("anna.pub").read_bytes() == before
    assert not Path("anna").exists()


@pytest.mark.parametrize("words", ["short", "x" * 1001, "x" * 5000])
def test_a_passphrase_that_does_not_do_leaves_no_key(words: str, desk: Desk) -> None:
    """Neither half of it, which would be in the way of the next try."""
    Path("word").write_text(words)
    desk.refused("key cilla")
    Path("word").write_text(PASSPHRASE)
    desk.does("key cilla")


def test_a_full_disk_leaves_no_half_key(desk: Desk) -> None:
    """The next try makes both."""
    for number in range(MOMENTS):
        with full_at(number):
            if main(["key", "cilla", "--passphrase-file", "word"]) == 0:
                break
        assert list(Path().glob("*cilla*")) == []
    else:
        pytest.fail("it is never made")
    assert number
    desk.does("keys repo anna.pub cilla.pub")


def test_only_keys_of_ours_sign(desk: Desk) -> None:
    """A key of another kind would be on the list, and nobody could sign with it."""
    for name, key in (
        ("weak", rsa.generate_private_key(65537, 2048)),
        ("other", ec.generate_private_key(ec.SECP256R1())),
    ):
        told = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        Path(f"{name}.pub").write_bytes(told)
        locked = BestAvailableEncryption(PASSPHRASE.encode())
        Path(name).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        assert "no public key of ours" in desk.refused(f"begin another {name}.pub anna.pub")
        assert "no key of ours" in desk.refused(f"sign repo {name}")
    assert not Path("another").exists()


@pytest.mark.parametrize(
    "words",
    [
        *("sign repo nobody", "sign repo .", "sign repo anna.pub", "sign repo big"),
        *(
            "begin another anna bo",
            "begin another anna.pub nobody.pub",
            "begin word anna.pub bo.pub",
        ),
        *(
            "add repo repo",
            "add repo .",
            "add anna repo",
            "refresh word",
            "drop repo ../..",
            "root word",
        ),
        *("check nowhere", "key nowhere/anna", "key repo", "pack nowhere out", "pack repo out"),
        *("check repo again", "refresh", "pack repo", "keys repo anna anna"),
    ],
)
def test_the_wrong_file_is_one_sentence(words: str, desk: Desk) -> None:
    """And the list is as it was."""
    Path("big").write_bytes(bytes(20_000))
    before = desk.bytes_of_list()
    desk.refused(words)
    assert desk.bytes_of_list() == before


def test_a_passphrase_file_that_is_not_there_is_one_sentence(desk: Desk) -> None:
    """Nor one that is a folder, or endless."""
    for bad in ("nowhere", "repo", "/dev/zero"):
        Path("word").unlink()
        Path("word").symlink_to(bad)
        desk.refused("sign repo anna")


def test_without_a_terminal_it_ends_in_words(desk: Desk) -> None:
    """It asks for the passphrase, and nobody is there."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.release", "sign", "repo", "anna"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "was not done" in done.stderr.splitlines()[-1]


# --- twice, and half -----------------------------------------------------------------------------


def test_adding_it_twice_changes_nothing(desk: Desk) -> None:
    """Bo adds what Anna added and signed: her signature stays, and his is the second."""
    name = desk.artefact("0.3.0")
    desk.does(f"add repo {name}")
    desk.does("sign repo anna")
    before = desk.bytes_of_list()
    assert "already" in desk.refused(f"add repo {name}")
    assert desk.bytes_of_list() == before
    desk.does("sign repo bo")
    assert name in desk.does("check repo")


def test_a_version_that_was_built_anew_is_another(desk: Desk) -> None:
    """Homes that run it would never take the other; it is dropped first, knowingly."""
    desk.does(f"add repo {desk.artefact('0.3.0')}")
    before = desk.bytes_of_list()
    name = desk.artefact("0.3.0", b"another")
    assert "another version" in desk.refused(f"add repo {name}")
    assert desk.bytes_of_list() == before
    desk.does("drop repo 0.3.0")
    desk.does(f"add repo {name}")


@pytest.mark.parametrize("pct", [10, 60, 95])
def test_an_artefact_that_was_copied_in_part_is_not_listed(pct: int, desk: Desk) -> None:
    """Its first piece says what it is, and no home could unpack it: two sign for nothing."""
    name = desk.artefact("0.3.0", random.Random(1).randbytes(300_000))
    data = Path(name).read_bytes()
    Path(name).write_bytes(data[: len(data) * pct // 100])
    before = desk.bytes_of_list()
    desk.refused(f"add repo {name}")
    assert desk.bytes_of_list() == before
    Path(name).write_bytes(data)
    desk.does(f"add repo {name}")
    desk.both_sign()
    desk.does("check repo")


def test_of_several_one_bad_one_lists_none(desk: Desk) -> None:
    """Nor is a file of the good one left there."""
    good, bad = desk.artefact("0.3.0"), HERE.target("0.3.1")
    Path(bad).write_bytes(b"nothing")
    before = desk.bytes_of_list()
    desk.refused(f"add repo {good} {bad}")
    assert desk.bytes_of_list() == before


def taken_by_a_home(desk: Desk) -> list[str]:
    """The list that a new home takes, whatever was begun since; [`-`]: it takes none."""
    root = (desk.repo.metadata / "1.root.json").read_bytes()
    with tempfile.TemporaryDirectory() as kept:
        try:
            found = trust.newest(desk.repo.read, Path(kept), root)
        except ReleaseRefused as error:
            return [error.why]
        names = (HERE.target("0.3.0"), HERE.target("0.3.1"))
        return [name for name in names if found.get_targetinfo(name) is not None]


def test_a_full_disk_at_any_moment_of_a_change(desk: Desk) -> None:
    """What was in force is in force until the last file is written; then it waits for both, as
    after any change.  Done again, the change is whole; also where only `refresh` was said."""
    first, second = desk.artefact("0.3.0"), desk.artefact("0.3.1")
    desk.does(f"add repo {first}")
    desk.both_sign()
    seen_half = 0
    for number in range(MOMENTS):
        with full_at(number):
            status = main(["add", "repo", second])
        if status == 0:
            break
        taken = taken_by_a_home(desk)
        assert taken in ([first], ["wrongly_signed"])
        if taken == [first] and main(["check", "repo"]) == 2:
            seen_half += 1
            assert "not finished" in desk.refused("sign repo anna")
        desk.does("refresh repo")
        if second in "".join(desk.repo.told()):  # its list was whole
            desk.does("drop repo 0.3.1")
        desk.both_sign()
        assert taken_by_a_home(desk) == [first]
    else:
        pytest.fail("it is never added")
    assert number > 4
    assert seen_half >= 2
    desk.both_sign()
    assert taken_by_a_home(desk) == [first, second]


def test_a_full_disk_at_any_moment_of_the_first_list(desk: Desk) -> None:
    """The next try begins it."""
    for number in range(MOMENTS):
        with full_at(number):
            status = main(["begin", "second", "anna.pub", "bo.pub"])
        if status == 0 or (Path("second/metadata")).exists():
            break
        assert "begin one" in desk.refused("check second")
    assert number > 4
    for name in ("anna", "bo"):
        desk.does(f"sign second {name}")
    desk.does("check second")


def test_a_full_disk_at_any_moment_of_signing(desk: Desk) -> None:
    """Signed again, it is signed whole."""
    desk.does("refresh repo")
    for number in range(MOMENTS):
        with full_at(number):
            if main(["sign", "repo", "anna", "--passphrase-file", "word"]) == 0:
                break
    assert number > 2
    desk.does("sign repo bo")
    desk.does("check repo")


def test_a_mistake_in_the_keys_can_be_taken_back(desk: Desk) -> None:
    """The sentence names the file; without it the right ones are named."""
    desk.does("key cilla")
    desk.does("keys repo anna.pub bo.pub")
    said = desk.refused("keys repo bo.pub cilla.pub")
    file = desk.repo.file("root")
    assert f"remove {file} " in said
    file.unlink()
    desk.does("keys repo bo.pub cilla.pub")
    for name in ("anna", "bo", "cilla"):
        desk.does(f"sign repo {name}")
    desk.does("check repo")


def test_a_version_that_is_not_there_is_told_with_those_that_are(desk: Desk) -> None:
    """As Debian writes it, which is not how the list does."""
    desk.does(f"add repo {desk.artefact('0.3.0.dev1')}")
    assert "0.3.0.dev1" in desk.refused("drop repo 0.3.0~dev1")


def test_an_artefact_that_is_gone_is_told(desk: Desk) -> None:
    """The stick was too small for it."""
    name = desk.artefact("0.3.0")
    desk.does(f"add repo {name}")
    desk.both_sign()
    [file] = desk.repo.targets.iterdir()
    data = file.read_bytes()
    file.write_bytes(data[:-1])
    desk.refused("check repo")
    file.unlink()
    assert f"{name} is missing" in desk.refused("check repo")


# --- clocks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [-3650, -130, -30, 30, 3650])
def test_a_clock_that_was_wrong_is_noticed_by_the_other(
    days: int, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anna's clock was wrong when she made the list: Bo is told before he signs, and dates it anew,
    its keys too.  A list that is a month old is no more than that."""
    right = listed._now
    monkeypatch.setattr(listed, "_now", lambda: right() + timedelta(days=days))
    desk.does("refresh repo")
    desk.does("sign repo anna")
    monkeypatch.setattr(listed, "_now", right)
    if days == -30:
        desk.does("sign repo bo")
        desk.does("check repo")
        return
    before = desk.bytes_of_list()
    assert "clock" in desk.refused("sign repo bo")
    assert desk.bytes_of_list() == before
    desk.does("refresh repo")
    desk.both_sign()
    desk.does("check repo")


# --- artefacts -----------------------------------------------------------------------------------


def test_packing_leaves_what_was_there_where_it_fails(desk: Desk) -> None:
    """An earlier artefact of that name, and no half one."""
    name = desk.artefact("0.3.0")
    before = Path(name).read_bytes()
    (desk.folder / "made/lib/out").symlink_to("/etc/passwd")
    desk.refused(f"pack made {name}")
    assert Path(name).read_bytes() == before
    assert [file.name for file in desk.folder.glob(".*")] == []
    (desk.folder / "made/lib/out").unlink()
    assert "would lie in" in desk.refused("pack made made/out.tar.xz")
    desk.does(f"pack made {name}")


ODD: dict[str, list[object]] = {
    "release": ["0.3.0~dev1", "0.3.0+x", "", "../0.3.0", 3, None, ["0"]],
    "debian": ["13", None, 13.0, {}, [13], 10**30],
    "frame": ["1", None, 1.5],
    "machine": ["x86_64", None, 1],
    "python": [3.13, None],
}


@pytest.mark.parametrize(("key", "said"), [(key, one) for key in ODD for one in ODD[key]])
def test_what_no_home_would_read_is_not_listed(key: str, said: object, desk: Desk) -> None:
    """Odd words in what an artefact says of itself."""
    name = desk.artefact("0.3.0", told={key: said})
    before = desk.bytes_of_list()
    desk.refused(f"add repo {name}")
    assert desk.bytes_of_list() == before


@pytest.mark.parametrize("number", ["[GHSA-1](x)", "CVE 2026 1", "", "GHSA-1 and CVE-2"])
def test_an_advisory_that_nobody_would_be_shown_is_told(
    number: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number is written as nothing reads it: the hole that is mended would be named nowhere."""
    Path("advisories.md").write_text(f"| {number} | x | 0.2 | 0.3.0 | 8 | x |\n")
    monkeypatch.setattr(listed, "ADVISORIES", Path("advisories.md"))
    name = desk.artefact("0.3.0")
    assert "no number of an advisory" in desk.refused(f"add repo {name}")
    Path("advisories.md").write_text("| GHSA-1 | x | 0.2 | 0.2.9, `0.3.0` | 8 | x |\n")
    assert "mends GHSA-1" in desk.does(f"add repo {name}")
    Path("advisories.md").unlink()
    desk.refused(f"add repo {desk.artefact('0.3.1')}")
