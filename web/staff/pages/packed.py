"""Static files, packed once: on a slow line a page stands there in half the time.

Not for: pages.  They hold secrets beside what was asked for, and the length of what is packed
tells of both.
"""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ENDS = frozenset({".css", ".js", ".svg"})
"""What becomes smaller by packing."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A file as gzip, and what it is."""

    body: bytes
    type: str


def packed(name: str, content: bytes) -> Packed:
    """The file `name` with this content."""
    return Packed(gzip.compress(content, 9, mtime=0), mimetypes.guess_type(name)[0] or "")


@cache
def files(folder: Path) -> Mapping[str, Packed]:
    """The files of a folder that are worth it, by their path in it."""
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix in ENDS and path.is_file()]
    return {
        path.relative_to(folder).as_posix(): packed(path.name, path.read_bytes()) for path in paths
    }
