"""What a thermal or depth sensor counts, as colours."""

from __future__ import annotations

import array
import sys

from drivers.pictures import heat

WIDE, TALL = 40, 30
SIZE = WIDE * TALL


def counts(*values: int) -> bytes:
    packed = array.array("H", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def room(cold: int, warm: int) -> list[int]:
    """Somebody warm across the middle of a cold room."""
    return [warm if 400 <= n < 600 else cold for n in range(SIZE)]


def light(planes: bytes) -> bytes:
    assert len(planes) == SIZE * 3 // 2
    return planes[:SIZE]


def test_somebody_warm_is_bright() -> None:
    """Of counts of any size: the raw ones of a sensor as well as hundredths of a kelvin."""
    for cold, warm in ((7_600, 8_400), (29_315, 30_515), (0, 65_535)):
        seen = light(heat.coloured(counts(*room(cold, warm)), WIDE, TALL))
        assert seen[500] > 180
        assert seen[100] < 50


def test_a_room_where_all_is_alike_is_dark() -> None:
    """The sensor's own noise is not stretched into a picture."""
    seen = light(heat.coloured(counts(*(29_300 + n * 7 % 30 for n in range(SIZE))), WIDE, TALL))
    assert max(seen) - min(seen) < 40


def test_a_lamp_does_not_make_the_rest_black() -> None:
    """One dot a hundred times warmer: somebody is still bright."""
    values = room(29_315, 30_515)
    values[0] = 65_535
    assert light(heat.coloured(counts(*values), WIDE, TALL))[500] > 180


def test_what_is_near_is_warm_and_what_was_not_measured_is_dark() -> None:
    """Distances: the nearer the brighter; 0 is none, and no wall before the lens."""
    values = room(3_000, 1_500)
    values[700:710] = [0] * 10
    seen = light(heat.coloured(counts(*values), WIDE, TALL, near_is_warm=True))
    assert seen[500] > 180
    assert seen[100] < 50
    assert set(seen[700:710]) == {min(seen)}
    assert len(set(light(heat.coloured(bytes(2 * SIZE), WIDE, TALL, near_is_warm=True)))) == 1
