"""The map that an organisation puts on its server: one PMTiles file of raster tiles, read in place.

Nothing is loaded from outside.  Without the file, or where it cannot be read, pages show a plain
drawing.  Not for: drawing (`web.staff.pages.zone_map`), or files of vectors, which a page without
scripts of a map library cannot draw.
"""

from __future__ import annotations

import logging
import mmap
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pmtiles.reader import Reader
from pmtiles.tile import Compression, TileType

log = logging.getLogger(__name__)

EXTENSION = "tryggve.maps"

TILE_MAX_BYTES = 1_000_000
"""Of one tile: a satellite picture of 512 x 512 points is some 200 kB."""

DIRECTORY_MAX_BYTES = 2_000_000
"""Of a part of the file's index that is read at once."""

ZOOM_MAX = 19
"""Closer than a house there is nothing to see."""

MIMETYPES = {
    TileType.PNG: "image/png",
    TileType.JPEG: "image/jpeg",
    TileType.WEBP: "image/webp",
}
"""What a browser shows as it is."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A map that can be shown: its zooms, and what its tiles are."""

    zoom_min: int
    zoom_max: int
    mimetype: str
    reader: Any
    """A `pmtiles` reader, which has no types."""

    def tile(self, zoom: int, x: int, y: int) -> bytes | None:
        """One tile; None: the map has none there, or it cannot be read."""
        if not self.zoom_min <= zoom <= self.zoom_max:
            return None
        if not (0 <= x < 1 << zoom and 0 <= y < 1 << zoom):
            return None
        try:
            found: bytes | None = self.reader.get(zoom, x, y)
        except Exception as error:  # the library raises whatever a broken file leads to
            log.warning("a tile of the map cannot be read", extra={"why": type(error).__name__})
            return None
        return found or None


class Maps:
    """Opens the file of the configuration once, and again when it was put there anew."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: tuple[int, int] | None = None
        self._chart: Chart | None = None

    def chart(self) -> Chart | None:
        """The map; None: there is none that can be shown."""
        if self._path is None:
            return None
        try:
            stat = self._path.stat()
        except OSError:
            return None
        with self._lock:
            if self._known != (stat.st_mtime_ns, stat.st_size):
                self._known = (stat.st_mtime_ns, stat.st_size)
                self._chart = _opened(self._path)
            return self._chart


def _opened(path: Path) -> Chart | None:
    try:
        reader: Any = Reader(_source(path))  # type: ignore[no-untyped-call]
        header = reader.header()
        kind = header["tile_type"]
        plain = header["tile_compression"] in (Compression.NONE, Compression.UNKNOWN)
        if kind not in MIMETYPES or not plain:
            log.error("the map is no file of PNG, JPEG or WebP tiles", extra={"file": str(path)})
            return None
        zooms = header["min_zoom"], min(header["max_zoom"], ZOOM_MAX)
        return Chart(*zooms, MIMETYPES[kind], reader)
    except Exception as error:  # as above: it is a file that somebody put there
        why = {"file": str(path), "why": type(error).__name__}
        log.error("the map cannot be read: it is no PMTiles file", extra=why)
        return None


def _source(path: Path) -> Callable[[int, int], bytes]:
    with path.open("rb") as file:
        held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    most = max(TILE_MAX_BYTES, DIRECTORY_MAX_BYTES)

    def read(offset: int, length: int) -> bytes:
        if length > most:
            raise ValueError("a part of the map is too large")
        return held[offset : offset + length]

    return read
