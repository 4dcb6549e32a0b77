"""A plan that was set at the server, with both programs: followed, changed while a check is open,
kept through a death of each, paused; and consent to looks that reaches the home both ways."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import Stage
from gateway.schedule import check_id
from tests.e2e.conftest import EVENING
from tests.e2e.second_path import ask, wait

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PLAN = {
    "do": "set",
    "method": "camera",
    "night": "mon",
    "recheck": "20",
    "tolerance": "0",
    "every": "",
    "begins": "",
    "ends": "",
}


def held(made: Stage) -> tuple[Any, ...]:
    """What the home says that it holds: the plan's number, and whether looks were agreed to."""
    rows = ask(made, "SELECT held, held_looks FROM plan_state WHERE home_id = 'h1'")
    return tuple(rows[0]) if rows else (None, None)


def check(made: Stage, at: datetime) -> tuple[Any, ...]:
    """The state of the check that was planned for this moment, and why."""
    name = check_id("night", at)
    rows = ask(made, 'SELECT state, why FROM night_check WHERE "check" = ?', name)
    return tuple(rows[0]) if rows else ()


def unreported(made: Stage) -> int:
    """Alarms about a check that nobody reported."""
    return len(ask(made, "SELECT 1 FROM alarm WHERE type = 'check_unreported'"))


def test_a_plan_is_followed_through_changes_and_deaths_and_one_silence_is_one_alarm(
    set_stage: Callable[..., Stage],
) -> None:
    """The file's slots are withdrawn; a check is asked as the plan says; a plan that is set while
    it is open holds from the next slot.  Both programs die before that slot: when they are back it
    is one alarm, of the server, and the home tells what became of it.  A paused night is said."""
    made = set_stage(home_options=("--still", "--awake"))
    account = made.account("coordinator")
    planner = StaffClient(made.url, account.email, account.password)

    def plan(after: int, **fields: str) -> None:
        planner.post("/hem/h1/tillsyn", **{**PLAN, "after": str(after), **fields})
        wait(lambda: held(made)[0] == after + 1, "the home never said that it holds the plan")

    def at(hour: int, minute: int, day: int = 0) -> datetime:
        return (EVENING + timedelta(days=day)).replace(hour=hour, minute=minute)

    plan(0, times="22:00, 23:00")
    wait(lambda: check(made, at(2, 30, 1)) == ("withdrawn", None), "the file's slot stays")
    made.clock.set(at=at(22, 0) + timedelta(seconds=1))
    wait(lambda: check(made, at(22, 0)) == ("asked", "camera"), "nobody was asked")
    plan(1, times="22:00, 1:00", method="visit")
    wait(lambda: check(made, at(23, 0)) == ("withdrawn", None), "the slot that was moved stays")
    wait(lambda: check(made, at(1, 0, 1)) == ("planned", None), "the new slot is not planned")

    assert made.home is not None
    made.kill_staff()
    made.home.process.kill()
    made.home.stop()
    made.clock.set(at=at(1, 20, 1))
    made.start_staff()
    wait(lambda: unreported(made) == 1, "the server did not miss the report", 100)
    made.start_home("--still", "--awake")
    asked = ("asked", "visit")
    wait(lambda: check(made, at(1, 0, 1)) == asked, "the home never told of its slot")
    assert held(made)[0] == 2, "the plan is kept"
    assert unreported(made) == 1

    planner = StaffClient(made.url, account.email, account.password)
    plan(2, do="pause", first="2026-03-09", last="2026-03-09")
    made.clock.set(at=at(22, 0, 7) + timedelta(seconds=1))
    wait(lambda: check(made, at(22, 0, 7)) == ("missed", "paused"), "the pause was silent")
    assert unreported(made) == 1

    agreed = {"resident": "r1", "asked_on": "2026-03-01", "how": "spoken"}
    planner.post("/hem/h1/samtycke", do="agree", **agreed)
    wait(lambda: held(made)[1] == 1, "the home does not know that looks were agreed to")
    planner.post("/hem/h1/samtycke", do="withdraw", resident="r1")
    wait(lambda: held(made)[1] == 0, "the home does not know that they no longer are")
