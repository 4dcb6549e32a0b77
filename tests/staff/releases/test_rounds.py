"""One decision, ring by ring: who is told when, when it goes on, and when it stops by itself."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gateway.clock import ManualClock
from gateway.envelope import Draft
from gateway.errors import UserError
from gateway.events import (
    GatewayStarted,
    HomeSilent,
    PreviousRun,
    UpdateBegun,
    UpdateFetched,
    UpdateHeld,
    UpdateRefused,
    UpdateReturned,
    UpdateSystemTold,
    UpdateWhy,
)
from tests.staff.parts import EnrolledHome, add_home, add_user, parts_of
from tests.updates.signed import KEYS, Signed
from web.staff.core.rights import Actor
from web.staff.events import append
from web.staff.homelink.mirror import Mirror
from web.staff.people.accounts import Refused, Wrong
from web.staff.releases import plans, rounds
from web.staff.storage import event_store, tables

OLD, NEW = "0.2.0", "0.3.0"
DAY_S = 86_400


@dataclass
class Town:
    """A municipality whose homes run 0.2.0, with 0.3.0 at its server."""

    app: Flask
    clock: ManualClock
    admin: Actor
    homes: dict[str, EnrolledHome]

    def look(self) -> None:
        rounds.look(parts_of(self.app))

    def told(self) -> list[str]:
        """The homes that were told to take the release, and have not said what came of it."""
        u = tables.home_update.c
        with parts_of(self.app).db.read() as conn:
            query = select(u.home_id).where(u.state.in_(("wanted", "fetched", "begun")))
            return sorted(conn.execute(query).scalars())

    def plan(self) -> int:
        return int(self._plan().id)

    @property
    def state(self) -> tuple[str, int]:
        """Of the newest plan, and its ring."""
        plan = self._plan()
        return plan.state, plan.ring

    def _plan(self) -> Any:
        with parts_of(self.app).db.read() as conn:
            plan = plans.last(conn, "org1")
        assert plan is not None
        return plan

    def held(self, *homes: str) -> None:
        for home in homes:
            self.homes[home].send(
                UpdateFetched(plan=self.plan(), version=NEW),
                UpdateBegun(plan=self.plan(), version=NEW),
                _started(NEW),
                UpdateHeld(plan=self.plan(), version=NEW, trial="t"),
            )

    def returned(self, *homes: str) -> None:
        back = UpdateReturned(
            plan=self.plan(), version=NEW, why=UpdateWhy.NOT_PROVED, trial="t", missing="test"
        )
        for home in homes:
            self.homes[home].send(back)


def _started(version: str) -> GatewayStarted:
    return GatewayStarted(version=version, config_sha256="", previous=PreviousRun.CLEAN)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    made = Signed(tmp_path_factory.mktemp("signed"))
    made.add(NEW)
    made.add(OLD)
    return made


@pytest.fixture
def config(config: object, tmp_path: Path) -> object:
    """A server whose releases lie in a folder of the test's."""
    return config.model_copy(update={"releases": tmp_path / "releases"})  # type: ignore[attr-defined]


def town(app: Flask, clock: ManualClock, signed: Signed, homes: Sequence[str]) -> Town:
    """`t…` are tried in, `f…` are the first, `r…` the rest."""
    Mirror(parts_of(app).config.releases).add(signed.repo.folder, signed.root)
    admin = add_user(app, "admin", ["administrator"])
    made: dict[str, EnrolledHome] = {}
    for home in homes:
        add_home(app, home, label=f"Lgh {home}")
        made[home] = EnrolledHome(app, app.test_client(), home, clock)
        made[home].enroll()
        made[home].send(_started(OLD))
    from web.staff.signin.auth import actor_of

    with parts_of(app).db.read() as conn:
        u = tables.user.c
        number = conn.execute(select(u.id).where(u.person_id == "admin")).scalar_one()
    admin = actor_of(parts_of(app), number) or admin
    for home in homes:
        ring = {"t": 1, "f": 2}.get(home[0])
        if ring:
            plans.set_ring(parts_of(app), admin, home, ring)
    return Town(app, clock, admin, made)


HOMES = ("t1", "f1", "f2", "r1", "r2", "r3", "r4")


