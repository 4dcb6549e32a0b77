"""Recorded homes: a CSV of sensor changes, read into the events that the home's devices would tell.

Columns `timestamp_local, home, sensor, kind, value` and, when there, `activity` (ignored: what a
person labelled is nothing that a home knows); `.csv` or `.csv.gz`, UTF-8.  One file is one home.

What is repaired, and counted in `Recording.repaired`:

- a row at most `TOLERANCE` before the one above it is sorted in (two radios, one clock);
- a row that repeats the one before of the same sensor, at the same moment, is left out;
- a local time that occurs twice (autumn) is the first, unless that would go back in time;
- a local time that does not exist (spring) is read with the offset before the change: the
  recorder's clock had not been moved yet.

Everything else is refused by its line number: a header that is not this one, impossible dates,
times with an offset, unknown kinds, values other than 0 and 1 (pressures need a calibrated
`mat_adc`), a second home, a sensor of two kinds, rows out of order.  A sensor that says "on" twice
is kept: real ones do.

Not for: what the events mean.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.errors import RecordingError
from gateway.events import (
    ContactChanged,
    Data,
    DoorClosed,
    DoorOpened,
    MatPressed,
    MatReleased,
    MotionCleared,
    MotionDetected,
    PendantPressed,
)
from gateway.rules import DeviceFacts
from gateway.schedule import zone

COLUMNS = ("timestamp_local", "home", "sensor", "kind", "value")

TOLERANCE = timedelta(seconds=5)
"""How far back a row may lie and still be sorted in.  The recorded homes tell whole seconds; a
gateway's own radios differ by less than two."""

PROBLEMS_MAX = 20
"""Problems that are kept; a file with more of them is not a recording."""

FRONT_WORDS = ("front", "outside", "entrance", "main", "house", "ytter", "entré", "entre")
"""A door with one of these in its name leads out of the home."""

PENDANT_WORDS = ("pendant", "alarm", "larm", "sos", "panic", "emergency", "help", "hjälp")
"""A button with one of these in its name calls for help.  Any other is a button: what it is for
nobody says, and a doorbell that rang care would be a guess."""

ROOM_WORDS = {
    "bathroom": ("bath", "toilet", "shower", "wc", "badrum", "toalett", "dusch"),
    "bedroom": ("bedroom", "sovrum", "wardrobe", "dresser"),
    "kitchen": ("kitchen", "fridge", "stove", "microwave", "kök"),
    "living_room": ("living", "lounge", "couch", "vardagsrum"),
    "hall": ("hall",),
}
"""A sensor with one of these in its name is in that room; the first that fits.  Names are all that
a recording tells; in a home the configuration says it."""

_ON, _OFF = ContactChanged(on=True), ContactChanged(on=False)
_SAYS: dict[str, tuple[Data, Data]] = {
    "bed_mat": (MatReleased(), MatPressed()),
    "floor_mat": (MatReleased(), MatPressed()),
    "seat_mat": (_OFF, _ON),
    "door": (DoorClosed(), DoorOpened()),
    "motion": (MotionCleared(), MotionDetected()),
    "toilet": (_OFF, _ON),
    "button": (_OFF, _ON),
    "pendant": (_OFF, PendantPressed(verified=True)),
    "other": (_OFF, _ON),
}
"""Kind to what its 0 and its 1 say.  A seat, a toilet or a button is evidence of activity, no
more."""

_ROLES = {
    "bed_mat": "bed",
    "floor_mat": "floor",
    "seat_mat": "seat",
    "motion": "motion",
    "toilet": "toilet",
    "button": "button",
    "pendant": "pendant",
}


class Row(NamedTuple):
    """One change: when (UTC), which device, what it said, and its line in the file."""

    at: datetime
    device: str
    data: Data
    line: int


@dataclass(slots=True)
class Recording:
    """A recorded home.  `devices` in the order in which they first speak; `rows` sorted by time;
    `repaired` counts rows by the rule that mended them; `problems` are the rows that were refused
    (only when the caller asked to go on without them)."""

    path: Path
    home: str
    timezone: str
    devices: dict[str, DeviceFacts] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    repaired: dict[str, int] = field(default_factory=dict)
    problems: list[RecordingError] = field(default_factory=list)


