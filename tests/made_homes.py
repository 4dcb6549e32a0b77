"""Homes that nobody recorded, made by a seed: a resident's days and nights, and what may go wrong.

Not a recording, and not tuned to one: hours, habits and silences are drawn anew for each seed.  For
the tests of the score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from gateway.events import (
    Data,
    DoorClosed,
    DoorOpened,
    MatPressed,
    MatReleased,
    MotionCleared,
    MotionDetected,
)
from gateway.replay.recording import Recording, Row, role_of, room_of
from gateway.rules import DeviceFacts

TZ = "Europe/Stockholm"
BEGIN = datetime(2026, 11, 2, tzinfo=UTC)
NIGHTS = 30

NAMES = {
    "bed": ("bed_pressure", "bed_mat"),
    "hall": ("hall_motion", "motion"),
    "kitchen": ("kitchen_pir", "motion"),
    "bath": ("bathroom_motion", "motion"),
    "living": ("living_room_pir", "motion"),
    "front": ("front_door", "door"),
}
SWEDISH = {
    "bed": ("säng", "bed_mat"),
    "hall": ("rörelse 1", "motion"),
    "kitchen": ("kök", "motion"),
    "bath": ("badrum", "motion"),
    "living": ("vardagsrum", "motion"),
    "front": ("ytterdörr", "door"),
}


@dataclass
class Life:
    """Draws one home.  `mat`: `clean` is on while somebody lies there; `chatters` in pulses, with
    pauses up to three minutes; `loses` does too, and loses the sleeper for 35–90 min every fourth
    night."""

    seed: int
    mat: str = "clean"
    names: dict[str, tuple[str, str]] | None = None
    begin: datetime = BEGIN
    nights: int = NIGHTS

    def home(self) -> Recording:
        self.random = Random(f"{self.seed}/{self.mat}")
        self.names = self.names or NAMES
        self.lost: set[int] = set()
        devices = {
            name: DeviceFacts(name, "recording", "sensor", role_of(name, kind), room_of(name))
            for name, kind in self.names.values()
        }
        self.rows: list[Row] = []
        made = Recording(Path("made.csv"), "made", TZ, devices)
        rise = self.begin + timedelta(hours=6)
        for night in range(self.nights):
            bed = self.begin + timedelta(days=night, hours=self.random.uniform(20.5, 22.2))
            self._day(rise, bed)
            rise = self.begin + timedelta(days=night + 1, hours=self.random.uniform(5.3, 6.6))
            self._night(bed, rise, night)
        self._day(rise, rise + timedelta(hours=4))
        made.rows = sorted(self.rows, key=lambda row: row.at)
        return made

    def _say(self, at: datetime, what: str, data: Data) -> None:
        assert self.names is not None
        self.rows.append(Row(at, self.names[what][0], data, 0))

    def _moves(self, at: datetime, room: str) -> None:
        self._say(at, room, MotionDetected())
        self._say(at + timedelta(seconds=self.random.uniform(2, 20)), room, MotionCleared())

    def _day(self, begin: datetime, end: datetime) -> None:
        at = begin + timedelta(seconds=self.random.uniform(20, 90))
        while at < end - timedelta(minutes=4):
            self._moves(at, self.random.choice(("hall", "kitchen", "bath", "living", "living")))
            # who gets up washes and has breakfast before sitting still
            busy = at - begin < timedelta(minutes=40)
            pauses = (1, 2, 4, 6) if busy else (1, 2, 4, 8, 15, 30, 50)
            pause = timedelta(minutes=self.random.choice(pauses))
            if self.random.random() < 0.02 and at + timedelta(hours=3) < end:
                pause = timedelta(hours=self.random.uniform(1, 2.5))
                for door in (at + timedelta(seconds=50), at + pause - timedelta(seconds=40)):
                    self._say(door, "front", DoorOpened())
                    self._say(door + timedelta(seconds=9), "front", DoorClosed())
            at += pause

    def _night(self, bed: datetime, rise: datetime, night: int) -> None:
        begin = bed
        for _ in range(self.random.choice((0, 1, 1, 2))):
            up = begin + (rise - begin) * self.random.uniform(0.25, 0.6)
            back = up + timedelta(minutes=self.random.uniform(3, 9))
            if back + timedelta(minutes=40) > rise:
                break
            self._lies(begin, up, night)
            self._moves(up + timedelta(seconds=40), "hall")
            self._moves(up + timedelta(seconds=75), "bath")
            self._moves(back - timedelta(seconds=30), "hall")
            begin = back
        self._lies(begin, rise, night)

    def _lies(self, begin: datetime, end: datetime, night: int) -> None:
        if self.mat == "clean":
            self._say(begin, "bed", MatPressed())
            self._say(end, "bed", MatReleased())
            return
        lost = None
        long = end - begin > timedelta(hours=3)
        if self.mat == "loses" and long and night % 4 == self.seed % 4 and night not in self.lost:
            self.lost.add(night)
            lost = begin + (end - begin) * self.random.uniform(0.2, 0.6)
        at = begin
        while at < end:
            off = min(end, at + timedelta(seconds=self.random.uniform(10, 300)))
            self._say(at, "bed", MatPressed())
            self._say(off, "bed", MatReleased())
            at = off + timedelta(seconds=min(180.0, self.random.expovariate(1 / 60)))
            if lost is not None and at > lost:
                at, lost = at + timedelta(minutes=self.random.uniform(35, 90)), None


# --- what goes wrong ------------------------------------------------------------------------------

Change = Callable[[Recording], Recording]


def with_rows(home: Recording, rows: Iterable[Row]) -> Recording:
    """The same home with other rows, in order of time."""
    made = Recording(home.path, home.home, home.timezone, dict(home.devices))
    made.rows = sorted(rows, key=lambda row: row.at)
    return made


def of_role(home: Recording, role: str) -> list[str]:
    return [name for name, facts in home.devices.items() if facts.role == role]


def turned(home: Recording, role: str) -> Recording:
    """Every device of this role says the contrary, from the beginning on."""
    contrary = {
        "mat.pressed": MatReleased(), "mat.released": MatPressed(),
        "door.opened": DoorClosed(), "door.closed": DoorOpened(),
    }  # fmt: skip
    names = set(of_role(home, role))
    first = [
        Row(home.rows[0].at, name, MatPressed() if role == "bed" else DoorOpened(), 0)
        for name in names
    ]
    rows = (
        row._replace(data=contrary[row.data.KIND]) if row.device in names else row
        for row in home.rows
    )
    return with_rows(home, [*first, *rows])


def repeated(home: Recording) -> Recording:
    """One row in five comes twice."""
    random = Random(1)
    late = timedelta(milliseconds=400)
    return with_rows(
        home,
        [*home.rows, *(r._replace(at=r.at + late) for r in home.rows if random.random() < 0.2)],
    )


def ends_lost(home: Recording) -> Recording:
    """One in twenty of what ends something (released, cleared) is never heard."""
    random = Random(2)
    ends = ("mat.released", "motion.cleared")
    return with_rows(
        home, (r for r in home.rows if r.data.KIND not in ends or random.random() > 0.05)
    )


def one_dies(home: Recording) -> Recording:
    """The first motion detector falls silent on the second day."""
    dead = of_role(home, "motion")[0]
    until = home.rows[0].at + timedelta(days=1)
    return with_rows(home, (r for r in home.rows if r.device != dead or r.at < until))


def without_motion(home: Recording) -> Recording:
    """No detectors at all: the bed and the front door."""
    gone = set(of_role(home, "motion"))
    made = with_rows(home, (r for r in home.rows if r.device not in gone))
    made.devices = {name: facts for name, facts in home.devices.items() if name not in gone}
    return made


def two_mats(home: Recording) -> Recording:
    """The sleeper moves between two mats of one bed."""
    random = Random(3)
    (bed,) = of_role(home, "bed")
    rows, now = [], bed
    for row in home.rows:
        if row.data.KIND == "mat.pressed":
            now = random.choice((bed, f"{bed}_2"))
        rows.append(row._replace(device=now) if row.device == bed else row)
    made = with_rows(home, rows)
    made.devices[f"{bed}_2"] = replace(made.devices[bed], id=f"{bed}_2")
    return made


def two_people(home: Recording) -> Recording:
    """Somebody else lives there, with other hours and no mat, seen by the same detectors."""
    other = Life(99).home()
    (bed,) = of_role(other, "bed")
    late = timedelta(hours=1.4)
    return with_rows(
        home, [*home.rows, *(r._replace(at=r.at + late) for r in other.rows if r.device != bed)]
    )
