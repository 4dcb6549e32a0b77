"""`tryggve staff tracker …`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from web.staff.cli.main import main


def test_a_transponder_is_added_listed_and_revoked(
    db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its token is printed once; what cannot be is refused in a sentence."""
    config = str(tmp_path / "conf" / "staff.toml")

    def run(*words: str, status: int = 0) -> str:
        capsys.readouterr()
        assert main([*words, "--config", config]) == status
        told = capsys.readouterr()
        return told.out + told.err

    run("init", "--database", db)
    home = ("home", "add", "h1", "--label", "Lgh", "--org", "o1", "--org-name", "Prov")
    run(*home, "--resident", "r1", "Prov Boende")
    assert "no transponders yet" in run("tracker", "list")
    token = run("tracker", "add", "h1", "r1", "Skosulan").strip()
    assert re.fullmatch(r"tgp_[\w-]{32}", token)
    listed = run("tracker", "list")
    assert token not in listed
    which = re.findall(r"tracker-\w+", listed)[0]
    assert "Skosulan" in listed
    for wrong in (("h9", "r1", "x"), ("h1", "r9", "x"), ("h1", "r1", " ")):
        assert run("tracker", "add", *wrong, status=2).startswith("It was not added: ")
    assert "its token is void" in run("tracker", "revoke", which)
    assert "in use" in run("tracker", "revoke", which, status=2)
    assert "revoked" in run("tracker", "list")