@pytest.fixture
def small(
    staff_app: Flask, clock: ManualClock, signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> Town:
    monkeypatch.setattr(rounds, "AT_ONCE_MIN", 3)
    return town(staff_app, clock, signed, HOMES)


def test_ring_by_ring(small: Town) -> None:
    """The test home first; a day after it holds the first few, then the rest, some at a time; at
    the end it is done."""
    plans.start(parts_of(small.app), small.admin, NEW)
    small.look()
    assert small.told() == ["t1"]
    small.held("t1")
    small.look()
    assert small.told() == []
    small.clock.advance(plans.WAIT_H * 3600 + 60)
    small.look()
    small.look()
    assert small.told() == ["f1", "f2"]
    small.held("f1")
    small.clock.advance(2 * DAY_S)
    small.look()
    assert small.state == ("running", 2)  # f2 is still under way
    small.held("f2")
    small.look()
    small.clock.advance(2 * DAY_S)
    small.look()
    small.look()
    assert small.told() == ["r1", "r2", "r3"]
    small.held("r1", "r2", "r3")
    small.look()
    assert small.told() == ["r4"]
    small.held("r4")
    small.look()
    assert small.state == ("done", 3)


def test_a_home_that_runs_it_on_trial_is_not_through(small: Town) -> None:
    """It was started, and may still go back: nobody else begins, and going back counts."""
    plans.start(parts_of(small.app), small.admin, NEW, wait_h=0)
    small.look()
    small.homes["t1"].send(UpdateBegun(plan=small.plan(), version=NEW), _started(NEW))
    for _ in range(4):
        small.look()
    assert small.told() == ["t1"]
    small.returned("t1")
    small.homes["t1"].send(_started(OLD))
    small.look()
    assert small.state == ("stopped", 1)


def test_a_test_home_that_goes_back_stops_it(small: Town) -> None:
    """Nobody else is told; it goes on only when somebody lets it, with the homes that have not
    failed."""
    plans.start(parts_of(small.app), small.admin, NEW)
    small.look()
    small.returned("t1")
    small.look()
    assert small.state == ("stopped", 1)
    small.clock.advance(3 * DAY_S)
    small.look()
    assert small.told() == []


def test_a_ring_stops_when_too_many_fail(small: Town) -> None:
    """One of four is more than five in a hundred: those that were told and have not begun are
    called off, those that begun go on."""
    plans.start(parts_of(small.app), small.admin, NEW, wait_h=0)
    for homes in (("t1",), ("f1", "f2")):
        small.look()
        small.held(*homes)
        small.look()
        small.look()
    small.look()
    assert small.told() == ["r1", "r2", "r3"]
    small.homes["r2"].send(UpdateBegun(plan=small.plan(), version=NEW))
    small.returned("r1")
    small.look()
    assert small.state == ("stopped", 3)
    assert small.told() == ["r2"]
    plans.call_off(parts_of(small.app), small.admin)
    assert small.state == ("off", 3)


def test_few_that_fail_stop_nothing(small: Town) -> None:
    """Where a share may fail, the others take it, and the plan is done."""
    plans.start(parts_of(small.app), small.admin, NEW, limit_pct=25, wait_h=0)
    for homes in (("t1",), ("f1", "f2")):
        small.look()
        small.held(*homes)
        small.look()
        small.look()
    small.look()
    small.returned("r1")
    small.held("r2", "r3")
    small.look()
    small.held("r4")
    small.look()
    assert small.state == ("done", 3)


def test_a_silent_home_holds_nobody_up_and_takes_it_later(small: Town) -> None:
    """It is not told while it is silent, and the plan stays open for it."""
    plans.start(parts_of(small.app), small.admin, NEW, wait_h=0)
    small.look()
    small.held("t1")
    parts = parts_of(small.app)
    with parts.write() as tx:
        append.write(parts, tx, "f2", Draft(HomeSilent(silent_s=200)))
    for _ in range(3):
        small.look()
    assert small.told() == ["f1"]
    small.held("f1")
    for _ in range(3):
        small.look()
    assert small.state == ("running", 3)


def test_a_refusal_counts_as_failed(small: Town) -> None:
    """What a home does not take is told with its reason."""
    plans.start(parts_of(small.app), small.admin, NEW)
    small.look()
    small.homes["t1"].send(
        UpdateRefused(plan=small.plan(), version=NEW, why=UpdateWhy.WRONGLY_SIGNED, text="x")
    )
    small.look()
    assert small.state == ("stopped", 1)


def test_what_a_home_says_of_another_plan_changes_nothing(small: Town) -> None:
    """It is believed about what it was told, and nothing else."""
    plans.start(parts_of(small.app), small.admin, NEW)
    small.look()
    small.homes["t1"].send(UpdateHeld(plan=small.plan() + 5, version=NEW, trial="t"))
    small.homes["f1"].send(
        UpdateReturned(plan=small.plan(), version=NEW, why=UpdateWhy.STOPPED, trial="t")
    )
    small.look()
    assert small.told() == ["t1"]
    assert small.state == ("running", 1)


def test_a_home_that_says_nothing_for_days_is_told_again(small: Town) -> None:
    """It may have lost its card, and reads back a week at most."""
    plans.start(parts_of(small.app), small.admin, NEW)
    small.look()
    small.clock.advance(rounds.TELL_AGAIN.total_seconds() + 60)
    small.look()
    small.look()
    with parts_of(small.app).db.read() as conn:
        told = [body for _, body in event_store.decided_after(conn, "t1", 0)]
    assert sum('"kind":"update.wanted"' in body for body in told) == 2


def test_a_pause_between_two_rings(small: Town) -> None:
    """Whoever has not begun is called off and nobody begins, however long; then it goes on where it
    was, with the same decision."""
    parts = parts_of(small.app)
    plans.start(parts, small.admin, NEW, wait_h=0)
    small.look()
    small.held("t1")
    small.look()
    small.look()
    small.look()
    assert small.told() == ["f1", "f2"]
    small.homes["f1"].send(UpdateBegun(plan=small.plan(), version=NEW))
    plans.stop(parts, small.admin)
    assert small.told() == ["f1"]
    small.clock.advance(30 * DAY_S)
    small.held("f1")
    for _ in range(3):
        small.look()
    assert small.told() == []
    assert small.state == ("stopped", 2)
    plans.go_on(parts, small.admin)
    small.look()
    assert small.told() == ["f2"]
    small.held("f2")
    for _ in range(3):
        small.look()
    assert small.told() == ["r1", "r2", "r3"]


def test_a_release_that_is_withdrawn_stops_by_itself(
    small: Town, signed: Signed, tmp_path: Path
) -> None:
    """Those who sign took it off the list: no home begins, whoever was told is called off, and it
    cannot be let go on; the last one can be taken off too."""
    parts = parts_of(small.app)
    other = Signed(tmp_path / "other")
    other.add(NEW)
    plans.start(parts, small.admin, NEW, wait_h=0)
    small.look()
    assert small.told() == ["t1"]
    other.repo.drop(NEW)
    other.sign()
    shutil.rmtree(parts.config.releases)
    assert Mirror(parts.config.releases).add(other.repo.folder, other.root) == []
    small.look()
    assert small.state == ("stopped", 1)
    assert small.told() == []
    with pytest.raises(Refused) as refused:
        plans.go_on(parts, small.admin)
    assert refused.value.why is Wrong.NOT_FOUND


@pytest.mark.parametrize("years", [-4, 4])
def test_a_server_s_clock_that_was_wrong_by_years_holds_nobody_up(years: int, small: Town) -> None:
    """It is set right between two rings: the next one begins after its hours, and not after years,
    and who was told is not forgotten."""
    parts = parts_of(small.app)
    small.clock.step(years * 365 * DAY_S)
    plans.start(parts, small.admin, NEW, wait_h=24)
    small.look()
    small.clock.step(-years * 365 * DAY_S)
    small.look()
    assert small.told() == ["t1"]
    small.clock.step(years * 365 * DAY_S)
    small.held("t1")
    small.look()
    small.clock.step(-years * 365 * DAY_S)
    small.look()
    small.clock.advance(25 * 3600)
    small.look()
    small.look()
    assert small.told() == ["f1", "f2"]


def test_homes_of_0_1_0_are_passed_over(small: Town) -> None:
    """They know no releases: nothing is offered that cannot work, and no ring waits for them."""
    small.homes["t1"].send(_started("0.1.0"))
    plans.start(parts_of(small.app), small.admin, NEW, wait_h=0)
    for _ in range(4):
        small.look()
    assert small.told() == []
    assert small.state == ("running", 1)  # nobody has tried it


def test_what_cannot_be_started(small: Town) -> None:
    """No such release, a second plan at a time, no home to try it in, nobody without the right."""
    parts = parts_of(small.app)
    carer = add_user(small.app, "p1", ["caregiver"])

    def why(actor: Actor, version: str, **more: int) -> Wrong:
        with pytest.raises(Refused) as refused:
            plans.start(parts, actor, version, **more)
        return refused.value.why

    assert why(carer, NEW) is Wrong.NO_RIGHT
    assert why(small.admin, "9.9.9") is Wrong.NOT_FOUND
    assert why(small.admin, NEW, limit_pct=51) is Wrong.OUT_OF_RANGE
    plans.set_ring(parts, small.admin, "t1", plans.LAST)
    assert why(small.admin, NEW) is Wrong.EMPTY
    plans.set_ring(parts, small.admin, "t1", 1)
    plans.start(parts, small.admin, NEW)
    assert why(small.admin, OLD) is Wrong.EXISTS


def test_a_plan_concerns_its_own_organisation(small: Town) -> None:
    """Another organisation's homes are told nothing, and its people move none of ours."""
    add_home(small.app, "x1", org="org2")
    stranger = add_user(small.app, "admin2", ["administrator"], org="org2")
    with pytest.raises(Refused) as refused:
        plans.set_ring(parts_of(small.app), stranger, "t1", 1)
    assert refused.value.why is Wrong.NOT_FOUND
    with pytest.raises(Refused):
        plans.stop(parts_of(small.app), stranger)


def test_the_operating_systems_own_updates_are_kept(small: Town) -> None:
    """As the home told them last."""
    home = small.homes["t1"]
    home.send(UpdateSystemTold(automatic=True, pending=3, restart=True, ran_at=None))
    u = tables.home_update.c
    with parts_of(small.app).db.read() as conn:
        row = conn.execute(select(tables.home_update).where(u.home_id == "t1")).one()
    assert (row.system_automatic, row.system_pending, row.system_restart) == (True, 3, True)


# --- the mirror -----------------------------------------------------------------------------------


def test_a_home_gets_its_parts_and_nobody_else_does(small: Town, signed: Signed) -> None:
    """Piece by piece from where it is; nothing but parts of releases, whatever the name."""
    home = small.homes["t1"]
    [file] = signed.repo.targets.glob(f"*_{NEW}*")

    def get(path: str, said: str = "bytes=0-", **changed: str) -> tuple[int, bytes]:
        headers = {**home.headers("GET", path), "Range": said, **changed}
        with home.client.get(path, headers=headers) as answer:
            return answer.status_code, answer.data

    path = f"/api/v1/home/update-targets/{file.name}"
    assert get(path) == (206, file.read_bytes())
    assert get(path, "bytes=100-") == (206, file.read_bytes()[100:])
    assert get("/api/v1/home/update-metadata/timestamp.json")[0] == 200
    assert get(path, Authorization="Bearer x")[0] == 401
    assert get(path, "bytes=x")[0] == 400
    for name in ("targets/..%2fmetadata%2ftimestamp.json", "metadata/9.root.json", "x/y"):
        assert get(f"/api/v1/home/update-{name}")[0] in (401, 404)


def test_a_list_that_no_home_would_take_is_not_put_there(signed: Signed, tmp_path: Path) -> None:
    """Half signed, or with a file that is not the one that was signed: one sentence, and what was
    there stays."""
    mirror = Mirror(tmp_path / "releases")
    other = Signed(tmp_path, KEYS[1:])
    with pytest.raises(UserError):
        mirror.add(other.repo.folder, signed.root)
    other.add(NEW).write_bytes(b"something else")
    with pytest.raises(UserError):
        mirror.add(other.repo.folder, other.root)
    assert mirror.releases() == []
    assert mirror.add(signed.repo.folder, signed.root)
    assert [one.version for one in mirror.releases()] == [NEW, OLD]


def test_homes_take_a_list_until_the_first_of_its_parts_is_over(tmp_path: Path) -> None:
    """The keys' time counts as the date's."""
    other = Signed(tmp_path / "other")
    other.add(NEW)
    mirror = Mirror(tmp_path / "releases")
    mirror.add(other.repo.folder, other.root)
    date = other.repo.load("timestamp").signed.expires
    assert [one.until for one in mirror.releases()] == [date]
    trusted = other.root
    other.expire("root")
    mirror.add(other.repo.folder, trusted)
    assert [one.until for one in mirror.releases()] == [other.repo.load("root").signed.expires]
