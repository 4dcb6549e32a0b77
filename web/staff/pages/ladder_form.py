"""The form of a ladder: what can be chosen, and what was.

A receiver is a word in the form: `person:p7`, `team:3`, `on_call:…`, `centre:…`, `role:technician`,
`near:caregiver` (in that role, in a team of the home's area), `assigned`, `area`.

Not for: whether it may be saved (`web.staff.ladders.definitions`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time

from pydantic import ValidationError
from sqlalchemy import Connection, select
from werkzeug.datastructures import MultiDict

from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor
from web.staff.ladders import steps
from web.staff.ladders.steps import Ladder, Receiver, Step
from web.staff.pages import lookups
from web.staff.pages.forms import number_of
from web.staff.pages.lists import by_name
from web.staff.storage import alarm_tables
from web.staff.storage.ladder_tables import rota

TIMEOUTS_MIN = (1, 2, 3, 5, 10, 15, 30, 60)
"""Minutes that a step may wait, as the form offers them; half a minute too."""

HALF_MIN_S = 30

ID_MAX = 100
"""Characters of an id; ours have sixteen."""

MORE = 2
"""Empty places after what is there: saved and opened again there are more."""

NEAR = ("caregiver", "night_watcher")
ROLES = ("coordinator", "technician")


class NotRead(Exception):
    """What was sent is no form of ours."""


@dataclass(frozen=True, slots=True)
class Group:
    """Receivers of one sort: their words in the form, and what they are called."""

    label: str
    choices: tuple[tuple[str, str], ...]


def people(
    conn: Connection, actor: Actor, named: Collection[str], asked: str
) -> tuple[dict[str, str], int]:
    """Who is offered by name, and how many there are: everybody where they are few, else who is
    named already (words of the form) and those whose names hold what is `asked` for."""
    everybody = lookups.staff_names(conn, actor)
    if len(everybody) <= PEOPLE_FEW:
        return everybody, len(everybody)
    kept = {one: name for one, name in everybody.items() if f"person:{one}" in named}
    wanted = asked.casefold().strip()
    found = [(one, name) for one, name in everybody.items() if wanted in name.casefold()]
    return kept | dict(found[:PEOPLE_FEW] if wanted else []), len(everybody)


PEOPLE_FEW = 60
"""People that stand in each field's list: a thousand would be a page of a megabyte."""


def groups(conn: Connection, actor: Actor, people: Mapping[str, str]) -> list[Group]:
    """Whom a ladder of this organisation may name, of people these."""
    r, centre = rota.c, alarm_tables.alarm_centre.c
    rotas = by_name(conn.execute(select(r.id, r.name).where(r.org_id == actor.org)))
    ours = centre.org_id == actor.org, centre.ended_at.is_(None)
    centres = by_name(conn.execute(select(centre.id, centre.name).where(*ours)))
    teams = list(lookups.teams(conn, actor).items())
    found = [
        Group(
            _("Grupper"),
            (
                ("assigned", _("Personal i hemmet")),
                ("area", _("Arbetslagen i hemmets område")),
                ("near:caregiver", _("Vårdpersonal i hemmets område")),
                ("near:night_watcher", _("Nattpersonal i hemmets område")),
                ("role:coordinator", _("Samordnare")),
                ("role:technician", _("Tekniker")),
            ),
        ),
        Group(_("Jour"), tuple((f"on_call:{one.id}", one.name) for one in rotas)),
        Group(_("Arbetslag"), tuple((f"team:{number}", name) for number, name in teams)),
        Group(_("Larmcentral"), tuple((f"centre:{one.id}", one.name) for one in centres)),
        Group(_("Personal"), tuple((f"person:{one}", name) for one, name in people.items())),
    ]
    return [group for group in found if group.choices]


def word_of(one: Receiver) -> str:
    """A receiver as the form has it."""
    if isinstance(one, steps.InRole):
        return f"{'near' if one.area else 'role'}:{one.id}"
    if isinstance(one, steps.Assigned | steps.Area):
        return one.kind
    return f"{one.kind}:{one.id}"


def _id(text: str) -> int:
    """What may be the number of a team or an area.  Raises `ValueError`."""
    number = number_of(text)
    if number < 0:
        raise ValueError(text)
    return number


def _receiver(word: str) -> Receiver:
    """Raises `NotRead`."""
    kind, _colon, name = word.partition(":")
    try:
        if kind == "team":
            return steps.Team(id=_id(name))
        if kind == "near" and name in NEAR:
            return steps.InRole(id=name, area=True)
        if kind == "role" and name in ROLES:
            return steps.InRole(id=name)
    except (ValueError, ValidationError) as error:
        raise NotRead from error
    plain: dict[str, Receiver] = {"assigned": steps.Assigned(), "area": steps.Area()}
    named: dict[str, type[steps.Person | steps.OnCall | steps.Centre]] = {
        "person": steps.Person,
        "on_call": steps.OnCall,
        "centre": steps.Centre,
    }
    if kind in named and 0 < len(name) <= ID_MAX:
        return named[kind](id=name)
    if word not in plain:
        raise NotRead
    return plain[word]


def read(form: MultiDict[str, str]) -> Ladder:
    """The ladder that a form says.  Raises `NotRead`."""
    try:
        return Ladder(
            id=form.get("ladder", "")[:100],
            name=form.get("name", "").strip(),
            steps=tuple(_steps(form)),
            severity=form.get("severity") or None,
            types=frozenset(form.getlist("type")),
            area=_id(form["area"]) if form.get("area") else None,
            days=sum(1 << day for day in {int(one) % 7 for one in form.getlist("day")}),
            from_min=_minutes(form.get("from", "")),
            until_min=_minutes(form.get("until", "")),
            lapse_min=int(form["lapse"]) if form.get("lapse") else None,
            arrive_min=int(form["arrive"]) if form.get("arrive") else None,
        )
    except (ValueError, ValidationError) as error:
        raise NotRead from error


def _steps(form: MultiDict[str, str]) -> Iterator[Step]:
    for number in range(1, steps.STEPS_MAX + 1):
        words = dict.fromkeys(filter(None, form.getlist(f"step-{number}")))
        if words:
            timeout_s = int(form.get(f"timeout-{number}", "120"))
            yield Step(receivers=tuple(map(_receiver, words)), timeout_s=timeout_s)


def _minutes(said: str) -> int:
    if not said:
        return 0
    at = time.fromisoformat(said)
    return at.hour * 60 + at.minute


def clock_of(minutes: int) -> str:
    """`07:00`."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def timeouts(chosen: Sequence[Step]) -> list[tuple[int, str]]:
    """The times that a step may wait: those that are offered, and what was saved before."""
    known = {HALF_MIN_S, *(minutes * 60 for minutes in TIMEOUTS_MIN)}
    known |= {step.timeout_s for step in chosen}
    return [(seconds, waits(seconds)) for seconds in sorted(known)]


def waits(seconds: int) -> str:
    """`2 min`, or `30 s`."""
    if seconds % 60:
        return _("%(n)s s", n=seconds)
    return _("%(n)s min", n=seconds // 60)


def places(chosen: Sequence[Step]) -> list[tuple[int, list[str], int]]:
    """The form's steps: number, the words of its receivers with empty places after them, time."""
    found = [
        (number, [*map(word_of, step.receivers), *[""] * MORE], step.timeout_s)
        for number, step in enumerate(chosen, start=1)
    ]
    empty = range(len(found) + 1, min(len(found) + MORE, steps.STEPS_MAX) + 1)
    return found + [(number, [""] * (MORE + 1), 120) for number in empty]
