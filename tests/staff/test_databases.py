"""The choice of what runs on both kinds of database names tests that exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from tests.staff import postgres, reach
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
    try:
        for _ in range(2):
            postgres.emptied(url, names)
            with database.write() as tx:
                tx.conn.execute(insert(tables.organisation).values(id="o", name="Prov"))
                home = {"id": "h", "org_id": "o", "label": "1", "timezone": "UTC"}
                tx.conn.execute(insert(tables.home).values(**home))
                made = insert(tables.role).values(name="r").returning(tables.role.c.id)
                assert tx.conn.execute(made).scalar_one() == 1
        postgres.emptied(url, names)
        with database.read() as conn:
            for table in tables.metadata.sorted_tables:
                assert conn.execute(select(func.count()).select_from(table)).scalar_one() == 0
    finally:
        database.close()
