"""The command line for accounts, roles, teams and areas, on both databases."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from web.staff.cli.main import main
from web.staff.core.rights import RIGHTS, Role
from web.staff.storage import tables
from web.staff.storage.database import Database, parse_url

Run = Callable[..., str]

NOBODY = "nobody administers o1 now: `tryggve staff role give EMAIL administrator`\n"


@pytest.fixture
def run(
    db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """An installation with two organisations: `run(words)` is what the command prints, first on
    standard output, then on standard error; `status` is the exit status that it must have."""
    config = str(tmp_path / "conf" / "staff.toml")

    def call(*words: str, status: int = 0, stdin: str = "") -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        assert main([*words, "--config", config]) == status, capsys.readouterr().err
        told = capsys.readouterr()
        return told.out + told.err

    call("init", "--database", db)
    for home, org in (("h1", "o1"), ("h2", "o1"), ("h9", "o9")):
        more = [] if home == "h2" else ["--org-name", "Prov"]
        call("home", "add", home, "--label", "Lgh", "--org", org, *more)
    for email, org, role in (
        ("a@prov.example", "o1", "caregiver"),
        ("b@prov.example", "o1", "administrator"),
        ("z@prov.example", "o9", "administrator"),
    ):
        add = ("user", "add", email, "--name", f"Prov {email[0]}", "--org", org, "--role", role)
        call(*add, "--password-stdin", stdin="correct horse battery\n")
    return call


@pytest.fixture
def changes(db: str) -> Callable[[], list[tuple[str, str | None]]]:
    """What was changed, as the events say: (what, whose)."""

    def read() -> list[tuple[str, str | None]]:
        database = Database(parse_url(db))
        e, u = tables.event.c, tables.user.c
        with database.read() as conn:
            emails: dict[Any, str] = dict(conn.execute(select(u.person_id, u.email)).all())
            bodies = conn.execute(
                select(e.body).where(e.kind == "account.changed").order_by(e.seq)
            ).scalars()
            found = [json.loads(body) for body in bodies]
        database.close()
        assert all(body.get("person") is None for body in found), "nobody in person"
        return [(b["data"]["what"], emails.get(b["data"].get("account"))) for b in found]

    return read


def test_roles_are_given_and_taken(run: Run, changes: Callable[[], list[Any]]) -> None:
    """Each change says what is so now, is an event, and one that changes nothing is neither."""
    before = len(changes())
    give = ("role", "give", "A@Prov.example")
    assert run(*give, "coordinator") == "a@prov.example: caregiver, coordinator\n"
    assert run(*give, "coordinator") == "a@prov.example: caregiver, coordinator (as before)\n"
    assert run("role", "take", "a@prov.example", "caregiver", "coordinator") == (
        "a@prov.example: no role\n"
    )
    assert changes()[before:] == [("roles", "a@prov.example")] * 2
    assert "caregiver" not in run("user", "list", "--org", "o1").splitlines()[1]


def test_who_takes_the_last_administrator_is_told(run: Run) -> None:
    """It is done, for the command line can give it back; the same for an account that is closed."""
    taken = run("role", "take", "b@prov.example", "administrator")
    assert taken == f"b@prov.example: no role\n{NOBODY}"
    assert run("role", "give", "b@prov.example", "administrator").count("\n") == 1
    assert run("user", "close", "b@prov.example").endswith(NOBODY)


def test_a_team_works_where_its_areas_are(run: Run, changes: Callable[[], list[Any]]) -> None:
    """Made, filled, shown and emptied again; homes and persons follow."""
    org = ("--org", "o1")
    before = len(changes())
    assert run("team", "add", "Dag", *org) == "Dag: made\n"
    assert run("area", "add", "Norr", *org) == "Norr: made\n"
    assert run("area", "put", "Norr", "h1", "h2", *org) == "Norr: h1, h2\n"
    assert run("team", "cover", "Dag", "Norr", *org) == "Dag: Norr\n"
    assert run("team", "join", "Dag", "a@prov.example", *org) == "Dag: a@prov.example\n"
    (row,) = [line for line in run("user", "list").splitlines() if line.startswith("a@")]
    assert row.split()[2:] == ["Prov", "a", "o1", "caregiver", "Dag", "h1,", "h2"]
    assert "Dag   a@prov.example  Norr" in run("team", "list", *org)
    assert "Norr  h1, h2  Dag" in run("area", "list", *org)
    assert run("area", "clear", "Norr", "h2", *org) == "Norr: h1\n"
    assert run("area", "clear", "Norr", "h2", *org) == "Norr: h1 (as before)\n"
    assert run("team", "uncover", "Dag", "Norr", *org) == "Dag: no area\n"
    assert run("team", "leave", "Dag", "a@prov.example", *org) == "Dag: nobody\n"
    assert [what for what, _ in changes()[before:]] == [
        *("team", "area", "home_area", "home_area", "team_areas"),
        *("teams", "home_area", "team_areas", "teams"),
    ]


def test_an_account_is_closed_and_opened(run: Run) -> None:
    """`user list` shows it; assigning says what is so now."""
    assert run("assign", "a@prov.example", "h1") == "a@prov.example: h1\n"
    assert "closed" in run("user", "close", "a@prov.example")
    (row,) = [line for line in run("user", "list").splitlines() if line.startswith("a@")]
    assert row.endswith("h1     closed")
    assert run("user", "open", "a@prov.example") == "a@prov.example: open\n"
    assert run("assign", "a@prov.example", "h1", "--remove") == "a@prov.example: no home\n"


def test_every_role_is_explained(run: Run) -> None:
    """With what it may do."""
    lines = run("role", "list").splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(Role)
    assert all(right in "\n".join(lines) for rights in RIGHTS.values() for right in rights)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("role give a@prov.example boss", "The role boss is not known; there are administrator, "),
        ("role take x@prov.example caregiver", "There is no account x@prov.example; "),
        ("user close x@prov.example", "There is no account x@prov.example; "),
        ("user list --org o5", "There is no organisation o5; there are: o1, o9."),
        ("team add Natt --org o5", "There is no organisation o5; there are: o1, o9."),
        ("team add Dag --org o1", "The organisation o1 has the team Dag already."),
        ("area add  --org o1", "The area needs a name."),
        ("team join Natt a@prov.example --org o1", "The organisation o1 has no team 'Natt'; it"),
        ("team join Dag a@prov.example --org o9", "has no team 'Dag'; it has: none yet."),
        (
            "team join Dag z@prov.example --org o1",
            "z@prov.example belongs to the organisation o9, not to o1.",
        ),
        ("team cover Dag Syd --org o1", "The organisation o1 has no area 'Syd'; it has: Norr."),
        ("area put Norr h9 --org o1", "The organisation o1 has no home h9."),
        ("assign a@prov.example h9", "The organisation o1 has no home h9."),
    ],
)
def test_what_was_given_wrong_is_one_sentence(
    run: Run, changes: Callable[[], list[Any]], words: str, sentence: str
) -> None:
    """Exit status 2, one line, and nothing is changed; nor by the good half of a command."""
    run("team", "add", "Dag", "--org", "o1")
    run("area", "add", "Norr", "--org", "o1")
    before = changes()
    told = run(*words.split(" "), status=2)
    assert sentence in told
    assert told.count("\n") == 1
    assert changes() == before


def test_a_password_cannot_be_asked_for_without_a_terminal(run: Run) -> None:
    """One sentence that says how to give it, and no account is made."""
    who = ("c@prov.example", "--name", "Prov c", "--org", "o1", "--role", "caregiver")
    told = run("user", "add", *who, status=2)
    assert told == "There is no terminal to ask for a password; give it by --password-stdin.\n"
    assert "c@prov.example" not in run("user", "list")
