"""The bench judges what is bound by the processor in the machine's own unit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from gateway.envelope import Draft, seal
from gateway.events import MatPressed
from tests.bench import fleet, unit
from tests.bench.figure import Figure
from tests.conftest import START
from tests.updates.cuts import Survived
from tests.updates.moments import EACH, PHASES

READY = Figure("gateway_ready_s", 1.5, "s", 1.6, on="units", machine_ms=710)


def test_a_slow_machine_meets_a_goal_that_a_fast_one_misses_with_the_same_time() -> None:
    """1.5 s are 2.1 u where u is 0.71 s, and 1.5 u where it is 1 s."""
    assert READY.in_units is not None
    assert round(READY.in_units, 1) == 2.1
    assert READY.ok is False
    assert replace(READY, machine_ms=1000).ok is True


def test_a_figure_in_units_shows_its_plain_time_too() -> None:
    """For a person and for a program: the value, the value in u, and the goal in u."""
    row = READY.as_row()
    assert "1.5 s" in row
    assert "2.11" in row
    assert "≤ 1.6 u  MISSED" in row
    told = json.loads(READY.as_json())
    assert (told["value"], told["in_units"], told["machine_ms"]) == (1.5, 2.1127, 710)
    assert (told["goal"], told["goal_on"], told["ok"]) == ("<= 1.6", "units", False)


def test_without_the_machines_unit_nothing_is_judged() -> None:
    """No verdict is better than one on a time that means something else elsewhere."""
    assert replace(READY, machine_ms=None).ok is None
    assert "not measured" in replace(READY, machine_ms=None).as_row()


def test_plain_values_and_ratios_are_judged_as_such() -> None:
    """The unit, when it is there, changes nothing for them."""
    rate = Figure("durable", 90, "events/s", 0.85, 100, on="ratio", most=False, machine_ms=710)
    assert rate.ok is True
    assert replace(rate, value=80).ok is False
    assert Figure("rss", 72.2, "MB", 80, machine_ms=710).ok is True
    assert Figure("rss", 82, "MB", 80).ok is False


def test_the_median_of_turns_goes_before_the_ratio_of_medians() -> None:
    """Each turn of ours stands beside the reference of the same moment."""
    rate = Figure("durable", 90, "events/s", 0.85, 100, on="ratio", most=False, ratio_of_turns=0.8)
    assert rate.ratio == 0.8
    assert rate.ok is False
    assert json.loads(rate.as_json())["ratio"] == 0.8


def test_a_figure_without_a_goal_is_only_told() -> None:
    """The machine's unit is neither met nor missed."""
    told = Figure("machine_unit_ms", 710, "ms", None)
    assert told.ok is None
    assert "710 ms" in told.as_row()
    assert "measured" not in told.as_row()


def test_the_unit_is_measured_in_a_process_of_its_own() -> None:
    """It is a time, and the best of the rounds is the least disturbed one."""
    assert unit.machine_unit_ms(1) > 0


def test_the_units_event_is_one_that_a_home_writes() -> None:
    """Same keys as a sealed mat press: the unit follows what an event costs."""
    event, body, _ = seal(
        Draft(MatPressed(), device="bed"),
        origin="home:bench",
        seq=1,
        at=START,
        clock="synced",
        boot="b",
        mono_s=1.0,
        previous=bytes(32),
    )
    assert event.kind == unit.event(1)["kind"]
    assert json.loads(body).keys() == unit.event(1).keys()


def test_what_ends_a_part_ends_nothing_else() -> None:
    """What it had measured stands; what it had not is missed, with the reason, in its place."""

    def part() -> Iterator[Figure]:
        yield Figure("update_wrong_accepted", 0, "", 0)
        raise TimeoutError("the home did not\ncome within 90 s")

    well, late = fleet.guarded(("update_wrong_accepted", "config_applied_s"), part)
    assert (well.name, well.ok) == ("update_wrong_accepted", True)
    assert (late.name, late.ok) == ("config_applied_s", False)
    assert "MISSED" in late.as_row()
    assert "TimeoutError: the home did not come within 90 s" in late.as_row()
    assert json.loads(late.as_json())["ok"] is False
    [silent] = fleet.guarded(("install_steps",), lambda: iter(()))
    assert silent.ok is False


def test_every_figure_of_the_fleet_is_one_that_a_part_has() -> None:
    """The names that the group promises; none is forgotten when its part ends early."""
    names = [name for part in fleet.PARTS for name in part]
    assert names == [
        *("update_power_cuts_survived", "update_phases_cut", "update_wrong_accepted"),
        *("config_applied_s", "install_steps", "install_simulated_min"),
        *("fleet_on_target_pct", "fleet_events_lost"),
    ]


def test_cuts_are_survived_where_all_came_back_whole() -> None:
    """A home that was late, a mixture or a lost event is a goal that is missed, and so is a phase
    that was hardly cut."""

    def judged(found: Survived) -> list[bool | None]:
        return [figure.ok for figure in fleet.cut_figures(found, 1.0)]

    def of(**more: int) -> Survived:
        return Survived(**{"cuts": fleet.CUTS, "started": fleet.CUTS, **more})  # type: ignore[arg-type]

    well = of()
    well.hit.update(dict.fromkeys(PHASES, EACH))
    assert judged(well) == [True, True]
    assert judged(of()) == [True, False]
    late = of(started=fleet.CUTS - 1)
    late.late.append("a gateway at its server did not come within 90 s")
    assert judged(late)[0] is False
    assert "late: a gateway" in next(fleet.cut_figures(late, 1.0)).note
    assert judged(of(mixtures=1))[0] is False
    assert judged(of(lost=1))[0] is False
