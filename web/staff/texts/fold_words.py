"""How many times a sensor told what, in one line: "Sängmattan: 42 tryck".

Not for: which events are folded together (`web.staff.pages.event_folds`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask_babel import ngettext

from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _

COUNTED: Mapping[str, Callable[[int], str]] = {
    "mat.pressed": lambda n: ngettext("%(num)s tryck", "%(num)s tryck", n),
    "mat.released": lambda n: ngettext("%(num)s släpp", "%(num)s släpp", n),
    "mat.loaded": lambda n: ngettext("%(num)s ändring", "%(num)s ändringar", n),
    "seat.taken": lambda n: ngettext("satte sig %(num)s gång", "satte sig %(num)s gånger", n),
    "seat.left": lambda n: ngettext("reste sig %(num)s gång", "reste sig %(num)s gånger", n),
    "motion.detected": lambda n: ngettext("%(num)s rörelse", "%(num)s rörelser", n),
    "motion.cleared": lambda n: ngettext("%(num)s gång stilla", "%(num)s gånger stilla", n),
    "temperature.measured": lambda n: ngettext("%(num)s mätning", "%(num)s mätningar", n),
    "device.heard": lambda n: ngettext("%(num)s signal", "%(num)s signaler", n),
    "contact.changed": lambda n: ngettext("%(num)s ändring", "%(num)s ändringar", n),
}
"""Every reading (`kind_words`), in the order in which they are told."""

ENDS: Mapping[str, str] = {
    "mat.released": "mat.pressed",
    "motion.cleared": "motion.detected",
    "seat.left": "seat.taken",
}
"""What only says that something is over is not counted beside its beginning."""

MATS: Mapping[str, str] = {
    "bed": N_("Sängmattan"),
    "floor": N_("Golvmattan"),
    "seat": N_("Stolsmattan"),
}
"""A mat by its role."""


def counts_text(counts: Mapping[str, int]) -> str:
    """`42 tryck, 3 ändringar`, of counts by kind."""
    told = {kind: n for kind, n in counts.items() if n and not counts.get(ENDS.get(kind, ""))}
    return ", ".join(say(told[kind]) for kind, say in COUNTED.items() if kind in told)


def mat_name(role: str | None) -> str:
    """What the mat with this role is called."""
    return _(MATS[role]) if role is not None and role in MATS else _("Mattan")


def rows_text(rows: int, homes: int) -> str:
    """`412 rader i 37 hem`: the rows of many homes together."""
    here = ngettext("%(num)s hem", "%(num)s hem", homes)
    return _(
        "%(rows)s i %(homes)s", rows=ngettext("%(num)s rad", "%(num)s rader", rows), homes=here
    )
