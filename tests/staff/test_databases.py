"""The choice of what runs on both kinds of database names tests that exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.staff import reach
from tests.staff.databases import ON_BOTH, on_both

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
