"""The server's disk is full, for real, on both databases: homes keep everything, pages go on and
say so in words, forms say that nothing was saved, and an alarm rings from memory.

Not for: a database that is away (`storage/test_outage.py`).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from gateway.clock import ManualClock
from gateway.events import (
    AlarmRaised,
    AlarmType,
    MatPressed,
)
from tests.e2e.faulty_disk import fill, mounted
from tests.staff import postgres
from tests.staff.homelink.test_ingest import rows
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, sign_in
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.runtime.saving_watch import PROBE_EVERY_S, SavingWatch
from web.staff.storage import tables
from web.staff.storage.database import Database, parse_url
from web.staff.storage.outage import FAULTS, Refusal, is_away
from web.staff.storage.saving import probe
from web.staff.texts.event_summary import alarm_word

TRIES = 10
"""How often a home sends a batch until the server knows why it is refused."""

BANNER = "Servern kan inte spara just nu."


@dataclass
class Disk:
    """A small file system with the server's database on it."""

    folder: Path
    url: str
    cause: str = "Serverns disk är full."

    def refuse(self) -> None:
        """Nothing more fits, whatever the database has still room for in its own files."""
        fill(self.folder)
        with closing(Database(parse_url(self.url))) as database:
            for _ in range(500):
                try:
                    with database.write() as tx:
                        probe(tx.conn)
                except FAULTS:
                    return
        raise AssertionError("it never was full")

    def take(self) -> None:
        """Somebody makes room."""
        (self.folder / "big-file").unlink()


@dataclass
class ReadOnly(Disk):
    """PostgreSQL that takes nothing: each write is told 25006."""

    cause: str = "Serverns disk går inte att skriva på."

    def refuse(self) -> None:
        self._set("on")

    def take(self) -> None:
        self._set("off")

    def _set(self, how: str) -> None:
        name = make_url(self.url).database
        with closing(postgres_admin(self.url)) as admin:
            admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {how}')
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )


def postgres_admin(url: str) -> psycopg.Connection:
    """A connection beside the server's."""
    return postgres.connected(f"{url.rpartition('/')[0]}/postgres")


@contextmanager
def small_postgres(url: str) -> Iterator[Disk]:
    """A database in a tablespace of its own, on a small file system."""
    name, folder = "on_a_small_disk", Path(tempfile.mkdtemp(prefix="tryggve-small-", dir="/tmp"))
    folder.chmod(0o755)
    with mounted(folder / "disk", "48m") as disk, closing(postgres_admin(url)) as admin:
        disk.chmod(0o755)
        (disk / "pg").mkdir()
        shutil.chown(disk / "pg", "postgres")
        admin.execute(f"CREATE TABLESPACE small LOCATION '{disk / 'pg'}'")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template_tryggve TABLESPACE small")
        try:
            yield Disk(disk, f"{url}{name}")
        finally:
            (disk / "big-file").unlink(missing_ok=True)
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            admin.execute("DROP TABLESPACE small")
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """SQLite on a full file system; PostgreSQL that is read-only."""
    if request.param == "postgres":
        url = postgres.make_database(
            request.getfixturevalue("postgres_url"), "read_only", "template_tryggve"
        )
        yield ReadOnly(tmp_path, url)
        with closing(postgres_admin(url)) as admin:
            admin.execute('DROP DATABASE "read_only" WITH (FORCE)')
        return
    with mounted(tmp_path / "disk", "6m") as folder:
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / "staff.db")
        yield Disk(folder, f"sqlite:///{folder / 'staff.db'}")


@pytest.fixture
def db(disk: Disk) -> str:
    """The server's database, on the small disk."""
    return disk.url


def alarm(clock: ManualClock) -> AlarmRaised:
    return AlarmRaised.usual(AlarmType.PENDANT, clock.now())


def box(page: str) -> str:
    """What the banner of a page says."""
    return page.split('id="saving"', 1)[1].split("<main", 1)[0].split("</div>\n", 1)[0]


def stored_alarms(staff: Staff) -> int:
    with staff.db.read() as conn:
        return int(conn.execute(select(func.count()).select_from(tables.alarm)).scalar_one())


