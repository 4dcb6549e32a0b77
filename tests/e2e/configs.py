"""What a home consists of, edited at the server of a real pair: for the test and for the bench.

Not for: what is asserted of it (`test_configs`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import Stage
from tests.e2e.second_path import ask, wait

PAGE = "/hem/h1/utrustning"

PINS = (18, 19)
"""Pins that nothing of the demo's home has."""


@dataclass
class Technician:
    """Somebody who edits the home of a stage; `number` is that of the last one that was set."""

    made: Stage
    client: StaffClient = field(init=False)
    number: int = 0

    def __post_init__(self) -> None:
        account = self.made.account("technician")
        self.client = StaffClient(self.made.url, account.email, account.password)

    def save(self, **fields: str) -> int:
        """Send the page's form; the number that it was given."""
        usual = {"do": "device", "why": "new_device", "after": str(self.number)}
        self.client.post(PAGE, **usual | fields)
        self.number += 1
        return self.number

    def mat(self, pin: int, **fields: str) -> int:
        """One more mat, or another pin for it."""
        usual = {"device": "golv2", "driver": "mat_gpio", "lines": f"pin = {pin}"}
        return self.save(**usual | fields)

    def state(self) -> dict[str, Any]:
        """What the home last said."""
        names = ("held", "unpaired", "refused", "refused_why", "refused_about", "refused_field")
        query = f"SELECT {', '.join(names)} FROM config_state WHERE home_id = 'h1'"  # noqa: S608
        rows = ask(self.made, query)
        return dict(zip(names, rows[0], strict=True)) if rows else dict.fromkeys(names)

    def wait_until_held(self, number: int) -> None:
        """Until the home has said that this one holds."""

        def is_held() -> bool:
            state = self.state()
            assert state["refused"] != number, state
            return bool(state["held"] == number)

        wait(is_held, f"the home never held {number}")


def applied_s(by: Technician, times: int) -> list[float]:
    """Seconds from the click to the home's word at the server that it holds, `times` over."""
    by.wait_until_held(by.number)
    took = []
    for turn in range(times):
        began = time.monotonic()
        number = by.mat(PINS[turn % 2], **({"new": "1"} if by.number == 0 else {}))
        by.wait_until_held(number)
        took.append(time.monotonic() - began)
    return took
