"""A page is shown row by row: one that cannot be shown is a row that says so, and the others stand.

In a template, around whatever is one thing of several:

    {% for card in alarms %}{% call row(card.place, tone="alarm") %}
      {{ alarm_card(card) }}
    {% endcall %}{% endfor %}

and in a view, where something is worked out: `attempt(lambda: …)`.  What went wrong is in
the diagnostic log, with the home and without what the row says.  Not for: forms, or a page that
shows one thing only (that one is an error page).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

from flask import Flask, render_template
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)

C = TypeVar("C")


class Placed(Protocol):
    """A home as pages show it (`web.staff.pages.lookups.Place`)."""

    @property
    def id(self) -> str:
        """The home's id."""

    @property
    def who(self) -> str:
        """Who lives there, or what it is called."""


def row(
    place: Placed | None = None, tag: str = "p", tone: str = "warn", *, caller: Callable[[], str]
) -> Markup:
    """What the block inside `{% call row(…) %}` shows, or in its place that it cannot be shown:
    `place` says of which home, `tag` is the element that fits there (`p`, `li`, `span`,
    `tr`, or `fact` for one of a home's facts), `tone` the card's."""
    try:
        return Markup(caller())  # noqa: S704 - a template's own output, escaped there
    except Exception:  # whatever breaks one row, the page stands
        log.exception("a row cannot be shown", extra={"home": place.id if place else None})
    return Markup(  # noqa: S704 - likewise
        render_template("parts/unshown.html", place=place, tag=tag, tone=tone)
    )


def attempt(make: Callable[[], C]) -> C | None:
    """What `make` gives; None where it fails on what it read.  A database that refuses is another
    matter: `SQLAlchemyError` goes on."""
    try:
        return make()
    except SQLAlchemyError:
        raise
    except Exception:  # whatever breaks one part, the page stands
        log.exception("a part of a page cannot be made")
        return None


def init_app(app: Flask) -> None:
    """Give the templates `row`."""
    app.jinja_env.globals["row"] = row
