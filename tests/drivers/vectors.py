"""The published example messages in ../shared/data/protocols, where they are there."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

needs_vectors = pytest.mark.skipif(
    not (DATA / "protocols").is_dir(), reason="the vectors in ../shared/data are not here"
)


@cache
def vectors(name: str) -> list[dict[str, Any]]:
    """The vectors of one file; empty when it is not there."""
    file = DATA / "protocols" / f"{name}.json"
    found: list[dict[str, Any]] = json.loads(file.read_text())["vectors"] if file.exists() else []
    return found
