"""A baseline JPEG of a drawn picture, without a library: no library of a home's own can make one.

Made for pictures of which little changes: blocks that look alike are reckoned once, and each group
of 16 × 16 dots stands for itself (a restart interval of one), so that of the next picture only what
changed is made.  ITU-T T.81, sequential, Huffman tables of its annex K, colours as JFIF has them.

Not for: a real camera, whose pictures are new everywhere; PyAV makes those.
"""

from __future__ import annotations

import math

SIDE = 16
"""Dots of a group's side: two by two blocks of light, one of each colour (4:2:0)."""

QUALITY = 82
"""As libjpeg counts it; a bedroom has 35 to 50 KB."""

KNOWN_MAX = 20_000
"""Blocks that are remembered; some 3 MB, in a process that lives for a look."""

_ZIGZAG = (
    *(0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5),
    *(12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28),
    *(35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51),
    *(58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63),
)
"""T.81, figure A.6."""

_LIGHT = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
_COLOUR = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99),
    *(99,) * 32,
)
"""T.81, tables K.1 and K.2."""

_DC_BITS = ("00010501010101010100000000000000", "00030101010101010101010000000000")
_AC_BITS = ("0002010303020403050504040000017d", "00020102040403040705040400010277")
_AC_CODES = (
    (
        "01020300041105122131410613516107227114328191a1082342b1c11552d1f0"
        "2433627282090a161718191a25262728292a3435363738393a434445464748494a"
        "535455565758595a636465666768696a737475767778797a838485868788898a"
        "92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6"
        "c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
    ),
    (
        "000102031104052131061241510761711322328108144291a1b1c109233352f0"
        "156272d10a162434e125f11718191a262728292a35363738393a434445464748"
        "494a535455565758595a636465666768696a737475767778797a828384858687"
        "88898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3"
        "c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
    ),
)
"""T.81, tables K.3 to K.6: how many codes there are of each length, and what they mean."""

_FULL_LIGHT = bytes(min(255, max(0, round((n - 16) * 255 / 219))) for n in range(256))
_FULL_COLOUR = bytes(min(255, max(0, round((n - 128) * 255 / 224 + 128))) for n in range(256))
"""From a video's range of levels (BT.601) to all 256, as JFIF has them."""


def _codes(lengths: str, meanings: bytes) -> dict[int, tuple[int, int]]:
    """Each meaning's code and how many bits it has (T.81, annex C)."""
    codes, code, place = {}, 0, 0
    for size, count in enumerate(bytes.fromhex(lengths), start=1):
        for meaning in meanings[place : place + count]:
            codes[meaning] = code, size
            code += 1
        place += count
        code <<= 1
    return codes


_MEANINGS = (bytes(range(12)), *(bytes.fromhex(codes) for codes in _AC_CODES))
_DC = tuple(_codes(bits, _MEANINGS[0]) for bits in _DC_BITS)
_AC = tuple(_codes(bits, _MEANINGS[1 + n]) for n, bits in enumerate(_AC_BITS))

_SCALE = (1.0, *(math.cos(k * math.pi / 16) * math.sqrt(2) for k in range(1, 8)))
"""What Arai, Agui and Nakajima's transform leaves to the quantiser."""

Coded = tuple[int, int, int]
"""A block: its mean, and the bits of the rest and how many."""


