"""The command line, from an empty folder to a checked installation."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from tests._tree import ROOT
from web.staff.cli import main as cli
from web.staff.cli.main import main
from web.staff.core.config import load_config


@pytest.fixture
def config(tmp_path: Path) -> str:
    """The path of a configuration that does not exist yet."""
    return str(tmp_path / "conf" / "staff.toml")


def test_from_nothing_to_a_home_and_an_account(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """init, home add, user add, assign, enroll-code, check, rebuild; a second init keeps all that
    is there, and nobody else can read what was made."""
    assert main(["init", "--config", config, "--plain-http"]) == 0
    folder = Path(config).parent
    secrets = {path.name: path.read_text() for path in (folder / "secrets").iterdir()}
    assert len(secrets) == 6
    made = [Path(config), folder / "staff.db", *(folder / "secrets").iterdir()]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}
    assert main(["init", "--config", config]) == 0
    assert secrets == {path.name: path.read_text() for path in (folder / "secrets").iterdir()}
    where = ["--config", config]
    home = ["home", "add", "h1", *where, "--label", "Lgh 1", "--org", "o1", "--org-name", "Prov"]
    assert main([*home, "--resident", "r1", "Prov Boende"]) == 0
    user = ["user", "add", "A@Prov.example", *where, "--name", "Prov", "--org", "o1"]
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    assert main([*user, "--role", "caregiver", "--password-stdin"]) == 0
    for more in ([], ["--remove"], []):
        assert main(["assign", "a@prov.example", "h1", *where, *more]) == 0
    capsys.readouterr()
    assert main(["enroll-code", "h1", *where]) == 0
    assert len(capsys.readouterr().out.strip()) == len("XXXXX-XXXXX-FFFFFFFF")
    assert main(["rebuild", *where]) == 0
    assert "h1: 0 events folded" in capsys.readouterr().out
    assert main(["check", *where]) == 0


def test_a_server_that_is_configured_where_the_package_says_keeps_all_where_it_may_write(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its database lies in the unit's own folder, and the proxy that speaks HTTPS is believed; one
    that is tried without HTTPS believes nobody."""
    unit = (ROOT / "systemd/tryggve-staff.service").read_text()
    [state] = re.findall(r"^StateDirectory=(.*)$", unit, re.MULTILINE)
    assert f"sqlite:////var/lib/{state}/staff.db" == cli.PACKAGED
    monkeypatch.setattr(cli, "DEFAULT_PATH", Path(config))
    monkeypatch.setattr(cli, "PACKAGED", f"sqlite:///{tmp_path}/kept.db")
    assert main(["init", "--public-url", "https://trygg.example"]) == 0
    assert (tmp_path / "kept.db").exists()
    assert load_config(Path(config)).listen.trusted_proxies == 1
    tried = tmp_path / "tried" / "staff.toml"
    assert main(["init", "--config", str(tried), "--plain-http"]) == 0
    assert load_config(tried).listen.trusted_proxies == 0


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["home", "add", "H 1", "--label", "x", "--org", "o1"], "small letters"),
        (["home", "add", "h2", "--label", "x", "--org", "o9"], "--org-name"),
        (["home", "add", "h2", "--label", "x", "--org", "o1", "--timezone", "Mars"], "time zone"),
        (["assign", "x@prov.example", "h1"], "no account"),
        (["enroll-code", "h9"], "no home h9"),
        (["rebuild", "h9"], "no home h9"),
        (
            ["user", "add", "x@y.example", "--name", "x", "--org", "o1", "--role", "boss"],
            "role boss",
        ),
    ],
)
def test_what_was_given_wrong_is_one_sentence(
    config: str, capsys: pytest.CaptureFixture[str], command: list[str], sentence: str
) -> None:
    """Exit status 2, one line that says what and how to mend it."""
    assert main(["init", "--config", config]) == 0
    capsys.readouterr()
    assert main([*command, "--config", config]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


def test_without_a_configuration_nothing_runs(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence says how to make one."""
    assert main(["run", "--config", config]) == 2
    assert "tryggve staff init" in capsys.readouterr().err


def test_without_a_secret_the_server_does_not_start(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`run` says which file is missing and how to make it, before anything is served."""
    assert main(["init", "--config", config]) == 0
    (Path(config).parent / "secrets" / "signing_key").unlink()
    capsys.readouterr()
    assert main(["run", "--config", config]) == 2
    told = capsys.readouterr().err
    assert "signing_key" in told
    assert "tryggve staff init" in told


def test_a_short_password_is_refused(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least twelve characters."""
    assert main(["init", "--config", config]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("kort\n"))
    user = ["user", "add", "a@b.example", "--config", config, "--name", "x", "--org", "o1"]
    assert main([*user, "--role", "caregiver", "--password-stdin"]) == 2
    assert "12" in capsys.readouterr().err
