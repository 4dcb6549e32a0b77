"""A home whose disk refuses sends a log of its own from memory: one of its logs in all things.

Not for: the home's side (`tests/test_log_in_memory.py`), or both programs
(`tests/e2e/test_full_disk.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from gateway.envelope import GENESIS
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BedEntered,
    GatewayStarted,
    LogLeftDisk,
    LogRecovered,
    LogReturned,
    MatPressed,
    PendantPressed,
    PreviousRun,
)
from gateway.origin import memory_origin
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.homelink import home_logs
from web.staff.storage import chains, event_store, tables

LEFT = LogLeftDisk(why="database or disk is full", continues="home:h1")
BACK = LogReturned(held=3, since=None)
STARTED = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT)


@contextmanager
def in_memory(home: EnrolledHome, origin: str | None = None) -> Iterator[str]:
    """The home writes a log in memory, and then goes on where it was on the disk."""
    kept = home.origin, home.seq, home.previous
    home.origin = origin or memory_origin(home.home, "b1", 812, (1, home.seq))
    home.seq, home.previous = 0, GENESIS
    yield home.origin
    home.origin, home.seq, home.previous = kept


def state(staff: Staff) -> dict[str, object]:
    (row,) = rows(staff, tables.home_state, home_id="h1")
    return dict(row._mapping)


def memory_since(staff: Staff) -> datetime | None:
    since = state(staff)["memory_since"]
    assert since is None or isinstance(since, datetime)
    return since


def test_what_is_written_in_memory_is_the_homes_own(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """Taken on both lanes, chained, folded and shown; when the disk takes again its log goes on,
    and every chain is whole."""
    home = enrolled_home
    home.send(STARTED, BedEntered())
    with in_memory(home) as origin:
        urgent = home.seal(LEFT, AlarmRaised.usual(AlarmType.PENDANT, home.clock.now()))
        assert home.post("urgent", urgent).get_json() == {"have": 2}
        assert [row.ref for row in rows(staff, tables.alarm)] == [f"{origin}/2"]
        assert memory_since(staff) == home.clock.now()
        assert home.post("events", urgent).get_json() == {"have": 2}
        home.send(MatPressed(), device="bed")
        assert home.post("events", []).get_json() == {"have": 3}, "the newest log"
    home.send(BACK)
    assert memory_since(staff) is None
    assert home.post("events", []).get_json() == {"have": 3}
    with staff.db.read() as conn:
        heads = {name: event_store.read_head(conn, name).seq for name in (origin, home.origin)}
    assert heads == {origin: 3, "home:h1": 3}
    assert [wrong for _, _, wrong in chains.verify_all(staff.db)] == [None] * 3
    assert len(rows(staff, tables.alarm)) == 1, "once"


@pytest.mark.parametrize("origin", ["home:h1~memory-3f2a9c01", "home:h1~memory-3f2a9c01-2"])
def test_homes_in_the_field_are_understood(
    enrolled_home: EnrolledHome, staff: Staff, origin: str
) -> None:
    """An earlier version says `log.recovered` in memory, and starts again on its disk."""
    home = enrolled_home
    home.send(STARTED)
    with in_memory(home, origin):
        home.send(LogRecovered(set_aside=None, continues="home:h1", why="full"), STARTED)
        assert memory_since(staff) == home.clock.now()
        assert state(staff)["run_origin"] == origin
    home.send(STARTED)
    assert memory_since(staff) is None


def test_what_comes_late_changes_nothing(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """An urgent event of the log in memory comes before what the disk had not sent; after the
    return what memory had not sent comes before what is new: the newest stands, in any order."""
    home = enrolled_home
    home.send(STARTED)
    backlog = home.seal(STARTED, BedEntered())
    with in_memory(home) as origin:
        first = home.seal(LEFT)
        home.post("urgent", first)
        home.post("events", backlog)
        assert (memory_since(staff) is not None, state(staff)["memory_origin"]) == (True, origin)
        late = [*first, *home.seal(STARTED)]
    new = home.seal(BACK)
    home.post("urgent", new)
    home.post("events", late)
    assert memory_since(staff) is None
    assert home.post("events", new).get_json() == {"have": 4}
    assert memory_since(staff) is None
    before = state(staff)
    with staff.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert state(staff) == before, "made anew it is the same"


def test_a_home_cannot_fill_the_server_with_logs(
    enrolled_home: EnrolledHome, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so many are begun; what it writes in those that it has is taken, and an alarm always."""
    home = enrolled_home
    home.send(STARTED)
    monkeypatch.setattr(home_logs, "LOGS_MAX", 2)
    for k in range(4):
        with in_memory(home, memory_origin("h1", "b1", k, (1, 1))):
            answer = home.post("events", home.seal(MatPressed(), device="bed"))
            assert answer.status_code == (200 if k == 0 else 403)
            if k == 3:
                assert answer.get_json()["code"] == "too_many_logs"
                alarm = home.seal(PendantPressed(verified=True), device="p")
                assert home.post("urgent", alarm).status_code == 200
    home.send(MatPressed(), device="bed")
