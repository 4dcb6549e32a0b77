"""The group `storm`: everything comes at once (the simulator of `tests/load`, on both databases).

A figure that both databases have is the worse of the two, and its note tells both.  What other
parts measure of the same day stands in modules of their own (`PARTS`); one that is missing is told
as not measured.

Not for: the table of docs/scale.md (`make load`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

from gateway.clock import ManualClock
from tests.bench.figure import Figure
from tests.load import storm
from tests.load.__main__ import ALARM_SHARES, crowd
from tests.load.figures import Figures, Value
from tests.load.table import number
from tests.load.town import Kind, town
from tests.staff import cheap, postgres
from tests.staff.many_homes import multiply
from tests.staff.pages.test_statements import FEW, MANY, grown, signed_in, walk
from tests.staff.parts import EnrolledHome, add_home
from web.staff.core.config import SignInConfig, StaffConfig
from web.staff.core.secret_files import SecretFiles
from web.staff.runtime.app import create_app
from web.staff.storage.database import Database, parse_url
from web.staff.storage.migrate import migrate

PARTS = {
    "silence": "mass_silence_1000_told_s",
    "disk": "disk_faults_survived",
    "versions": "version_pairs_right",
}
"""Modules of this folder with a `measure()` of their own, and the figure that stands for each."""

FULL_HOMES = 1000
"""Homes of the storm that the goals are for; with fewer, all come back in as much less time, so
that as many come in a second."""

Storms = dict[tuple[Kind, str], Figures]


def measure(homes: int) -> Iterator[Figure]:
    """All figures of the group."""
    crowd()
    storms = {found: figures for kind in get_args(Kind) for found, figures in _storms(kind, homes)}
    yield from _of_storms(storms, homes)
    yield _statements()
    for module, name in PARTS.items():
        if find_spec(f"tests.bench.{module}") is None:
            note = f"tests/bench/{module}.py is not here"
            yield Figure(name, None, "", 0, note=note)
        else:
            yield from import_module(f"tests.bench.{module}").measure()


def _storms(kind: Kind, homes: int) -> Iterator[tuple[tuple[Kind, str], Figures]]:
    """Both storms, one after the other in one town."""
    if kind == "postgresql" and postgres.programs() is None:
        return
    within_s = storm.WITHIN_S * min(1.0, homes / FULL_HOMES)
    with tempfile.TemporaryDirectory(prefix="tryggve-storm-") as name:
        count = homes + storm.extra_homes(homes)
        with town(Path(name), kind, count, at=datetime.now(UTC)) as made:
            for scene, share in ALARM_SHARES.items():
                figures = storm.play(made, homes, alarm_share=share, within_s=within_s)
                yield (kind, scene), figures


def _of_storms(storms: Storms, homes: int) -> Iterator[Figure]:
    def figure(
        name: str, value: str, unit: str, goal: float, *, only: str = "", most: bool = True
    ) -> Figure:
        found: dict[tuple[Kind, str], Value] = {
            key: figures.values.get(value)
            for key, figures in storms.items()
            if not only or key[1] == only
        }
        note = _note(found, homes, alone=bool(only))
        # JSON has no number for what never came: it took at least as long as it was waited for
        known = [min(one, storm.TIMEOUT_S) for one in found.values() if one is not None]
        missing = len(known) < len(get_args(Kind)) * (1 if only else len(ALARM_SHARES))
        worst: Callable[[list[float]], float] = max if most else min
        return Figure(name, None if missing else worst(known), unit, goal, most=most, note=note)

    in_storm = "alarm_stored_p99_s"
    yield figure("urgent_in_storm_p99_s", in_storm, "s", 2, only="storm")
    yield figure("urgent_all_in_storm_p99_s", in_storm, "s", 10, only="storm_all")
    yield figure("storm_wasted_requests_pct", "wasted_pct", "%", 5)
    yield figure("storm_events_per_s_ratio", "events_per_s_ratio", "", 0.5, most=False)
    yield figure("page_in_storm_p95_ratio", "now_p95_ratio", "", 2)
    yield figure("events_lost", "events_lost", "events", 0)
    yield figure("events_doubled", "events_doubled", "events", 0)


def _note(found: dict[tuple[Kind, str], Value], homes: int, *, alone: bool) -> str:
    told = []
    for (kind, scene), value in found.items():
        which = "" if alone else " all" if scene == "storm_all" else " 5 %"
        told.append(f"{kind}{which} {number(value)}")
    return f"{homes} homes; {', '.join(told) or 'PostgreSQL is not installed'}"


def _statements() -> Figure:
    """How many openings of pages ask more of the database with a thousand homes than with ten."""
    with tempfile.TemporaryDirectory() as name, cheap.hashes():
        folder = Path(name)
        SecretFiles(folder / "secrets").make_missing()
        config = StaffConfig(
            database=f"sqlite:///{folder / 'staff.db'}",
            secrets_dir=folder / "secrets",
            secure_cookies=False,
            sign_in=SignInConfig(second_factor_roles=frozenset()),
        )
        database = Database(parse_url(config.database))
        migrate(database)
        database.close()
        clock = ManualClock(datetime(2026, 11, 23, 21, 0, tzinfo=UTC))
        app = create_app(config, clock=clock, watch=False)
        app.testing = True
        try:
            add_home(app, "h1")
            home = EnrolledHome(app, app.test_client(), "h1", clock)
            home.enroll()
            clients = signed_in(app, home)
            few = walk(app, clients)
            multiply(app, MANY, first=FEW + 1)
            many = walk(app, clients)
            home.close()
        finally:
            app.extensions["tryggve.stop"]()
    more = grown(few, many)
    note = f"of {len(many)} openings of pages; {', '.join(list(more)[:2])}".rstrip("; ")
    return Figure("statements_growth_10_to_1000", len(more), "pages", 0, note=note)
