"""Falls put into recorded nights: the resident stops after a real exit from the bed.

An exit is found in the rows themselves, without the rules that are judged.  The mats are pressed,
silences up to `HOLD_S` bridged, for at least `IN_BED` since the last four hours without; then they
are silent for `ABSENT_S`; and a sensor outside the bedroom speaks within `EVIDENCE`, which shows
that the bed was left indeed and that it was not the mat that lost the sleeper.  A mat that did not
chatter since then needs no such witness, nor does one in a home without other sensors.  From the
fall on every row is left out for `GONE`; sensors that were on stay on.

    without evidence    the fall is at the exit: the last that is heard is the mat's release
    with evidence       rows are kept until the first sensor outside the bedroom speaks, at most
                        `EVIDENCE` after the exit; the fall is right after it

One exit a night is picked for each, by a seed.  `any_silence` takes the silences without a witness
too, in which the sleeper most likely lay there: nobody could tell a fall there from sleep.

`indistinct` finds the silences in which no rule can tell a fall from sleep: how many questions it
takes at least to answer every fall in time.

Not for: running the rules (`gateway.replay.score`).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from gateway.replay.recording import Row
from gateway.rules import HomeFacts
from gateway.rules.common.signs_of_life import can_show
from gateway.schedule import zone

IN_BED = timedelta(minutes=10)
"""Least time in bed before an exit is one; shorter is sitting down."""

HOLD_S = 300.0
"""Silences of the mat up to so many seconds are bridged."""

ABSENT_S = 300.0
"""Seconds that the mat stays silent after an exit."""

GONE = timedelta(hours=2)
"""How long nothing of the person is heard after a fall."""

CHATTER = 10
"""Short breaks of the pressure in one night from which a mat chatters."""

STUCK = timedelta(hours=16)
"""Unbroken pressure that nobody makes."""

EVIDENCE = timedelta(minutes=15)
"""How long after an exit a first sign outside the bedroom still belongs to it."""


@dataclass(frozen=True, slots=True)
class Exit:
    """One exit from the bed.  `outside` is the first sign outside the bedroom afterwards, None when
    there was none in time; `night` the local date of the evening it belongs to."""

    at: datetime
    outside: datetime | None
    night: date


@dataclass(frozen=True, slots=True)
class Fall:
    """One injected fall: rows in (at, until) are left out.  `evidence`: a sensor outside the
    bedroom spoke before it."""

    at: datetime
    until: datetime
    evidence: bool


def exits(
    rows: Sequence[Row],
    home: HomeFacts,
    is_night: Callable[[time], bool],
    *,
    any_silence: bool = False,
) -> list[Exit]:
    """The exits at night, in order.  Empty for a home without a bed mat."""
    there = zone(home.timezone)
    candidates = []
    for gone in silences(rows, set(home.with_role("bed")), HOLD_S):
        local = gone.at.astimezone(there)
        if gone.in_bed >= IN_BED and gone.silent_s >= ABSENT_S and is_night(local.time()):
            night = (local - timedelta(hours=12)).date()
            candidates.append((Exit(gone.at, None, night), gone))
    seen = _with_outside(rows, home, [one for _, one in candidates], [one for one, _ in candidates])
    alone = not can_show(home)
    return [
        one
        for one, (_, gone) in zip(seen, candidates, strict=True)
        if any_silence or one.outside is not None or gone.breaks < CHATTER or alone
    ]


@dataclass(frozen=True, slots=True)
class Silence:
    """The bed's mats fell silent at `at`, for `silent_s`, after `in_bed` of pressure (bridged) and
    `breaks` short breaks since the last four hours without."""

    at: datetime
    silent_s: float
    in_bed: timedelta
    breaks: int


def silences(rows: Iterable[Row], mats: set[str], hold_s: float) -> Iterator[Silence]:
    """Each silence of the bed longer than `hold_s` seconds, the one at the end included.  A mat
    that is pressed for 16 hours without a break is stuck and counts no more until it is released;
    an edge at local midnight sharp is no exit where two days' files are joined (`aras_a`)."""
    pressed: dict[str, datetime] = {}
    begin = end = None
    in_bed, breaks = timedelta(), 0
    last = None
    for row in rows:
        last = row.at
        if row.device not in mats:
            continue
        for name in [name for name, since in pressed.items() if row.at - since > STUCK]:
            del pressed[name]
            if not pressed:
                begin = end = None
        if row.data.KIND == "mat.pressed":
            if not pressed and begin is not None and end is not None:
                gap = row.at - end
                if gap.total_seconds() > hold_s:
                    in_bed += end - begin
                    yield Silence(end, gap.total_seconds(), in_bed, breaks)
                    begin = None
                    if gap > timedelta(hours=4):
                        in_bed, breaks = timedelta(), 0
                else:
                    breaks += 1
            begin = begin or row.at
            pressed.setdefault(row.device, row.at)
        elif row.device in pressed:
            del pressed[row.device]
            end = row.at
    if begin is not None and end is not None and last is not None and not pressed:
        yield Silence(end, float("inf"), in_bed + (end - begin), breaks)


