"""Secrets: from where, with which rights, and what is said when one is missing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gateway.config.secrets import FileSecrets, state_dir, write_durably
from gateway.errors import SecretError


def test_a_secret_that_was_written_is_read_and_nobody_else_can(tmp_path: Path) -> None:
    """Mode 0600 in a folder 0700, whatever the umask; replaced whole."""
    secrets = FileSecrets(tmp_path)
    secrets.write("lock", " one \n")
    secrets.write("lock", "two")
    assert secrets.read("lock") == "two"
    path = secrets.path("lock")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["lock"]


def test_a_credential_goes_before_a_file(tmp_path: Path) -> None:
    """systemd's own keeping wins; its files are guarded by systemd, not by their mode."""
    credentials = tmp_path / "cred"
    credentials.mkdir()
    (credentials / "lock").write_text("theirs\n")
    secrets = FileSecrets.from_environment(tmp_path, {"CREDENTIALS_DIRECTORY": str(credentials)})
    secrets.write("lock", "ours")
    secrets.write("other", "ours")
    assert (secrets.read("lock"), secrets.read("other")) == ("theirs", "ours")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """One sentence, with the command that mends it."""
    secrets = FileSecrets(tmp_path)
    secrets.write("lock", "x")
    secrets.path("lock").chmod(mode)
    with pytest.raises(SecretError, match=f"chmod 600 {secrets.path('lock')}"):
        secrets.read("lock")


def test_a_missing_secret_says_how_to_make_it(tmp_path: Path) -> None:
    """There is never a default."""
    secrets = FileSecrets(tmp_path)
    assert not secrets.has("lock")
    with pytest.raises(SecretError, match=r"is missing .*write it to .*mode 0600"):
        secrets.read("lock")
    with pytest.raises(SecretError, match="tryggve gateway enroll URL CODE"):
        secrets.read("home_key")


def test_an_empty_secret_is_none(tmp_path: Path) -> None:
    """White space is no secret."""
    secrets = FileSecrets(tmp_path)
    secrets.write("lock", " \n")
    with pytest.raises(SecretError, match="is empty"):
        secrets.read("lock")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x", "Ä", "x" * 200])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    """A name from a configuration file is no path."""
    with pytest.raises(SecretError, match="no name of a secret"):
        FileSecrets(tmp_path).read(name)


def test_the_state_folder(tmp_path: Path) -> None:
    """The option, else systemd's (its first), else the usual place."""
    assert state_dir("/x", {"STATE_DIRECTORY": "/y"}) == Path("/x")
    assert state_dir(None, {"STATE_DIRECTORY": "/y:/z"}) == Path("/y")
    assert state_dir(None, {}) == Path("/var/lib/tryggve")


def test_a_write_that_was_cut_before_leaves_nothing_behind(tmp_path: Path) -> None:
    """A part file of a power cut is replaced, with the right mode."""
    part = tmp_path / ".f.part"
    part.write_text("half")
    part.chmod(0o666)
    write_durably(tmp_path / "f", b"whole")
    assert (tmp_path / "f").read_bytes() == b"whole"
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600
    assert not part.exists()
