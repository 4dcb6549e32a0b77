"""Keeps the written catalogues at the texts of code and templates: `make texts`.

`--write` takes new texts in and drops those that nothing says any more; `--check` only compares.
Both list what is not translated, and exit with 1 while there is something to do.

Not for: translating, or showing texts (`web.staff.core.i18n` reads the catalogues as they are).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir, extract_from_file
from babel.messages.pofile import read_po, write_po

from web.staff.core.i18n import TRANSLATIONS

ROOT = TRANSLATIONS.parents[2]

SOURCES = ("web/staff", "web/home", "gateway/installs")
"""Where texts are: the home's own page and this server's show some of the same."""

SHARED = "web/driver_words.py"
"""And one file of both."""

METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
"""How they are found there."""

KEYWORDS = {**DEFAULT_KEYWORDS, "say": None, "lazy_gettext": None}
"""What a text stands in: gettext's own names and `web.staff.core.i18n`'s."""


def used_texts() -> Catalog:
    """Every text in the code and the templates that is to be translated."""
    found = Catalog()
    for source in SOURCES:
        for row in extract_from_dir(ROOT / source, METHODS, keywords=KEYWORDS):
            found.add(row[2])
    for _line, text, *_more in extract_from_file("python", ROOT / SHARED, keywords=KEYWORDS):
        found.add(text)
    return found


def files() -> list[Path]:
    """The written catalogue of each language."""
    return sorted(TRANSLATIONS.glob("*/LC_MESSAGES/messages.po"))


def read(path: Path) -> Catalog:
    """A catalogue as it is written."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parents[1].name)


def brought_up(path: Path, used: Catalog) -> tuple[bytes, list[str]]:
    """What the catalogue is to be, and the texts in it that are not translated."""
    known = read(path)
    known.update(used, no_fuzzy_matching=True, update_creation_date=False)
    out = BytesIO()
    write_po(out, known, sort_output=True, ignore_obsolete=True, no_location=True)
    missing = [_id(message) for message in known if message.id and not _translated(message)]
    return out.getvalue(), sorted(missing)


def _id(message: Message) -> str:
    return str(message.id if isinstance(message.id, str) else message.id[0])


def _translated(message: Message) -> bool:
    told = message.string
    forms = (told,) if isinstance(told, str) else tuple(told or ())
    return bool(forms) and all(forms) and not message.fuzzy


def main(argv: Sequence[str] | None = None) -> int:
    """`--check` or `--write`."""
    parser = argparse.ArgumentParser(prog="python -m web.staff.cli.catalogue")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="1 when a catalogue is out of date")
    what.add_argument("--write", action="store_true", help="bring the catalogues up to date")
    args = parser.parse_args(argv)
    used, failed = used_texts(), False
    for path in files():
        name = path.relative_to(TRANSLATIONS)
        wanted, missing = brought_up(path, used)
        if args.write:
            path.write_bytes(wanted)
        elif path.read_bytes() != wanted:
            failed = True
            sys.stderr.write(f"{name} is not what the code says; run: make texts\n")
        for text in missing:
            failed = True
            sys.stderr.write(f"{name} has no translation of: {text}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
