"""The command line for the plan, tags, tokens, visits and the access log."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.staff.visits.calendars import calendar, event
from web.staff.cli.main import main


@pytest.fixture
def where(db: str, tmp_path: Path) -> list[str]:
    """An installation with a home."""
    config = str(tmp_path / "conf" / "staff.toml")
    assert main(["init", "--config", config, "--plain-http", "--database", db]) == 0
    home = ["home", "add", "h1", "--config", config, "--label", "Lgh 1", "--org", "o1"]
    assert main([*home, "--org-name", "Prov", "--resident", "r1", "Prov Boende"]) == 0
    return ["--config", config, "--org", "o1"]


def test_a_plan_from_a_file(
    where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CSV in; the same day sent again without a visit takes it out; a bad line keeps nothing."""
    file = tmp_path / "plan.csv"
    head = "id;home;start;end\n"
    file.write_text(f"{head}a;h1;2030-11-24 08:00;08:45\nb;h1;2030-11-24 12:00;12:20\n")
    assert main(["plan", "import", str(file), *where]) == 0
    assert "2 added, 0 changed" in capsys.readouterr().out
    file.write_text(f"{head}a;h1;2030-11-24 08:00;08:45\n")
    days = ["--days", "2030-11-24", "2030-11-24"]
    assert main(["plan", "import", str(file), *where, *days]) == 0
    assert "1 unchanged, 1 taken out" in capsys.readouterr().out
    file.write_text(f"{head}c;h1;2030-11-24 08:00;08:45\nd;h9;2030-11-24 08:00;08:45\n")
    assert main(["plan", "import", str(file), *where]) == 2
    assert "line 3: there is no home 'h9'" in capsys.readouterr().err
    assert main(["plan", "import", str(tmp_path / "none.csv"), *where]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_plan_from_a_calendar(
    where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All days of the span are written out; a series that is cut leaves nothing; what repeats is
    said to be for which days; a wrong line keeps nothing."""
    file = tmp_path / "plan.ics"
    begins = datetime.now(UTC).date() + timedelta(days=1)
    ends = begins + timedelta(days=89)
    series = ("DTSTART:{0:%Y%m%d}T080000", "DURATION:PT30M", "RRULE:FREQ=DAILY")
    told = [line.format(begins) for line in series]
    file.write_bytes(calendar(event(*told)))
    days = ["--days", str(begins), str(ends)]
    assert main(["plan", "import", str(file), *where, *days]) == 0
    out = capsys.readouterr().out
    assert "90 added, 0 changed, 0 unchanged, 0 taken out" in out
    assert re.search(rf"written out from .* to {ends + timedelta(days=1)} 00:00", out)
    file.write_bytes(calendar(event(*told[:2], "RRULE:FREQ=DAILY;COUNT=3")))
    assert main(["plan", "import", str(file), *where]) == 0
    assert "3 unchanged, 87 taken out" in capsys.readouterr().out
    file.write_bytes(calendar(event(*told, "EXDATE:imorgon")))
    assert main(["plan", "import", str(file), *where]) == 2
    assert "line 9: EXDATE has 'imorgon', which is no time" in capsys.readouterr().err


def test_what_goes_with_a_plan_is_not_passed_over(
    where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A span the wrong way round, a home for a file whose lines name theirs."""
    file = tmp_path / "plan.csv"
    file.write_text("id;home;start;end\na;h1;2030-11-24 08:00;08:45\n")
    run = ["plan", "import", str(file), *where]
    assert main([*run, "--days", "2030-11-25", "2030-11-24"]) == 2
    assert "before it begins" in capsys.readouterr().err
    assert main([*run, "--days", "2030-11-25", "9999-12-31"]) == 2
    assert "the year 9999" in capsys.readouterr().err
    assert main([*run, "--home", "h1"]) == 2
    assert "--home is for iCalendar" in capsys.readouterr().err


def test_tokens_and_tags(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Shown once; a tag is a link; what is not there is one sentence."""
    assert main(["token", "add", "planering", *where]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("tgv_")
    assert main(["token", "revoke", "planering", *where]) == 0
    assert main(["token", "revoke", "planering", *where]) == 2
    config = where[:2]
    url = ["--url", "https://tryggve.example/"]
    assert main(["tag", "add", "h1", *config, *url]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("https://tryggve.example/t/")
    assert main(["tag", "revoke", "h1", *config]) == 0
    assert capsys.readouterr().out == "1 tags are void\n"
    assert main(["tag", "add", "h9", *config, *url]) == 2


def test_what_is_written_out(
    where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files that nobody else may read; a span that ends before it begins, a lock date to come and a
    month that is none are one sentence each."""
    span = ["--from", "2026-11-01", "--to", "2026-11-30"]
    for command, name in (("visits", "v.csv"), ("access", "a.csv")):
        out = tmp_path / name
        assert main([command, "export", *where, *span, "--out", str(out)]) == 0
        assert out.read_bytes().startswith(b"\xef\xbb\xbf")
        assert out.stat().st_mode & 0o777 == 0o600
    out = tmp_path / "v.json"
    assert main(["visits", "export", *where, *span, "--form", "fhir", "--out", str(out)]) == 0
    assert json.loads(out.read_text())["resourceType"] == "Bundle"
    back = ["--from", "2026-11-02", "--to", "2026-11-01", "--out", str(out)]
    assert main(["visits", "export", *where, *back]) == 2
    assert main(["visits", "lock", *where, "--before", "2026-01-01"]) == 0
    assert main(["visits", "lock", *where, "--before", "2090-01-01"]) == 2
    assert main(["access", "sample", *where, "--month", "2026-13"]) == 2
    assert main(["access", "sample", *where, "--month", "2026-10"]) == 2
    assert "has no rows" in capsys.readouterr().err