def test_a_full_disk_from_its_first_moment_to_its_end(
    disk: Disk,
    staff: Staff,
    staff_app: Flask,
    client: FlaskClient,
    home: EnrolledHome,
    make_user: Callable[..., Actor],
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Homes are told to wait; pages and open screens say so; an alarm rings unsaved; when there is
    room again everything is stored, once."""
    make_user("p7", ["night_watcher"], homes=["h1"])
    sign_in(client, "p7")
    assert BANNER not in text_of(client, "/nu")
    (known,) = home.send(AlarmRaised.usual(AlarmType.ON_FLOOR, clock.now()))
    screen = staff.broker.subscribe({"h1"})
    disk.refuse()
    caplog.clear()

    # the home: it is told to wait and keeps everything
    batch = home.seal(MatPressed(), device="bed")
    told = None
    for _ in range(TRIES):  # the first tries may only meet connections that were cut meanwhile
        answer = home.post("events", batch)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "unavailable")
        if (told := screen.get(0)) is not None:
            break
    assert told is not None
    assert b'event: saving\ndata: {"refused": true, "unsaved": 0,' in told.raw
    urgent = home.seal(alarm(clock))
    for _ in range(3):  # as the home does, until it is stored
        assert home.post("urgent", urgent).status_code == 503
    told = screen.get(0)
    assert told is not None
    assert b'"unsaved": 1' in told.raw
    assert screen.get(0) is None, "the same alarm again is nothing new"

    # who looks
    shown = box(text_of(client, "/nu"))
    assert BANNER in shown
    assert disk.cause in shown
    assert shown.count('data-test="unsaved"') == 1
    assert alarm_word(AlarmType.PENDANT) in shown
    assert 'data-unsaved="1"' in shown
    fragment = client.get("/nu?fragment=1").get_data(as_text=True)
    assert 'data-unsaved="1"' in fragment, "what the live refresh swaps"
    text_of(client, "/hem/h1")  # which is a reading of the record
    form = post(client, "/larm/ta", alarm=known.ref)
    assert form.status_code == 503
    assert "Inget av det du gjorde är sparat. Ring i stället" in form.get_json()["text"]
    assert sign_in(staff_app.test_client(), "p7").status_code == 503, "who is out stays out"

    # who runs it
    health = staff_app.test_client().get("/healthz")
    assert health.status_code == 503
    assert "saves nothing since" in health.get_data(as_text=True)
    assert "\ntryggve_saving 0\n" in staff_app.test_client().get("/metrics").text
    assert [r.levelname for r in caplog.records if "saves nothing" in r.message] == ["ERROR"]

    # room is made
    moment_s = [0.0]
    watch = SavingWatch(staff, lambda: moment_s[0])
    watch.look()
    assert staff.db.saving.now is not None
    disk.take()
    clock.advance(60)
    for _ in range(3):  # PostgreSQL's connections were cut: the watch's next rounds
        moment_s[0] += PROBE_EVERY_S
        with suppress(*FAULTS):
            watch.look()
    assert staff.db.saving.now is None
    watch.look()
    assert home.post("urgent", urgent).status_code == 200
    assert home.post("events", [*batch, *urgent]).status_code == 200
    after = text_of(client, "/nu")
    assert BANNER not in after
    assert 'data-test="unsaved"' not in after
    assert stored_alarms(staff) == 2, "once, and the one before"
    assert alarm_word(AlarmType.PENDANT) in after
    (reading,) = rows(staff, tables.event, kind="record.read")
    assert reading.corrected_at == clock.now() - timedelta(seconds=60), "with its own time"
    assert staff_app.test_client().get("/healthz").status_code == 200
    assert "\ntryggve_saving 1\n" in staff_app.test_client().get("/metrics").text


@pytest.mark.postgres
def test_postgresql_that_is_full_is_told_from_one_that_is_wrong(postgres_url: str) -> None:
    """Its 53100, for real: the state begins with the first write that does not fit, and a probe
    ends it only when there is room."""
    with (
        small_postgres(postgres_url) as disk,
        closing(Database(parse_url(disk.url))) as database,
    ):
        with database.write() as tx:
            probe(tx.conn)
        disk.refuse()
        assert database.saving.now is None
        with pytest.raises(FAULTS) as full, database.write() as tx:
            probe(tx.conn)
        assert is_away(full.value)
        assert database.saving.now is not None
        assert database.saving.now.why is Refusal.FULL
        disk.take()
        with database.write() as tx:
            probe(tx.conn)
