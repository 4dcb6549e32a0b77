"""`tryggve gateway wipe`: what a gateway keeps of a home is gone before it goes elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli import wipe as module
from gateway.config.secrets import FileSecrets


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state of a home `h1`, with a file beside it that a link of it leads to."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "origin").write_text("home:h1~2\n12 open\n")
    (state / "events.sqlite").write_bytes(b"a log")
    FileSecrets(state).write("home_key", "key")
    (state / "devices/bed").mkdir(parents=True)
    (state / "devices/bed/counter.json").write_text("{}")
    (tmp_path / "others").mkdir()
    (tmp_path / "others/kept").write_text("another's")
    (state / "devices/bed/link").symlink_to(tmp_path / "others")
    (state / "aside").symlink_to(tmp_path / "others")
    return state


def wipe(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    status = main(["gateway", "wipe", *map(str, words)])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_everything_of_the_home_is_erased(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Log, keys, secrets, what drivers kept; it says so, and what remains elsewhere.  What a link
    leads to is another's, and stays."""
    status, out, _ = wipe(capsys, "h1", "--state", state)
    assert status == 0
    assert list(state.iterdir()) == []
    assert (state.parent / "others/kept").read_text() == "another's"
    assert out.startswith("Erased: ") and "h1" in out
    for part in ("home.toml", "journal", "staff server", "lock", "memory card"):
        assert part in " ".join(out.split()).partition("Not erased")[2], part


@pytest.mark.parametrize("home", ["h2", "h", "", "h1~2"])
def test_another_home_is_not_erased(
    home: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever names another home than this one means another one."""
    before = sorted(state.rglob("*"))
    status, _, err = wipe(capsys, home, "--state", state)
    assert status == 2
    assert "nothing was erased" in err
    assert sorted(state.rglob("*")) == before


def test_a_folder_that_is_no_homes_is_not_erased(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped folder stays as it is."""
    (tmp_path / "letter").write_text("dear")
    status, _, err = wipe(capsys, "h1", "--state", tmp_path)
    assert status == 2
    assert "no state folder" in err
    assert (tmp_path / "letter").read_text() == "dear"


def test_a_gateway_that_runs_is_not_wiped(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its log is open: it must be stopped first."""
    with (state / "events.sqlite").open("rb"):
        status, _, err = wipe(capsys, "h1", "--state", state)
    assert status == 2
    assert "still runs" in err
    assert (state / "secrets/home_key").is_file()


def test_one_that_was_cut_off_is_done_again(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`origin`, which says whose folder it is, goes last."""
    erased: list[str] = []

    def cut(path: Path) -> int:
        erased.append(path.name)
        if len(erased) == 3:
            raise OSError(5, "Input/output error", str(path))
        return real(path)

    real = module._erase
    monkeypatch.setattr(module, "_erase", cut)
    status, _, err = wipe(capsys, "h1", "--state", state)
    assert status == 2 and "again" in err
    assert (state / "origin").is_file()
    monkeypatch.setattr(module, "_erase", real)
    assert wipe(capsys, "h1", "--state", state)[0] == 0
    assert list(state.iterdir()) == []
