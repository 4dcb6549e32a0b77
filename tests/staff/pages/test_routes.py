"""A page is a file and its template: the example of docs/extending.md is found and guarded."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import ChoiceLoader, FileSystemLoader

from tests._tree import ROOT
from tests.staff.pages.conftest import text_of
from tests.staff.walked import pages_to_open
from web.staff import pages
from web.staff.core.rights import Right
from web.staff.pages import routes

NAME = "web.staff.pages.keys"


def _block(language: str) -> str:
    page = (ROOT / "docs" / "extending.md").read_text("utf-8")
    return page.split(f"```{language}\n", 1)[1].split("```", 1)[0]


@pytest.fixture(autouse=True)
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example's file lies beside the other pages while the application is made."""
    pages.discover()  # the real ones are read before the list is a copy
    (tmp_path / "keys.py").write_text(_block("python"), "utf-8")
    monkeypatch.setattr(pages, "__path__", [*pages.__path__, str(tmp_path)])
    monkeypatch.setattr(routes, "ROUTES", list(routes.ROUTES))
    yield
    sys.modules.pop(NAME, None)
    if hasattr(pages, "keys"):
        del pages.keys


@pytest.fixture
def shown(staff_app: Flask, tmp_path: Path) -> Flask:
    """The application, with the example's template beside the others."""
    (tmp_path / "keys.html").write_text(_block("html"), "utf-8")
    loader = staff_app.jinja_env.loader
    assert loader is not None
    staff_app.jinja_env.loader = ChoiceLoader([loader, FileSystemLoader(tmp_path)])
    return staff_app


def test_a_page_in_one_file_is_found_guarded_in_the_menu_and_walked(
    shown: Flask, client: FlaskClient, as_role: Callable[..., FlaskClient]
) -> None:
    """Nothing else was told about it."""
    assert client.get("/nycklar").location == "/login?next=/nycklar"
    boss = as_role("coordinator", person="p1")
    assert "Nycklar" in text_of(boss, "/nu")
    assert "<h1>Nycklar</h1>" in text_of(boss, "/nycklar")
    carer = as_role("caregiver", person="p7")
    assert "Nycklar" not in text_of(carer, "/nu")
    text_of(carer, "/nycklar", 403)
    assert "keys" in {route.name for route in pages_to_open()}


def test_two_pages_of_one_name_are_refused() -> None:
    """The second would take the first one's addresses in every link."""
    with pytest.raises(ValueError, match="declared twice"):
        routes.get("/nu2", "now")


def test_a_page_for_everybody_asks_for_no_right() -> None:
    """A right on a page that anybody may open would be asked of nobody."""
    with pytest.raises(ValueError, match="asks nobody"):
        routes.post("/fritt", "free", right=Right.ASSIGN, public=True)


def test_what_is_under_another_page_is_found_there(as_role: Callable[..., FlaskClient]) -> None:
    """Whoever has *Administration* in the menu finds installation, staff and releases in it, and it
    is marked while they are open; a technician, who has it not, has *Installation* itself."""
    boss = as_role("administrator", person="p1")
    technician = as_role("technician", person="p2")
    assert marked(boss, "/administration/hem") == (["administration"], False)
    assert marked(boss, "/administration") == (["administration"], False)
    assert marked(boss, "/larmkedjor") == (["administration"], False)
    assert marked(boss, "/nattillsyn/siffror") == (["follow_up"], False)
    assert marked(technician, "/administration/hem") == (["places"], True)
    assert marked(boss, "/konto") == ([], False)


def marked(client: FlaskClient, path: str) -> tuple[list[str], bool]:
    """Which entries of the menu say that they are the present one, and whether *Installation* is
    one of them all."""
    text = text_of(client, path)
    entries = re.findall(r'data-test="nav-pages\.(\w+)"( aria-current="page")?', text)
    assert len(entries) > 2
    return [name for name, current in entries if current], "places" in dict(entries)


def test_nothing_is_under_a_page_that_the_menu_has_not() -> None:
    """Nor under one that is under another: every page is found in two presses."""
    entries = {route.name: route for route, _entry in routes.in_menu()}
    lost = {one.name: one.under for one in routes.ROUTES if one.under not in {None, *entries}}
    assert lost == {}
    assert {name for name, one in entries.items() if one.under} == {"places"}
