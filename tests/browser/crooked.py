"""What a person would see at once on the narrowest phone, and axe does not.

Not for: what axe sees, or thumbs (`test_axe`).
"""

from __future__ import annotations

from typing import Any

NARROW = {"width": 320, "height": 640}
"""WCAG 1.4.10: a page of 1280 px enlarged four times; also the smallest phones in use."""

CROOKED = """() => {
  const found = [];
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) {
    const over = [...document.querySelectorAll("main *")]
      .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
      .map((e) => e.outerHTML.slice(0, 80));
    found.push(`${wide} px wider than the screen`, ...over.slice(-2));
  }
  for (const list of document.querySelectorAll("main :is(ul, ol)")) {
    const style = getComputedStyle(list);
    const marked = style.listStyleType !== "none" && list.querySelector(":scope > li");
    if (marked && parseFloat(style.paddingInlineStart) < 16) {
      found.push(`numbers or dots outside: ${list.outerHTML.slice(0, 80)}`);
    }
  }
  for (const card of document.querySelectorAll("main .card")) {
    const before = card.previousElementSibling?.getBoundingClientRect();
    if (before?.height && card.getBoundingClientRect().top - before.bottom < 4) {
      found.push(`touches what stands above: ${card.outerHTML.slice(0, 80)}`);
    }
  }
  for (const text of document.querySelectorAll("main .row > span:not(.at, .badge)")) {
    const width = text.getBoundingClientRect().width;
    if (width > 0 && width < 64 && text.textContent.trim().length > 12) {
      found.push(`squeezed to ${Math.round(width)} px: ${text.outerHTML.slice(0, 80)}`);
    }
  }
  return found;
}"""
"""What a person would see at once: wider than the screen, markers of a list outside of what it
stands in, a card that touches the one above, a text of a row squeezed to one word a line."""


def crooked(page: Any) -> list[str]:
    """What is crooked of the page on the narrowest phone; it gets its size back."""
    size = page.viewport_size
    page.set_viewport_size(NARROW)
    found: list[str] = page.evaluate(CROOKED)
    page.set_viewport_size(size)
    return found
