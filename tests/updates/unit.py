"""A municipality with one home, whose server, machine and releases are real (`box`, `signed`).

Not for: what is shown with it.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from gateway.demo.staffclient import StaffClient, StaffError
from gateway.demo.stage import Stage
from gateway.updates.slots import PLACES
from tests.updates.box import Box, Break, release
from tests.updates.signed import Signed
from web.staff.homelink.mirror import Mirror

PAGE = "/administration/versioner"

LOOK_S = 0.3
"""Seconds between two rounds of the server's watch, five of which a plan with one home takes: a
hurry as the home's (`box.HURRY`)."""

OPTIONS = f'releases = "releases"\nwatch_every_s = {LOOK_S}\n'
"""The server's."""


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
        self._plan: int | None = None
        self.client = self._signed_in()

    def _signed_in(self) -> StaffClient:
        admin = self.stage.account("administrator")
        return StaffClient(self.stage.url, admin.email, admin.password)

    def publish(self, version: str, spoil: Break | None = None) -> None:
        """A release is built, signed by two, and carried to the server."""
        folder = release(self.folder / version, version, self.signed.root, spoil)
        self.releases[version] = folder
        self.signed.add(version, folder)
        Mirror(self.mirror).add(self.signed.repo.folder, self.signed.root)

    def has_had(self, versions: Sequence[str]) -> None:
        """Both places hold a release that is not in force, as after some updates."""
        for place, version in zip(PLACES, versions, strict=True):
            shutil.copytree(self.releases[version], self.box.slots.folder(place), symlinks=True)

    def decide(self, version: str) -> None:
        """The administrator lets the homes run it."""
        self._plan = None
        wanted = {"do": "start", "version": version, "limit_pct": "5", "wait_h": "0"}
        try:
            self.client.post(PAGE, **wanted)
        except StaffError:  # after a quarter of an hour the page asks who it is
            self.client = self._signed_in()
            with suppress(StaffError):
                self.client.post(PAGE, do="call_off")
            self.client.post(PAGE, **wanted)

    def told(self) -> tuple[str | None, ...]:
        """What the server knows of the home's update: version, state, why, what was missing."""
        with closing(sqlite3.connect(self.stage.database, timeout=60)) as db:
            query = "SELECT version, state, why, missing FROM home_update WHERE home_id = 'h1'"
            return db.execute(query).fetchone() or (None, None, None, None)

    def outcome(self) -> str | None:
        """What came of the newest decision: `held`, `returned` or `refused` by the home, `done` or
        `off` for the plan; empty: none was made; None: it is under way."""
        query = (
            "SELECT p.state, u.state FROM release_plan p LEFT JOIN home_update u"
            " ON u.plan = p.id AND u.home_id = 'h1' ORDER BY p.id DESC LIMIT 1"
        )
        with closing(sqlite3.connect(self.stage.database, timeout=60)) as db:
            plan, home = db.execute(query).fetchone() or ("", None)
        if home in ("held", "returned", "refused"):
            return str(home)
        return None if plan in ("running", "stopped") else str(plan)

    def phase(self) -> str:
        """How far the newest decision is in the home, by what lies on its disk: `wanted`,
        `fetching`, `checking`, `unpacking`, `switching`, `switched` (the one before runs still),
        `trial`, `over` (decided, and perhaps not told yet); `none`: nothing was decided."""
        if self._plan is None:
            with closing(sqlite3.connect(self.stage.database, timeout=60)) as db:
                self._plan = db.execute("SELECT max(id) FROM release_plan").fetchone()[0]
        return "none" if self._plan is None else self.box.phase(self._plan)

    def runs(self) -> str:
        """The version in force."""
        return str(self.box.slots.release(self.box.slots.current()).get("release"))

    def is_whole(self) -> bool:
        """Whether what is in force is one release that was made, byte for byte, and what runs, if a
        gateway does, is one too."""
        try:
            running = self.box.running()
            return self.box.is_whole(self.releases) and running in (None, *self.releases)
        except (AssertionError, KeyError, ValueError, OSError):
            return False

    def lost(self) -> tuple[int, int]:
        """How many events the home wrote by now, and how many of those its server has not got."""
        with closing(sqlite3.connect(self.stage.home_log, timeout=60)) as db:
            of_home = "SELECT seq, hash FROM event WHERE origin IS NULL"
            written = set(db.execute(of_home).fetchall())
        with closing(sqlite3.connect(self.stage.database, timeout=60)) as db:
            of_h1 = "SELECT seq, hash FROM event WHERE home_id = 'h1' AND origin LIKE 'home:%'"
            return len(written), len(written - set(db.execute(of_h1).fetchall()))

    def starts(self) -> int:
        """How many starts of the home's gateway the server has heard of."""
        with closing(sqlite3.connect(self.stage.database, timeout=60)) as db:
            query = "SELECT count(*) FROM event WHERE kind = 'gateway.started'"
            return int(db.execute(query).fetchone()[0])

    def connected(self) -> bool:
        """The home's gateway was heard in the version that runs."""
        with closing(sqlite3.connect(self.stage.database, timeout=60)) as db:
            row = db.execute("SELECT version FROM home_state WHERE home_id = 'h1'").fetchone()
        return row is not None and row[0] == self.box.running()

    def decide_again(self, version: str) -> None:
        """Whatever was decided before is over, and this is wanted."""
        with suppress(StaffError):
            self.client.post(PAGE, do="call_off")
        self.decide(version)


@contextmanager
def a_unit(made: Stage, folder: Path) -> Iterator[Unit]:
    """On a stage with these `OPTIONS`, whose home does not run; all of it is cut at the end."""
    unit = Unit(made, folder)
    try:
        yield unit
    finally:
        unit.box.cut()
        made.kill_staff()
