"""`tryggve staff release …`: one sentence whatever is wrong with the folder, the keys, the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.updates import trust
from tests.updates.signed import Signed
from web.staff.cli.main import main
from web.staff.core.config import load_config


@pytest.fixture
def config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    file = tmp_path / "conf/staff.toml"
    assert main(["init", "--config", str(file), "--plain-http"]) == 0
    capsys.readouterr()
    file.write_text(f'releases = "{tmp_path / "releases"}"\n{file.read_text()}')
    return file


def test_a_list_comes_to_the_server_or_not_in_words(
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A program that was built without keys, a folder that is none, a file where the server keeps
    its releases; then the list is there."""
    signed = Signed(tmp_path / "signed")
    signed.add("0.3.0")
    (tmp_path / "root").write_bytes(signed.root)
    monkeypatch.setattr(trust, "ROOT", tmp_path / "nothing")
    releases = load_config(config).releases
    where = ["--config", str(config)]
    with_root = [*where, "--root", str(tmp_path / "root")]

    def refused(*words: str) -> str:
        assert main(["release", "add", *words]) == 2
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        return said

    assert "--root" in refused(*where, str(signed.repo.folder))
    assert "no list" in refused(*with_root, str(tmp_path))
    assert "no list" in refused(*with_root, str(config))
    releases.write_text("in the way")
    assert str(releases) in refused(*with_root, str(signed.repo.folder))
    releases.unlink()
    capsys.readouterr()
    assert main(["release", "list", *where]) == 0
    assert "no releases yet" in capsys.readouterr().out
    assert main(["release", "add", *with_root, str(signed.repo.folder)]) == 0
    assert main(["release", "list", *where]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("0.3.0  Debian 13")
