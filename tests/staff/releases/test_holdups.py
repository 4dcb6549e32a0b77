"""What holds a release up, and what does not: homes that are away for weeks or in an alarm for
days, a list that cannot be read, and two people who decide in the same second."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest

from gateway.envelope import Draft
from gateway.events import HomeHeard, HomeSilent, MatPressed, UpdateBegun, UpdateFetched
from tests.staff.parts import parts_of
from tests.staff.releases.test_rounds import (  # noqa: F401 - fixtures
    DAY_S,
    NEW,
    OLD,
    Town,
    config,
    signed,
    small,
)
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.people.accounts import Refused, Wrong
from web.staff.releases import plans, rounds
from web.staff.storage import event_store


def looks(town: Town, times: int = 3) -> None:
    for _ in range(times):
        town.look()


def decided(town: Town, *data: Any, home: str) -> None:
    """The server writes this about a home."""
    parts = parts_of(town.app)
    with parts.write() as tx:
        append.write(parts, tx, home, *map(Draft, data))


def begin(town: Town) -> None:
    """It held in the test home, and the first few are told."""
    plans.start(parts_of(town.app), town.admin, NEW, wait_h=0)
    town.look()
    town.held("t1")
    looks(town)
    assert town.told() == ["f1", "f2"]


def fetched(town: Town, *homes: str) -> None:
    for home in homes:
        town.homes[home].send(UpdateFetched(plan=town.plan(), version=NEW))


# --- homes that do not come to it -----------------------------------------------------------------


def test_a_home_in_an_alarm_for_days_holds_nobody_up(small: Town) -> None:  # noqa: F811
    """It has the release and waits for a quiet moment that does not come.  After two days the next
    homes begin all the same; the plan stays open for it, and it takes it in the end."""
    begin(small)
    small.held("f1")
    fetched(small, "f2")
    small.clock.advance(DAY_S)
    looks(small)
    assert small.state == ("running", 2)
    small.clock.advance(DAY_S + 60)
    looks(small)
    assert small.state == ("running", 3)
    assert small.told() == ["f2", "r1", "r2", "r3"]
    small.held("r1", "r2", "r3")
    looks(small)
    small.held("r4")
    looks(small)
    assert small.state == ("running", 3)
    small.held("f2")
    looks(small)
    assert small.state == ("done", 3)


def test_who_is_told_again_has_waited_since_the_first_time(small: Town) -> None:  # noqa: F811
    """What is told each five days is the same wish, also of one that had fetched it."""
    begin(small)
    fetched(small, "f2")
    small.clock.advance(rounds.TELL_AGAIN.total_seconds() + 60)
    looks(small)
    with parts_of(small.app).db.read() as conn:
        for home in ("f1", "f2"):
            told = [body for _, body in event_store.decided_after(conn, home, 0)]
            assert sum('"kind":"update.wanted"' in body for body in told) == 2
        plan = plans.last(conn, "org1")
        assert plan is not None
        members = {one.home: one for one in rounds.members(conn, plan, small.clock.now())}
    assert (members["f1"].late, members["f2"].late) == (True, True)
    assert small.told()[:2] == ["f1", "f2"]


def test_late_homes_leave_their_place_to_others(small: Town) -> None:  # noqa: F811
    """As many as may take it at once wait for days: a fourth home begins beside them."""
    begin(small)
    small.held("f1", "f2")
    looks(small)
    assert small.told() == ["r1", "r2", "r3"]
    small.clock.advance(3 * DAY_S)
    looks(small)
    assert small.told() == ["r1", "r2", "r3", "r4"]


def test_a_home_that_began_and_says_nothing_more_is_waited_for(small: Town) -> None:  # noqa: F811
    """It is in the middle of it, whatever that is: nobody else follows it there."""
    begin(small)
    small.held("f1")
    small.homes["f2"].send(UpdateBegun(plan=small.plan(), version=NEW))
    small.clock.advance(3 * DAY_S)
    looks(small)
    assert small.state == ("running", 2)


def test_a_home_that_is_away_for_weeks_takes_it_when_it_comes_back(small: Town) -> None:  # noqa: F811
    """The others do not wait for it; the plan stays open, and it is told then."""
    begin(small)
    decided(small, HomeSilent(silent_s=200), home="f2")
    small.held("f1")
    for _ in range(4):
        small.clock.advance(7 * DAY_S)
        looks(small)
    assert small.state == ("running", 3)
    small.held("r1", "r2", "r3")
    looks(small)
    small.held("r4")
    looks(small)
    assert small.state == ("running", 3)
    decided(small, HomeHeard(), home="f2")
    small.homes["f2"].send(MatPressed(), device="bed")
    looks(small)
    with parts_of(small.app).db.read() as conn:
        told = [body for _, body in event_store.decided_after(conn, "f2", 0)]
    wanted = [body for body in told if '"kind":"update.wanted"' in body]
    assert len(wanted) <= 7  # once in five days, and not each round
    small.held("f2")
    looks(small)
    assert small.state == ("done", 3)


def test_what_was_called_off_while_a_home_was_away_is_the_last_it_hears(
    small: Town,  # noqa: F811
) -> None:
    """It was told, and left; when it reads on, another is decided on, and it is not its turn."""
    begin(small)
    first = small.plan()
    decided(small, HomeSilent(silent_s=200), home="f2")
    plans.call_off(parts_of(small.app), small.admin)
    plans.start(parts_of(small.app), small.admin, OLD, wait_h=0)
    looks(small)
    with parts_of(small.app).db.read() as conn:
        told = [body for _, body in event_store.decided_after(conn, "f2", 0)]
    *_, newest = [body for body in told if '"kind":"update.' in body]
    assert '"kind":"update.called_off"' in newest
    assert f'"plan":{first}' in newest


# --- the list -------------------------------------------------------------------------------------


def test_a_list_that_cannot_be_read_withdraws_nothing(small: Town) -> None:  # noqa: F811
    """A disk that is away for a moment, a folder that is being restored: nobody is told anything,
    nothing is called off, and it goes on when the list is back."""
    parts = parts_of(small.app)
    plans.start(parts, small.admin, NEW, wait_h=0)
    small.look()
    folder = parts.config.releases
    folder.rename(folder.with_name("away"))
    small.held("t1")
    looks(small)
    assert small.state == ("running", 1)
    with pytest.raises(Refused) as refused:
        plans.go_on(parts, small.admin)
    assert refused.value.why is Wrong.NOT_FOUND
    folder.with_name("away").rename(folder)
    looks(small)
    assert small.told() == ["f1", "f2"]


# --- in the same second ---------------------------------------------------------------------------

WAIT_S = 2.0
"""Seconds that the first gives the second: who must wait for it does so for longer."""


class Beside:
    """Somebody else does something while `hold` is on in the first."""

    def __init__(self, do: Callable[[], object]) -> None:
        self._do, self._over = do, Event()
        self._thread = Thread(target=self._run)
        self.refused: list[Wrong] = []
        self.broken: list[BaseException] = []
        self._begun = False

    def _run(self) -> None:
        try:
            self._do()
        except Refused as refusal:
            self.refused.append(refusal.why)
        except BaseException as error:  # shown by the test
            self.broken.append(error)
        finally:
            self._over.set()

    def hold(self) -> None:
        """The first is in the middle: the second begins, and has a moment."""
        if not self._begun:
            self._begun = True
            self._thread.start()
            self._over.wait(WAIT_S)

    def join(self) -> None:
        assert self._begun
        self._thread.join(60)
        assert self._over.is_set()
        assert self.broken == []


def test_a_stop_in_the_middle_of_a_round_reaches_who_is_just_told(
    small: Town,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another worker is about to tell a home: whoever goes first, a home that was told in the same
    second is called off, and does not begin with what was stopped."""
    parts = parts_of(small.app)
    plans.start(parts, small.admin, NEW)
    stop = Beside(lambda: plans.stop(parts, small.admin))
    real = rounds.members

    def members(*given: Any) -> Any:
        found = real(*given)
        stop.hold()
        return found

    monkeypatch.setattr(rounds, "members", members)
    small.look()
    stop.join()
    assert small.state == ("stopped", 1)
    assert small.told() == []


def _begin(parts: Staff, town: Town) -> None:
    plans.start(parts, town.admin, NEW)


def _move(parts: Staff, town: Town) -> None:
    plans.set_ring(parts, town.admin, "r1", 1)


@pytest.mark.parametrize(("do", "refused"), [(_begin, [Wrong.EXISTS]), (_move, [])])
def test_two_who_decide_in_the_same_second(
    small: Town,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    do: Callable[[Staff, Town], None],
    refused: list[Wrong],
) -> None:
    """One of them does, and the other is told so, or has done the same."""
    parts = parts_of(small.app)
    other = Beside(lambda: do(parts, small))
    real = plans.rings

    def rings(*given: Any) -> Any:
        found = real(*given)
        other.hold()
        return found

    monkeypatch.setattr(plans, "rings", rings)
    do(parts, small)
    other.join()
    assert other.refused == refused
