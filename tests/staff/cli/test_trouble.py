"""What does not work around the commands, and what is given wrong: one sentence, and no
traceback."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import exc

from gateway import cli
from gateway.cli import main
from web.staff.cli import people
from web.staff.core.config import load_config


def written(folder: Path, database: str) -> str:
    """A configuration with this database; its path."""
    path = folder / "staff.toml"
    path.write_text(f'database = "{database}"\nsecrets_dir = "secrets"\n')
    return str(path)


@pytest.fixture
def made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """A server that is set up; its configuration."""
    path = str(tmp_path / "made" / "staff.toml")
    assert main(["staff", "init", "--config", path, "--plain-http"]) == 0
    capsys.readouterr()
    return path


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said."""
    told = capsys.readouterr().err
    assert told.startswith("tryggve: ")
    assert told.count("\n") == 1
    return told


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("postgresql://nobody@127.0.0.1:1/none?connect_timeout=5", "does not answer"),
        ("sqlite:///{here}/no-such-folder/staff.db", "does not answer"),
        ("sqlite:///{here}/text.db", "does not answer"),
    ],
)
def test_a_database_that_does_not_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], database: str, said: str
) -> None:
    """Nobody listens, the folder is not there, the file is no database: also for the command that
    brings the schema."""
    (tmp_path / "text.db").write_text(
        "no database, but long enough to be read as one's header " * 9
    )
    config = written(tmp_path, database.format(here=tmp_path))
    assert main(["staff", "migrate", "--config", config]) == 2
    assert said in one_sentence(capsys)


def test_a_place_where_nothing_can_be_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file stands where the folder should."""
    (tmp_path / "file").write_text("x")
    assert main(["staff", "init", "--config", str(tmp_path / "file" / "staff.toml")]) == 2
    assert "it cannot be made" in one_sentence(capsys)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--public-url", "trygg"], "public_url: it is no address"),
        (["--public-url", "https://["], "public_url: it is no address"),
        (["--public-url", "https://trygg.example:99999"], "public_url: it is no address"),
        (["--public-url", "https://trygg.example", "--database", "mysql://x"], "is not known"),
        (["--public-url", "https://trygg.example", "--database", "x"], "no database URL"),
    ],
)
def test_what_is_given_wrong_at_first_is_corrected_by_saying_it_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str], said: str
) -> None:
    """Nothing is written before it is known to do."""
    path = str(tmp_path / "conf" / "staff.toml")
    assert main(["staff", "init", "--config", path, *wrong]) == 2
    assert said in one_sentence(capsys)
    assert list(tmp_path.iterdir()) == []
    right = ["--public-url", "https://trygg.example/"]
    assert main(["staff", "init", "--config", path, *right]) == 0
    assert load_config(Path(path)).public_url == "https://trygg.example"


def test_a_file_that_is_kept_says_what_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever runs it a second time with another address is told that it is not written; with the
    same one all is well."""
    init = ["staff", "init", "--config", str(tmp_path / "staff.toml"), "--public-url"]
    assert main([*init, "https://trygg.example"]) == 0
    before = (tmp_path / "staff.toml").read_text()
    capsys.readouterr()
    assert main([*init, "https://andra.example"]) == 2
    assert 'does not say public_url = "https://andra.example"' in one_sentence(capsys)
    assert main([*init, "https://trygg.example", "--database", "sqlite:///b.db"]) == 2
    assert 'does not say database = "sqlite:///b.db"' in one_sentence(capsys)
    assert (tmp_path / "staff.toml").read_text() == before
    assert main([*init, "https://trygg.example/"]) == 0


