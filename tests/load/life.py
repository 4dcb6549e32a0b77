"""What homes write: sealed events, drawn from a seed.

`away` is what a home wrote while nobody heard it; `day` is a day of a resident who was not
recorded (`tests.made_homes`).  Not for: what rules make of it; what care staff see of a thousand
homes hangs on how much comes and how often, not on what it means.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from random import Random

from gateway.engine.sequencer import wire_json
from gateway.envelope import GENESIS, Because, Draft, seal
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BedEntered,
    BedLeft,
    Data,
    DeviceTold,
    DoorClosed,
    DoorOpened,
    HomeDescribed,
    MatPressed,
    MatReleased,
    MotionCleared,
    MotionDetected,
)
from gateway.link.uplink import UrgentEvent
from tests.made_homes import Life

DEVICES = tuple(
    DeviceTold(id=name, driver="load", type=kind, role=role, room=room)
    for name, kind, role, room in (
        ("bed", "sensor", "bed", "bedroom"),
        ("hall", "sensor", "motion", "hall"),
        ("bath", "sensor", "motion", "bathroom"),
        ("kitchen", "sensor", "motion", "kitchen"),
        ("living", "sensor", "motion", "living_room"),
        ("front", "sensor", "front_door", "hall"),
        ("door", "lock", "front_door", "hall"),
    )
)
"""What each of these homes has."""

LIVES = 12
"""Different residents; each home has one of them, some minutes earlier or later than others."""


@dataclass(frozen=True, slots=True)
class Doing:
    """Something that happens in a home, `after` so long from a day's beginning."""

    after: timedelta
    device: str
    data: Data


class Log:
    """A home's log in memory: numbered, chained, as it travels.  Thread-safe; an `Outbox` to the
    product's link, whose clock never fails and whose disk is never full."""

    def __init__(self, home: str) -> None:
        self.home = home
        self._origin = f"home:{home}"
        self._guard = threading.Lock()
        self._bodies: list[bytes] = []
        self.digest = GENESIS
        self._forwarded = 0
        self.down = 0
        self.down_digest = GENESIS
        """The hash of the last event that came down."""

    def write(self, draft: Draft, at: datetime) -> tuple[int, UrgentEvent]:
        """Write one event; its number, and what the urgent lane must know of it."""
        with self._guard:
            seq = len(self._bodies) + 1
            event, body, self.digest = seal(
                draft,
                origin=self._origin,
                seq=seq,
                at=at,
                clock="synced",
                boot="load",
                mono_s=at.timestamp(),
                previous=self.digest,
            )
            wire = wire_json(body, self.digest)
            self._bodies.append(wire)
        return seq, UrgentEvent(self._origin, seq, event.kind, wire)

    def take_over(self, bodies: Sequence[bytes], digest: bytes, forwarded: int) -> None:
        """Go on where this log is in another process."""
        with self._guard:
            self._bodies, self.digest, self._forwarded = list(bodies), digest, forwarded

    # --- gateway.link.uplink.Outbox

    def origin(self) -> str:
        return self._origin

    def head(self) -> int:
        return len(self._bodies)

    def pending(self, after: int, limit: int) -> Sequence[bytes]:
        return self._bodies[after : after + limit]

    def forwarded(self) -> int:
        return self._forwarded

    def place(self) -> tuple[str, int]:
        return self._origin, self._forwarded

    def mark_forwarded(self, origin: str, seq: int) -> None:
        self._forwarded = seq

    def rest(self, limit: int) -> None:
        return None

    def mark_rest(self, origin: str, seq: int) -> None: ...

    def down_have(self) -> int:
        return self.down

    def alarms(self) -> tuple[()]:
        return ()  # who drives the storm hands them over itself


def described(home: str) -> HomeDescribed:
    """What a home tells of itself first."""
    return HomeDescribed(devices=DEVICES, timezone="Europe/Stockholm", resident=f"r-{home}")


def away(log: Log, rng: Random, until: datetime, *, hours: float, count: int) -> None:
    """Write `count` events of the last `hours`: somebody moves about, lies down, goes out."""
    pause_s = hours * 3600 / count
    at = until - timedelta(hours=hours)
    pairs: tuple[tuple[str, Data, Data], ...] = (
        *((room, MotionDetected(), MotionCleared()) for room in ("hall", "bath", "kitchen")),
        ("living", MotionDetected(), MotionCleared()),
        ("bed", MatPressed(), MatReleased()),
        ("front", DoorOpened(), DoorClosed()),
    )
    left = count
    while left > 0:
        device, begins, ends = rng.choice(pairs)
        for data in (begins, ends)[:left]:
            log.write(Draft(data, device=device), at)
            at = min(until, at + timedelta(seconds=rng.expovariate(1 / pause_s)))
            left -= 1


def alarm(log: Log, at: datetime) -> tuple[int, UrgentEvent]:
    """The resident left the bed and did not come back."""
    log.write(Draft(BedEntered(), device="bed", at=at - timedelta(hours=1)), at)
    since = at - timedelta(minutes=20)
    left, _ = log.write(Draft(BedLeft(empty_since=since), device="bed"), at)
    because = Because("bed_exit", 1, (f"{log.origin()}/{left}",))
    return log.write(Draft(AlarmRaised.usual(AlarmType.BED_EXIT, since), because=because), at)


@cache
def _life(number: int) -> tuple[Doing, ...]:
    """A day and a night, from midnight."""
    made = Life(number, mat="chatters", nights=2).home()
    begin = Life(number).begin + timedelta(days=1)
    rows = [row for row in made.rows if begin <= row.at < begin + timedelta(days=1)]
    device = {"bed_pressure": "bed", "hall_motion": "hall", "kitchen_pir": "kitchen"} | {
        "bathroom_motion": "bath", "living_room_pir": "living", "front_door": "front",
    }  # fmt: skip
    return tuple(Doing(row.at - begin, device[row.device], row.data) for row in rows)


def day(number: int, begin: timedelta) -> Iterator[Doing]:
    """What happens in home number `number` from `begin` after midnight on, without end."""
    life = _life(number % LIVES)
    late = timedelta(minutes=math.fmod(number * 7.3, 40))
    turn = timedelta()
    while True:
        for doing in life:
            after = doing.after + late + turn
            if after >= begin:
                yield Doing(after, doing.device, doing.data)
        turn += timedelta(days=1)
