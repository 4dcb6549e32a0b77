"""Alarms while everything is killed: a real home, a real server and a real PostgreSQL, each ended
by `kill -9` at random moments and started again, with alarms open and others just raised.

For the test (three kills) and for the bench (twenty).  Not for: power cuts (`power_cut`).
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.demo import town
from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import Stage, stage
from gateway.engine.log_reader import LogReader
from tests.e2e.test_kill import LoadedHome
from tests.load.texts import Provider, provider
from tests.ports import free_port
from tests.staff import postgres
from web.staff.storage.escalations import RINGS

EVENING = datetime(2026, 3, 2, 21, 40, tzinfo=ZoneInfo("Europe/Stockholm"))
RATE = 6.0
"""Domain seconds a real one: a ladder's step of 30 s lasts 5."""

STEP_S = 30
WAIT_S = 90.0
"""Real seconds for anything here, on a machine that others use."""

TARGETS = ("home", "server", "database")
PERSON = "caregiver"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of the alarms that ring and that the home had on its disk (`raised`), by name: of which
    nobody was told or the server has none; of which nobody was told any more after the last kill,
    though nobody had answered; which the server, or its page, has more than once; of which somebody
    was still told after they were taken."""

    raised: frozenset[str]
    lost: frozenset[str]
    unanswered: frozenset[str]
    shown_twice: tuple[str, ...]
    rang_on: frozenset[str]


def order(kills: int, seed: int) -> list[str]:
    """What is killed, each as often as the others, in a random order."""
    whom = [TARGETS[number % len(TARGETS)] for number in range(kills)]
    random.Random(seed).shuffle(whom)
    return whom


def play(folder: Path, whom: Sequence[str], seed: int) -> Outcome:
    """Raise an alarm before each kill, and see what has come of all of them at the end."""
    with postgres.running(durable=True) as cluster, provider() as texts:
        url = postgres.make_database(cluster.url, "tryggve")
        with _pair(folder, url, texts) as made:
            home = LoadedHome(folder, "--events", "50")
            moments = random.Random(seed)
            acknowledged: dict[int, str] = home.acknowledged(until=1)
            for one in whom:
                home.say("alarm pendant")
                time.sleep(moments.uniform(0.0, 1.0))
                if one == "home":
                    home.kill()
                    acknowledged |= home.acknowledged()
                    home = LoadedHome(folder, "--events", "50")
                    acknowledged |= home.acknowledged(until=1)
                elif one == "server":
                    made.kill_staff()
                    made.start_staff()
                else:
                    cluster.kill()
                    cluster.start()
            return _judge(made, url, texts, home, acknowledged)


@contextmanager
def _pair(folder: Path, url: str, texts: Provider) -> Iterator[Stage]:
    """Server and home; the server tells its caregiver by text, by a ladder of two steps."""
    port, home_port = free_port(), free_port()
    with stage(
        folder,
        at=EVENING,
        rate=RATE,
        home=False,
        database=url,
        port=port,
        home_port=home_port,
    ) as made:
        email = made.account(PERSON).email
        ladder = ["ladder", "add", "Natt", "--org", town.ORGANISATION]
        for _ in range(2):
            ladder += ["--step", str(STEP_S), f"role:{PERSON}"]
        made.staff_says(["ways", "add", email, "--sms", "+46701741000"], ladder)
        made.kill_staff()
        told = f'[channels.sms]\nfrom = "+46701740699"\nuser = "x"\nurl = "{texts.url}/a1"\n'
        config = made.folder / "staff" / "staff.toml"
        config.write_text(f'public_url = "{made.url}"\n{config.read_text()}\n{told}')
        secret = made.folder / "staff" / "secrets" / "sms_secret"
        secret.write_text("x")
        secret.chmod(0o600)
        made.start_staff()
        yield made


def _alarms(url: str) -> list[str]:
    """The references of the alarms that the server has, of each as often as it has it."""
    with postgres.connected(url) as db:
        return [ref for (ref,) in db.execute("SELECT ref FROM alarm WHERE raised_at IS NOT NULL")]


def _judge(
    made: Stage, url: str, texts: Provider, home: LoadedHome, acknowledged: dict[int, str]
) -> Outcome:
    quiet_s = time.perf_counter()  # nothing is killed from here on
    acknowledged |= home.acknowledged()
    reader = LogReader(made.home_log)
    raised = {
        f"{event['origin']}/{event['seq']}"
        for event in reader.events()
        if event["kind"] == "alarm.raised"
        and event["seq"] in acknowledged
        and event["data"]["severity"] in RINGS
    }

    def climbing() -> set[str]:
        return raised & {about for at, _, about in texts.came if at > quiet_s}

    _wait(lambda: climbing() == raised)
    told = {about for _, _, about in texts.came}
    watcher = made.account("night_watcher")
    page = StaffClient(made.url, watcher.email, watcher.password)
    text = page.get("/nu")
    cards = Counter(re.findall(r'data-test="alarm" data-alarm="([^"]+)"', text))
    lines = Counter(re.findall(r'data-test="alarm-line"\s+data-alarm="([^"]+)"', text))
    kept = Counter(_alarms(url))
    unanswered = raised - climbing()
    caregiver = made.account(PERSON)
    answers = StaffClient(made.url, caregiver.email, caregiver.password)
    for alarm in sorted(raised):
        answers.post("/larm/ta", alarm=alarm)
    time.sleep(1.0)  # what was on its way when they were taken
    before = len(texts.came)
    time.sleep(2 * STEP_S / RATE)
    more = {about for _, _, about in texts.came[before:]} & raised
    home.end()
    return Outcome(
        raised=frozenset(raised),
        lost=frozenset(raised - (told & kept.keys())),
        unanswered=frozenset(unanswered),
        shown_twice=tuple(ref for one in (kept, cards, lines) for ref in one if one[ref] > 1),
        rang_on=frozenset(more),
    )


def _wait(done: Callable[[], bool]) -> None:
    """Look until it is so, or the time is up."""
    until_s = time.monotonic() + WAIT_S
    while not done() and time.monotonic() < until_s:
        time.sleep(0.1)
