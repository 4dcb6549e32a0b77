"""A sender and alarm centres on this machine, with short timers.

Not for: what only another implementation can show (`test_kamailio`, `test_sipp`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from gateway.demo.alarm_centre import AlarmCentre, Manner
from gateway.scaip.alarm_codes import alarm_message
from gateway.scaip.here import Here, Timers
from gateway.scaip.message import ScaipRequest
from gateway.scaip.sender import Centre, Patience, ScaipSender, new_ref

QUICK = Timers(t1_s=0.05, t2_s=0.2, connect_s=5.0)
"""Repeats after 50 ms, lost after 3.2 s."""

CALM = Patience(answer_s=20.0, busy_s=0.05, busy_max_s=1.0, pause_s=0.05)
"""Where an answer comes: nothing is judged by how soon."""
SHORT = Patience(answer_s=0.8, busy_s=0.05, busy_max_s=1.0, pause_s=0.05)
"""Where none comes."""

LOCAL = "127.0.0.1"
CID = "2342566343454"


@asynccontextmanager
async def sender(**settings: Any) -> AsyncIterator[ScaipSender]:
    """A sender that listens on loopback."""
    given = {"patience": CALM, "timers": QUICK, **settings}
    here = given.pop("here", Here(LOCAL, host=LOCAL))
    one = ScaipSender(here, **given)
    await one.start()
    try:
        yield one
    finally:
        await one.close()


@asynccontextmanager
async def centre(
    manner: Manner = Manner.PROPER, here: Here | None = None
) -> AsyncIterator[AlarmCentre]:
    """An alarm centre that listens on loopback."""
    one = AlarmCentre(here or Here(LOCAL, host=LOCAL), manner=manner, timers=QUICK)
    await one.start()
    try:
        yield one
    finally:
        await one.close()


@asynccontextmanager
async def both(
    *manners: Manner, **settings: Any
) -> AsyncIterator[tuple[ScaipSender, list[AlarmCentre], list[Centre]]]:
    """A sender, and a centre for each manner, with their addresses."""
    async with AsyncExitStack() as stack:
        transport = settings.pop("transport", "udp")
        mine = await stack.enter_async_context(sender(**settings))
        centres = [await stack.enter_async_context(centre(manner)) for manner in manners]
        places = [Centre(f"{one.uri};transport={transport}") for one in centres]
        yield mine, centres, places


def alarm(about: str = "pendant", **settings: Any) -> ScaipRequest:
    """An alarm with a `ref` of its own."""
    return alarm_message(new_ref(), CID, about, **settings)
