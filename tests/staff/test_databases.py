"""The choice of what runs on both kinds of database names tests that exist."""

from __future__ import annotations

import ast
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from tests.staff import postgres, reach, unordered
from tests.staff.databases import ON_BOTH, on_both
from web.staff.storage import tables
from web.staff.storage.database import Database, parse_url

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", ON_BOTH)
def test_what_is_named_is_there(name: str) -> None:
    """A renamed module or test must not fall back to SQLite alone unseen; each has its reason."""
    module, _, test = name.rpartition(".")
    if not module.rpartition(".")[2].startswith("test_"):
        module, test = name, ""
    path = HERE / f"{module.replace('.', '/')}.py"
    assert path.exists()
    tree = ast.parse(path.read_text("utf-8"))
    named = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert not test or test in named
    assert on_both(f"tests.staff.{module}", test or "test_any")
    assert ON_BOTH[name]


def test_modules_that_send_statements_are_found_and_missed() -> None:
    """The check at the end of a run can fail: nothing reached means that all are missing."""
    found = reach.senders()
    assert len(found) > 30
    assert {"web.staff.homelink.ingest", "web.staff.pages.now"} <= found
    assert reach.missing(()) == sorted(found)
    assert reach.missing(found) == []


@pytest.mark.postgres
@pytest.mark.parametrize("large", [0, postgres.LARGE_BYTES])
def test_between_two_tests_nothing_is_left(
    postgres_url: str, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows with others that name them are gone, and numbers begin anew, where there were few rows
    and where there were many."""
    monkeypatch.setattr(postgres, "LARGE_BYTES", large)
    names = [table.name for table in tables.metadata.sorted_tables]
    url = f"{postgres_url}shared"
    database = Database(parse_url(url))
    numbers: list[int] = []
    try:
        for _ in range(2):
            postgres.emptied(url, names)
            with database.write() as tx:
                tx.conn.execute(insert(tables.organisation).values(id="o", name="Prov"))
                home = {"id": "h", "org_id": "o", "label": "1", "timezone": "UTC"}
                tx.conn.execute(insert(tables.home).values(**home))
                made = insert(tables.role).values(name="r").returning(tables.role.c.id)
                numbers.append(tx.conn.execute(made).scalar_one())
        postgres.emptied(url, names)
        assert numbers[0] == numbers[1] >= postgres.FIRST_ID
        with database.read() as conn:
            for table in tables.metadata.sorted_tables:
                assert conn.execute(select(func.count()).select_from(table)).scalar_one() == 0
    finally:
        database.close()


def test_what_nobody_ordered_comes_backwards_where_both_are_tested(
    sqlite_template: Path, tmp_path: Path
) -> None:
    """And as it was written elsewhere: a test that passes on both puts it in an order itself."""
    found: list[list[str]] = []
    ways: list[AbstractContextManager[None]] = [nullcontext(), unordered.backwards(), nullcontext()]
    for number, how in enumerate(ways):
        path = tmp_path / f"{number}.db"
        path.write_bytes(sqlite_template.read_bytes())
        with how:
            database = Database(parse_url(f"sqlite:///{path}"))
            with database.write() as tx:
                tx.conn.execute(insert(tables.role), [{"name": name} for name in "ba"])
                found.append([row.name for row in tx.conn.execute(select(tables.role))])
            database.close()
    assert found == [["b", "a"], ["a", "b"], ["b", "a"]]


@pytest.mark.postgres
def test_no_two_tables_share_a_number(postgres_url: str) -> None:
    """Each counts from one of its own, far from the others', and none from 1."""
    with postgres.connected(f"{postgres_url}template_tryggve") as conn:
        begins = [row[0] for row in conn.execute("SELECT seqstart FROM pg_sequence")]
    assert len(begins) == len(set(begins)) > 5
    assert all(one % postgres.FIRST_ID == 0 for one in begins)
