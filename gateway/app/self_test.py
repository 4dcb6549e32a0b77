"""Tries every part of the home for real, for the technician at its page.  Nothing is turned.

Not for: how the home is (`gateway.app.local_page`).
"""

from __future__ import annotations

import asyncio
import os
import time

from gateway.app.home_parts import HomeParts
from gateway.origin import is_in_memory
from gateway.ports import Bolt, Level, Lock
from web.home.port import SELF_TEST_MAX_S, Health, Part, TestResult

STATUS_S = 30.0
"""Seconds that one lock may take in a self-test: its own deadline (25 s) and a little."""


def run_self_test(home: HomeParts) -> tuple[TestResult, ...]:
    """Try every part; blocks, so in a thread that is not the loop's."""
    results = [_try_disk(home), _try_clock(home), _try_link(home)]
    results += [*_try_radio(home), *_try_power(home)]
    waiting = asyncio.run_coroutine_threadsafe(_try_devices(home), home.loop)
    try:
        results += waiting.result(SELF_TEST_MAX_S)
    except TimeoutError:
        waiting.cancel()
        results.append(TestResult(Part.DEVICE, "", Health.BAD, "no answer in time"))
    return tuple(results)


def _try_disk(home: HomeParts) -> TestResult:
    began = time.perf_counter()
    probe = home.log_folder.path / ".self-test"
    try:
        descriptor = os.open(probe, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, b"x" * 4096)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            probe.unlink()
    except OSError as error:
        return TestResult(Part.LOG, "", Health.BAD, str(error))
    refused = home.engine.stalled or is_in_memory(home.engine.log.origin)
    health = Health.BAD if refused else Health.OK
    return TestResult(Part.LOG, "", health, "", (time.perf_counter() - began) * 1000)


def _try_clock(home: HomeParts) -> TestResult:
    synced = home.clock_watch.synced
    return TestResult(Part.CLOCK, "", Health.OK if synced else Health.WARN)


def _try_link(home: HomeParts) -> TestResult:
    if home.uplink is None:
        return TestResult(Part.LINK, "", Health.WARN, "not enrolled")
    link = home.uplink.metrics()
    problem = "" if link.problem is None else link.problem.text
    return TestResult(Part.LINK, "", Health.OK if link.connected else Health.BAD, problem)


def _try_radio(home: HomeParts) -> list[TestResult]:
    if not home.config.needs_radio():
        return []
    problem = home.supervisor.radio_problem()
    health = Health.OK if problem is None else Health.BAD
    return [TestResult(Part.RADIO, "", health, problem or "")]


def _try_power(home: HomeParts) -> list[TestResult]:
    view = home.view
    if view.undervolted:
        return [TestResult(Part.POWER, "", Health.BAD)]
    if view.mains is None:
        return []
    return [TestResult(Part.POWER, "", Health.OK if view.mains else Health.WARN)]


async def _try_devices(home: HomeParts) -> list[TestResult]:
    devices = home.supervisor.devices
    return list(
        await asyncio.gather(*(_try_device(home, id_, one) for id_, one in devices.items()))
    )


async def _try_device(home: HomeParts, id_: str, device: object) -> TestResult:
    problem = home.supervisor.problem(id_)
    if problem is not None:
        return TestResult(Part.DEVICE, id_, Health.BAD, problem)
    if not isinstance(device, Lock):
        seen = home.view.devices.get(id_)
        known = seen is not None and seen.level is not Level.UNKNOWN
        return TestResult(Part.DEVICE, id_, Health.OK if known else Health.UNKNOWN)
    began = time.perf_counter()
    await asyncio.wait_for(home.lock_orders.ask(id_), STATUS_S)
    took_ms = (time.perf_counter() - began) * 1000
    bolt = home.lock_orders.last_bolt(id_)
    health = Health.WARN if bolt is Bolt.UNKNOWN else Health.OK
    return TestResult(Part.DEVICE, id_, health, bolt.value, took_ms)
