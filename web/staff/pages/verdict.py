"""The verdict on top of Nu: one glance says whether anything needs a person.

It never calls calm what this person may not see: a role without care is told of technical alarms,
and that the rest is not shown to it.  Not for: the cards below (`now`, `incidents`,
`mass_alarms`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flask_babel import format_decimal, ngettext

from gateway.events import Severity
from web.staff.care.mass_alarms import MassAlarm
from web.staff.core.i18n import say as _
from web.staff.homelink.catching_up import CatchingUp
from web.staff.pages.incidents import AlarmLine
from web.staff.pages.mass_alarms import title


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to tell: open alarms, `shared` those of many homes, and how many of each other
    thing.  `care`: whether this
    person sees care at all; `everywhere`: every home of the organisation; `elsewhere`: open alarms
    in homes of others; `unconnected`: homes that have never been heard; `catching_up`: how far
    homes are that come back after an outage."""

    lines: Sequence[AlarmLine]
    shared: Sequence[MassAlarm]
    checks: int
    tasks: int
    silent: int
    asks: int
    homes: int
    unconnected: int
    elsewhere: int
    care: bool
    everywhere: bool
    catching_up: CatchingUp | None = None

    @property
    def hasty(self) -> list[AlarmLine]:
        """Alarms that do not wait for the next visit."""
        return [line for line in self.lines if line.row.severity != Severity.ROUTINE]

    @property
    def waiting(self) -> int:
        """How many of them nobody has taken; one of many homes is one."""
        alone = sum(line.row.acknowledged_at is None for line in self.hasty)
        return alone + sum(one.rings for one in self.shared)

    @property
    def taken(self) -> int:
        """How many of them somebody has taken."""
        return len(self.hasty) + len(self.shared) - self.waiting

    @property
    def routine(self) -> int:
        return len(self.lines) - len(self.hasty)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`tone` is one of the style sheet's; `more` what stands below the heading."""

    tone: str
    icon: str
    title: str
    more: list[str] = field(default_factory=list)


def of(seen: Seen) -> Verdict:
    """The verdict."""
    if not seen.homes and seen.everywhere:
        more = _("Hem läggs till under Administration.")
        return Verdict("plain", "home", _("Verksamheten har inga hem än"), [more])
    if not seen.homes:
        more = _("Samordnaren lägger till dig i de hem du ska följa.")
        return Verdict("ok", "check-circle", _("Du har inga hem"), [more])
    title = _title(seen)
    if title is None:
        verdict = _quiet(seen)
    elif title == _elsewhere(seen.elsewhere):
        verdict = Verdict("warn", "warning", title, [_calm(seen.homes)])
    elif seen.waiting:
        verdict = Verdict("alarm", "bell", title, _others(seen, title))
    else:
        verdict = Verdict("warn", "warning", title, _others(seen, title))
    if not seen.care:
        verdict.more.append(_("Din roll ser inte omsorgslarm eller tillsyner."))
    if seen.unconnected:
        n = seen.unconnected
        verdict.more.append(
            ngettext("%(num)s hem är inte anslutet än.", "%(num)s hem är inte anslutna än.", n)
        )
    if seen.catching_up is not None:
        verdict.more.append(_catching_up(seen.catching_up))
    return verdict


def _catching_up(how_far: CatchingUp) -> str:
    """After an outage: how many homes have told everything."""
    told, homes = format_decimal(how_far.told), format_decimal(how_far.homes)
    return _(
        "Hemmen hinner ikapp: %(told)s av %(homes)s har skickat allt. Larm går före.",
        told=told,
        homes=homes,
    )


def _title(seen: Seen) -> str | None:
    """The most urgent thing in a few words; None: nothing needs anybody."""
    taken = seen.taken
    texts = [
        (seen.waiting, _shared(seen) if len(seen.shared) == seen.waiting == 1 else _waiting(seen)),
        (seen.checks, _checks(seen.checks)),
        (taken, ngettext("%(num)s kvitterat larm pågår", "%(num)s kvitterade larm pågår", taken)),
        (seen.tasks, _("Någon behöver åka dit")),
        (seen.silent, _("Ett hem saknar kontakt") if seen.silent == 1 else _silent(seen.silent)),
        (seen.asks, _asks(seen.asks)),
        (seen.elsewhere, _elsewhere(seen.elsewhere)),
    ]
    return next((text for count, text in texts if count), None)


def _others(seen: Seen, title: str) -> list[str]:
    """What there is beside the title, in short."""
    taken = seen.taken
    texts = [
        (len(seen.shared), _shared(seen)),
        (seen.checks, _checks(seen.checks)),
        (
            taken and (seen.waiting or seen.checks),
            ngettext("%(num)s kvitterat larm", "%(num)s kvitterade larm", taken),
        ),
        (
            seen.tasks,
            ngettext("%(num)s hem behöver besök", "%(num)s hem behöver besök", seen.tasks),
        ),
        (seen.silent, _silent(seen.silent)),
        (seen.routine, _routine(seen.routine)),
        (seen.asks, _asks(seen.asks)),
        (seen.elsewhere, _elsewhere(seen.elsewhere)),
    ]
    parts = [text for count, text in texts if count and text != title]
    return [" · ".join(parts)] if parts else []


def _quiet(seen: Seen) -> Verdict:
    """Nothing needs anybody: of that, and only of that, which this person sees."""
    n = seen.homes
    if not seen.care:
        more = ngettext("I det hem du följer.", "I dina %(num)s hem.", n)
        return Verdict("plain", "plug", _("Inga tekniska larm"), [more])
    calm = _calm(n)
    title = _("Allt är lugnt") if seen.everywhere else _("Allt är lugnt i dina hem")
    return Verdict("ok", "check-circle", title, [_routine(seen.routine) if seen.routine else calm])


def _calm(homes: int) -> str:
    return str(
        ngettext(
            "Inga larm och inga frågor i det hem du följer.",
            "Inga larm och inga frågor i dina %(num)s hem.",
            homes,
        )
    )


def _waiting(seen: Seen) -> str:
    n = seen.waiting
    if not seen.care:
        return str(
            ngettext("%(num)s ej kvitterat tekniskt larm", "%(num)s ej kvitterade tekniska larm", n)
        )
    return str(ngettext("%(num)s ej kvitterat larm", "%(num)s ej kvitterade larm", n))


def _shared(seen: Seen) -> str:
    return " · ".join(title(one) for one in seen.shared)


def _checks(n: int) -> str:
    return str(ngettext("%(num)s tillsyn väntar på svar", "%(num)s tillsyner väntar på svar", n))


def _silent(n: int) -> str:
    return str(ngettext("%(num)s hem utan kontakt", "%(num)s hem utan kontakt", n))


def _routine(n: int) -> str:
    return str(ngettext("%(num)s sak vid nästa besök", "%(num)s saker vid nästa besök", n))


def _asks(n: int) -> str:
    return str(ngettext("%(num)s tekniker väntar på svar", "%(num)s tekniker väntar på svar", n))


def _elsewhere(n: int) -> str:
    return str(
        ngettext(
            "%(num)s larm i ett hem som inte är ditt", "%(num)s larm i hem som inte är dina", n
        )
    )
