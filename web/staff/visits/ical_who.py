"""Who is to come to a visit of an iCalendar file, and what is to be done there.

Not for: when it is (`ical_series`), or whether somebody of that name works here (`plan_import`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from web.staff.visits.ical_lines import Component, Wrong

NOT_THERE = ("DECLINED", "DELEGATED")
"""PARTSTAT of somebody who does not come; to whom it was delegated has a line of its own."""

THINGS = ("RESOURCE", "ROOM")
"""CUTYPE of what is no person: a car, a lift."""


def kept(component: Component) -> dict[str, Any]:
    """What an event says besides its times, as a `plan_import.Draft` has it.  Raises `Wrong`."""
    staff = component.one("X-TRYGGVE-STAFF")
    number = "" if staff is None else staff.text()
    if staff is not None and number and not re.fullmatch(r"[0-9]{1,2}", number):
        raise Wrong(staff.line, "the number of staff {said!r} is no number.", said=number)
    return {
        "what": component.text("SUMMARY"),
        "people": tuple(_people(component)),
        "team": component.text("X-TRYGGVE-TEAM") or None,
        "staff_needed": int(number) if number else None,
    }


def _people(component: Component) -> Iterator[str]:
    """Who is to come: neither things, nor who said no, nor who is only told of it."""
    for found in component.all("ATTENDEE"):
        said = {name: value.upper() for name, value in found.params.items()}
        if said.get("PARTSTAT") in NOT_THERE or said.get("CUTYPE") in THINGS:
            continue
        if said.get("ROLE") == "NON-PARTICIPANT":
            continue
        value = found.value.strip()
        address = re.fullmatch(r"(?i)mailto:([^?]*)(?:\?.*)?", value)
        name = unquote(address[1]) if address else found.params.get("EMAIL", value)
        if name := name.strip():
            yield name