def read(path: Path, timezone: str, *, skip_bad: bool = False) -> Recording:
    """Read a recording whose local times are those of `timezone` (IANA).

    Raises `RecordingError`, which names file and line, at the first row that cannot be used; with
    `skip_bad` such rows are left out and listed, up to `PROBLEMS_MAX` of them.
    """
    try:
        tz = zone(timezone)
    except ValueError as error:
        raise RecordingError(f"{path}: {error}.", file=str(path), line=None) from error
    reader = _Reader(path, timezone, tz, skip_bad)
    try:
        with _open(path) as text:
            reader.read(csv.reader(text))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        why = f"{path}: cannot be read ({error})."
        raise RecordingError(why, file=str(path), line=reader.line) from error
    return reader.finish()


def _open(path: Path) -> io.TextIOBase:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def role_of(sensor: str, kind: str) -> str | None:
    """What a recorded sensor is for."""
    if kind == "door":
        name = sensor.lower()
        return "front_door" if any(word in name for word in FRONT_WORDS) else "door"
    return _ROLES.get(kind)


def kind_of(sensor: str, kind: str) -> str:
    """The kind that a recorded sensor is taken for: a button that is named so is a pendant."""
    name = sensor.lower()
    if kind == "button" and any(word in name for word in PENDANT_WORDS):
        return "pendant"
    return kind


def room_of(sensor: str) -> str | None:
    """The room that a recorded sensor's name speaks of, None when it speaks of none."""
    name = sensor.lower()
    for room, words in ROOM_WORDS.items():
        if any(word in name for word in words):
            return room
    return None


class _BadRow(Exception):
    """Why a row cannot be used."""


class _Reader:
    """Reads rows one by one; knows what the rows before said."""

    def __init__(self, path: Path, timezone: str, tz: ZoneInfo, skip_bad: bool) -> None:
        self.line = 0
        self._made = Recording(path, "", timezone)
        self._skip_bad = skip_bad
        self._utc = _utc_of(tz, self._repair)
        self._latest: datetime | None = None
        self._last: dict[str, tuple[datetime, bool]] = {}
        self._kinds: dict[str, str] = {}
        self._unsorted = False

    def read(self, rows: Iterable[list[str]]) -> None:
        for number, cells in enumerate(rows, start=1):
            self.line = number
            if number == 1:
                self._header(cells)
            elif cells:
                try:
                    self._row(cells)
                except _BadRow as bad:
                    self._refuse(str(bad))
        if self.line == 0:
            self._stop("the file is empty", 1)

    def finish(self) -> Recording:
        if self._unsorted:
            self._made.rows.sort(key=lambda row: row.at)
        return self._made

    def _header(self, cells: list[str]) -> None:
        names = tuple(cell.strip().lstrip("\ufeff") for cell in cells)
        if names not in (COLUMNS, (*COLUMNS, "activity")):
            self._stop(f"the header is not {','.join(COLUMNS)}[,activity]", 1)
        self._width = len(names)

    def _row(self, cells: list[str]) -> None:
        if len(cells) != self._width:
            raise _BadRow(f"{len(cells)} columns stand where {self._width} belong")
        stamp, home, sensor, kind, value = (cell.strip() for cell in cells[:5])
        kind = kind_of(sensor, kind)
        says = _SAYS.get(kind)
        if says is None:
            raise _BadRow(f"the kind {kind!r} is unknown")
        if value not in ("0", "1"):
            raise _BadRow(_value_problem(kind, value))
        if not sensor:
            raise _BadRow("the sensor has no name")
        self._home(home)
        at = self._utc(_local(stamp), self._latest)
        if self._latest is not None and at < self._latest - TOLERANCE:
            raise _BadRow(f"{stamp} lies before the row above it")
        if self._kinds.setdefault(sensor, kind) != kind:
            raise _BadRow(f"{sensor} was a {self._kinds[sensor]} before and is a {kind} here")
        on = value == "1"
        self._add(at, sensor, kind, says[on], on)

    def _add(self, at: datetime, sensor: str, kind: str, data: Data, on: bool) -> None:
        if self._latest is None or at > self._latest:
            self._latest = at
        elif at < self._latest:
            self._repair("sorted")
            self._unsorted = True
        if self._last.get(sensor) == (at, on):
            self._repair("duplicate")
            return
        self._last[sensor] = (at, on)
        recording = self._made
        if sensor not in recording.devices:
            role = role_of(sensor, kind)
            recording.devices[sensor] = DeviceFacts(
                sensor, "recording", "sensor", role, room_of(sensor)
            )
        recording.rows.append(Row(at, sensor, data, self.line))

    def _home(self, home: str) -> None:
        if not self._made.home:
            if not home:
                raise _BadRow("the home has no name")
            self._made.home = home
        elif home != self._made.home:
            raise _BadRow(f"the home is {home!r} here and {self._made.home!r} before")

    def _repair(self, rule: str) -> None:
        self._made.repaired[rule] = self._made.repaired.get(rule, 0) + 1

    def _refuse(self, why: str) -> None:
        error = self._error(why, self.line)
        if not self._skip_bad:
            raise error
        self._made.problems.append(error)
        if len(self._made.problems) > PROBLEMS_MAX:
            self._stop(f"more than {PROBLEMS_MAX} rows cannot be used; this is the last", self.line)

    def _stop(self, why: str, line: int) -> None:
        raise self._error(why, line)

    def _error(self, why: str, line: int) -> RecordingError:
        path = self._made.path
        return RecordingError(f"{path}: line {line}: {why}.", file=str(path), line=line)


