"""The real server: killed under load, stopped in order, several workers on one PostgreSQL."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import urllib3
from sqlalchemy import func, select

from gateway.access.grants import Action
from gateway.clock import ManualClock
from gateway.events import (
    AlarmRaised,
    AlarmType,
    MatPressed,
    MatReleased,
    Severity,
    Tap,
    alarm_type,
)
from tests.ports import free_port
from tests.staff.care.test_actions import turn_of
from tests.staff.homelink.test_ingest import rows
from tests.staff.homelink.test_routes import read_decided
from tests.staff.homelink.test_urgent import WATCHER
from tests.staff.parts import EnrolledHome, add_user, parts_of, sign_in
from tests.staff.server import START_TIMEOUT_S, Process, Wire
from web.staff.care import actions
from web.staff.core.config import StaffConfig, load_config
from web.staff.core.context import Staff
from web.staff.doors import lock_orders
from web.staff.people import accounts
from web.staff.runtime.watch import Watch
from web.staff.signin import sessions
from web.staff.storage import tables
from web.staff.storage.chains import verify_all

KILLS = 20
KILLS_POSTGRES = 6
"""Less often: what is killed there is our process, not the database."""

KILL_ALL_EVERY = 5
"""Every fifth kill takes gunicorn's master too; the others only the worker, which is quicker."""


@pytest.fixture
def config_file(config: StaffConfig, tmp_path: Path) -> Path:
    """The configuration as a file."""
    path = tmp_path / "staff.toml"
    path.write_text(
        f'database = "{config.database}"\nsecrets_dir = "secrets"\nsecure_cookies = false\n'
        "[listen]\nhomes = 4\nscreens = 8\n"
    )
    return path


class Load:
    """A home that sends batches for as long as it may, and keeps what was acknowledged."""

    def __init__(self, home: EnrolledHome) -> None:
        self.home = home
        self.unsent: list[dict[str, Any]] = []
        self.have = 0
        self.acknowledged: list[dict[str, Any]] = []
        self.urgent: list[dict[str, Any]] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        """Send until told to stop; a cut connection means: send again from what is acknowledged."""
        while not self.stopping.is_set():
            if len(self.unsent) < 50:
                data = [MatPressed(), MatReleased()] * 20
                raised = AlarmRaised(
                    type=AlarmType.BED_EXIT, severity=Severity.CARE, since=self.home.clock.now()
                )
                self.unsent += self.home.seal(*data, raised, device="bed")
            try:
                self._send()
            except urllib3.exceptions.HTTPError:
                time.sleep(0.01)

    def gets_on(self) -> None:
        """Wait until more was acknowledged: a busy machine takes seconds for a batch."""
        before, until_s = self.have, time.monotonic() + START_TIMEOUT_S
        while self.have <= before:
            assert time.monotonic() < until_s, "it does not work again"
            time.sleep(0.01)

    def _send(self) -> None:
        alarm = next(obj for obj in self.unsent if obj["kind"] == "alarm.raised")
        if self.home.post("urgent", [alarm]).status_code == 200:
            self.urgent.append(alarm)
        answer = self.home.post("events", self.unsent[:50])
        if answer.status_code == 200:
            self.have = answer.get_json()["have"]
            self.acknowledged += [obj for obj in self.unsent if obj["seq"] <= self.have]
            self.unsent = [obj for obj in self.unsent if obj["seq"] > self.have]
        else:
            assert answer.status_code >= 500, answer.text


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_under_load_nothing_is_lost_and_nothing_is_twice(
    enrolled_home: EnrolledHome, staff: Staff, config_file: Path, tmp_path: Path
) -> None:
    """SIGKILL at random moments: every acknowledged event is there, once, in an unbroken chain; the
    home goes on where it was."""
    rng = random.Random(20261123)
    port = free_port()
    enrolled_home.client = Wire(f"http://127.0.0.1:{port}")  # type: ignore[assignment]
    load = Load(enrolled_home)
    thread = threading.Thread(target=load.run)
    thread.start()
    process = None
    try:
        process = Process(config_file, port, tmp_path / "log")
        for number in range(KILLS_POSTGRES if staff.db.postgres else KILLS):
            process.wait()
            if number % 2:  # else also before anything was acknowledged
                load.gets_on()
            time.sleep(rng.uniform(0.02, 0.4))
            if number % KILL_ALL_EVERY == 0:
                process.kill()
                process = Process(config_file, port, tmp_path / "log")
            else:
                process.kill_worker()
        process.wait()
        load.gets_on()
        load.stopping.set()
        thread.join(120)
        assert process.stop() == 0
    finally:
        load.stopping.set()
        thread.join(120)
        if process is not None and process.running():
            process.kill()
    stored = {row.seq: row.hash for row in rows(staff, tables.event, origin="home:h1")}
    assert len(load.acknowledged) > 100, "there was load"
    for obj in load.acknowledged:
        assert bytes(stored[obj["seq"]]).hex() == obj["hash"]
    assert sorted(stored) == list(range(1, len(stored) + 1))
    assert all(wrong is None for _, _, wrong in verify_all(staff.db))
    alarms = {row.id for row in rows(staff, tables.alarm)}
    assert {f"home:h1/{obj['seq']}" for obj in load.urgent} <= alarms
    assert len(alarms) == len({row.ref for row in rows(staff, tables.alarm)})
    assert not any(row.orphan for row in rows(staff, tables.urgent))
    assert rows(staff, tables.event, kind="home.tampered") == []


