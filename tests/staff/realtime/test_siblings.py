"""A word from one worker to the others, by what needs neither disk nor database."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.demo.staffclient import StaffClient, StaffError
from gateway.events import AlarmRaised, AlarmType
from tests.ports import free_port
from tests.staff import postgres
from tests.staff.parts import PASSWORD, EnrolledHome, add_user
from tests.staff.runtime.test_full_disk import ReadOnly, postgres_admin
from tests.staff.server import Process, Wire
from web.staff.core.config import StaffConfig
from web.staff.realtime.siblings import WORD_MAX_BYTES

WITHIN_S = 60.0

FORKED = f"""
import os, signal, sys
from web.staff.realtime.siblings import Siblings
made = Siblings(2)
ways = [os.pipe() for _ in range(2)]

def worker(number):
    child = os.fork()
    if child == 0:
        made.join(lambda word: os.write(ways[number][1], word))
        os.write(ways[number][1], b"here")
        signal.pause()
    assert os.read(ways[number][0], 100) == b"here"
    return child

made.tell(b"said when nobody was there")
first, second = worker(0), worker(1)
made.tell(b"x" * {WORD_MAX_BYTES + 1})
made.tell(b"an alarm")
assert [os.read(way, 100) for way, _ in ways] == [b"an alarm"] * 2
os.kill(first, signal.SIGKILL)
os.waitpid(first, 0)
third = worker(0)  # in the place of the one that was killed
for _ in range(10_000):
    made.tell(b"one of too many for whoever is busy")  # and nobody waits
os.kill(second, signal.SIGKILL)
heard = os.read(ways[0][0], 3)
assert heard == b"one", heard
os.kill(third, signal.SIGKILL)
"""


def test_every_other_worker_hears_it_and_nobody_waits() -> None:
    """A killed worker's place is free for the one after it; what was said when nobody was there is
    not heard later; a word that is too long, or one too many for a worker that is busy, holds up
    nobody."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def db(postgres_url: str) -> Iterator[str]:
    """A database of its own, which may be made read-only."""
    url = postgres.make_database(postgres_url, "two_workers", "template_tryggve")
    yield url
    with closing(postgres_admin(url)) as admin:
        admin.execute('DROP DATABASE "two_workers" WITH (FORCE)')


def epoch(page: str) -> str:
    """Which worker a page is of."""
    return page.split('data-position="', 1)[1].split("-", 1)[0]


def ringing(page: str) -> int:
    return page.count('data-test="unsaved"')


@pytest.mark.slow
@pytest.mark.timeout(900)  # two workers start, and each page is asked for until it says so
@pytest.mark.postgres
def test_an_unsaved_alarm_rings_at_every_worker(
    enrolled_home: EnrolledHome, config: StaffConfig, tmp_path: Path
) -> None:
    """PostgreSQL takes nothing, and one worker of two is given the alarm: it stands on the pages of
    both, from memory; when it is stored by one, neither shows it as unsaved any more."""
    add_user(enrolled_home.app, "p7", ["caregiver"], homes=["h1"])
    path = tmp_path / "staff.toml"
    path.write_text(
        f'database = "{config.database}"\nsecrets_dir = "secrets"\nsecure_cookies = false\n'
        "[listen]\nworkers = 2\nhomes = 4\nscreens = 8\n[sign_in]\nsecond_factor_roles = []\n"
    )
    server = Process(path, port := free_port(), tmp_path / "log")
    disk = ReadOnly(tmp_path, config.database)
    try:
        enrolled_home.client = Wire(f"http://127.0.0.1:{port}")  # type: ignore[assignment]
        screens: dict[str, StaffClient] = {}
        until_s = time.monotonic() + WITHIN_S
        while len(screens) < 2 and time.monotonic() < until_s:
            one = StaffClient(server.url, "p7@prov.example", PASSWORD)
            screens.setdefault(epoch(one.get("/nu")), one)
        assert len(screens) == 2, "both workers answer"
        disk.refuse()
        urgent = enrolled_home.seal(AlarmRaised.usual(AlarmType.PENDANT, enrolled_home.clock.now()))

        def sends() -> None:  # as a home does: the first may only meet a connection that was cut
            assert enrolled_home.post("urgent", urgent).status_code == 503

        _shown(screens, 1, sends)
        disk.take()
        until_s = time.monotonic() + WITHIN_S
        while enrolled_home.post("urgent", urgent).status_code != 200:
            assert time.monotonic() < until_s
        _shown(screens, 0)
        until_s = time.monotonic() + WITHIN_S  # what each worker has in memory is let go of, too
        while any('data-unsaved="1"' in one.get("/nu?fragment=1") for one in screens.values()):
            assert time.monotonic() < until_s
    finally:
        server.kill()
        disk.take()


def _shown(
    screens: dict[str, StaffClient], count: int, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Until *Nu* of each worker shows so many unsaved alarms, and it is that worker's."""
    for worker, one in screens.items():
        until_s, seen = time.monotonic() + WITHIN_S, -1
        while seen != count:
            assert time.monotonic() < until_s, f"{seen} at {worker}"
            meanwhile()
            try:
                page = one.get("/nu")
            except StaffError:  # its connections to the database were cut this moment
                continue
            if epoch(page) == worker:
                seen = ringing(page)
