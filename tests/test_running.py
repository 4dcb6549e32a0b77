"""How the suite is spread over the cores: what must not run side by side, and what is made once."""

from __future__ import annotations

import pytest

from tests._tree import ROOT
from tests.running import ALONE, group_of
from tests.test_score import each


def test_what_shares_a_browser_or_processes_runs_one_at_a_time() -> None:
    """Each folder is one group, and is there."""
    for folder, name in ALONE.items():
        assert (ROOT / folder).is_dir()
        assert group_of(f"{folder}test_any.py::test_one[desk]") == name


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
