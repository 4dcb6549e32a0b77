"""Which BTHome messages count: replays, repeats, and presses that cannot be proved.  Pure.

An encrypted device counts its messages.  A counter above the last one is fresh; the same again is
the same message heard again (devices repeat each one, and BlueZ shows an old one with each change
of signal strength); one below is a replay, or the device began anew after a change of battery.  A
packet id tells repeats apart where a device counts each repeat.

Some devices count in 16 bits: after 65,535 comes 0.  A counter close above 0 that follows one close
below 65,536 is therefore fresh.  So close to that point, and nowhere else, somebody who recorded a
device's first messages under the same key can replay them; without it a device that counts so would
be dead from there on.

A press that cannot be proved is in doubt, and in doubt it counts (`doubtful`), marked unverified.
That must not become a storm in the hands of somebody who recorded old presses:

- the same encrypted bytes count once, for as long as they are heard again within `SAME_DOUBT_S`;
- those whose counter lies above that of every doubtful press before count, one in `NEW_DOUBT_S`: so
  does a pendant that began anew after a change of battery, while each recorded press is worth one
  alarm (the mark is kept on disk);
- any other (below the mark, a wrong key, no encryption) counts once in `OLD_DOUBT_S`: a home with a
  forger in range, or a pendant with a wrong key, sees twelve unverified alarms an hour at the most,
  and `contact.faulted` (unproven), and is never silent.

A genuine press is never held back by any of this.  Time comes in as seconds of a monotonic clock.
Not for: files (`bthome`), or what a reading means (`bthome_events`).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from drivers.radio.bthome_decode import Packet, Problem

NEW_DOUBT_S = 60.0
"""Seconds between doubtful presses that count up.  Somebody in need presses again and again; one
alarm a minute is enough to be found."""

OLD_DOUBT_S = 300.0
"""Seconds between other doubtful presses: shorter than staff take to close an alarm, so that the
next press of a pendant with a wrong key is not lost."""

REPEAT_S = 60.0
"""Seconds in which the same packet id, or one a little older, is the same message heard again.  A
message is repeated for some seconds; 256 presses in a minute are no person."""

SAME_BYTES_S = 4.0
"""Seconds in which the same bytes without packet id and counter are the same message: such a device
leaves nothing better to go by."""

PACKET_IDS = 256

WRAP = 0x10000
"""What comes after the last counter of 16 bits."""

WRAP_NEAR = 256
"""Messages before and after the wrap that may be lost: four hours of a beacon each minute.  The
smaller, the less there is to replay."""

SAME_DOUBT_S = 900.0
"""Seconds of silence after which the same doubtful bytes are a new press: a pendant whose battery
sits loose begins at the same counter each time, and must not fall silent for that."""

DOUBTFUL_KEPT = 64
"""Doubtful messages that are remembered, of 250 bytes at the most."""

ENCRYPTED = 0x01
"""The info byte's bit."""


class Verdict(StrEnum):
    """What is to be made of a message."""

    FRESH = "fresh"
    REPEAT = "repeat"
    """Heard before; nothing is told."""
    STALE = "stale"
    """Genuine and old: a replay, or the counter began anew."""
    UNPROVEN = "unproven"
    """Not encrypted, or not with our key, from a device that should be."""
    NOISE = "noise"
    """Says nothing."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What must outlive a restart.  `counter` is the highest that was fresh, None before the first;
    `doubt` the highest of a doubtful press, None before the first."""

    counter: int | None = None
    doubt: int | None = None


class Guard:
    """Judges one device's messages, in order.  `marks` are those of the last run; `known` is False
    when they were lost: then the first message that opens cannot be told from a replay."""

    def __init__(self, marks: Marks | None = None, *, known: bool = True) -> None:
        self._marks = marks or Marks()
        self._known = known
        self._packet: tuple[int, float] | None = None
        self._bytes: tuple[bytes, float] | None = None
        self._doubt_s: float | None = None
        self._doubtful: OrderedDict[bytes, float] = OrderedDict()

    @property
    def marks(self) -> Marks:
        """What is to be kept."""
        return self._marks

    def judge(
        self, found: Packet | Problem, data: bytes, now_s: float, *, encrypted: bool
    ) -> Verdict:
        """What to make of `found`, decoded from `data`; `encrypted`: the device has a key."""
        if found is Problem.NO_BTHOME:
            return Verdict.NOISE
        if not isinstance(found, Packet) or (encrypted and found.counter is None):
            return Verdict.UNPROVEN if encrypted else Verdict.NOISE
        if found.counter is None:
            return self._plain(found, data, now_s)
        last = self._marks.counter
        if last is not None and found.counter <= last and not _wrapped(last, found.counter):
            return Verdict.REPEAT if found.counter == last else Verdict.STALE
        known, self._known = self._known, True
        self._marks = Marks(found.counter, self._marks.doubt)
        repeat = self._same_packet(found, now_s, or_older=False)
        if not known:
            return Verdict.UNPROVEN
        return Verdict.REPEAT if repeat else Verdict.FRESH

    def doubtful(self, found: Packet | Problem, data: bytes, now_s: float) -> bool:
        """Whether a press that is stale or unproven counts now; `data` is its message."""
        if data[:1] and data[0] & ENCRYPTED:
            heard_s = self._doubtful.pop(data, None)
            self._doubtful[data] = now_s
            if len(self._doubtful) > DOUBTFUL_KEPT:
                self._doubtful.popitem(last=False)
            if heard_s is not None and now_s - heard_s < SAME_DOUBT_S:
                return False
        counter = found.counter if isinstance(found, Packet) else None
        mark = self._marks.doubt
        new = counter is not None and (mark is None or counter > mark)
        pause_s = NEW_DOUBT_S if new else OLD_DOUBT_S
        if self._doubt_s is not None and now_s - self._doubt_s < pause_s:
            return False
        self._doubt_s = now_s
        if new:
            self._marks = Marks(self._marks.counter, counter)
        return True

    def _plain(self, found: Packet, data: bytes, now_s: float) -> Verdict:
        if found.first("packet_id") is not None:
            repeat = self._same_packet(found, now_s, or_older=True)
        else:
            before, self._bytes = self._bytes, (data, now_s)
            repeat = before is not None and before[0] == data and now_s - before[1] < SAME_BYTES_S
        return Verdict.REPEAT if repeat else Verdict.FRESH

    def _same_packet(self, found: Packet, now_s: float, *, or_older: bool) -> bool:
        """Whether the packet id says so.  Without a counter the same id is never new: BlueZ shows
        an old message for as long as it likes."""
        number = found.first("packet_id")
        if not isinstance(number, int):
            return False
        before = self._packet
        if before is not None:
            behind = (before[0] - number) % PACKET_IDS
            soon = now_s - before[1] < REPEAT_S
            same = behind == 0 and (soon or or_older)
            if same or (or_older and soon and 0 < behind < PACKET_IDS // 2):
                return True
        self._packet = (number, now_s)
        return False


def _wrapped(last: int, counter: int) -> bool:
    """Whether a counter of 16 bits began anew."""
    return WRAP - WRAP_NEAR <= last < WRAP and counter < WRAP_NEAR
