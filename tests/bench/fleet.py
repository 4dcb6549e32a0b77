"""The group `fleet`: updates under power cuts, wrong releases, and two hundred homes in rings; a
configuration that is changed at the server, and an installation, where those are built.

Not for: whether a single thing is refused (`tests/updates`).
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.demo.stage import stage
from tests.bench.figure import Figure
from tests.ports import free_port
from tests.updates import cuts, fleet, wrong
from tests.updates.unit import OPTIONS, PAGE, a_unit

CUTS = 50
HOMES = 200
FAIL_PCT = 5

EVENING = datetime(2026, 3, 2, 21, 40, tzinfo=ZoneInfo("Europe/Stockholm"))

BESIDE = ("tests.bench.configs", "tests.bench.installs")
"""What else is measured of a fleet, by the same form: `measure()`."""


def measure() -> Iterator[Figure]:
    """All figures of the group."""
    yield from _cuts()
    yield from _wrong()
    for name in BESIDE:
        if find_spec(name) is not None:
            yield from import_module(name).measure()
    yield from _rings()


def _cuts() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="tryggve-fleet-") as name:
        folder = Path(name)
        own = {"port": free_port(), "home_port": free_port(), "options": OPTIONS}
        with (
            stage(folder / "stage", at=EVENING, home=False, **own) as made,  # type: ignore[arg-type]
            a_unit(made, folder / "unit") as unit,
        ):
            for version in cuts.RELEASES:
                unit.publish(version)
            unit.client.post(PAGE, do="ring", home="h1", ring="1")
            unit.box.until(unit.connected, "the home")
            found = cuts.cut_and_start(unit, CUTS)
    hit = ", ".join(f"{phase} {found.hit[phase]}" for phase in (*cuts.LASTS_S, "none"))
    note = (
        f"of {found.cuts}: kill -9 of everything, then reached its server again; "
        f"{found.mixtures} mixtures; {found.taken} updates held meanwhile; hit: {hit}"
    )
    survived = found.started if found.mixtures == 0 else 0
    yield Figure("update_power_cuts_survived", survived, "of 50", CUTS, most=False, note=note)


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
        f"{HOMES} homes in rings, {found.spoiled} whose new release does not hold: "
        f"{found.on_target} on the new one, {found.on_old} back on the old, "
        f"{found.on_none} on none; {found.took_s:.0f} s"
    )
    share = 100 * found.on_target / (HOMES - found.spoiled)
    yield Figure("fleet_on_target_pct", share, "%", 100, most=False, note=note)
    yield Figure("fleet_events_lost", found.lost, "events", 0, note=f"of {found.written}")
