"""Small files that a driver keeps in its state folder, on disk when the call returns.

Not for: secrets (`gateway.ports.Secrets`) or events.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def save(path: Path, fields: dict[str, Any]) -> None:
    """Write `fields` as JSON: the old file or the whole new one is there, whenever the power goes.
    Raises `OSError`."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(fields, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load(path: Path) -> dict[str, Any] | None:
    """What was kept; None when nothing was, or what is there cannot be read."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return fields if isinstance(fields, dict) else None
