"""The colours hold WCAG 2.2 AA in both themes: 4.5:1 for text, 3:1 for edges, icons and focus."""

from __future__ import annotations

import re

import pytest

from web.staff.pages.layout import STATIC

CSS = (STATIC / "css" / "tokens.css").read_text("utf-8")

TEXT = [
    ("text", "bg"),
    ("text", "surface"),
    ("text", "surface-2"),
    ("text", "accent-soft"),
    ("text", "alarm-bg"),
    ("text", "ok-bg"),
    ("text", "warn-bg"),
    ("text", "unknown-bg"),
    ("muted", "bg"),
    ("muted", "surface"),
    ("muted", "surface-2"),
    ("muted", "alarm-bg"),
    ("accent", "bg"),
    ("accent", "surface"),
    ("accent", "surface-2"),
    ("accent", "alarm-bg"),
    ("accent-text", "accent"),
    ("alarm", "surface"),
    ("alarm", "alarm-bg"),
    ("alarm-text", "alarm"),
    ("warn", "warn-bg"),
    ("warn", "surface"),
    ("ok", "ok-bg"),
    ("ok", "surface"),
    ("unknown", "unknown-bg"),
    ("quiet", "quiet-bg"),
]
"""Text on ground, as the style sheets pair them."""

EDGES = [
    ("edge", "bg"),
    ("edge", "surface"),
    ("edge", "alarm-bg"),
    ("focus", "bg"),
    ("focus", "surface"),
    ("focus", "alarm-bg"),
    ("accent", "surface"),
    ("warn", "surface"),
    ("alarm", "bg"),
    ("ok", "surface"),
    ("unknown", "surface"),
]
"""Lines and shapes that carry meaning, on their ground."""


def blocks() -> dict[str, dict[str, str]]:
    """Theme to its colours, `dark` by the device's wish and `chosen` by the button."""
    found = {}
    for name, start in (
        ("light", ":root {"),
        ("dark", ':root:not([data-theme="light"]) {'),
        ("chosen", ':root[data-theme="dark"] {'),
    ):
        body = CSS.split(start, 1)[1].split("}", 1)[0]
        found[name] = dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9a-f]{6});", body))
    return found


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2, definition)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_ratio_is_computed_as_the_standard_says() -> None:
    """Black on white is 21:1, and #767676 on white just passes."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT, ids="-on-".join)
def test_text_can_be_read(theme: str, ink: str, ground: str) -> None:
    """At least 4.5:1."""
    colours = blocks()[theme]
    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), EDGES, ids="-on-".join)
def test_edges_can_be_seen(theme: str, ink: str, ground: str) -> None:
    """At least 3:1."""
    colours = blocks()[theme]
    assert contrast(colours[ink], colours[ground]) >= 3


def test_the_two_dark_themes_are_one() -> None:
    """Dark by the device's wish and dark by the button look the same."""
    found = blocks()
    assert found["dark"] == found["chosen"]
    assert set(found["dark"]) == set(found["light"])


def test_no_other_style_sheet_has_colours_of_its_own() -> None:
    """A colour outside the tokens would escape this test."""
    for path in (STATIC / "css").glob("*.css"):
        if path.name != "tokens.css":
            assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?!\s*\{)", path.read_text("utf-8")), path
