"""A text as a page shows it: without characters that nobody sees and that change what is read.

A name that turns the direction of writing (U+202E) moves what stands after it on the page: another
door's name, a time, a warning; one with a space of no width looks like another's.  What a home, a
plan, a provider or a person called something comes from outside, and all of it is shown by
templates: so each value that a template writes goes through here (`finalize` of Jinja).  What is
kept stays as it came.

Not for: HTML (templates escape it), or what no database keeps (`web.staff.storage.storable`).
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

_UNSEEN = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # of direction (Unicode, UAX 9)
    "\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # of no width
    "\u180e\u115f\u1160\u3164\uffa0"  # likewise
    "\U000e0000-\U000e0fff"  # tags
    "]"
)
"""Not the joiners and variants (U+200C, U+200D, U+FE0F), which languages and signs are made of, nor
the soft hyphen."""


def seen(text: str) -> str:
    """The text with only what is seen."""
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub("", text)


def finalize(value: Any) -> Any:
    """The same of what a template writes; what is markup was made of such values."""
    return seen(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def add_to(environment: Environment) -> None:
    """Have all that its templates write go through here, also what stands within a sentence of the
    catalogue (which comes as markup)."""
    environment.finalize = finalize
    for name in ("_", "gettext", "ngettext", "pgettext", "npgettext"):
        say = environment.globals.get(name)
        if say is not None:
            environment.globals[name] = _with_seen(say)


def _with_seen(say: Any) -> Any:
    @pass_context
    def said(context: Context, *words: Any, **values: Any) -> Any:
        return say(context, *words, **{name: finalize(value) for name, value in values.items()})

    return said
