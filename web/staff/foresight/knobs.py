"""The settings of rules that an organisation tunes, with their meaning in words.

A knob is a key of a rule's settings (`gateway.rules`), which a test holds to: the same key, the
same default, and no value here that a home would refuse.  Rules that are not here are set by the
installer.

Not for: what a home has set (`web.staff.configs`), or what came of a trial (`trials`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from web.staff.core.i18n import N_

HOUR = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
"""A time of day as a form sends it."""

TIME, NUMBER = "time", "number"


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting.  `default` as the rule has it; a number is between `least` and `most`, in steps
    of `step`; `unit` stands after it."""

    key: str
    label: str
    default: float | str
    unit: str = ""
    least: float = 0.0
    most: float = 0.0
    step: float = 1.0

    @property
    def kind(self) -> str:
        """What a form asks for."""
        return TIME if isinstance(self.default, str) else NUMBER

    def read(self, text: str) -> float | str | None:
        """The value that somebody wrote; None: it is none."""
        text = text.strip()
        if self.kind == TIME:
            return text[:5] if HOUR.fullmatch(text[:5]) and len(text) in (5, 8) else None
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            return None
        return value if self.least <= value <= self.most else None

    def shown(self, value: object) -> str:
        """A value as it stands in the form: `15`, `22:00`."""
        if self.kind == TIME:
            return str(value)[:5]
        if not isinstance(value, int | float) or isinstance(value, bool):
            return str(value)
        return f"{value:g}"


@dataclass(frozen=True, slots=True)
class Tunable:
    """One rule: what it does, in a sentence that names no number, and its knobs."""

    rule: str
    about: str
    knobs: tuple[Knob, ...]

    def read(self, form: Mapping[str, str]) -> tuple[dict[str, float | str], str | None]:
        """What a form sets, and the label of the first knob whose value is none."""
        said: dict[str, float | str] = {}
        for knob in self.knobs:
            value = knob.read(form.get(knob.key, ""))
            if value is None:
                return said, knob.label
            said[knob.key] = value
        return said, None


def _minutes(key: str, label: str, default: float, least: float, most: float) -> Knob:
    return Knob(key, label, default, N_("minuter"), least, most)


def _hours(key: str, label: str, default: float, least: float, most: float) -> Knob:
    return Knob(key, label, default, N_("timmar"), least, most, 0.5)


TUNABLE: tuple[Tunable, ...] = (
    Tunable(
        "bed_exit",
        N_(
            "Larmar när brukaren har lämnat sängen på natten och inte har rört sig sedan dess. Är "
            "sängmattan osäker blir det en extra tillsyn i stället för ett larm."
        ),
        (
            Knob("night_from", N_("Natten börjar"), "22:00"),
            Knob("night_to", N_("Natten slutar"), "07:00"),
            _minutes("back_within_min", N_("Larma efter så länge utan rörelse"), 15, 5, 120),
            _minutes("look_min", N_("Extra tillsyn efter så länge utan rörelse"), 29, 5, 120),
        ),
    ),
    Tunable(
        "bathroom",
        N_(
            "Larmar när det sista som märktes var i badrummet och ingen har rört sig sedan dess. "
            "På natten blir det först en extra tillsyn."
        ),
        (
            _minutes("still_min", N_("På dagen efter"), 60, 15, 240),
            _minutes("night_still_min", N_("På natten efter"), 120, 15, 240),
        ),
    ),
    Tunable(
        "inactivity",
        N_(
            "Frågar brukaren när ingen har rört sig i hemmet på länge, och larmar om ingen svarar. "
            "Tid i sängen och i en stol räknas inte."
        ),
        (
            Knob("day_from", N_("Dagen börjar"), "08:00"),
            Knob("day_to", N_("Dagen slutar"), "22:00"),
            _hours("quiet_h", N_("Fråga efter så länge utan rörelse"), 7, 1, 14),
            _minutes("answer_min", N_("Tid att svara"), 15, 5, 60),
        ),
    ),
    Tunable(
        "door_open",
        N_("Larmar när ytterdörren står öppen. På natten är det ett omsorgslarm."),
        (_minutes("open_min", N_("Efter"), 15, 2, 120),),
    ),
    Tunable(
        "wandering",
        N_(
            "Larmar när brukaren har gått upp ur sängen och ut genom ytterdörren på natten utan "
            "att komma tillbaka."
        ),
        (
            Knob("night_from", N_("Natten börjar"), "23:00"),
            Knob("night_to", N_("Natten slutar"), "05:30"),
            _minutes("back_min", N_("Tid att komma tillbaka"), 5, 0, 60),
        ),
    ),
    Tunable(
        "on_floor",
        N_("Larmar när någon ligger på golvmattan."),
        (Knob("lie_s", N_("Efter"), 60, N_("sekunder"), 10, 300, 5),),
    ),
    Tunable(
        "temperature",
        N_("Säger till när det är för kallt eller för varmt hemma länge."),
        (
            Knob("low_c", N_("För kallt under"), 17, N_("grader"), 5, 25, 0.5),
            Knob("high_c", N_("För varmt över"), 28, N_("grader"), 20, 40, 0.5),
        ),
    ),
)
"""In the order of the page."""

BY_RULE: Mapping[str, Tunable] = {one.rule: one for one in TUNABLE}
