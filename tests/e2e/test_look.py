"""A watcher looks into a home: real browser, real server, real gateway, its virtual camera."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.stage import Stage
from tests.browser.conftest import PHONE, launch
from tests.e2e import turn
from tests.e2e.test_day import sign_in
from tests.e2e.test_relayed import ONLY_THE_RELAY, PAIR, sealed_only, through
from tests.e2e.test_voice import MEDIA, raised, until

pytest.importorskip("aiortc")

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

PICTURE_IS_NEW = """async () => {
  const shown = () => {
    const from = [...document.querySelectorAll("[data-look] video, [data-look] canvas")]
      .find((one) => !one.hidden);
    const canvas = new OffscreenCanvas(160, 120);
    const paint = canvas.getContext("2d");
    paint.drawImage(from, 0, 0, 160, 120);
    return paint.getImageData(0, 0, 160, 120).data;
  };
  const differ = (a, b) => a.reduce((sum, value, i) => sum + (Math.abs(value - b[i]) > 12), 0);
  const first = shown();
  const until = Date.now() + 8000;
  while (Date.now() < until) {
    await new Promise((done) => setTimeout(done, 200));
    if (differ(first, shown()) > 5) return new Set(first).size;
  }
  return 0;
}"""
"""In the page: that what is shown moves (the clock on the drawn wall does), and how many shades it
has; 0: it stands still."""


def ended(stage: Stage, count: int) -> list[dict[str, Any]]:
    """What the home wrote of the looks that ended, once so many did and its lamp is dark."""

    def told() -> list[dict[str, Any]]:
        with closing(sqlite3.connect(stage.home_log, timeout=10)) as db:
            query = "SELECT body FROM event WHERE json_extract(body, '$.kind') = 'look.ended'"
            return [json.loads(body)["data"] for (body,) in db.execute(query + " ORDER BY row")]

    until(lambda: len(told()) >= count, 40)
    until(lambda: not looking(stage))
    return told()


def looking(stage: Stage) -> bool:
    """Whether the lamp shines, or the shutter is open."""
    assert stage.home is not None
    told = stage.home.do("tell")
    return bool(told["looking"] or told["shutter_open"])


def begin(page: Any) -> None:
    """Press the button, and wait for a picture; again while the home is not connected yet."""
    for _ in range(10):
        page.get_by_test_id("look-begin").click()
        page.locator('[data-test="look"]:is([data-state="live"], [data-state="over"])').wait_for()
        said = page.get_by_test_id("look-say").text_content()
        if "inte anslutet" not in said:
            break
        page.wait_for_timeout(1000)
    assert page.get_by_test_id("look").get_attribute("data-state") == "live", said


def is_over(page: Any) -> str:
    """What the page says at the end."""
    page.locator('[data-test="look"][data-state="over"]').wait_for()
    return str(page.get_by_test_id("look-say").text_content())
