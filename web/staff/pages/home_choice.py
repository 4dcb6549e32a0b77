"""Choosing one home in a form: from a list where there are few, else by searching (`?sok=`) and
following a link (`?hem=`), with and without scripts.

Not for: lists of homes (`homes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import request

from web.staff.pages import lists
from web.staff.pages.lookups import Place

FOUND = 20
"""Homes that a search shows: with more, another word is quicker than reading on."""


@dataclass(frozen=True, slots=True)
class HomeChoice:
    """What the form shows: `few` to choose from (empty: search), or the one that is `chosen`, or
    what was `found` by the words `asked`, and how many `more` there are."""

    few: list[Place]
    chosen: Place | None
    asked: str
    found: list[Place]
    more: int


def asked_for() -> str:
    """The words of `?sok=`."""
    return request.args.get("sok", "").strip()[:100]


def found_by(place: Place) -> tuple[str, ...]:
    """What a home is found by."""
    return place.who, place.label, place.address


def home_choice(places: Mapping[str, Place]) -> HomeChoice:
    """The choice among these homes that the address asks for."""
    chosen, asked = places.get(request.args.get("hem", "")), asked_for()
    if len(places) <= lists.FEW:
        return HomeChoice(list(places.values()), chosen, asked, [], 0)
    found = lists.matching(places.values(), asked, found_by) if asked else []
    if len(found) == 1 and chosen is None:
        chosen = found[0]
    return HomeChoice([], chosen, asked, found[:FOUND], max(0, len(found) - FOUND))


def homes_asked(places: Mapping[str, Place]) -> tuple[str, ...]:
    """The homes that a filter means: the one of `?hem=`, or those with the words of `?hemmet=`;
    nothing: all of them, and a name that nobody has where none has these words."""
    home, words = request.args.get("hem", ""), request.args.get("hemmet", "").strip()[:100]
    if home or not words:
        return (home,) if home else ()
    return tuple(one.id for one in lists.matching(places.values(), words, found_by)) or ("",)
