"""What a home's own last weeks would have been with another setting of a rule: `python -m
gateway.replay.what_if`, a process of its own.

From its standard input it reads one line of JSON, which says what the home consists of, what is set
now and what is to be tried (`Asked`), and then one line for each event of the home, in order: its
moment, a tab, the event as it was written.  What was told goes through the live rules twice, as a
recorded home does (`gateway.replay.score`), and one line of JSON says what came of it (`Answer`),
or which setting cannot be.

What rules had decided is left out, for they decide anew.  What people said to it is said to the
alarm or the look that comes in its place, and where nothing real is like it, what is assumed
(`gateway.replay.real_team`).  The first days are run and not counted, for a rule knows nothing of a
home at first.

Not for: reading the log or the database (the caller sends what it may), or changing anything.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TextIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.envelope import Draft, from_json
from gateway.errors import BadEvent
from gateway.events import AlarmRaised, Unknown
from gateway.replay.real_team import SAME, Heard, Real, RealTeam, since
from gateway.replay.score import Pass, run_drafts
from gateway.rules import DeviceFacts, HomeFacts, RuleSettings, bind, settings_class

WARM_UP = timedelta(days=7)
"""Days that are run and not counted: what a mat is like is learned in some nights."""

WARM_UP_SHARE = 0.25
"""Of what there is, at the most: ten days of events leave seven and a half to count."""

MEMORY_MAX_BYTES = 1024 * 1024 * 1024
"""Addresses of this process: some 120,000 events are 200 MB."""

CPU_MAX_S = 120
"""Seconds of a processor; the caller waits for less on a clock."""

SHOWN_MAX = 100
"""Alarms that are named, of those that come or go."""

LOOK = "look"
"""What a question to look counts as, beside the types of alarms."""


class Device(BaseModel):
    """A device as `home.described` has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    driver: str
    type: str
    role: str | None = None
    room: str | None = None


class Asked(BaseModel):
    """What to try.  `settings` is what is set now, by rule; what is missing has its default;
    `change` is laid over it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: str
    timezone: str
    resident: str | None = None
    devices: tuple[Device, ...] = Field(max_length=200)
    settings: dict[str, dict[str, object]] = {}
    change: dict[str, dict[str, object]]


class Told(BaseModel):
    """One alarm or look that comes, or does not come any more."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    what: str


class Staffed(BaseModel):
    """What staff do in a run, of what comes in `days`: `real` alarms and looks are answered as they
    were then, `assumed` ones as the assumed team does, `left` ones (of technique) by nobody."""

    model_config = ConfigDict(frozen=True)

    real: int = 0
    assumed: int = 0
    left: int = 0


class Answer(BaseModel):
    """`before` and `after` count what is told in `days`, by what it is (`look`, or the alarm's
    type); `more` and `less` name what comes and what goes.  `days` None: there is nothing to count.
    `staffed` says what staff do in the one run and in the other.  With `wrong` (`rule.key`) nothing
    was tried."""

    model_config = ConfigDict(frozen=True)

    days: float | None = None
    events: int = 0
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    more: tuple[Told, ...] = ()
    less: tuple[Told, ...] = ()
    staffed: tuple[Staffed, Staffed] = (Staffed(), Staffed())
    wrong: str | None = None


class Wrong(Exception):
    """A setting cannot be: `rule.key`."""


def settings_of(said: Mapping[str, Mapping[str, object]]) -> dict[str, RuleSettings]:
    """The rules' settings, checked as those of a home's file.  Raises `Wrong`."""
    made: dict[str, RuleSettings] = {}
    for rule, keys in said.items():
        try:
            made[rule] = settings_class(rule).model_validate(dict(keys))
        except KeyError:
            raise Wrong(rule) from None
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise Wrong(f"{rule}.{where}") from None
    return made


