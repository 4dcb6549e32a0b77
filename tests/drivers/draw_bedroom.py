"""Makes `drivers/pictures/bedroom.i420.xz` from `bedroom.svg`: the layers of the drawing, as
pictures.

A home cannot draw an SVG; Chromium can, where the tests run.  After a change of the drawing:
`python -m tests.drivers.draw_bedroom`; `test_camera_virtual.py` holds the two together.
"""

from __future__ import annotations

import hashlib
import lzma
from typing import Any

from drivers.pictures.bedroom import ASSET, HEIGHT, LAYERS, WIDTH

DRAWING = ASSET.with_name("bedroom.svg")
CHROMIUM = "/usr/bin/chromium"

_DOTS = """layer => new Promise(done => {
  const drawing = document.querySelector("svg").cloneNode(true)
  for (const name of %s) drawing.getElementById(name).style.display = name === layer ? "" : "none"
  const image = new Image()
  image.onload = () => {
    const canvas = document.createElement("canvas")
    ;[canvas.width, canvas.height] = [%d, %d]
    const pen = canvas.getContext("2d")
    pen.drawImage(image, 0, 0)
    done([...pen.getImageData(0, 0, %d, %d).data])
  }
  image.src = "data:image/svg+xml;utf8," + encodeURIComponent(drawing.outerHTML)
})"""


def i420(dots: list[int]) -> bytes:
    """RGBA dots as planes, in a video's range of levels (BT.601)."""
    light = bytearray()
    sums = [[0.0] * (WIDTH * HEIGHT // 4) for _ in range(2)]
    for place in range(WIDTH * HEIGHT):
        red, green, blue = dots[4 * place : 4 * place + 3]
        light.append(round(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255))
        at = place // WIDTH // 2 * (WIDTH // 2) + place % WIDTH // 2
        sums[0][at] += 128 + (-37.797 * red - 74.203 * green + 112 * blue) / 255
        sums[1][at] += 128 + (112 * red - 93.786 * green - 18.214 * blue) / 255
    return bytes(light) + b"".join(bytes(round(one / 4) for one in plane) for plane in sums)


def drawing_mark() -> bytes:
    """What the pictures begin with: of which drawing they are."""
    return hashlib.sha256(DRAWING.read_bytes()).digest()


def drawn(page: Any) -> list[bytes]:
    """Each layer as a picture, by Chromium."""
    page.set_content(DRAWING.read_text(encoding="utf-8"))
    words = (list(LAYERS), WIDTH, HEIGHT, WIDTH, HEIGHT)
    return [i420(page.evaluate(_DOTS % words, layer)) for layer in LAYERS]


def main() -> None:
    """Draw, and keep."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        layers = drawn(browser.new_page())
        browser.close()
    ASSET.write_bytes(lzma.compress(drawing_mark() + b"".join(layers), preset=9))
    print(f"{ASSET.name}: {ASSET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
