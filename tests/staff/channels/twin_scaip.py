"""An alarm centre on this machine, which asks for a password and can be told to misbehave."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.demo.alarm_centre import AlarmCentre, Manner
from gateway.scaip.here import Here, Timers
from tests.staff.channels.twin import Twin
from web.staff.channels.contract import Address, Why

# Both tries of a centre fit into one `send` here, for it is given up soon; what each is called
# while there is another to come is in `test_scaip`.
FAULTS: dict[str, Why | None] = {
    Manner.PROPER: None,
    Manner.IN_BODY: None,
    Manner.BEFORE: None,
    Manner.TWICE: None,
    Manner.PICKY: None,
    Manner.MUTE: Why.NOT_DELIVERED,
    Manner.DEAF: Why.NOT_DELIVERED,
    Manner.GARBAGE: Why.NOT_DELIVERED,
    Manner.WRONG_REF: Why.NOT_DELIVERED,
    Manner.ELSEWHERE: Why.NOT_DELIVERED,
    Manner.BUSY: Why.NOT_DELIVERED,
    Manner.AWAY: Why.NOT_DELIVERED,
    "hold": Why.NOT_DELIVERED,
    "undefined": Why.NOT_DELIVERED,
    "tag missing": Why.BAD,
    "wrong password": Why.REFUSED,
}

STATUS = {"hold": 4, "undefined": 99, "tag missing": 7}

SECRET = "a secret of the centre's"
LOCAL = "127.0.0.1"


@contextmanager
def served() -> Iterator[AlarmCentre]:
    """A centre on a loop of its own, in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    peer = AlarmCentre(Here(LOCAL, host=LOCAL), timers=Timers(t1_s=0.05, t2_s=0.2))
    asyncio.run_coroutine_threadsafe(peer.start(), loop).result(60)
    try:
        yield peer
    finally:
        asyncio.run_coroutine_threadsafe(peer.close(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


@contextmanager
def running(folder: Path) -> Iterator[Twin]:
    """The centre, listening."""
    with served() as peer:
        peer.password = ("tryggve", SECRET)

        def behave(how: str) -> None:
            peer.manner = Manner(how) if how in set(Manner) else Manner.PROPER
            peer.status = STATUS.get(how, 0)
            if how == "wrong password":
                peer.password = ("tryggve", "another")

        yield Twin(
            settings={
                "domain": LOCAL,
                "cid": "10149471",
                "username": "tryggve",
                "listen": LOCAL,
                "port": 0,
                "timeout_s": 0.6,
            },
            secrets={"scaip_password": SECRET},
            address=Address("centre1", peer.uri),
            behave=behave,
            sent=lambda: b"\n".join(one.request.write() for one in peer.heard),
            may_say=frozenset({"type"}),
        )