@pytest.mark.slow
def test_a_stop_does_not_wait_for_open_streams(
    enrolled_home: EnrolledHome, config_file: Path, tmp_path: Path
) -> None:
    """SIGTERM ends a home's open stream at once, and the server exits with 0.  Its threads are
    there from the start: nobody waits for one to begin."""
    config_file.write_text(f"{config_file.read_text()}graceful_stop_s = 120\n")
    process = Process(config_file, port := free_port(), tmp_path / "log")
    try:
        assert process.threads() > load_config(config_file).listen.threads
        url, path = f"http://127.0.0.1:{port}", "/api/v1/home/stream"
        pool = urllib3.PoolManager(retries=False, timeout=60)
        headers = enrolled_home.headers("GET", path)
        answer = pool.request("GET", url + path, headers=headers, preload_content=False)
        assert answer.status == 200
        stream = answer.stream(1)
        assert next(stream)
        began = time.monotonic()
        assert process.stop(200) == 0
        assert time.monotonic() - began < 60, "not the graceful time-out"
        answer.close()
    finally:
        if process.running():
            process.kill()


# --- several workers


@pytest.mark.postgres
def test_an_ended_session_stops_its_page_at_another_worker(
    workers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: the other worker is told, and waits for no heartbeat."""
    from web.staff.pages import live

    monkeypatch.setattr(live, "HEARTBEAT_S", 30)
    monkeypatch.setattr(sessions, "GATE_READ_S", 3600.0)
    one, other = workers
    user = add_user(one, "p7", ["caregiver"], homes=["h1"])
    client = other.test_client()
    assert sign_in(client, "p7").status_code == 302
    answer = client.get("/live", buffered=False)
    stream = iter(answer.response)
    assert b"hello" in next(stream)
    began = time.monotonic()
    accounts.sign_out(parts_of(one), user, "p7")
    assert list(stream) == []
    assert time.monotonic() - began < 30
    answer.close()


@pytest.mark.postgres
def test_a_screen_at_another_worker_is_told(workers: Any, clock: ManualClock) -> None:
    """What one worker commits reaches screens at the other, in full, once; its own too, once."""
    one, other = workers
    home = EnrolledHome(one, one.test_client(), "h1", clock)
    home.enroll()
    with (
        parts_of(other).broker.subscribe({"h1"}) as far,
        parts_of(one).broker.subscribe({"h1"}) as near,
    ):
        home.send(*[MatPressed()] * 15, device="bed")
        raised = AlarmRaised(type=alarm_type("x"), severity=Severity.CARE, since=clock.now())
        home.send_urgent(raised)
        for screen in (far, near):
            kinds: list[str] = []
            while len(kinds) < 16:
                message = screen.get(60)
                assert message is not None, len(kinds)
                assert message.kind.encode() in message.raw
                if message.kind != "home.enrolled":
                    kinds.append(message.kind)
            assert sorted(kinds) == ["alarm.raised"] + ["mat.pressed"] * 15
            while (message := screen.get(0.05)) is not None:
                assert message.kind == "home.enrolled", "as late as it likes"


@pytest.mark.postgres
def test_an_order_reaches_the_worker_where_the_home_listens(
    workers: Any, clock: ManualClock
) -> None:
    """The phone is at one worker, the home's stream at the other; an order and decisions arrive;
    the stream's move to another worker ends the old one."""
    one, other = workers
    home = EnrolledHome(one, one.test_client(), "h1", clock)
    home.enroll()
    home.describe()
    home.client = other.test_client()
    stream = home.listen(1)
    assert next(stream) == b": hello\n\n"
    sent = lock_orders.order_turn(parts_of(one), WATCHER, "h1", "front")
    token = turn_of(stream)
    assert sent.grant
    assert token.count(".") == 2
    actions.tap(parts_of(one), WATCHER, "h1", Tap.ARRIVE)
    kind = read_decided(stream, 1)[0]["kind"]
    if kind == "grant.issued":  # what was decided comes with its order, before or after it
        kind = read_decided(stream, 1)[0]["kind"]
    assert kind == "visit.tapped"
    home.client = one.test_client()
    moved = home.listen(3)
    assert next(moved) == b": hello\n\n"
    ended: list[bytes] = []
    thread = threading.Thread(target=lambda: ended.extend(stream))
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    again = lock_orders.order_turn(parts_of(other), WATCHER, "h1", "front", Action.LOCK)
    assert again.grant
    assert turn_of(moved) != token


@pytest.mark.postgres
def test_a_cut_listener_comes_back_and_screens_load_anew(workers: Any, clock: ManualClock) -> None:
    """When PostgreSQL drops the listening connection, nobody goes on with a hole."""
    from sqlalchemy import text

    from web.staff.realtime.waiting import TooSlow

    one, other = workers
    home = EnrolledHome(one, one.test_client(), "h1", clock)
    home.enroll()
    parts = parts_of(other)
    with parts.broker.subscribe({"h1"}) as screen:
        with parts.db.write() as tx:
            tx.conn.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'"
                    " AND pid <> pg_backend_pid()"
                )
            )
        with pytest.raises(TooSlow):
            until = time.monotonic() + 60
            while time.monotonic() < until:
                screen.get(0.5)
    assert parts.relay.ready.wait(60)  # type: ignore[attr-defined]
    with parts.broker.subscribe({"h1"}) as screen:
        home.send(MatPressed(), device="bed")
        message = screen.get(60)
        assert message is not None
        assert message.kind == "mat.pressed"


@pytest.mark.postgres
def test_one_worker_leads_the_watch(workers: Any, clock: ManualClock) -> None:
    """Two workers watch; a silence is told once."""
    one, other = workers
    home = EnrolledHome(one, one.test_client(), "h1", clock)
    home.enroll()
    home.send(MatPressed(), device="bed")
    start = threading.Barrier(2)

    def look(app: Any) -> None:
        now_s = 0.0
        watch = Watch(parts_of(app), monotonic=lambda: now_s)
        watch.look()
        start.wait(60)
        while now_s < 200:
            now_s += 20
            watch.look()

    threads = [threading.Thread(target=look, args=(app,)) for app in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with parts_of(one).db.read() as conn:
        count = conn.execute(select(func.count()).select_from(tables.alarm)).scalar_one()
    assert count == 1
