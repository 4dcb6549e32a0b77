"""A device is paired for somebody at a page: what the driver says goes up, what they answer comes
down, and how it ended is a word."""

from __future__ import annotations

import asyncio
import logging

import pytest

from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.services import guiding
from gateway.services.guiding import RemoteGuide
from gateway.wire import SAID_MAX, SENTENCE_MAX
from tests.drivers.parts import until


async def test_a_question_waits_for_its_answer() -> None:
    """It is told with its number; an answer to another one is none; the answer is in nothing that
    is told, said or printed."""
    guide = RemoteGuide("door", "pair")
    got: list[str] = []

    async def work(with_: RemoteGuide) -> None:
        with_("Take the handle.")
        got.append(await with_.ask("Offline key:", hidden=True))
        with_("Paired.")

    task = asyncio.create_task(guide.run(work))
    await until(lambda: guide.told().question != "")
    told = guide.told()
    assert (told.said, told.number, told.question) == (("Take the handle.",), 1, "Offline key:")
    assert told.hidden
    guide.answer(2, "wrong")
    guide.answer(1, " 4711 ")
    guide.answer(1, "too late")
    assert await task
    assert got == ["4711"]
    ended = guide.told()
    assert (ended.outcome, ended.question, ended.said[-1]) == ("done", "", "Paired.")
    assert "4711" not in ended.model_dump_json()
    assert guide.over


async def test_how_it_failed_is_a_word(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong PIN, a lock out of range, nobody who answers, a time-out, and a fault of a driver,
    which ends nothing else and whose text, which may hold what was typed, is in no log."""

    async def end(error: Exception) -> tuple[str, str]:
        guide = RemoteGuide("door", "pair")

        async def work(_with: RemoteGuide) -> None:
            raise error

        assert not await guide.run(work)
        return guide.told().outcome, guide.told().code

    assert await end(DeviceRefused("wrong", why="wrong_key")) == ("failed", "wrong_key")
    assert await end(DeviceUnavailable("not heard")) == ("failed", "DeviceUnavailable")
    with caplog.at_level(logging.DEBUG):
        assert await end(ValueError("the PIN 4711 is odd")) == ("failed", "ValueError")
    assert "4711" not in caplog.text

    monkeypatch.setattr(guiding, "ANSWER_S", 0.01)
    asked = RemoteGuide("door", "pair")

    async def ask(with_: RemoteGuide) -> None:
        await with_.ask("Key:")

    assert not await asked.run(ask)
    assert asked.told().code == "UserError"

    monkeypatch.setitem(guiding.LIMITS_S, "pair", 0.01)
    slow = RemoteGuide("door", "pair")

    async def wait(_with: RemoteGuide) -> None:
        await asyncio.Event().wait()

    assert not await slow.run(wait)
    assert slow.told().code == "timeout"


async def test_what_is_said_is_bounded() -> None:
    """A driver that talks on is told with its newest sentences, each cut."""
    guide = RemoteGuide("bed", "calibrate")
    for number in range(100):
        guide(f"{number} " + "x" * 1000)
    told = guide.told()
    assert len(told.said) == SAID_MAX
    assert told.said[-1].startswith("99 ")
    assert max(map(len, told.said)) == SENTENCE_MAX
