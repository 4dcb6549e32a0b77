"""A real gateway takes a release from a real server: as the page decides it, signed, tried, held;
and goes back by itself, with the reason, when it does not hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import Stage
from tests.e2e.conftest import kept, set_stage  # noqa: F401 - fixtures
from tests.updates.box import Box, is_deaf, release
from tests.updates.signed import Signed
from web.staff.homelink.mirror import Mirror

PAGE = "/administration/versioner"


class Unit:
    """A municipality with one home: its server, its home's machine, and who signs releases."""

    def __init__(self, made: Stage, folder: Path) -> None:
        self.stage, self.folder = made, folder
        self.signed = Signed(folder / "signed")
        self.mirror = made.folder / "staff" / "releases"
        self.releases: dict[str, Path] = {}
        self.box = Box(folder / "box", made.url, made.clock_file, made.folder / "home")
        self.box.install("0.2.0", self.signed.root)
        self.releases["0.2.0"] = self.box.slots.folder("package")
        admin = made.account("administrator")
        self.client = StaffClient(made.url, admin.email, admin.password)

    def publish(self, version: str, spoil: Any = None) -> None:
        """A release is built, signed by two, and carried to the server."""
        folder = release(self.folder / version, version, self.signed.root, spoil)
        self.releases[version] = folder
        self.signed.add(version, folder)
        Mirror(self.mirror).add(self.signed.repo.folder, self.signed.root)

    def decide(self, version: str) -> None:
        """The administrator lets the homes run it."""
        self.client.post(PAGE, do="start", version=version, limit_pct="5", wait_h="0")

    def told(self) -> tuple[Any, ...]:
        """What the server knows of the home's update: version, state, why, what was missing."""
        with closing(sqlite3.connect(self.stage.database, timeout=10)) as db:
            query = "SELECT version, state, why, missing FROM home_update WHERE home_id = 'h1'"
            return db.execute(query).fetchone() or (None, None, None, None)

    def connected(self) -> bool:
        """The home's gateway was heard in the version that runs."""
        with closing(sqlite3.connect(self.stage.database, timeout=10)) as db:
            row = db.execute("SELECT version FROM home_state WHERE home_id = 'h1'").fetchone()
        return row is not None and row[0] == self.box.running()


@pytest.fixture
def unit(set_stage: Callable[..., Stage], tmp_path: Path) -> Iterator[Unit]:  # noqa: F811
    made = set_stage(home=False)
    made.kill_staff()
    file = made.folder / "staff" / "staff.toml"
    file.write_text('releases = "releases"\n' + file.read_text())
    made.start_staff()
    unit = Unit(made, tmp_path)
    try:
        yield unit
    finally:
        unit.box.cut()


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
    box.until(lambda: unit.told()[1] == "returned", "the way back", within_s=150)
    assert unit.told() == ("0.4.0", "returned", "not_proved", "test")
    box.until(lambda: box.running() == "0.3.0", "the release before")
    assert box.is_whole(unit.releases)
    page = unit.client.get(PAGE)
    assert "0.4.0 gick tillbaka till den förra: den blev inte klar i tid" in page
    assert 'data-test="stopped"' in page  # one of one home did not take it
