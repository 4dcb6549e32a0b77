"""The sender for a program with threads."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.demo.alarm_centre import AlarmCentre
from gateway.scaip.blocking import ScaipThread
from gateway.scaip.here import Here
from gateway.scaip.sender import Centre, Verdict
from tests.scaip.parts import CALM, CID, LOCAL, QUICK, alarm


@pytest.fixture
def mine() -> Iterator[ScaipThread]:
    """A sender in a thread of its own."""
    one = ScaipThread(Here(LOCAL, host=LOCAL), patience=CALM, timers=QUICK)
    one.start()
    yield one
    one.close()
    one.close()


def test_ten_threads_tell_a_centre(mine: ScaipThread) -> None:
    """Each gets its own answer; a heartbeat goes the same way."""

    async def served() -> None:
        peer = AlarmCentre(Here(LOCAL, host=LOCAL), timers=QUICK)
        await peer.start()
        place = Centre(peer.uri)
        with ThreadPoolExecutor(10) as pool:
            loop = asyncio.get_running_loop()
            told = [loop.run_in_executor(pool, mine.once, alarm(), place) for _ in range(30)]
            got = await asyncio.gather(*told)
            got += await loop.run_in_executor(pool, mine.beats, CID, [place])
            assert {one.verdict for one in got} == {Verdict.RECEIVED}
        assert len(peer.alarms) == 31
        await peer.close()

    asyncio.run(served())


def test_a_port_that_is_taken_is_said() -> None:
    """Nothing is left running."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((LOCAL, 0))
        with pytest.raises(OSError, match="in use"):
            ScaipThread(Here(LOCAL, host=LOCAL, port=taken.getsockname()[1])).start()
