"""What some BTHome devices say differently, and how it is read.  Pure.

The one place for it: a device that says something differently gets a row here, a line in
docs/drivers.md and a test, and homes name the row (`quirks = ["reversed_contact"]`).  A row may
rename a reading, turn one round or leave one out.  It never touches a press: what may ask for help
is told whatever a device is called.

Not for: what is malformed (`bthome_decode`), or what a reading means (`bthome_events`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from drivers.radio.bthome_decode import Packet, Reading

NEVER = "button"
"""The reading that no row may touch."""


@dataclass(frozen=True, slots=True)
class Quirk:
    """`renamed` is what a reading means by what it is sent as, `reversed` are flags that mean the
    opposite, `ignored` readings that mean nothing there.  Names are those of `bthome_decode`, and
    `reversed` goes by what is meant."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    reversed: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


QUIRKS: dict[str, Quirk] = {
    "reversed_contact": Quirk(
        reversed=frozenset({"door", "window", "opening", "garage_door"}),
    ),
    "generic_is_opening": Quirk(renamed={"generic": "opening"}),
    "power_is_opening": Quirk(renamed={"power_on": "opening"}),
    "generic_is_moisture": Quirk(renamed={"generic": "moisture"}),
    "no_battery": Quirk(ignored=frozenset({"battery", "battery_low"})),
}
"""By the name that a home's file uses; docs/drivers.md says which device needs which."""


def known(names: Iterable[str]) -> tuple[str, ...]:
    """The names as they are.  Raises `ValueError` for one that is no row, and lists those there
    are."""
    given = tuple(names)
    for name in given:
        if name not in QUIRKS:
            raise ValueError(f"there is no quirk {name!r}; there are: {', '.join(QUIRKS)}")
    return given


def read(packet: Packet, names: Iterable[str]) -> Packet:
    """What the packet means, of a device with these quirks."""
    for name in names:
        quirk = QUIRKS[name]
        readings = (_meant(reading, quirk) for reading in packet.readings)
        packet = replace(packet, readings=tuple(one for one in readings if one is not None))
    return packet


def _meant(reading: Reading, quirk: Quirk) -> Reading | None:
    if reading.name == NEVER:
        return reading
    if reading.name in quirk.ignored:
        return None
    meant = replace(reading, name=quirk.renamed.get(reading.name, reading.name))
    if meant.name in quirk.reversed and isinstance(meant.value, bool):
        return replace(meant, value=not meant.value)
    return meant
