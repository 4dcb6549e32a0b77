"""The icons: drawn on a grid of 24, lines only, in the colour of the text beside them.

An icon never stands for a status alone; a word is always beside it (or, on a button, in it for
screen readers).  Not for: illustrations.
"""

from __future__ import annotations

from functools import cache

from markupsafe import Markup

_PATHS = {
    "away": "M3 17h18M6 17V8h12v9M9 8V5h6v3",
    "bath": "M3 12h18v2a5 5 0 0 1-5 5H8a5 5 0 0 1-5-5zM6 12V6a2.5 2.5 0 0 1 5 0M8 19l-1 2M16 19l1 "
    "2",
    "battery": "M2 8h16v8H2zM21 11v2M6 11v2M10 11v2M14 11v2",
    "battery-low": "M2 8h16v8H2zM21 11v2M6 11v2",
    "bed": "M3 18v-8M3 15h18v3M21 15v-2a3 3 0 0 0-3-3h-8v5M6.5 12.5h.01",
    "bed-empty": "M3 18v-8M3 15h18v3M21 15v-2a3 3 0 0 0-3-3M8 12h4",
    "bell": "M6 9a6 6 0 0 1 12 0c0 6 2.5 7 2.5 7h-17S6 15 6 9M10 20a2.2 2.2 0 0 0 4 0",
    "bell-off": "M8 4.8A6 6 0 0 1 18 9c0 3 .6 4.8 1.2 5.8M16 16H3.5S6 15 6 9v-.5M10 20a2.2 "
    "2.2 0 0 0 4 0M3 3l18 18",
    "box": "M4 7h16v12H4zM8 7V5h8v2M8 13h.01M12 13h4",
    "chair": "M7 3v18M7 13h10v8M7 9h4",
    "check": "M4 12.5l5.5 5.5L20 6.5",
    "check-circle": "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M8 12.3l3 3 5-6",
    "chevron-left": "M15 5l-7 7 7 7",
    "chevron-right": "M9 5l7 7-7 7",
    "circle": "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16",
    "clock": "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 7v5.5l3.5 2",
    "contrast": "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 3v18M15 5.5v13M18 8v8",
    "cross": "M6 6l12 12M18 6L6 18",
    "door": "M6 21V3h12v18M3 21h18M14.5 12h.01",
    "door-open": "M4 21V4l9-1v18M13 5h6v16M2 21h20M9.5 12h.01",
    "dot": "M12 13.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3",
    "drop": "M12 3s6.5 7 6.5 11.5a6.5 6.5 0 0 1-13 0C5.5 10 12 3 12 3",
    "eye": "M2 12s3.5-7 10-7 10 7 10 7-3.5 7-10 7S2 12 2 12M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6",
    "globe": "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M3 12h18M12 3c5 5 5 13 0 18M12 3c-5 5-5 13 0 18",
    "hand": "M8 12V5.5a1.5 1.5 0 0 1 3 0V11V4a1.5 1.5 0 0 1 3 0v7V5.5a1.5 1.5 0 0 1 3 "
    "0V15a6 6 0 0 1-6 6c-3 0-4-1-7-6.5a1.5 1.5 0 0 1 2.5-1.7L8 15",
    "hanger": "M12 9V8a2 2 0 1 0-2-2M12 9l8.6 7.2c.9.8.4 1.8-.6 1.8H4c-1 0-1.5-1-.6-1.8z",
    "home": "M3 11.5L12 4l9 7.5M5.5 9.5V20h13V9.5M10 20v-6h4v6",
    "key": "M8 16a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9M12.5 11.5H22M18 11.5V15M21 11.5V14",
    "list": "M8 6h13M8 12h13M8 18h13M3.5 6h.01M3.5 12h.01M3.5 18h.01",
    "lock": "M5 11h14v10H5zM8 11V7.5a4 4 0 0 1 8 0V11",
    "lock-open": "M5 11h14v10H5zM8 11V7a4 4 0 0 1 7.7-1.5",
    "lock-unknown": "M5 11h14v10H5zM8 11V7.5a4 4 0 0 1 8 0V11M10.7 15a1.4 1.4 0 1 1 1.3 "
    "1.8M12 18.7h.01",
    "mat": "M3 9h18l-2 8H1zM7 13h9",
    "moon": "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5",
    "motion": "M4 12a8 8 0 0 1 8-8M4 12a8 8 0 0 0 8 8M8.5 12A3.5 3.5 0 0 1 12 8.5M8.5 12a3.5 "
    "3.5 0 0 0 3.5 3.5M16 12h5M18.5 9.5L21 12l-2.5 2.5",
    "out": "M10 4H4v16h6M15 8l4 4-4 4M19 12H9",
    "pendant": "M5 3l7 8 7-8M12 21a5 5 0 1 0 0-10 5 5 0 0 0 0 10M12 16h.01",
    "pen": "M4 20l1-4L16.5 4.5l3 3L8 19zM14 7l3 3",
    "person": "M12 11.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4 20.5c0-4 3.5-6 8-6s8 2 8 6",
    "person-check": "M10 11.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8M2.5 20.5c0-4 3-6 7.5-6 1.5 0 2.8.2 4 "
    ".7M14.5 18.5l2.5 2.5 5-5.5",
    "person-off": "M10 11.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8M2.5 20.5c0-4 3-6 7.5-6 1.5 0 2.8.2 4 "
    ".7M16 16l5 5M21 16l-5 5",
    "phone": "M7 2.5h10v19H7zM11 18.5h2",
    "plug": "M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4",
    "question": "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M9.5 9.5a2.5 2.5 0 1 1 2.5 3v1.2M12 16.8h.01",
    "search": "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14M16 16l5 5",
    "shift": "M7 3v4M17 3v4M4 5.5h16V20H4zM4 10.5h16M8.5 15l2.5 2.5 4.5-4.5",
    "signal": "M12 19h.01M8.5 15.5a5 5 0 0 1 7 0M5 12a10 10 0 0 1 14 0M2 8.5a14.5 14.5 0 0 1 20 0",
    "signal-off": "M12 19h.01M8.5 15.5a5 5 0 0 1 5-1.3M5 12a10 10 0 0 1 4-2.5M19 12a10 10 0 0 "
    "0-4.5-2.7M3 3l18 18",
    "sofa": "M4 11V8a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v3M2 13a2 2 0 0 1 4 0v2h12v-2a2 2 0 0 1 4 "
    "0v5H2zM5 18v2M19 18v2",
    "sound": "M4 9.5v5h3.5L13 19V5L7.5 9.5zM16.5 9a4.5 4.5 0 0 1 0 6M19 6.5a8 8 0 0 1 0 11",
    "sound-off": "M4 9.5v5h3.5L13 19V5L7.5 9.5zM17 9.5l5 5M22 9.5l-5 5",
    "stove": "M4 3h16v18H4zM4 9h16M8 6h.01M12 6h.01M16 6h.01M7 12h10v6H7z",
    "sun": "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M5 5l1.7 "
    "1.7M17.3 17.3L19 19M19 5l-1.7 1.7M6.7 17.3L5 19",
    "toilet": "M6 3h5v8H6zM6 11h13c0 3.5-2.6 6-6 6v4H8v-4.6c-1.5-1-2-3-2-5.4",
    "walk": "M13 5.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3M7 12l3-3.5 3 .5 1.5 3 3 1M12 9l-1.5 "
    "5 3 3 1 5M10.5 14L9 18l-2.5 3.5",
    "warning": "M12 3.5L22 20.5H2zM12 10v4.5M12 17.5h.01",
}


NAMES = frozenset(_PATHS)
"""Every icon there is."""

FILE = "icons.svg"
"""The name of the drawing that holds them all: a browser fetches it once, and a page that shows an
icon two thousand times only names it."""


@cache
def sprite() -> str:
    """All icons in one drawing, each by its name."""
    symbols = "".join(
        f'<symbol id="{name}" viewBox="0 0 24 24"><path d="{path}"/></symbol>'
        for name, path in _PATHS.items()
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg">{symbols}</svg>'


@cache
def icon(address: str, name: str) -> Markup:
    """An icon of the sprite at `address`, hidden from screen readers; an unknown name draws a
    dot."""
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>').format(
        address, name if name in NAMES else "dot"
    )
