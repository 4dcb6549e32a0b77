"""The group `alarms`: five hundred homes that call within a second, each on its first channel; a
ladder of five steps over a restart; an alarm's way to a screen beside a stream of events.

A real server's process, homes with the product's own link, and a provider of text messages that
answers at once; it, and the homes that only talk beside, are processes of their own.  Not for: a
provider's or an operator's own time.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

from gateway.demo.staffclient import StaffClient
from tests.bench import alarm_kills, second_path
from tests.bench.figure import Figure
from tests.load import crowd
from tests.load.ledger import Ledger
from tests.load.texts import Provider, provider
from tests.load.town import ORG, PASSWORD, Town, town
from web.staff.cli.main import main as tryggve_staff
from web.staff.core.rights import Role

HOMES = 500
"""Homes that call at once."""

WITHIN_S = 60.0
"""Seconds until a message that has not come counts as missing."""

STEPS, STEP_S = 5, 30
"""Steps of the ladder that is timed, and the seconds of each: the fewest that there may be."""

BESIDE_PER_S = 500
"""Events a second beside the alarms that are timed on their way to a screen."""

PRESSES = 60

AT = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)


def reachable(made: Town, given: Provider) -> None:
    """The server tells people by text; a number for each caregiver, and the night's ladder."""
    made.stop()
    text = f'public_url = "{made.url}"\n{made.config.read_text()}'
    text += f'\n[channels.sms]\nfrom = "+46701740699"\nuser = "bench"\nurl = "{given.url}/a1"\n'
    made.config.write_text(text)
    secret = made.folder / "secrets" / "sms_secret"
    secret.write_text("bench")
    secret.chmod(0o600)
    for number, email in enumerate(made.people[Role.CAREGIVER]):
        staff_says(made, "ways", "add", email, "--sms", f"+4670174{1000 + number}")
    made.start()


def staff_says(made: Town, *words: str) -> None:
    """`tryggve staff …`, without what it prints: a figure is a line of its own."""
    with redirect_stdout(io.StringIO()):
        assert tryggve_staff([*words, "--config", str(made.config)]) == 0


def measure() -> Iterator[Figure]:
    """All figures of the group."""
    with tempfile.TemporaryDirectory() as name, provider() as given:
        folder = Path(name)
        with town(folder, "sqlite", HOMES, at=AT) as made:
            reachable(made, given)
            yield from _burst(made, given)
            yield from _to_screen(made)
    with (
        tempfile.TemporaryDirectory() as name,
        provider() as given,
        town(Path(name), "sqlite", 1, at=AT) as made,
    ):
        reachable(made, given)
        yield _ladder(made, given)
    yield from second_path.measure()
    yield from alarm_kills.measure()


def _burst(made: Town, given: Provider) -> Iterator[Figure]:
    ledger = Ledger()
    for home in made.homes:
        home.start(made.url, ledger)
    time.sleep(5)  # streams are open, and nothing waits
    given.came.clear()
    began: dict[str, float] = {}
    first_s = time.perf_counter()
    for place, home in enumerate(made.homes):
        event = home.raise_alarm()
        began[f"{home.log.origin()}/{event.seq}"] = time.perf_counter()
        home.urgent([event])
        time.sleep(max(0.0, first_s + (place + 1) / HOMES - time.perf_counter()))
    raised_s = time.perf_counter() - first_s
    until_s = time.perf_counter() + WITHIN_S
    while (
        time.perf_counter() < until_s and len({one[2] for one in given.came} & set(began)) < HOMES
    ):
        time.sleep(0.05)
    time.sleep(2)
    waits = {about: at - began[about] for at, _, about in reversed(given.came) if about in began}
    twice = len(given.came) - len({(to, about) for _, to, about in given.came})
    note = f"{HOMES} alarms raised in {raised_s:.1f} s, SQLite"
    yield Figure("burst_500_delivered", float(len(waits)), "", HOMES, most=False, note=note)
    yield Figure("burst_500_max_s", max(waits.values(), default=None), "s", 3.0, note=note)
    yield Figure("delivered_twice", float(twice), "", 0, note="to the same person, by the burst")
    for home in made.homes:
        home.stop()


def _to_screen(made: Town) -> Iterator[Figure]:
    """From the home's word to the bytes on a watching screen, while others tell of much."""
    caller, *others = made.homes
    caller.start(made.url, Ledger())
    live = StaffClient(made.url, made.people[Role.NIGHT_WATCHER][0], PASSWORD).live()
    times = []
    with crowd.beside(made.url, made.folder / "clock", others[:50], BESIDE_PER_S):
        for number in range(PRESSES):
            asked = time.perf_counter()
            caller.urgent([caller.raise_alarm()])
            ms, _ = live.wait("alarm.raised", after=asked)
            if number >= 10:  # the first ones warm the connections
                times.append(ms)
            time.sleep(0.2)
    live.close()
    caller.stop()
    times.sort()
    note = f"the home's word to a screen, beside {BESIDE_PER_S} events/s of 50 homes"
    yield Figure("press_to_page_p50_ms", statistics.median(times), "ms", 10.0, note=note)
    yield Figure("press_to_page_p99_ms", times[int(len(times) * 0.99)], "ms", 50.0, note=note)


def _ladder(made: Town, given: Provider) -> Figure:
    """How late the latest of five steps is; the server is restarted between the second and the
    third."""
    steps = [word for _ in range(STEPS) for word in ("--step", str(STEP_S), "role:caregiver")]
    staff_says(made, "ladder", "add", "Natt", "--org", ORG, *steps)
    (home,) = made.homes[:1]
    home.start(made.url, Ledger())
    time.sleep(2)
    given.came.clear()
    home.urgent([home.raise_alarm()])
    until_s = time.perf_counter() + STEPS * STEP_S + WITHIN_S
    restarted = False
    while len(given.came) < STEPS and time.perf_counter() < until_s:
        if len(given.came) == 2 and not restarted:
            made.stop()
            made.start()
            restarted = True
        time.sleep(0.02)
    home.stop()
    moments = [at for at, _, _ in given.came[:STEPS]]
    late = [at - moments[0] - number * STEP_S for number, at in enumerate(moments)]
    worst = max(late) if len(moments) == STEPS else None
    note = f"{STEPS} steps of {STEP_S} s, the server restarted in between"
    return Figure("ladder_step_late_max_s", worst, "s", 1.0, note=note)
