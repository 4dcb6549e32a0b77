"""Our own JPEG encoder, judged by PyAV's decoder."""

from __future__ import annotations

import math

import pytest

from drivers.pictures import bedroom, jpeg
from drivers.pictures.bedroom import HEIGHT, WIDTH, Shows
from drivers.pictures.jpeg import JpegEncoder
from gateway.ports import JPEG_MAX_BYTES, Form, Shot
from tests.drivers.cameras import light_of

pytest.importorskip("av", reason="PyAV (the extra `voice`) reads the files")


def read(data: bytes, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    return light_of(Shot(Form.JPEG, data, width, height))[0]


def noise_db(one: bytes, other: bytes) -> float:
    """Peak signal to noise."""
    errors = sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) / len(one)
    return 10 * math.log10(255**2 / errors) if errors else 99.0


def test_another_program_reads_what_was_drawn() -> None:
    """The picture comes back as it was, but for what JPEG takes (40 dB); small enough for a slow
    line; and the next one, of which a part changed, is whole as well."""
    encoder = JpegEncoder(WIDTH, HEIGHT)
    for shows, at_s in ((Shows.BED, 10.0), (Shows.BED, 15.0), (Shows.FLOOR, 16.0)):
        planes = bedroom.picture(shows, at_s)
        data = encoder.encode(planes)
        assert len(data) <= JPEG_MAX_BYTES // 2
        assert noise_db(read(data), planes[: WIDTH * HEIGHT]) > 40


def test_one_that_was_made_piece_by_piece_is_the_same_file() -> None:
    """What is kept from the picture before changes nothing."""
    encoder = JpegEncoder(WIDTH, HEIGHT)
    encoder.encode(bedroom.picture(Shows.BED, 10.0))
    after = bedroom.picture(Shows.FLOOR, 11.0)
    assert encoder.encode(after) == JpegEncoder(WIDTH, HEIGHT).encode(after)


@pytest.mark.parametrize("wild", [bytes(range(256)), bytes((0, 255)), bytes((0,) * 8 + (255,) * 8)])
def test_the_hardest_pictures(wild: bytes) -> None:
    """Ramps, stripes and blocks from black to white: every code is in the tables."""
    size = 64 * 48
    planes = (wild * (size * 2 // len(wild)))[: size + size // 2]
    data = JpegEncoder(64, 48).encode(planes)
    level = [min(235, max(16, dot)) for dot in planes[:size]]
    assert noise_db(read(data, 64, 48), bytes(level)) > 24


def test_sizes_are_held() -> None:
    """A size that is not made of whole groups, or a picture of another size: refused."""
    with pytest.raises(ValueError, match="whole groups"):
        JpegEncoder(100, 48)
    with pytest.raises(ValueError, match="another size"):
        JpegEncoder(64, 48).encode(b"\0" * 10)


def test_a_webcams_file_gets_the_tables_that_it_left_out() -> None:
    """Many USB cameras leave the Huffman tables out; with them the file is whole, and one that has
    them stays as it is."""
    whole = JpegEncoder(64, 48).encode(bytes((90,)) * (64 * 48 * 3 // 2))
    assert jpeg.with_tables(whole) == whole
    tables = whole.index(b"\xff\xc4")
    bare = whole[:tables] + whole[tables + jpeg.TABLES_BYTES :]
    assert b"\xff\xc4" not in bare
    mended = jpeg.with_tables(bare)
    assert len(mended) == len(whole)
    assert read(mended, 64, 48) == read(whole, 64, 48)
    for nothing in (b"", b"\xff\xd8", b"no file at all", bare[:30]):
        assert jpeg.with_tables(nothing) == nothing