def _with_outside(
    rows: Sequence[Row], home: HomeFacts, gone: Sequence[Silence], candidates: Sequence[Exit]
) -> list[Exit]:
    """The exits with the first sign outside the bedroom before the mats speak again."""
    said = [
        row.at
        for row in rows
        if row.data.KIND in ("motion.detected", "door.opened", "contact.changed")
        and (facts := home.devices[row.device]).role != "bed"
        and facts.room != "bedroom"
    ]
    seen, index = [], 0
    for one, silence in zip(candidates, gone, strict=True):
        while index < len(said) and said[index] <= one.at:
            index += 1
        first = said[index] if index < len(said) else None
        limit_s = min(EVIDENCE.total_seconds(), silence.silent_s - 1.0)
        near = first is not None and (first - one.at).total_seconds() <= limit_s
        outside = first if near else None
        seen.append(Exit(one.at, outside, one.night))
    return seen


def indistinct(
    rows: Sequence[Row], home: HomeFacts, is_night: Callable[[time], bool], within: timedelta
) -> list[datetime]:
    """When the silences began at which a fall leaves the very rows that were recorded: after a stay
    in bed at night (as for a fall, witness or not) no row of any sensor comes for `within`.

    Whatever answers a fall there within that time has seen nothing else than these rows, so it
    speaks in the recording too: once for each of them, since they do not overlap.
    """
    times = [row.at for row in rows]
    moments = []
    for one in exits(rows, home, is_night, any_silence=True):
        index = bisect_right(times, one.at)
        if index < len(times) and times[index] - one.at >= within:
            moments.append(one.at)
    return moments


def picked(candidates: Sequence[Exit], seed: int, *, evidence: bool) -> list[Fall]:
    """One fall a night, chosen by `seed`: the same seed picks the same."""
    nights: dict[date, list[Exit]] = {}
    for one in candidates:
        if not evidence or one.outside is not None:
            nights.setdefault(one.night, []).append(one)
    falls: list[Fall] = []
    for night, several in sorted(nights.items()):
        digest = hashlib.sha256(f"{seed}/{night}/{evidence}".encode()).digest()
        chosen = several[int.from_bytes(digest[:8]) % len(several)]
        at = chosen.outside if evidence and chosen.outside is not None else chosen.at
        if not falls or at > falls[-1].until:
            falls.append(Fall(at, at + GONE, evidence))
    return falls


def injected(rows: Sequence[Row], falls: Sequence[Fall]) -> Iterator[Row]:
    """The rows that are still heard when these falls have happened."""
    waiting = iter(sorted(falls, key=lambda fall: fall.at))
    fall = next(waiting, None)
    for row in rows:
        while fall is not None and row.at >= fall.until:
            fall = next(waiting, None)
        if fall is None or row.at <= fall.at:
            yield row
