"""Two people sign a release: the commands, and what one alone cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ReleaseRefused, UserError
from gateway.updates import archive
from tests.updates.signed import HERE, small
from tools import release
from tools.release import Repo


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """`say(words)`: a command, with everybody's passphrase; its exit status."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "word").write_text("a long passphrase\n")

    def run(words: str) -> int:
        return release.main([*words.split(), "--passphrase-file", "word"])

    return run


def test_one_key_releases_nothing(say: object, tmp_path: Path, capsys: object) -> None:
    """A list that one person signed is taken by no home; with the other's signature it is."""
    assert callable(say)
    for name in ("anna", "bo", "eve"):
        assert say(f"key {name}") == 0
    assert (tmp_path / "anna").stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in (tmp_path / "anna").read_bytes()
    assert say("begin repo anna.pub anna.pub") == 2  # twice the same person
    assert say("begin repo anna.pub bo.pub") == 0
    name = HERE.target("0.3.0")
    archive.pack(small(tmp_path / "one", "0.3.0"), tmp_path / name)
    assert say(f"add repo {name}") == 0
    assert say("sign repo anna") == 0
    assert say("sign repo eve") == 2
    with pytest.raises(ReleaseRefused) as refused:
        Repo(tmp_path / "repo").check()
    assert refused.value.why == "wrongly_signed"
    assert say("check repo") == 2
    assert say("sign repo bo") == 0
    assert Repo(tmp_path / "repo").check() == [name]
    assert say("drop repo 0.3.0") == 0
    assert say("refresh repo") == 0
    for person in ("anna", "bo"):
        assert say(f"sign repo {person}") == 0
    assert Repo(tmp_path / "repo").check() == []


@pytest.mark.parametrize(
    "words",
    [
        "add repo nothing.tar.xz",
        "sign nowhere anna",
        "drop repo 9.9.9",
        "begin repo anna.pub",
        "sign repo",
        "key anna",
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    words: str, say: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was given wrongly, without a traceback."""
    assert callable(say)
    for person in ("anna", "bo"):
        say(f"key {person}")
    say("begin repo anna.pub bo.pub")
    capsys.readouterr()
    assert say(words) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1


def test_an_artefact_is_what_its_name_says(tmp_path: Path) -> None:
    """A file under another release's name is not put on the list."""
    name = HERE.target("0.3.1")
    archive.pack(small(tmp_path / "one", "0.3.0"), tmp_path / name)
    with pytest.raises(UserError):
        release.about_of(tmp_path / name)
