"""Fixtures of calls and looks."""

from __future__ import annotations

import pytest

from gateway.media import sessions
from tests.media.home_parts import BUSY_S


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child reads large libraries before its first word: on a busy machine for longer than
    anybody who looks is kept waiting."""
    monkeypatch.setattr(sessions, "START_S", 4 * BUSY_S)