def _local(stamp: str) -> datetime:
    try:
        local = datetime.fromisoformat(stamp)
    except ValueError as error:
        raise _BadRow(f"{stamp!r} is no date and time") from error
    if local.tzinfo is not None:
        raise _BadRow(f"{stamp!r} has an offset, and the column is local time")
    if not 1970 < local.year < 9999:
        raise _BadRow(f"the year {local.year} cannot be")
    return local


def _value_problem(kind: str, value: str) -> str:
    try:
        float(value)
    except ValueError:
        return f"the value {value!r} is neither 0 nor 1"
    if kind.endswith("_mat"):
        return f"the value {value} is a pressure; a mat's 0 and 1 need its threshold first"
    return f"the value {value} is neither 0 nor 1"


def _utc_of(
    tz: ZoneInfo, repaired: Callable[[str], None]
) -> Callable[[datetime, datetime | None], datetime]:
    """How to read local times of `tz`, given the latest moment before (see the module's text)."""
    hours: dict[tuple[int, int, int, int], timedelta | None] = {}

    def plain_offset(local: datetime) -> timedelta | None:
        """The offset when the whole hour around `local` has one and the same; None near a
        change.  An hour's answer serves its thousand rows."""
        key = (local.year, local.month, local.day, local.hour)
        if key not in hours:
            start = local.replace(minute=0, second=0, microsecond=0)
            stops = (start, start + timedelta(minutes=30), start + timedelta(hours=1))
            offsets = {
                stop.replace(tzinfo=tz, fold=fold).utcoffset() for stop in stops for fold in (0, 1)
            }
            hours[key] = offsets.pop() if len(offsets) == 1 else None
        return hours[key]

    def utc(local: datetime, latest: datetime | None) -> datetime:
        offset = plain_offset(local)
        if offset is not None:
            return (local - offset).replace(tzinfo=UTC)
        first = local.replace(tzinfo=tz, fold=0).astimezone(UTC)
        if first.astimezone(tz).replace(tzinfo=None) != local:
            repaired("clock_not_moved")
            return first
        second = local.replace(tzinfo=tz, fold=1).astimezone(UTC)
        if second > first and latest is not None and first < latest - TOLERANCE:
            repaired("second_hour")
            return second
        return first

    return utc


def lines(recording: Recording) -> Iterator[str]:
    """What was repaired and refused, for a person; nothing when nothing was."""
    for rule, count in sorted(recording.repaired.items()):
        yield f"{recording.path}: {count} rows repaired ({rule})"
    for problem in recording.problems:
        yield problem.text