def answer(asked: Asked, lines: Iterable[str]) -> Answer:
    """Run both and count."""
    facts = HomeFacts(
        asked.home,
        asked.timezone,
        asked.resident,
        {
            one.id: DeviceFacts(one.id, one.driver, one.type, one.role, one.room)
            for one in asked.devices
        },
    )
    changed = {
        rule: {**asked.settings.get(rule, {}), **keys} for rule, keys in asked.change.items()
    }
    try:
        now = settings_of(asked.settings)
        then = settings_of({**asked.settings, **changed})
    except Wrong as wrong:
        return Answer(wrong=str(wrong))
    real = Heard()
    drafts = list(told(lines, _heard(facts), real))
    if not drafts:
        return Answer()
    first, last = drafts[0][0], drafts[-1][0]
    begin = first + min(WARM_UP, (last - first) * WARM_UP_SHARE)
    (before, staffed), (after, staffed_then) = (
        _run(drafts, facts, one, real.found, begin) for one in (now, then)
    )
    less, more = _apart(before, after)
    return Answer(
        days=round((last - begin) / timedelta(days=1), 1),
        events=len(drafts),
        before=dict(Counter(one.what for one in before)),
        after=dict(Counter(one.what for one in after)),
        more=tuple(more[:SHOWN_MAX]),
        less=tuple(less[:SHOWN_MAX]),
        staffed=(staffed, staffed_then),
    )


def _run(
    drafts: Sequence[tuple[datetime, Draft]],
    facts: HomeFacts,
    settings: Mapping[str, RuleSettings],
    real: Iterable[Real],
    begin: datetime,
) -> tuple[list[Told], Staffed]:
    """One run: what comes from `begin` on, and what staff do to it."""
    team = RealTeam(real)
    found = _counted(run_drafts(drafts, facts, settings, team=team), begin)
    assumed, left = since(team.assumed, begin), since(team.left, begin)
    return found, Staffed(real=len(found) - assumed - left, assumed=assumed, left=left)


def _heard(facts: HomeFacts) -> frozenset[str]:
    """The kinds that some rule looks at, without what people say to alarms and questions."""
    kinds = frozenset[str]().union(*(rule.kinds for rule in bind({}, facts)))
    answers = {kind for kind in kinds if kind.startswith(("alarm.", "check."))}
    return (kinds - answers) | {"check.due"}


def told(
    lines: Iterable[str], heard: frozenset[str], real: Heard
) -> Iterator[tuple[datetime, Draft]]:
    """What devices, people and the plan told, in order; a line that is no event is passed over.
    What a rule had decided, and what was said to it, goes into `real`."""
    last: datetime | None = None
    for line in lines:
        moment, _, body = line.partition("\t")
        try:
            event = from_json(json.loads(body))
            at = datetime.fromisoformat(moment)
        except (BadEvent, ValueError):
            continue
        if isinstance(event.data, Unknown) or at.tzinfo is None:
            continue
        if last is not None and at < last:
            continue
        if event.because is not None or event.kind not in heard:
            real.see(at, event)
            continue
        last = at
        yield at, Draft(event.data, device=event.device, person=event.person, at=at)


def _counted(run: Pass, begin: datetime) -> list[Told]:
    """Each alarm and each look from `begin` on, in order."""
    found = [Told(at=one.at, what=LOOK) for one in run.answers if one.look and one.at >= begin]
    for event in run.decided:
        if isinstance(event.data, AlarmRaised) and event.at >= begin:
            found.append(Told(at=event.at, what=str(event.data.type)))
    return sorted(found, key=lambda one: one.at)


def _apart(before: Sequence[Told], after: Sequence[Told]) -> tuple[list[Told], list[Told]]:
    """What is only before, and what is only after: the same, up to half an hour sooner or later, is
    in neither."""
    left = list(after)
    less = []
    for one in before:
        near = [two for two in left if two.what == one.what and abs(two.at - one.at) <= SAME]
        if near:
            left.remove(min(near, key=lambda two: abs(two.at - one.at)))
        else:
            less.append(one)
    return less, left


def _bounded() -> None:
    """Let this process go last, and not grow; where the system does not allow to say so, the caller
    still ends it."""
    with contextlib.suppress(OSError):
        os.nice(19)
    for what, most in ((resource.RLIMIT_AS, MEMORY_MAX_BYTES), (resource.RLIMIT_CPU, CPU_MAX_S)):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))


def main(source: TextIO = sys.stdin, target: TextIO = sys.stdout) -> int:
    """Read, try, print the answer."""
    asked = Asked.model_validate_json(source.readline())
    target.write(answer(asked, source).model_dump_json() + "\n")
    return 0


if __name__ == "__main__":
    _bounded()
    sys.exit(main())
