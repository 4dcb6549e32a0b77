"""A card's ways to spoil a file: what a start may find in its place.

Not for: the log's own (`tests/test_log_folder.py`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], None]


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut_off(path: Path) -> None:
    """Half of it, in the middle of a word."""
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])


def zeroed(path: Path) -> None:
    """As long as it was, and nothing in it: what ext4 gives back after a power cut."""
    path.write_bytes(b"\0" * path.stat().st_size)


def zeroed_at_its_end(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2] + b"\0" * (len(raw) - len(raw) // 2))


def no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe" + path.read_bytes())


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("x")


def a_pipe(path: Path) -> None:
    """Whoever opens it waits."""
    path.unlink()
    os.mkfifo(path, 0o600)


def gone(path: Path) -> None:
    path.unlink()


def led_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


def deep(path: Path) -> None:
    path.write_bytes(b"a = " + b"[" * 50_000)


def huge(path: Path) -> None:
    path.write_bytes(b"#" * 2_000_000)


DAMAGES: tuple[Damage, ...] = (
    *(emptied, cut_off, zeroed, zeroed_at_its_end, no_text),
    *(a_folder, a_pipe, led_nowhere, deep, huge),
)


def taken_away(path: Path) -> None:
    """Whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
