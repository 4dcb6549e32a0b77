"""An alarm centre, straight from the home: the centre that answers, is silent, or is not there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.demo.alarm_centre import Manner
from gateway.errors import DeviceError
from gateway.events import AlarmType, Severity
from gateway.second_path.senders import CentreSender, Note
from tests.scaip.parts import CID, SHORT, both

NOTE = Note(
    alarm="home:h1/9",
    type=AlarmType.PENDANT,
    severity=Severity.CARE,
    room="bathroom",
    where="Lgh 1203",
    reply="OK",
    attempt=1,
)


def with_centre(story: Callable[..., Any], *manners: Manner, cid: str | None = CID) -> None:
    """`story(sender, centre, address)` with a centre of such manners."""

    async def run() -> None:
        async with both(*manners, patience=SHORT) as (scaip, centres, places):
            await story(CentreSender(scaip, lambda: cid), centres[0], places[0].uri)

    asyncio.run(run())


def test_a_centre_receives_the_alarm_once() -> None:
    """With the home's number and the room, and no name; told twice it is one alarm there."""

    async def story(sender: CentreSender, centre: Any, address: str) -> None:
        came: list[bool] = []
        await sender.send(address, NOTE, came.append)
        await sender.send(address, NOTE, came.append)
        assert came == [True, True]
        assert len(centre.heard) == 2
        (first,) = centre.alarms.values()
        assert (first.cid, first.dty, first.lco, first.ite) == (CID, "0003", "011", None)

    with_centre(story, Manner.PROPER)


def test_a_heartbeat_asks_whether_it_is_there() -> None:
    """Only where that is wanted, for a centre has many homes."""

    async def story(sender: CentreSender, centre: Any, address: str) -> None:
        assert (await sender.state([address], thorough=False)).problem is None
        assert not centre.heard
        assert (await sender.state([address], thorough=True)).problem is None

    with_centre(story, Manner.PROPER)


@pytest.mark.parametrize(
    ("manner", "why"), [("MUTE", "no_answer"), ("DEAF", "no_answer"), ("BUSY", "busy")]
)
def test_a_centre_that_does_not_take_it(manner: str, why: str) -> None:
    """The next receiver is told: nobody waits for a centre that says nothing."""

    async def story(sender: CentreSender, _centre: Any, address: str) -> None:
        with pytest.raises(DeviceError) as refused:
            await sender.send(address, NOTE, lambda _came: None)
        assert refused.value.data["why"] == why

    with_centre(story, Manner[manner])


def test_a_home_without_a_number_at_the_centre() -> None:
    """Told as such, before anything is sent."""

    async def story(sender: CentreSender, centre: Any, address: str) -> None:
        with pytest.raises(DeviceError) as refused:
            await sender.send(address, NOTE, lambda _came: None)
        assert refused.value.data["why"] == "no_address"
        assert (await sender.state([address], thorough=True)).problem == "no_address"
        assert not centre.heard

    with_centre(story, Manner.PROPER, cid=None)
