"""A real pair whose home has a way past the server: an alarm centre that is played in this process.

For the test and for the bench (`second_path_max_s`).  Not for: the modem (`tests.second_path`).
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from gateway.demo import town
from gateway.demo.alarm_centre import AlarmCentre
from gateway.demo.stage import Stage
from gateway.scaip.here import Here

CID = "10149471"
LOCAL = "127.0.0.1"
WAIT_S = 60.0
"""Seconds for anything here, on a machine that others use."""


@contextmanager
def played_centre() -> Iterator[AlarmCentre]:
    """An alarm centre on a port of this machine, in a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    centre = AlarmCentre(Here(LOCAL, host=LOCAL))
    asyncio.run_coroutine_threadsafe(centre.start(), loop).result(WAIT_S)
    try:
        yield centre
    finally:
        asyncio.run_coroutine_threadsafe(centre.close(), loop).result(WAIT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_S)
        loop.close()


def give_way(made: Stage, centre: AlarmCentre) -> None:
    """The home may tell the centre itself, and is told to; then it is started."""
    name = "Centralen"
    made.staff_says(
        ["centre", "add", town.ORGANISATION, name, centre.uri],
        ["centre", "cid", town.ORGANISATION, town.HOME.id, CID],
    )
    (centre_id,) = ask(made, "SELECT id FROM alarm_centre WHERE name = ?", name)[0]
    made.staff_says(["second-path", "set", town.HOME.id, f"{centre_id}={centre.uri}"])
    file = made.folder / "home.toml"
    own = f'\n[second_path]\nsip_domain = "{LOCAL}"\nsip_port = 0\nafter_s = 5\n'
    file.write_text(file.read_text() + own)
    made.start_home("--still", "--awake")
    wait((made.folder / "home" / "secrets" / "second_path").exists, "no list came")
    wait(lambda: bool(ask(made, PASSED)), "the chain was not tested")


PASSED = "SELECT 1 FROM chain_test WHERE passed_at IS NOT NULL AND path = 'ready'"


def alarms(centre: AlarmCentre) -> list[Any]:
    """The alarms that the centre was told of, without heartbeats."""
    return [request for request in centre.alarms.values() if request.dty == "0003"]


def press(made: Stage, centre: AlarmCentre) -> float:
    """The pendant is pressed; seconds until the centre has heard of one more alarm."""
    before = len(alarms(centre))
    pressed, raised = (home_says(made.folder, kind) for kind in ("pendant.pressed", "alarm.raised"))
    began = time.monotonic()
    assert made.home is not None
    made.home.do("pendant")
    wait(lambda: home_says(made.folder, "pendant.pressed") > pressed, "the radio brought no press")
    wait(lambda: home_says(made.folder, "alarm.raised") > raised, "the press raised no alarm")
    wait(lambda: len(alarms(centre)) > before, "the centre was not told")
    return time.monotonic() - began


def ask(made: Stage, query: str, *given: object) -> list[Any]:
    """Rows of the server's database."""
    with closing(sqlite3.connect(made.database, timeout=60)) as db:
        return db.execute(query, given).fetchall()


def home_says(folder: Path, kind: str) -> int:
    """How many events of a kind the home's log has."""
    with closing(sqlite3.connect(folder / "home" / "events.sqlite", timeout=60)) as db:
        query = "SELECT count(*) FROM event WHERE instr(body, ?) > 0"
        (count,) = db.execute(query, (f'"kind":"{kind}"',)).fetchone()
    return int(count)


def wait(done: Callable[[], bool], otherwise: str, wait_s: float = WAIT_S) -> None:
    """Look until it is so."""
    until = time.monotonic() + wait_s
    while not done():
        assert time.monotonic() < until, otherwise
        time.sleep(0.05)