def _tables() -> tuple[list[int], list[int]]:
    scale = 200 - 2 * QUALITY if QUALITY >= 50 else 5000 // QUALITY
    light, colour = (
        [min(255, max(1, (step * scale + 50) // 100)) for step in table]
        for table in (_LIGHT, _COLOUR)
    )
    return light, colour


_STEPS = _tables()
_FACTORS = tuple(
    [1 / (step * _SCALE[n // 8] * _SCALE[n % 8] * 8) for n, step in enumerate(steps)]
    for steps in _STEPS
)


def _turn(a: float, b: float, c: float, d: float, e: float, f: float, g: float, h: float) -> tuple[
    float, float, float, float, float, float, float, float
]:  # fmt: skip
    """Eight dots as eight waves (Arai, Agui, Nakajima 1988), each still to be scaled."""
    t0, t7, t1, t6, t2, t5, t3, t4 = a + h, a - h, b + g, b - g, c + f, c - f, d + e, d - e
    t10, t13, t11, t12 = t0 + t3, t0 - t3, t1 + t2, t1 - t2
    z1 = (t12 + t13) * 0.707106781
    t10b, t11b, t12b = t4 + t5, t5 + t6, t6 + t7
    z5 = (t10b - t12b) * 0.382683433
    z2, z4, z3 = 0.541196100 * t10b + z5, 1.306562965 * t12b + z5, t11b * 0.707106781
    z11, z13 = t7 + z3, t7 - z3
    return t10 + t11, z11 + z4, t13 + z1, z13 - z2, t10 - t11, z13 + z2, t13 - z1, z11 - z4


def _code(block: bytes, colour: int) -> Coded:
    """64 levels, row by row, as bits."""
    rows = [_turn(*block[n : n + 8]) for n in range(0, 64, 8)]
    columns = [_turn(*column) for column in zip(*rows, strict=True)]
    factors, codes = _FACTORS[colour], _AC[colour]
    mean = round((columns[0][0] - 8192.0) * factors[0])
    bits = size = run = 0
    for place in _ZIGZAG[1:]:
        level = round(columns[place & 7][place >> 3] * factors[place])
        if level == 0:
            run += 1
            continue
        while run > 15:
            code, more = codes[0xF0]
            bits, size, run = bits << more | code, size + more, run - 16
        width = abs(level).bit_length()
        code, more = codes[run << 4 | width]
        low = level if level > 0 else level + (1 << width) - 1
        bits, size, run = (bits << more | code) << width | low, size + more + width, 0
    if run:
        code, more = codes[0]
        bits, size = bits << more | code, size + more
    return mean, bits, size


class JpegEncoder:
    """Pictures of one size, one after the other; both sides are multiples of `SIDE`."""

    def __init__(self, width: int, height: int) -> None:
        if width % SIDE or height % SIDE:
            raise ValueError(f"{width} × {height} is not made of whole groups")
        self._width, self._height = width, height
        self._known: tuple[dict[bytes, Coded], dict[bytes, Coded]] = ({}, {})
        self._strips: list[tuple[bytes, bytes, bytes] | None] = [None] * (height // SIDE)
        self._groups: list[list[bytes]] = [[b""] * (width // SIDE) for _ in self._strips]
        self._head = _head(width, height)

    def encode(self, planes: bytes) -> bytes:
        """An I420 picture of this size (`gateway.ports.Shot`) as a file."""
        size = self._width * self._height
        if len(planes) != size + size // 2:
            raise ValueError("the picture is of another size")
        light = planes[:size].translate(_FULL_LIGHT)
        colours = planes[size:].translate(_FULL_COLOUR)
        for row, before in enumerate(self._strips):
            tall, flat = self._width * SIDE, self._width * SIDE // 4
            strip = (
                light[row * tall : (row + 1) * tall],
                colours[row * flat : (row + 1) * flat],
                colours[size // 4 + row * flat : size // 4 + (row + 1) * flat],
            )
            if strip != before:
                self._groups[row] = self._strip(strip, before, self._groups[row])
                self._strips[row] = strip
        whole = [group for groups in self._groups for group in groups]
        parts = [self._head, whole[0]]
        for number, group in enumerate(whole[1:]):
            parts.append(_RESTARTS[number & 7])
            parts.append(group)
        return b"".join([*parts, b"\xff\xd9"])

    def _strip(
        self,
        strip: tuple[bytes, bytes, bytes],
        before: tuple[bytes, bytes, bytes] | None,
        groups: list[bytes],
    ) -> list[bytes]:
        """A row of groups, with those that stayed as they were."""
        made = list(groups)
        width = self._width
        for column in range(width // SIDE):
            blocks = _blocks(strip, width, column)
            if before is None or blocks != _blocks(before, width, column):
                made[column] = self._group(blocks)
        return made

    def _group(self, blocks: list[bytes]) -> bytes:
        bits = size = last = 0
        for number, block in enumerate(blocks):
            colour = number > 3
            known = self._known[colour]
            coded = known.get(block)
            if coded is None:
                if len(known) >= KNOWN_MAX:
                    known.clear()
                coded = known[block] = _code(block, colour)
            mean, rest, more = coded
            step = mean - last if not colour else mean
            last = mean
            width = abs(step).bit_length()
            code, length = _DC[colour][width]
            low = step if step >= 0 else step + (1 << width) - 1
            bits = ((bits << length | code) << width | low) << more | rest
            size += length + width + more
        fill = -size % 8
        packed: bytes = (bits << fill | (1 << fill) - 1).to_bytes((size + fill) // 8, "big")
        return packed.replace(b"\xff", b"\xff\x00")


_RESTARTS = tuple(bytes((0xFF, 0xD0 + n)) for n in range(8))


def _blocks(strip: tuple[bytes, bytes, bytes], width: int, column: int) -> list[bytes]:
    """The six blocks of a group: four of light, one of each colour."""
    light, *colours = strip
    rows = [light[n + column * 16 : n + column * 16 + 16] for n in range(0, width * SIDE, width)]
    upper, lower = rows[:8], rows[8:]
    blocks = [
        b"".join([row[side : side + 8] for row in half])
        for half in (upper, lower)
        for side in (0, 8)
    ]
    half_width = width // 2
    for plane in colours:
        starts = range(column * 8, half_width * 8, half_width)
        blocks.append(b"".join([plane[n : n + 8] for n in starts]))
    return blocks


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def _codes_segments() -> bytes:
    """The Huffman tables of annex K, as a file has them."""
    parts = []
    for colour in (0, 1):
        means = bytes((colour,)) + bytes.fromhex(_DC_BITS[colour]) + _MEANINGS[0]
        rest = bytes((0x10 | colour,)) + bytes.fromhex(_AC_BITS[colour]) + _MEANINGS[1 + colour]
        parts += [_segment(0xC4, means), _segment(0xC4, rest)]
    return b"".join(parts)


TABLES_BYTES = len(_codes_segments())
"""What `with_tables` may add to a file."""


def with_tables(file: bytes) -> bytes:
    """A camera's file, with the tables that many USB cameras leave out (they are always those of
    annex K): not every browser knows them by heart."""
    place = 2
    while place + 4 <= len(file) and file[place] == 0xFF:
        marker = file[place + 1]
        if marker == 0xC4:
            return file
        if marker == 0xDA:
            return file[:place] + _codes_segments() + file[place:]
        place += 2 + int.from_bytes(file[place + 2 : place + 4], "big")
    return file


def _head(width: int, height: int) -> bytes:
    """All that stands before the dots."""
    tables = b"".join(
        bytes((number,)) + bytes(steps[place] for place in _ZIGZAG)
        for number, steps in enumerate(_STEPS)
    )
    frame = b"\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big")
    frame += b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    return b"".join(
        [
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
            _segment(0xDB, tables),
            _segment(0xC0, frame),
            _codes_segments(),
            _segment(0xDD, (1).to_bytes(2, "big")),
            _segment(0xDA, b"\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00"),
        ]
    )
