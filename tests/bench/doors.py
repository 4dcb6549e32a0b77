"""The group `doors`: from the tap to the bolt, forty homes at once, a code without the server, and
what attacks achieve.

"Own share" is everything but the radio and the motor: the time from the tap until the phone hears
of the end, less what the home measured around its driver (`unlock.ended`'s `took_s`).
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.config.secrets import FileSecrets
from gateway.demo.staffclient import Live, StaffClient
from gateway.demo.stage import Stage, codes_in, stage
from gateway.link.enrolment import enroll
from tests.bench import attacks, slowdisk
from tests.bench.figure import Figure
from tests.bench.forty import HOME_TOML, TURN_S
from tests.bench.unit import machine_unit_ms
from tests.test_code_entry import Door, told

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LATENCY_MS = "30"
UNLOCKS = 12
WAKES = 3
HOMES = 40
ROUNDS = 3
TRIES = 60


def measure() -> Iterator[Figure]:
    """All figures of the group."""
    with tempfile.TemporaryDirectory(dir=slowdisk.memory_folder()) as name:
        folder = Path(name)
        yield from _one_home(folder / "warm")
        yield from _forty(folder / "forty-homes")
    yield _offline_code()
    yield from _attacks()


def p95(values: list[float]) -> float:
    """The 95th percentile, the higher of two neighbours."""
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


def _turn(client: StaffClient, live: Live, home: str, action: str, key: str) -> tuple[float, Any]:
    """One order; milliseconds from the tap until its end was heard, and the end."""
    began = time.perf_counter()
    sent = client.post(f"/pass/{home}/las", device="door", action=action, key=key)
    return live.wait(
        "unlock.ended", after=began, fits=lambda e: e["data"]["grant"] == sent["grant"]
    )


def _one_home(folder: Path) -> Iterator[Figure]:
    warm, own, wakes = [], [], []
    options = ("--still", "--awake", "--latency-ms", LATENCY_MS)
    with stage(folder, at=AT, home_options=options) as made:
        client, live = _signed_in(made)
        unit_ms = machine_unit_ms()
        for n in range(UNLOCKS):
            ms, ended = _turn(client, live, "h1", "unlock", f"u{n}")
            assert ended["data"]["outcome"] == "done", ended
            if n:  # the first one warms the connections
                warm.append(ms / 1000)
                own.append(ms - ended["data"]["took_s"] * 1000)
            _turn(client, live, "h1", "lock", f"l{n}")
        live.close()
        assert made.home is not None
        made.home.stop()
        toml = folder / "home.toml"
        lock = 'driver = "lock_nuki"'
        toml.write_text(toml.read_text().replace(lock, f"{lock}\nsleep_after_s = 3"))
        began = time.perf_counter()
        client, live = _signed_in(made)
        made.start_home("--still", "--nobody-at-door", "--latency-ms", LATENCY_MS)
        live.wait("lock.asleep", after=began)
        _wake(made, client, live, "first")  # asks the lock what it has; the radio remembers that
        for n in range(WAKES):
            _turn(client, live, "h1", "lock", f"s{n}")
            slept = time.perf_counter()
            made.home.do("lock_sleep")
            live.wait("lock.asleep", after=slept)
            wakes.append(_wake(made, client, live, f"w{n}"))
        live.close()
    yield Figure("unlock_warm_p95_s", p95(warm), "s", 2.5, note="30 ms a PDU")
    yield Figure(
        "unlock_own_share_p95_ms",
        p95(own),
        "ms",
        85,
        on="units",
        machine_ms=unit_ms,
        note="all but radio and motor",
    )
    yield Figure("wake_to_open_s", max(wakes), "s", 1, note="handle taken to bolt open")


def _wake(made: Stage, client: StaffClient, live: Live, key: str) -> float:
    """Seconds from the handle to the bolt's own word."""
    assert made.home is not None
    began = time.perf_counter()
    client.post("/pass/h1/las", device="door", action="unlock", key=key)
    live.wait("unlock.progressed", after=began, fits=lambda e: e["data"]["step"] == "waking")
    taken = time.perf_counter()
    made.home.do("take_handle")
    ms, _ = live.wait("lock.unlocked", after=taken)
    return ms / 1000


def _signed_in(made: Stage) -> tuple[StaffClient, Live]:
    account = made.account("caregiver")
    client = StaffClient(made.url, account.email, account.password)
    return client, client.live()


def _forty(folder: Path) -> Iterator[Figure]:
    names = [f"b{n}" for n in range(HOMES)]
    own: list[float] = []
    with stage(folder, at=AT, home=False) as made:
        _enroll_all(made, names)
        homes = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.forty", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert homes.stdout is not None
            assert homes.stdout.readline() == "ready\n"
            client, live = _signed_in(made)
            _until_all_listen(client, live, names)
            unit_ms = machine_unit_ms()
            for round_ in range(ROUNDS):
                own += _all_at_once(client, live, names, round_)
        finally:
            homes.communicate(timeout=60)
        live.close()
    yield Figure(
        "unlock_40_homes_own_share_p95_ms",
        p95(own),
        "ms",
        780,
        on="units",
        machine_ms=unit_ms,
        note=f"{ROUNDS} × {HOMES} at once, one server, locks of {TURN_S} s",
    )


def _enroll_all(made: Stage, names: list[str]) -> None:
    email = made.account("caregiver").email
    lines = []
    for name in names:
        lines.append(["home", "add", name, "--label", name, "--org", "demo"])
        lines.append(["assign", email, name])
        lines.append(["enroll-code", name])
    codes = codes_in(made.staff_says(*lines))
    for name, code in zip(names, codes, strict=True):
        state = made.folder / "forty" / name
        state.mkdir(parents=True, mode=0o700)
        (state / "home.toml").write_text(HOME_TOML.format(home=name, url=made.url))
        enroll(made.url, code, state, FileSecrets.from_environment(state))


def _until_all_listen(client: StaffClient, live: Live, names: list[str]) -> None:
    """One turn of each home, tried until it listens: warms the connections too."""
    for name in names:
        until = time.monotonic() + 60
        while True:
            try:
                _turn(client, live, name, "lock", f"warm-{time.monotonic()}")
                break
            except Exception:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)


def _all_at_once(client: StaffClient, live: Live, names: list[str], round_: int) -> list[float]:
    found: list[float] = []

    def one(name: str) -> None:
        ms, ended = _turn(client, live, name, "unlock", f"r{round_}")
        found.append(ms - ended["data"]["took_s"] * 1000)

    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == len(names), "a home did not turn"
    return found


def _offline_code() -> Figure:
    """A right code among ninety, judged and on its way to the lock."""
    door = Door()
    times = []
    for n in range(TRIES):
        door.issue(told(f"code-m{n}", 30 + n % 60, f"{n:06d}"))
        began = time.perf_counter()
        answer = asyncio.run(_enter(door, f"{30 + n % 60}{n:06d}"))
        times.append((time.perf_counter() - began) * 1000)
        assert answer == "accepted", answer
    return Figure("offline_code_ms", p95(times), "ms", 200, note="p95, on this machine")


async def _enter(door: Door, typed: str) -> str:
    door.codes = door._entry()
    door.tasks = []
    return (await door.type(typed)).value


def _attacks() -> Iterator[Figure]:
    found = asyncio.run(attacks.run_all())
    yield Figure("attacks_tried", float(len(found)), "attacks", 25, most=False)
    yield Figure(
        "attacks_refused", float(sum(found.values())), "attacks", float(len(found)), most=False
    )
