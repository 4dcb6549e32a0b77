"""The drawing of the virtual bedroom and the pictures that were made of it are one."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.pictures.bedroom import LAYERS, layers
from tests.drivers import draw_bedroom

pytestmark = pytest.mark.browser


def test_the_pictures_are_those_of_the_drawing(browser: Any) -> None:
    """As Chromium draws it today, but for a rounding: who changes the drawing makes them anew."""
    page = browser.new_page()
    drawn = draw_bedroom.drawn(page)
    page.close()
    for name, planes in zip(LAYERS, drawn, strict=True):
        kept = layers()[name]
        differ = sum(abs(a - b) > 6 for a, b in zip(planes, kept, strict=True))
        assert differ < len(kept) // 500, f"{name}: python -m tests.drivers.draw_bedroom"
