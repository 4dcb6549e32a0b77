"""A desk where releases are signed: Anna's and Bo's keys, the commands, and what they say.

Not for: lists that tests make in one go (`signed`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.updates import archive
from tests.updates.signed import HERE, small
from tools.release.__main__ import main
from tools.release.listed import Repo

PASSPHRASE = "a long passphrase"


class Desk:
    """In `folder`, which is the working folder; `repo` is the list, begun and signed by both."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.repo = Repo(Path("repo"))
        (folder / "word").write_text(f"{PASSPHRASE}\n")
        for words in ("key anna", "key bo", "begin repo anna.pub bo.pub"):
            self.does(words)
        self.both_sign()

    def does(self, words: str) -> str:
        """A command that can be done; what it said."""
        status = main([*words.split(), "--passphrase-file", "word"])
        said = self._capsys.readouterr()
        assert status == 0, said.err
        return said.out

    def refused(self, words: str) -> str:
        """A command that cannot be done; its one sentence."""
        self._capsys.readouterr()
        assert main([*words.split(), "--passphrase-file", "word"]) == 2
        said = self._capsys.readouterr().err
        assert len(said.splitlines()) == 1, said
        assert said.endswith(".\n") or said.startswith("say: ")
        return said.strip()

    def both_sign(self) -> None:
        for name in ("anna", "bo"):
            self.does(f"sign repo {name}")

    def artefact(self, version: str, more: bytes = b"", told: dict[str, Any] | None = None) -> str:
        """Pack a release: its file's name.  `told` is said of it beside what is right."""
        made = small(self.folder / "made", version)
        (made / "lib/more").write_bytes(more)
        about = json.loads((made / "release.json").read_text())
        (made / "release.json").write_text(json.dumps({**about, **(told or {})}))
        name = HERE.target(version)
        archive.pack(made, self.folder / name, preset=0)
        return name

    def bytes_of_list(self) -> dict[str, bytes]:
        """Every file of the list, with what is in it."""
        files = (self.folder / "repo").rglob("*")
        return {str(file): file.read_bytes() for file in files if file.is_file()}

    @contextmanager
    def edited(self, role: str) -> Iterator[dict[str, Any]]:
        """The newest of a role, to be changed by hand."""
        file = self.repo.file(role)
        content: dict[str, Any] = json.loads(file.read_text())
        yield content["signed"]
        file.write_text(json.dumps(content))
