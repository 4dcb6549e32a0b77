"""The group `fleet`: updates under power cuts, wrong releases, a configuration that is changed at
the server, an installation, and two hundred homes in rings.

What one part meets ends that part alone: its figures are missed, with the reason, and the others
are measured.  Not for: whether a single thing is refused (`tests/updates`).
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.demo.home_process import StageError
from gateway.demo.staffclient import StaffError
from gateway.demo.stage import stage
from tests.bench import configs, installs
from tests.bench.figure import Figure
from tests.ports import free_port
from tests.updates import cuts, fleet, wrong
from tests.updates.moments import EACH, PHASES
from tests.updates.unit import OPTIONS, PAGE, Unit, a_unit

CUTS = 50
CUT_HOMES = 3
"""Homes that are cut side by side: two cores are busy with as many."""

HOMES = 200
FAIL_PCT = 5

EVENING = datetime(2026, 3, 2, 21, 40, tzinfo=ZoneInfo("Europe/Stockholm"))

Measure = Callable[[], Iterator[Figure]]


def measure() -> Iterator[Figure]:
    """All figures of the group."""
    for names, part in PARTS.items():
        yield from guarded(names, part)


def guarded(names: Sequence[str], part: Measure) -> Iterator[Figure]:
    """The figures of a part, and those that it should have had as missed, with what ended it."""
    left, began = list(names), time.monotonic()
    why = "it ended without it"
    try:
        with closing(part()) as figures:  # type: ignore[type-var]
            for figure in figures:
                if figure.name in left:
                    left.remove(figure.name)
                yield figure
    except Exception as error:  # whatever it is, the other parts go on
        why = reason(error)
    took_s = time.monotonic() - began
    for name in left:
        yield Figure(name, None, "", None, broken=f"after {took_s:.0f} s: {why}")


def reason(error: Exception) -> str:
    """In a line that is not too long."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:REASON_MAX]


REASON_MAX = 400


def _cuts() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="tryggve-fleet-") as name, ExitStack() as stack:
        folder, began = Path(name), time.monotonic()
        units, late = [], []
        for number in range(CUT_HOMES):
            try:
                units.append(_unit(stack, folder, number))
            except (StageError, StaffError, TimeoutError) as error:  # the others take its cuts
                late.append(reason(error))
        if not units:
            raise TimeoutError("; ".join(late))
        found = cuts.cut_and_start(units, CUTS)
        found.late += late
        took_s = time.monotonic() - began
    yield from cut_figures(found, took_s)


def _unit(stack: ExitStack, folder: Path, number: int) -> Unit:
    """A municipality with one home, both releases at its server; it is known there."""
    own = {"port": free_port(), "home_port": free_port(), "options": OPTIONS}
    place = folder / f"stage{number}"
    made = stack.enter_context(
        stage(place, at=EVENING, home=False, kept=folder / "kept", **own)  # type: ignore[arg-type]
    )
    unit = stack.enter_context(a_unit(made, folder / f"unit{number}"))
    for version in cuts.RELEASES:
        unit.publish(version)
    unit.client.post(PAGE, do="ring", home="h1", ring="1")
    unit.box.until(unit.connected, "the home")
    return unit


def cut_figures(found: cuts.Survived, took_s: float) -> Iterator[Figure]:
    """How many cuts were survived, and whether they fell in all phases."""
    late = f"; late: {'; '.join(found.late)}" if found.late else ""
    note = (
        f"of {found.cuts}: kill -9 of everything, then reached its server again; "
        f"{found.mixtures} mixtures; {found.held} updates held and {found.returned} returned "
        f"meanwhile; {found.lost} of {found.written} events lost; {took_s:.0f} s"
    )
    survived = found.started if found.mixtures == 0 and found.lost == 0 else 0
    name = "update_power_cuts_survived"
    yield Figure(name, survived, f"of {CUTS}", CUTS, most=False, note=note + late)
    hit = ", ".join(
        f"{phase} {found.hit[phase]} ({found.lasted_s.get(phase, 0):.1f} s long)"
        for phase in PHASES
    )
    well = sum(found.hit[phase] >= EACH - 1 for phase in PHASES)
    note = f"with {EACH - 1} cuts or more: {hit}"
    yield Figure("update_phases_cut", well, f"of {len(PHASES)}", len(PHASES), most=False, note=note)


def _wrong() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="tryggve-fleet-") as name:
        logging.getLogger("gateway.updates.install").setLevel(logging.CRITICAL)
        tried, accepted = wrong.tried(Path(name))
    note = f"of {tried} wrong lists and artefacts, to the gateway's half and to root's"
    yield Figure("update_wrong_accepted", accepted, "", 0, note=note)


def _rings() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="tryggve-fleet-") as name:
        found = fleet.updated(Path(name), HOMES, FAIL_PCT)
    note = (
        f"{HOMES} homes in rings, {found.spoiled} whose new release does not hold, "
        f"{len(fleet.AWAY)} away for {fleet.AWAY_DAYS} days, {len(fleet.NEEDED)} in an alarm for "
        f"{fleet.NEEDED_DAYS}: "
        f"{found.on_target} on the new one, {found.on_old} back on the old, "
        f"{found.elsewhere} elsewhere; {found.days:.0f} days, in {found.took_s:.0f} s here"
    )
    share = 100 * (found.on_target + found.on_old) / HOMES
    yield Figure("fleet_on_target_pct", share, "%", 100, most=False, note=note)
    yield Figure("fleet_events_lost", found.lost, "events", 0, note=f"of {found.written}")


PARTS: dict[tuple[str, ...], Measure] = {
    ("update_power_cuts_survived", "update_phases_cut"): _cuts,
    ("update_wrong_accepted",): _wrong,
    ("config_applied_s",): configs.measure,
    ("install_steps", "install_simulated_min"): installs.measure,
    ("fleet_on_target_pct", "fleet_events_lost"): _rings,
}
"""Each part, with the names of its figures."""
