"""A new key for grants through both programs: the home hears of it from the server that it trusts,
and the old one ends when it was said to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from gateway.demo.staffclient import Live, StaffClient, StaffError
from gateway.demo.stage import Stage
from gateway.demo.town import HOME
from tests.e2e.test_kill import until
from web.staff.doors.lock_orders import UNHEARD_S

KEEP_HOURS = 2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Door:
    """The home's front door, as a caregiver's phone has it."""

    stage: Stage
    phone: StaffClient
    watcher: StaffClient
    live: Live

    def turn(self) -> dict[str, Any]:
        """Open it; how that ended: the event's kind and data."""
        asked = time.perf_counter()
        grant = self._order()
        mine = (grant, None)  # of a grant that cannot be trusted the home does not say which
        _, event = self.live.wait(
            *("unlock.ended", "unlock.refused"),
            after=asked,
            fits=lambda e: e["data"]["grant"] in mine,
        )
        return {"kind": event["kind"], **event["data"]}

    def _order(self) -> str:
        """Order a turn as soon as the home listens: before that nothing is signed."""
        given: list[str] = []

        def ordered() -> bool:
            try:
                answer = self.phone.post(f"/pass/{HOME.id}/las", device="door", action="unlock")
            except StaffError:
                return False
            given.append(answer["grant"])
            return True

        until(ordered, "an order")
        return given[0]

    def opens(self) -> bool:
        """Whether it opens."""
        told = self.turn()
        return (told["kind"], told.get("outcome")) == ("unlock.ended", "done")

    def trusts(self, after: float) -> str:
        """Wait until the home trusts a new key; its name."""
        _, event = self.live.wait("server.key_trusted", after=after)
        return str(event["data"]["kid"])

    def rotate(self) -> str:
        """`tryggve staff key rotate`; the new key's name."""
        told = self.stage.staff_says(["key", "rotate", "--keep-hours", str(KEEP_HOURS)])
        return told.split(":")[0]

    def restart_server(self) -> None:
        """Kill it and start it; the page is loaded anew, so that it misses nothing."""
        self.live.close()
        self.stage.kill_staff()
        self.stage.start_staff()
        self.live = self.watcher.live()

    def let_pass(self, **time: float) -> None:
        """Move the clock that both programs have."""
        self.stage.clock.set(at=self.stage.clock.now() + timedelta(**time))


@pytest.fixture
def door(set_stage: Callable[..., Stage]) -> Iterator[Door]:
    """The door of an enrolled home, which has been opened once."""
    made = set_stage(home_options=("--still", "--awake"))
    phone, watcher = (
        StaffClient(made.url, account.email, account.password)
        for account in map(made.account, ("caregiver", "night_watcher"))
    )
    door = Door(made, phone, watcher, watcher.live())
    assert door.opens()
    yield door
    door.live.close()


def test_the_old_key_opens_until_its_time_and_the_new_one_from_then_on(door: Door) -> None:
    """The home hears of the new key at once.  A server that was not restarted goes on with the old
    one for the hours that were said, and is refused afterwards; restarted it opens, and so it does
    after a restart of the home."""
    began = time.perf_counter()
    new = door.rotate()
    assert door.trusts(began) == new
    door.let_pass(hours=KEEP_HOURS - 0.5)
    assert door.opens(), "the old key is still good"
    door.let_pass(hours=1)
    told = door.turn()
    assert (told["kind"], told["why"]) == ("unlock.refused", "forged")
    door.let_pass(seconds=UNHEARD_S)  # until then another tap is the order that got no answer
    door.restart_server()
    assert door.opens(), "signed with the new key"
    assert door.stage.home is not None
    turns = door.stage.home.do("tell")["turns"]
    door.stage.home.stop()
    door.restart_server()  # so that it takes no order for the stream that has just ended
    door.stage.start_home("--still", "--awake")
    assert door.opens(), "the home kept the new key"
    assert (turns, door.stage.home.do("tell")["turns"]) == (3, 1)


def test_a_home_that_was_offline_meanwhile_catches_up(door: Door) -> None:
    """Twice a new key, and the first one's time is long over: it hears of both in their order, each
    signed by the one before, and opens."""
    assert door.stage.home is not None
    door.stage.home.stop()
    began = time.perf_counter()
    first, second = door.rotate(), door.rotate()
    door.restart_server()
    door.let_pass(hours=KEEP_HOURS * 24)
    door.stage.start_home("--still", "--awake")
    trusted = [door.trusts(began)]
    door.live.wait("server.key_trusted", after=began, fits=lambda e: e["data"]["kid"] == second)
    assert trusted == [first]
    assert door.live.count("server.key_refused") == 0
    assert door.opens()
