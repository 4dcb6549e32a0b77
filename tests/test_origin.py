"""The names of a home's logs: what the home writes the server reads, and nothing else passes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gateway.origin import (
    ORIGIN_MAX,
    begun_uptime_s,
    disk_origin,
    generation,
    is_in_memory,
    is_newer,
    is_origin_of,
    memory_origin,
)

IN_MEMORY = memory_origin("h1", "3f2a9c01", 8123, (1, 57))


@pytest.mark.parametrize(
    "origin",
    [
        "home:h1",
        "home:h1~2",
        "home:h1~999999",
        "home:h1~memory-3f2a9c01",  # as homes before wrote it
        "home:h1~memory-3f2a9c01-2",
        "home:h1~memory-3f2a9c01-8123.1.57",
        IN_MEMORY,
        disk_origin("h1", 3),
    ],
)
def test_the_homes_own(origin: str) -> None:
    """Every form that a home writes, or ever wrote, is this home's and no other's."""
    assert is_origin_of(origin, "h1")
    assert not is_origin_of(origin, "h11")
    assert not is_origin_of(origin, "h")
    assert is_in_memory(origin) == ("memory" in origin)


@pytest.mark.parametrize(
    "origin",
    [
        *("home:h1~", "home:h1~0", "home:h1~1", "home:h1~x", "home:h1~2~3", "home:h1~1000000"),
        *("home:h1~memory-", "home:h1~memory-UP", "home:h1~memory-b-", "home:h1~memory-b-1.2"),
        *("home:h1~memory-b.1.2", "home:h1~memory-" + 17 * "b", "home:h1~2~memory-b", "home:h1/1"),
        *("home:h1~memory-b-1.1.2\n", "home:h1~memory-b-1.0.2", "staff:h1", "h1", "", "home:"),
        "home:" + ORIGIN_MAX * "h",
    ],
)
def test_anything_else_is_nobodys(origin: str) -> None:
    """Names are bounded, in what may stand in them and in their length."""
    assert not is_origin_of(origin, "h1")
    assert not is_in_memory(origin)


def test_the_longest_name_of_a_home_fits() -> None:
    """Whatever a home may be called, and however long it runs."""
    longest = memory_origin(64 * "h", 16 * "f", 10**10 - 1, (999_999, 10**19 - 1))
    assert is_origin_of(longest, 64 * "h")


def test_newer_is_a_matter_of_the_homes_numbers() -> None:
    """Whichever of two events comes first to the server, it knows which was written later: on the
    disk, in memory in between, on the disk again, in another log."""
    later_boot = memory_origin("h1", "77777777", 12, (1, 60))
    written = [
        ("home:h1", 56),
        ("home:h1", 57),
        (IN_MEMORY, 1),
        (IN_MEMORY, 2),
        (memory_origin("h1", "3f2a9c01", 8200, (1, 57)), 1),
        ("home:h1", 58),
        ("home:h1", 60),
        (later_boot, 1),
        ("home:h1", 61),
        ("home:h1~2", 1),
        (memory_origin("h1", "77777777", 90, (2, 1)), 1),
        ("home:h1~2", 2),
        ("home:h1~10", 1),
    ]
    for place, one in enumerate(written):
        assert is_newer(*one, *one)
        for other in written[:place]:
            assert is_newer(*one, *other), (one, other)
            assert not is_newer(*other, *one), (other, one)


def test_where_a_name_does_not_say_what_comes_later_is_newer() -> None:
    """A log in memory of an earlier version, or of a home that could not read its disk."""
    old = "home:h1~memory-3f2a9c01"
    for one, other in pairwise([("home:h1", 57), (old, 3), ("home:h1", 58)]):
        assert is_newer(*other, *one)


def test_the_next_log_on_the_disk_follows_the_last() -> None:
    """A log in memory takes no number of those on the disk."""
    names = ["home:h1", "home:h1~4", IN_MEMORY, memory_origin("h1", "b", 1, (5, 9)), "home:h1~x"]
    assert [generation(name) for name in names] == [1, 4, 1, 5, 1]
    assert [begun_uptime_s(name) for name in names] == [None, None, 8123, 1, None]
