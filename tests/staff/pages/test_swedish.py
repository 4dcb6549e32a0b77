"""Wordings that somebody in home care stumbled over (`../shared/cases/swedish.md`, not part of the
project) are nowhere on the pages any more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from tests._tree import ROOT
from web.staff.core.i18n import TRANSLATIONS

CASES = ROOT.parent / "shared" / "cases" / "swedish.md"


def plain() -> list[str]:
    """What else is read in Swedish: the home's own page, and the docs."""
    named = [f"web/home/{name}.py" for name in ("words", "ledger_words", "chain_words", "install")]
    named += ["docs/privacy.md", "docs/glossary.md"]
    return [line for name in named for line in (ROOT / name).read_text("utf-8").splitlines()]


def catalogue() -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every text of the staff's pages, in Swedish (the message ids) and in English; two where a
    number decides."""
    with (TRANSLATIONS / "en" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        found = read_po(file, locale="en")
    return [(_each(one.id), _each(one.string or "")) for one in found if one.id]


def _each(text: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())


def texts() -> list[str]:
    """Every Swedish text of the staff's pages."""
    return [text for ids, _ in catalogue() for text in ids]


def english() -> list[str]:
    """Every English one."""
    return [text for _, strings in catalogue() for text in strings]


def seen(path: Path) -> list[str]:
    """The wordings in the first column; what stands in brackets says where they were."""
    rows = [line.split("|") for line in path.read_text(encoding="utf-8").splitlines()]
    cells = [re.sub(r"\(.*?\)", "", row[1]) for row in rows if len(row) > 2]
    parts = [part.strip() for cell in cells for part in cell.split(" / ")]
    return [part for part in parts if part not in ("seen", "") and not part.startswith("---")]


def test_what_read_badly_is_said_better() -> None:
    """A wording of several words stands in no text, a single word is none."""
    if not CASES.is_file():
        pytest.skip("the shared cases are not here")
    wordings = seen(CASES)
    assert len(wordings) > 15
    ours = [text.lower() for text in texts()]
    left = {
        wording: found
        for wording in wordings
        if (
            found := [
                text
                for text in ours
                if (wording.lower() in text if " " in wording else text == wording.lower())
            ]
        )
    }
    assert left == {}


@pytest.mark.parametrize(
    "word",
    [r"\bboende", r"\bmarkera", r"hörs inte", r"hörs igen", r"frivillig", r"tillbakatag", r"titta"],
)
def test_a_word_that_the_field_does_not_say(word: str) -> None:
    """Who lives at home is a *brukare* (a *boende* lives in a special home), times are registered,
    a home has no contact, a comment is optional, access is recalled, a *tillsyn* is made."""
    assert [one for one in (*texts(), *plain()) if re.search(word, one, re.IGNORECASE)] == []


def test_the_docs_name_pages_and_buttons_as_they_are() -> None:
    """What README and docs call a page or a button by its Swedish name stands on one."""
    home = [ROOT / "web" / "home" / name for name in ("words.py", "ledger_words.py")]
    ours = "\n".join([*texts(), *(path.read_text(encoding="utf-8") for path in home)])
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
    named = {
        (page.name, label)
        for page in pages
        for label in re.findall(r"(?<![\w*`])\*([A-ZÅÄÖ][^*`\n]+)\*(?!\*)", page.read_text("utf-8"))
        if re.search("[åäöÅÄÖ]", label)
    }
    assert len(named) > 5
    assert {(page, label) for page, label in named if label not in ours} == set()


@pytest.mark.parametrize("word", [r"\bladder", r"second path"])
def test_english_has_one_word_for_a_thing(word: str) -> None:
    """A *larmkedja* is an alarm chain and a *reservväg* a spare way wherever English is read: who
    is told to make a ladder finds none in the menu."""
    assert [one for one in english() if re.search(word, one, re.IGNORECASE)] == []
