"""The names of a home's logs: the one contract that the home and the server both keep.

    home:<id>                                    the first log on the home's disk
    home:<id>~<n>                                the n-th, from 2: another could not be used
    home:<id>~memory-<boot>                      a log in memory, for a disk that refuses
    home:<id>~memory-<boot>-<k>                  … begun in second k of that boot
    home:<id>~memory-<boot>-<k>.<n>.<seq>        … after number `seq` of the n-th log on disk

Each log has numbers and a chain of its own, and none is begun twice.  A log in memory lies *within*
one on the disk: the home writes the disk's 57, three numbers in memory, and the disk's 58.  Its
name says after which number, so that whoever has two events of different logs knows which is the
newer without having those between; urgent ones come ahead of them.  Homes of an earlier version
write the short names, with 2, 3 … for `k`.

Not for: the server's own origins (`staff`, `staff:<id>`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

ORIGIN_MAX = 160
"""Characters of an origin: a home's id has 64 at the most (`gateway.config.home_file`), what else
may stand in it 67."""

# logs on its disk that a home can begin: 999,999; one a day is three thousand years
_LOG = re.compile(
    r"home:(?P<home>[^/:~]+)"
    r"(?:~(?P<n>[2-9]|[1-9][0-9]{1,5})"
    r"|~memory-(?P<boot>[0-9a-z]{1,16})"
    r"(?:-(?P<k>[0-9]{1,10})(?:\.(?P<after_n>[1-9][0-9]{0,5})\.(?P<after>[0-9]{1,19}))?)?)?"
)


@dataclass(frozen=True, slots=True)
class LogName:
    """What the name of a log says.  `generation` is its number among those on the disk, 0 for one
    in memory, of which `boot` and `k` say which it is; `after` is the generation and the number on
    the disk that it follows, None where that is not known."""

    home: str
    generation: int
    boot: str | None = None
    k: int = 0
    after: tuple[int, int] | None = None


@lru_cache(maxsize=4096)
def read_origin(origin: str) -> LogName | None:
    """What an origin says; None when it is no home's."""
    found = _LOG.fullmatch(origin) if len(origin) <= ORIGIN_MAX else None
    if found is None:
        return None
    if found["boot"] is None:
        return LogName(found["home"], int(found["n"] or 1))
    after = None if found["after"] is None else (int(found["after_n"]), int(found["after"]))
    return LogName(found["home"], 0, found["boot"], int(found["k"] or 0), after)


def is_origin_of(origin: str, home: str) -> bool:
    """Whether `origin` is a log of this home."""
    name = read_origin(origin)
    return name is not None and name.home == home


def is_in_memory(origin: str) -> bool:
    """Whether `origin` is a log that a home kept in memory."""
    name = read_origin(origin)
    return name is not None and name.boot is not None


def begun_uptime_s(origin: str) -> int | None:
    """In which second of its boot a log in memory was begun; None for one on the disk."""
    name = read_origin(origin)
    return None if name is None or name.boot is None else name.k


def generation(origin: str) -> int:
    """Which log on its disk an origin is, or follows: 1, 2 …; 1 where that is not known."""
    name = read_origin(origin)
    if name is None:
        return 1
    return name.generation or (1 if name.after is None else name.after[0])


def disk_origin(home: str, generation: int) -> str:
    """The origin of a home's first, second … log on its disk."""
    return f"home:{home}" if generation == 1 else f"home:{home}~{generation}"


def memory_origin(home: str, boot: str, k: int, after: tuple[int, int] | None) -> str:
    """The origin of a log in memory that is begun in second `k` of a boot, after the log on disk of
    that generation and number; None: the disk does not say."""
    place = "" if after is None else f".{after[0]}.{after[1]}"
    return f"home:{home}~memory-{boot}-{k}{place}"


def is_newer(origin: str, seq: int, known_origin: str, known_seq: int) -> bool:
    """Whether event `origin/seq` of a home was written after (or is) `known_origin/known_seq`.

    By the home's numbers, not by its clock.  Where the names do not say, the one that came later
    to whoever asks is the newer: the batch lane brings the logs in their order."""
    if origin == known_origin:
        return seq >= known_seq
    one, other = read_origin(origin), read_origin(known_origin)
    if one is None or other is None:
        return True
    if one.boot is not None and one.boot == other.boot:
        return one.k >= other.k
    # where on the disk each stands; one in memory behind the number that it follows
    ours = one.after if one.boot is not None else (one.generation, seq)
    theirs = other.after if other.boot is not None else (other.generation, known_seq)
    if ours is None or theirs is None:
        return True
    return ours > theirs or (ours == theirs and one.boot is not None)
