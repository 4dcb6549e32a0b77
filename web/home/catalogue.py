"""The texts that the home's page has in common with the server's, in the reader's language: from
the server's written catalogue, so that there is one.

Swedish is what the texts are.  Not for: the home's other texts (`web.home.words`), or keeping the
catalogue (`web.staff.cli.catalogue`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import web

Translate = Callable[..., str]
"""`_(text, **values)`: the text with `%(name)s` filled in."""

FOLDER = Path(web.__file__).parent / "staff" / "translations"


def translator(language: str) -> Translate:
    """For a reader of this language; a text that it has no words for stays Swedish."""
    known = texts(language)

    def say(text: str, **values: object) -> str:
        told = known.get(text) or text
        return told % values if values else told

    return say


@cache
def texts(language: str) -> dict[str, str]:
    """Each text and what it is in this language, once a process; of a text with a plural nothing.
    Empty for Swedish."""
    path = FOLDER / language / "LC_MESSAGES" / "messages.po"
    return dict(_pairs(path.read_text("utf-8"))) if path.is_file() else {}


def _pairs(written: str) -> Iterator[tuple[str, str]]:
    """The entries of a catalogue as gettext writes them: `msgid`, `msgstr`, each quoted, and more
    of it in the lines below."""
    for entry in written.split("\n\n"):
        found: dict[str, str] = {}
        name = ""
        for line in entry.splitlines():
            word, _, rest = line.partition(" ")
            if line.startswith('"'):
                found[name] = found.get(name, "") + str(ast.literal_eval(line))
            elif rest.startswith('"'):
                name, found[word] = word, str(ast.literal_eval(rest))
        if found.get("msgid") and found.get("msgstr"):
            yield found["msgid"], found["msgstr"]
