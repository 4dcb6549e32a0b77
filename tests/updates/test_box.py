"""A real gateway takes a release from a real server: as the page decides it, signed, tried, held;
and goes back by itself, with the reason, when it does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.demo.stage import Stage
from tests.e2e.conftest import kept, set_stage  # noqa: F401 - fixtures
from tests.updates import cuts
from tests.updates.box import is_deaf, reads_none, takes_none
from tests.updates.unit import OPTIONS, PAGE, Unit, a_unit


@pytest.fixture
def unit(set_stage: Callable[..., Stage], tmp_path: Path) -> Iterator[Unit]:  # noqa: F811
    with a_unit(set_stage(home=False, options=OPTIONS), tmp_path) as made:
        yield made


@pytest.mark.slow
def test_a_home_takes_a_release_and_goes_back_from_one_that_does_not_hold(unit: Unit) -> None:
    """One decision on the page: the home fetches the release over its own link, ends when nobody
    needs it, and the new one runs, is at the server, and holds once its test alarm came back.  A
    later one that is deaf is gone back from, and the page says why."""
    box = unit.box
    box.until(unit.connected, "the home")
    unit.publish("0.3.0")
    unit.client.post(PAGE, do="ring", home="h1", ring="1")
    unit.decide("0.3.0")
    box.until(lambda: unit.told()[:2] == ("0.3.0", "held"), "the release")
    assert box.running() == "0.3.0"
    assert box.is_whole(unit.releases)
    assert "0.3.0 fungerar" in unit.client.get(PAGE)
    unit.publish("0.4.0", is_deaf)
    box.until(lambda: "klart" in unit.client.get(PAGE), "the plan's end")
    unit.decide("0.4.0")
    box.until(lambda: box.running() == "0.4.0" and box.lacks() == "test", "the deaf one")
    box.time_is_up()
    box.until(lambda: unit.told()[1] == "returned", "the way back")
    assert unit.told() == ("0.4.0", "returned", "not_proved", "test")
    box.until(lambda: box.running() == "0.3.0", "the release before")
    assert box.is_whole(unit.releases)
    # one of one home did not take it: the next round stops the plan
    box.until(lambda: 'data-test="stopped"' in unit.client.get(PAGE), "the plan's stop")
    back = "0.4.0 gick tillbaka till den förra: den blev inte klar i tid"
    assert back in unit.client.get(PAGE)


@pytest.mark.slow
def test_a_release_that_takes_no_other_is_not_the_last(unit: Unit) -> None:
    """One whose root's half is broken holds, and the package takes the next one in for it; one that
    cannot read the list of releases is gone back from, though all else works."""
    box = unit.box
    box.until(unit.connected, "the home")
    unit.publish("0.3.0", takes_none)
    unit.publish("0.4.0", reads_none)
    unit.client.post(PAGE, do="ring", home="h1", ring="1")
    unit.decide("0.3.0")
    box.until(lambda: unit.outcome() == "held", "the release")
    unit.decide_again("0.4.0")
    box.until(lambda: box.running() == "0.4.0" and box.lacks() == "updates", "the next one")
    box.time_is_up()
    box.until(lambda: unit.told()[1] == "returned", "the way back")
    assert unit.told() == ("0.4.0", "returned", "not_proved", "updates")
    box.until(lambda: box.running() == "0.3.0", "the release before")
    assert unit.is_whole()


@pytest.mark.slow
def test_a_cut_at_random_moments_leaves_one_that_starts(unit: Unit) -> None:
    """Everything is killed at once, some seconds into an update: a gateway comes up again and
    reaches its server, whole, of one release or the other (`make bench ARGS="--only fleet"` does it
    fifty times)."""
    for version in cuts.RELEASES:
        unit.publish(version)
    unit.client.post(PAGE, do="ring", home="h1", ring="1")
    unit.box.until(unit.connected, "the home")
    found = cuts.cut_and_start([unit], 3, each=0)
    assert (found.started, found.mixtures, found.lost, found.late) == (3, 0, 0, [])
    assert found.written > 20
