"""How the suite is spread over the cores: what must not run side by side, and what is made once."""

from __future__ import annotations

import pytest

from tests._tree import ROOT
from tests.running import ALONE, TOGETHER, WAITERS, choose, group_of
from tests.test_score import each


def test_what_shares_a_browser_or_processes_runs_one_at_a_time() -> None:
    """Each place is one group, and is there."""
    for place, name in ALONE.items():
        assert (ROOT / place).exists()
        assert group_of(f"{place}::test_one[desk]") == name


def test_a_file_that_makes_something_once_goes_to_one_worker() -> None:
    """Else each worker would play the simulator's morning and storm."""
    ids = ("test_the_table_is_whole", "test_nothing_is_lost_or_doubled[day]")
    load = "tests/load/test_load.py"
    for file, name in {load: load, **TOGETHER}.items():
        assert (ROOT / file).exists()
        assert {group_of(f"{file}::{one}") for one in ids} == {name}


WORKERS = (*WAITERS, "gw2", "gw3")
QUEUE = ("processes", "browser", "tests/test_link.py::test_a")


@pytest.mark.parametrize(
    ("waiting", "worker", "workers", "group"),
    [
        (QUEUE, "gw0", WORKERS, "processes"),
        (QUEUE, "gw2", WORKERS, "tests/test_link.py::test_a"),
        (QUEUE[:2], "gw3", WORKERS, "processes"),
        (QUEUE[2:], "gw1", WORKERS, None),
        ((), "gw2", WORKERS, None),
        (QUEUE, "gw1", WAITERS, "processes"),
        (QUEUE[2:], "gw1", WAITERS, QUEUE[2]),
        (QUEUE, "gw4", ("gw2", "gw3", "gw4"), "processes"),
    ],
)
def test_who_takes_what(
    waiting: tuple[str, ...], worker: str, workers: tuple[str, ...], group: str | None
) -> None:
    """What waits goes to those that wait, and they take nothing else; who computes helps when there
    is nothing to compute.  With two workers, or when those that wait are gone, each does all."""
    assert choose(waiting, worker, workers) == group


@pytest.mark.parametrize("test", ["test_a", "test_b[desk]"])
def test_any_other_test_is_its_own(test: str) -> None:
    """It goes to whoever is free."""
    nodeid = f"tests/rules/test_bed.py::{test}"
    assert group_of(nodeid) == nodeid


def test_the_tests_of_one_recorded_home_go_together() -> None:
    """Whatever else they vary."""
    assert each("aras_a").args[0] == "name"
    ids = ("test_x[aras_a]", "test_y[3-aras_a]")
    assert {group_of(f"tests/test_score.py::{one}") for one in ids} == {"aras_a"}