@pytest.mark.parametrize(
    "command",
    [
        ["second-path", "show", "h9"],
        ["revoke", "a@prov.example", "h9"],
        ["tag", "revoke", "h9"],
    ],
)
def test_a_home_that_is_not_there_is_no_home_with_nothing_to_do(
    made: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
) -> None:
    """Whoever takes back a right and slips at the home's name is told so, and not "0 revoked"."""
    home = ["staff", "home", "add", "h1", "--label", "h1", "--org", "o1", "--org-name", "Prov"]
    assert main([*home, "--config", made]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    user = ["staff", "user", "add", "a@prov.example", "--name", "A", "--org", "o1"]
    more = ["--role", "caregiver", "--password-stdin", "--config", made]
    assert main([*user, *more]) == 0
    capsys.readouterr()
    assert main(["staff", *command, "--config", made]) == 2
    assert "no home h9" in one_sentence(capsys)


@pytest.mark.parametrize("month", ["2026-13", "9999-12", "x"])
def test_a_month_that_is_none(made: str, capsys: pytest.CaptureFixture[str], month: str) -> None:
    """Also the last month that there is, which ends where no date is."""
    sample = ["staff", "access", "sample", "--org", "o1", "--config", made]
    assert main([*sample, "--month", month]) == 2
    assert "is no month" in one_sentence(capsys)


def test_a_database_s_name_may_have_any_character(tmp_path: Path) -> None:
    """What is written into the file is what was given."""
    config = str(tmp_path / "staff.toml")
    name = f"sqlite:///{tmp_path}/a\\b.db"
    assert main(["staff", "init", "--config", config, "--plain-http", "--database", name]) == 0
    assert load_config(Path(config)).database.endswith("a\\b.db")


def test_an_export_that_cannot_be_written(
    made: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It says which file, and why."""
    home = ["staff", "home", "add", "h1", "--label", "x", "--org", "o1", "--org-name", "x"]
    assert main([*home, "--config", made]) == 0
    capsys.readouterr()
    out = str(tmp_path / "nowhere" / "x.csv")
    days = ["--from", "2026-11-01", "--to", "2026-11-02"]
    given = ["staff", "access", "export", "--org", "o1", *days, "--out", out, "--config", made]
    assert main(given) == 1
    assert f"{out}: it did not work" in one_sentence(capsys)


@pytest.mark.parametrize("given", [None, b"\xff\xfe\n"])
def test_a_password_that_cannot_be_read(
    made: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    given: bytes | None,
) -> None:
    """Standard input is closed, or is no text; asked at no terminal neither is one there."""
    user = ["staff", "user", "add", "a@b.example", "--name", "x", "--org", "o1"]
    user += ["--role", "caregiver", "--config", made]
    there = None if given is None else io.TextIOWrapper(io.BytesIO(given), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", there)
    assert main([*user, "--password-stdin"]) == 2
    assert "standard input" in one_sentence(capsys)
    assert main(user) == 2
    assert "There is no terminal" in one_sentence(capsys)
    assert people.LINE_MAX < 100_000


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["run", "--port", "70000"], "a port is 1 to 65535"),
        (["run", "--port", "0"], "a port is 1 to 65535"),
        (["key", "rotate", "--keep-hours", "nan"], "The old key is kept for 0 to 720 hours"),
        (["key", "rotate", "--keep-hours=-1"], "The old key is kept for 0 to 720 hours"),
        (["key", "rotate", "--keep-hours", "1e300"], "The old key is kept for 0 to 720 hours"),
        (["plan", "import", "/dev/zero", "--org", "o1"], "at most 50 MB"),
    ],
)
def test_a_number_that_cannot_be(
    made: str, capsys: pytest.CaptureFixture[str], command: list[str], said: str
) -> None:
    """Exit status 2, and nothing was done."""
    assert main(["staff", *command, "--config", made]) == 2
    assert said in one_sentence(capsys)


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    """What nobody outside can mend is not made a sentence of."""
    fault = exc.ProgrammingError("SELECT", {}, Exception("no such table"))
    assert cli._outside(fault) is None
    assert cli._outside(ValueError("x")) is None
    full = exc.OperationalError("INSERT", {}, Exception("database or disk is full\nmore"))
    assert "(database or disk is full)" in str(cli._outside(full))


def test_whoever_reads_the_output_may_have_seen_enough() -> None:
    """A pipe that is closed before the little that was said went out: no complaint."""
    reader, writer = os.pipe()
    os.close(reader)
    buffered = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "gateway.cli", "staff", "role", "list"],
            stdout=closed,
            stderr=subprocess.PIPE,
            env=buffered,
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")
