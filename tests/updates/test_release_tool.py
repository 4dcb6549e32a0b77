"""Two people sign a release: the commands, and what one alone cannot do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.errors import ReleaseRefused, UserError
from gateway.updates import archive, papers, trust
from tests.updates.signed import HERE, small
from tools.release import artefact as artefacts
from tools.release import listed
from tools.release.__main__ import main
from tools.release.listed import Repo


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """`say(words)`: a command, with everybody's passphrase; its exit status."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "word").write_text("a long passphrase\n")

    def run(words: str) -> int:
        return main([*words.split(), "--passphrase-file", "word"])

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


def test_other_keys_by_the_commands(say: object, tmp_path: Path) -> None:
    """Anna goes and Cilla comes: both lists of people sign, two of each, and the next build trusts
    the new one."""
    assert callable(say)
    for name in ("anna", "bo", "cilla"):
        say(f"key {name}")
    say("begin repo anna.pub bo.pub")
    for name in ("anna", "bo"):
        say(f"sign repo {name}")
    first = (tmp_path / "repo/metadata/1.root.json").read_bytes()
    assert say("keys repo bo.pub cilla.pub") == 0
    assert say("keys repo anna.pub cilla.pub") == 2  # the last ones are not signed yet
    for name in ("bo", "cilla"):
        assert say(f"sign repo {name}") == 0
    assert say("check repo") == 2
    assert say("root repo") == 2  # nor does a build come to trust them
    assert say("sign repo anna") == 0
    assert say("check repo") == 0
    assert Repo(tmp_path / "repo").file("root").name == "2.root.json"
    assert (tmp_path / "repo/metadata/1.root.json").read_bytes() == first


def test_a_build_is_given_the_keys_and_the_newest_list(
    say: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a new card takes no older one."""
    assert callable(say)
    monkeypatch.setattr(trust, "ROOT", tmp_path / "root.json")
    monkeypatch.setattr(trust, "SEEN", tmp_path / "timestamp.json")
    for name in ("anna", "bo"):
        say(f"key {name}")
    say("begin repo anna.pub bo.pub")
    for name in ("anna", "bo"):
        say(f"sign repo {name}")
    assert say("root repo") == 0
    metadata = tmp_path / "repo/metadata"
    assert trust.root_of_trust(trust.ROOT) == (metadata / "1.root.json").read_bytes()
    assert trust.seen_when_built(trust.SEEN) == (metadata / "timestamp.json").read_bytes()


BILL = {"bomFormat": "CycloneDX", "metadata": {"component": {"version": "0.3.0"}}}


def test_a_release_comes_with_its_bill_and_its_advisories(
    say: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are signed with the list: a bill of another version is refused, a changed one is found
    by the next look, and each hole that the version mends is named."""
    assert callable(say)
    table = "| number | told | versions | mended in |\n| GHSA-1, CVE-2 | x | 0.2 | 0.3.0 |\n"
    (tmp_path / "advisories.md").write_text(f"{table}| GHSA-3 | x | 0.2 | 0.3.1 |\n")
    monkeypatch.setattr(listed, "ADVISORIES", tmp_path / "advisories.md")
    for name in ("anna", "bo"):
        say(f"key {name}")
    say("begin repo anna.pub bo.pub")
    artefact = HERE.target("0.3.0")
    archive.pack(small(tmp_path / "one", "0.3.0"), tmp_path / artefact)
    right, wrong = "tryggve-gateway-0.3.0.cdx.json", "tryggve-gateway-0.3.1.cdx.json"
    (tmp_path / right).write_text(json.dumps(BILL))
    other = BILL | {"metadata": {"component": {"version": "0.3.1"}}}
    (tmp_path / wrong).write_text(json.dumps(other))
    assert say(f"add repo {artefact} {wrong}") == 2
    assert say(f"add repo {artefact} {artefact}.cdx.json") == 2
    assert say(f"add repo {artefact} {right}") == 0
    for name in ("anna", "bo"):
        say(f"sign repo {name}")
    assert say("check repo") == 0
    about = Repo(tmp_path / "repo").load("targets").signed.targets[artefact].custom
    told = papers.papers(about)
    assert told.advisories == ("GHSA-1", "CVE-2")
    bill = tmp_path / "repo/targets" / told.sbom
    assert json.loads(bill.read_text()) == BILL
    bill.write_text("{}")
    assert say("check repo") == 2


@pytest.mark.parametrize("about", [None, [], {"sbom": "x", "advisories": 1}, {"sbom": {"name": 1}}])
def test_what_an_older_or_newer_list_says_is_passed_over(about: object) -> None:
    """A list without papers, or with ones that this version cannot read."""
    assert papers.papers(about) == papers.Papers()


@pytest.mark.parametrize(
    "words",
    [
        "add repo nothing.tar.xz",
        "sign nowhere anna",
        "drop repo 9.9.9",
        "begin repo anna.pub",
        "sign repo",
        "key anna",
        "keys repo anna.pub",
        "keys nowhere anna.pub bo.pub",
        "add repo",
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
        artefacts.read(tmp_path / name)
