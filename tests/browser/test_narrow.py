"""The pages of administration, those of a home, the lists with filters and what is used on a phone,
on the narrowest one, unfolded.

Not for: what axe sees (`test_axe`), or what is done on the pages.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import LiveServer
from tests.browser.crooked import NARROW, crooked
from tests.browser.night import Night
from tests.browser.test_axe import UNFOLD, addresses, everything

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WALKED = ("/administration", "/atkomst", "/handelser", "/hem/h1", "/nu", "/pass")
"""How the addresses begin that are opened here."""


@pytest.mark.timeout(900)
def test_nothing_is_crooked_on_the_narrowest_phone(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
) -> None:
    """No page scrolls sideways, hangs its numbers out, squeezes a text or lets two cards touch."""
    page = everything(open_page, sign_in, night, NARROW)
    found = {}
    for address in addresses(night):
        answer = (
            page.request.head(live_server.url + address) if address.startswith(WALKED) else None
        )
        if answer is not None and answer.headers.get("content-type", "").startswith("text/html"):
            page.goto(live_server.url + address)
            page.evaluate(UNFOLD)
            found[address] = crooked(page)
    assert len(found) > 20
    bent = {address: faults for address, faults in found.items() if faults}
    assert not bent, json.dumps(bent, indent=1, ensure_ascii=False)
