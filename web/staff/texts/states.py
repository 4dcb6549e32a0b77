"""What is known of a lock, a bed, a device: a word, an icon and a tone.  What is not known is said.

Not for: HTML.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flask_babel import format_date

from web.staff.core.context import staff
from web.staff.core.i18n import local
from web.staff.core.i18n import say as _
from web.staff.storage.rows import DeviceRow, HomeRow
from web.staff.texts import words


@dataclass(frozen=True, slots=True)
class State:
    """A word for a state; `tone` is one of the style sheet's (`ok`, `warn`, `alarm`, `unknown`, or
    empty for nothing special)."""

    text: str
    icon: str
    tone: str = ""


def lock_word(row: DeviceRow, zone: str | None = None, home: HomeRow | None = None) -> State:
    """What the lock said last of its bolt, and when, in the home's time.  A lock that sleeps has
    said all there is to say; unknown is what something made so: a turn without an end, a lock that
    cannot be heard, a home that is silent."""
    if row.state_at is None:
        return State(_("Inget besked från låset än"), "lock-unknown")
    at = when(row.state_at, zone)
    if row.state not in ("locked", "unlocked", "jammed"):
        return State(_("Låsläge okänt sedan %(at)s", at=at), "lock-unknown", "unknown")
    silent = home is not None and home.silent_since is not None
    if silent or _is_lost(row):
        said = _("låst") if row.state == "locked" else _("upplåst")
        said = _("hade fastnat") if row.state == "jammed" else said
        text = _("Låsläge okänt (%(said)s %(at)s)", said=said, at=at)
        return State(text, "lock-unknown", "unknown")
    if row.state == "locked":
        return State(_("Låst enligt låset %(at)s", at=at), "lock")
    if row.state == "unlocked":
        return State(_("Upplåst enligt låset %(at)s", at=at), "lock-open", "warn")
    return State(_("Låset har fastnat"), "lock-unknown", "alarm")


def _is_lost(row: DeviceRow) -> bool:
    """Whether the lock's driver said that it cannot hear it, after its last word.  Not: that it
    slept when somebody wanted to turn it (that has no reason beside it)."""
    lost = row.health == "failed" or (row.health == "offline" and row.health_text is not None)
    return lost and (row.state_at is None or row.health_at is None or row.health_at > row.state_at)


def when(at: datetime, zone: str | None) -> str:
    """`21:14` today, with the date on any other day."""
    here, today = local(at, zone), local(staff().clock.now(), zone).date()
    if here.date() == today:
        return f"{here:%H:%M}"
    return f"{format_date(here.date(), 'd MMM')} {here:%H:%M}"


class BedTile(Protocol):
    """What `bed_word` reads."""

    @property
    def state(self) -> HomeRow | None: ...
    @property
    def bed_trouble(self) -> bool: ...
    @property
    def on_floor(self) -> bool: ...


def bed_word(tile: BedTile) -> State:
    """Whether the resident lies in bed.  `tile` has the `state` of the home (or None), and says
    whether its bed mat can be trusted (`bed_trouble`), and of an alarm beside it (`on_floor`)."""
    state = tile.state
    if state is None or state.in_bed not in ("on", "off"):
        return State(_("Osäkert om någon ligger i sängen"), "question", "unknown")
    if state.silent_since is not None:
        return State(_("Okänt, ingen kontakt med hemmet"), "question", "unknown")
    if tile.bed_trouble:
        return State(_("Okänt, sängmattan fungerar inte"), "question", "unknown")
    if tile.on_floor and state.in_bed == "on":
        return State(_("Osäkert, larm från golvet"), "question", "unknown")
    if state.in_bed == "on":
        return State(_("I sängen"), "bed", "ok")
    return State(_("Uppe"), "bed-empty", "")


def health_word(row: DeviceRow) -> State:
    """Whether a device answers.  Of a wired sensor that works nothing is ever told but its
    readings."""
    known = {
        "ok": State(_("Svarar"), "signal", "ok"),
        "offline": State(_("Svarar inte"), "signal-off", "warn"),
        "failed": State(_("Fel"), "signal-off", "warn"),
        "asleep": State(_("Sover"), "moon", ""),
    }
    if row.health in known:
        return known[row.health]
    if row.state == "unknown":
        return State(_("Ingen signal än"), "question", "unknown")
    return State(_("Inga kända fel"), "dot")


def health_why(row: DeviceRow) -> str:
    """Why a device is not well: our word for why it is not heard, else its driver's own text."""
    if row.health == "offline":
        return words.spoken(words.OFFLINE_WHY, row.health_text)
    why: str | None = row.health_text
    return why or ""


def battery_word(row: DeviceRow) -> State | None:
    """The battery; None for a device that has never told of one."""
    percent = "" if row.battery_pct is None else f" {row.battery_pct} %"
    if row.battery == "low":
        return State(_("Lågt batteri") + percent, "battery-low", "warn")
    if row.battery == "ok":
        return State(_("Batteri bra") + percent, "battery", "ok")
    return None


def device_word(row: DeviceRow, zone: str | None = None, home: HomeRow | None = None) -> State:
    """What a device tells now, apart from its health."""
    if row.type == "lock":
        return lock_word(row, zone, home)
    known = {
        "pressed": State(_("Nedtryckt"), "mat"),
        "released": State(_("Inte nedtryckt"), "mat"),
        "open": State(_("Öppen"), "door-open", "warn"),
        "closed": State(_("Stängd"), "door"),
        "motion": State(_("Rörelse"), "motion"),
        "still": State(_("Ingen rörelse"), "motion"),
        "wet": State(_("Fuktig"), "drop", "warn"),
        "on": State(_("På"), "dot"),
        "off": State(_("Av"), "dot"),
    }
    return known.get(row.state) or State(_("Okänt läge"), "question", "unknown")
