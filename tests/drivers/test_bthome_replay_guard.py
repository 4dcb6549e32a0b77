"""Replays, repeats and doubtful presses, with time that arrives as numbers."""

from __future__ import annotations

from drivers.radio import bthome_replay_guard
from drivers.radio.bthome_decode import Problem, decode, seal
from drivers.radio.bthome_replay_guard import Guard, Marks, Verdict
from tests.drivers.twins import KEY

ADDRESS = "E8:E0:7E:00:00:01"


class Pendant:
    """A guard and what was made of each message."""

    def __init__(self, marks: Marks | None = Marks(100), *, known: bool = True) -> None:  # noqa: B008
        self.guard = Guard(marks, known=known)

    def hear(self, counter: int, now_s: float, packet_id: int | None = None) -> Verdict:
        data = self.message(counter, packet_id)
        return self.guard.judge(decode(data, ADDRESS, KEY), data, now_s, encrypted=True)

    def doubt(self, counter: int, now_s: float, key: bytes = KEY) -> bool:
        data = self.message(counter, key=key)
        return self.guard.doubtful(decode(data, ADDRESS, KEY), data, now_s)

    @staticmethod
    def message(counter: int, packet_id: int | None = None, key: bytes = KEY) -> bytes:
        head = b"" if packet_id is None else bytes([0, packet_id])
        return seal(head + b"\x3a\x01", ADDRESS, key, counter)


def test_counters_only_rise() -> None:
    """Above is fresh, the same is a repeat for ever, below is stale."""
    pendant = Pendant()
    assert [pendant.hear(c, c) for c in (101, 101, 105, 105, 104, 100, 106)] == [
        *(Verdict.FRESH, Verdict.REPEAT, Verdict.FRESH, Verdict.REPEAT),
        *(Verdict.STALE, Verdict.STALE, Verdict.FRESH),
    ]
    assert pendant.hear(106, 1e6) is Verdict.REPEAT
    assert pendant.hear(2**32 - 1, 1e6) is Verdict.FRESH


def test_a_counter_of_sixteen_bits_begins_anew() -> None:
    """After 65,535 comes 0, also when some messages around it were lost; then they rise again."""
    fresh, stale, repeat = Verdict.FRESH, Verdict.STALE, Verdict.REPEAT
    pendant = Pendant(Marks(65_533))
    counters = (65_534, 65_535, 0, 0, 1, 2, 1, 65_535)
    assert [pendant.hear(c, n) for n, c in enumerate(counters)] == [
        *(fresh, fresh, fresh, repeat, fresh, fresh, stale, fresh),
    ]
    assert Pendant(Marks(65_300)).hear(200, 0) is fresh
    assert Pendant(Marks(65_279)).hear(200, 0) is stale, "too far before it"
    assert Pendant(Marks(65_535)).hear(256, 0) is stale, "too far behind it"
    assert Pendant(Marks(65_536)).hear(0, 0) is stale, "it counts in 32 bits"


def test_one_press_in_several_messages_is_one() -> None:
    """A device that counts each repeat: the packet id tells; the next press is another."""
    pendant = Pendant()
    told = [pendant.hear(101 + n, n / 10, packet_id=7) for n in range(20)]
    assert told == [Verdict.FRESH] + [Verdict.REPEAT] * 19
    assert pendant.hear(200, 3, packet_id=8) is Verdict.FRESH
    assert pendant.hear(201, 4, packet_id=3) is Verdict.FRESH, "the counter proves that it is new"
    assert pendant.hear(202, 4 + 61, packet_id=3) is Verdict.FRESH, "a device without packet ids"


def test_lost_marks_make_the_first_message_doubtful() -> None:
    """It cannot be told from a replay; from then on the counter is known again."""
    pendant = Pendant(None, known=False)
    assert pendant.hear(500, 1) is Verdict.UNPROVEN
    assert pendant.hear(500, 2) is Verdict.REPEAT
    assert pendant.hear(501, 3) is Verdict.FRESH


def test_a_replayed_press_counts_once() -> None:
    """The same bytes not again while they are heard; each recorded one once, one a minute."""
    pendant = Pendant()
    assert pendant.doubt(50, 0)
    assert not any(pendant.doubt(50, now_s) for now_s in range(1, 100_000, 50))
    assert not pendant.doubt(60, 59), "one a minute"
    assert pendant.doubt(61, 61)
    assert not pendant.doubt(40, 61 + 299), "an older one: one in five minutes"
    assert pendant.doubt(41, 61 + 300)


def test_a_storm_of_replays_is_bounded() -> None:
    """A thousand recorded presses sent in every order for a day: a genuine press passes all the
    same, and doubtful ones stay within the stated bounds."""
    pendant = Pendant(Marks(10_000))
    counted = 0
    for now_s in range(0, 86_400, 10):
        counted += pendant.doubt((now_s * 7919) % 10_000, now_s)
    assert counted <= 86_400 / bthome_replay_guard.OLD_DOUBT_S + 50
    assert pendant.hear(10_001, 86_400) is Verdict.FRESH


def test_a_pendant_with_a_new_battery_is_never_silent() -> None:
    """Its counter began anew and counts up: each press, a minute apart, counts, unverified; after
    the next change of battery, or with one that sits loose, five minutes apart."""
    pendant = Pendant(Marks(5000))
    for life, apart_s in enumerate((61, 301, 301)):
        for n in range(20):
            now_s = life * 10_000.0 + n * apart_s
            assert pendant.hear(10 + n, now_s) is Verdict.STALE
            assert pendant.doubt(10 + n, now_s)
    assert [pendant.doubt(5, 50_000 + n * 901) for n in range(5)] == [True] * 5


def test_a_wrong_key_counts_every_five_minutes() -> None:
    """What cannot be read may be a press."""
    pendant = Pendant()
    other = bytes(16)
    counted = [now_s for now_s in range(0, 1200, 20) if pendant.doubt(now_s, now_s, key=other)]
    assert counted == [0, 300, 600, 900]


def test_without_encryption_packet_ids_tell_repeats() -> None:
    """The same id is never new, one a little older is not either; the same bytes without an id are
    one message for four seconds."""
    guard = Guard()

    def hear(objects: str, now_s: float) -> Verdict:
        data = b"\x44" + bytes.fromhex(objects)
        return guard.judge(decode(data, ADDRESS, None), data, now_s, encrypted=False)

    fresh, repeat = Verdict.FRESH, Verdict.REPEAT
    assert hear("0007", 0) is fresh
    assert hear("0007", 9999) is repeat
    assert hear("0006", 10) is repeat
    assert [hear(f"00{n % 256:02x}", n) for n in range(8, 600)] == [fresh] * 592
    assert [hear("3a01", n) for n in (1000, 1001, 1003, 1008)] == [fresh, repeat, repeat, fresh]
    assert guard.judge(Problem.LOCKED, b"", 0, encrypted=False) is Verdict.NOISE
    assert guard.judge(Problem.NO_BTHOME, b"", 0, encrypted=True) is Verdict.NOISE
