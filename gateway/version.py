"""The version that is installed, for the log and the link.  Not for: anything else."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


@cache
def version() -> str:
    """`0.1.0`; `0+source` when run from a folder that nothing installed."""
    try:
        return installed("tryggve")
    except PackageNotFoundError:
        return "0+source"
