"""The way past the server in a whole home: whatever one of its ways does, alarms are told."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from gateway.app import second_path
from gateway.app.second_path import PathParts
from gateway.events import PathChannel, TestWhy
from gateway.second_path.chain_test import ChainTest
from gateway.second_path.path_state import CONFIRMED_KEPT, Confirmed
from gateway.second_path.senders import SmsSender
from gateway.second_path.teller import Teller


class Way:
    """A way whose library raises what it never raised, or that does not begin."""

    def __init__(self, *, hangs: bool) -> None:
        self.hangs, self.stopped = hangs, 0

    async def start(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        raise RuntimeError("of a newer version")

    async def stop(self) -> None:
        self.stopped += 1
        raise RuntimeError("of a newer version")


class Begun:
    """Stands for who tells and who tests."""

    def __init__(self) -> None:
        self.told, self.tests = asyncio.Event(), asyncio.Event()

    def start(self) -> None:
        self.told.set()

    async def run(self, _why: TestWhy) -> None:
        self.tests.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_way_that_does_not_begin_keeps_no_alarm_from_being_told(
    hangs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody knew, or a modem that is asked for ever; at the end each is ended."""
    monkeypatch.setattr(second_path, "START_S", 0.05)
    parts, begun = PathParts.__new__(PathParts), Begun()
    ways = {PathChannel.SMS: Way(hangs=hangs), PathChannel.SCAIP: Way(hangs=False)}
    parts._senders = cast("dict[PathChannel, SmsSender]", ways)  # type: ignore[assignment]
    parts.teller, parts.chain_test = cast(Teller, begun), cast(ChainTest, begun)
    task = asyncio.create_task(parts.run(TestWhy.STARTED))
    async with asyncio.timeout(60):
        await begun.told.wait()
        await begun.tests.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [way.stopped for way in ways.values()] == [1, 1]


def test_what_the_server_took_is_remembered_and_not_for_ever() -> None:
    """A home runs for years: of its urgent events the last thousand are, each once."""
    kept = Confirmed()
    kept.add([("home:h1", 1), ("home:h1", 2), ("home:h1", 1)])
    assert ("home:h1", 1) in kept
    assert ("home:h1~2", 1) not in kept
    kept.add(("home:h1", seq) for seq in range(3, CONFIRMED_KEPT + 2))
    assert ("home:h1", 1) not in kept
    assert ("home:h1", 2) in kept
    assert ("home:h1", CONFIRMED_KEPT + 1) in kept
