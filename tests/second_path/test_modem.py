"""Text messages over ModemManager: a real dbus-daemon, and a modem that misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import DBusError

from drivers.modem import modem_manager as mm
from drivers.modem.modem_manager import ModemManager
from gateway.errors import DeviceError, DeviceRefused, DeviceUnavailable
from gateway.events import AlarmType, Severity
from gateway.ports import ModemReport
from gateway.second_path.senders import Note, SmsSender
from tests.drivers.bluez import system_bus
from tests.second_path.modem import PlayedModem

NUMBER = "+46701234567"
NOTE = Note(
    alarm="home:h1/9",
    type=AlarmType.PENDANT,
    severity=Severity.CARE,
    room=None,
    where="Lgh 1203",
    reply="OK",
    attempt=1,
)


class Heard:
    """What the modem told the gateway."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []
        self.reports: list[ModemReport] = []

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until it is so."""
        async with asyncio.timeout(60):
            while not done():
                await asyncio.sleep(0.005)


Story = Callable[[PlayedModem, ModemManager, Heard], Coroutine[Any, Any, None]]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`play(story, running=True)`: ModemManager runs (or not), and the gateway listens."""

    def run(story: Story, *, running: bool = True) -> None:
        async def all_of_it(address: str) -> None:
            played, modem, heard = PlayedModem(address), ModemManager(), Heard()
            if running:
                await played.start()
            try:
                await modem.start(lambda n, t: heard.texts.append((n, t)), heard.reports.append)
                await story(played, modem, heard)
            finally:
                await modem.stop()
                played.stop()

        with system_bus(tmp_path, monkeypatch) as address:
            asyncio.run(all_of_it(address))

    return run


def test_a_message_is_sent_and_its_report_comes(play: Callable[..., None]) -> None:
    """The text leaves as it is, the report names it, and the SIM holds nothing afterwards."""

    async def story(played: PlayedModem, modem: ModemManager, heard: Heard) -> None:
        reference = await modem.send(NUMBER, "LARM, Lägenhet 3. Svara OK.")
        assert played.sent == [(NUMBER, "LARM, Lägenhet 3. Svara OK.")]
        await heard.until(lambda: heard.reports == [ModemReport(reference, came=True)])
        await heard.until(lambda: not played.stored)

    play(story)


def test_a_report_that_is_faster_than_the_answer(play: Callable[..., None]) -> None:
    """The sender hears of it all the same, after it knows what its message is called."""

    async def story(played: PlayedModem, modem: ModemManager, heard: Heard) -> None:
        await modem.stop()
        sender, came = SmsSender(modem, lambda _number, _text: None), list[bool]()
        await sender.start()
        await sender.send(NUMBER, NOTE, came.append)
        await heard.until(lambda: came == [True])
        played.reports = mm.FAILED
        await sender.send(NUMBER, NOTE, came.append)
        await heard.until(lambda: came == [True, False])
        assert played.sent[0][1] == NOTE.text()

    play(story)


def test_a_late_report_and_a_telephone_that_is_off(play: Callable[..., None]) -> None:
    """What the network still tries is no answer; that it gave up is one, and so is that it came."""

    async def story(played: PlayedModem, modem: ModemManager, heard: Heard) -> None:
        played.reports = None
        first, second = await modem.send(NUMBER, "a"), await modem.send(NUMBER, "b")
        played.report(first, mm.TEMPORARY)
        played.report(first, 0)
        played.report(second, mm.FAILED)
        wanted = [ModemReport(first, came=True), ModemReport(second, came=False)]
        await heard.until(lambda: sorted(heard.reports, key=lambda r: r.reference) == wanted)
        played.report(first, 0)
        played.text(NUMBER, "OK")
        await heard.until(lambda: bool(heard.texts))
        assert len(heard.reports) == 2, "a report that comes twice is told once"

    play(story)


def test_what_comes_in_is_told_and_deleted(play: Callable[..., None]) -> None:
    """An answer with its number, and one that came while the gateway was off."""

    async def story(played: PlayedModem, modem: ModemManager, heard: Heard) -> None:
        played.text(NUMBER, "OK")
        await heard.until(lambda: heard.texts == [(NUMBER, "OK")])
        await modem.stop()
        played.store(NUMBER, "Ok jag går")
        await modem.start(lambda n, t: heard.texts.append((n, t)), heard.reports.append)
        assert heard.texts[1:] == [(NUMBER, "Ok jag går")]
        await heard.until(lambda: not played.stored)

    play(story)


@pytest.mark.parametrize(
    ("state", "problem"),
    [(mm.LOCKED, "locked"), (mm.ENABLED + 1, "no_network"), (-1, "no_network")],
)
def test_a_modem_that_cannot_send_says_why(
    play: Callable[..., None], state: int, problem: str
) -> None:
    """Locked, searching, failed: told before anything is sent, and nothing is."""

    async def story(played: PlayedModem, modem: ModemManager, _heard: Heard) -> None:
        played.state = state
        assert (await modem.state()).problem == problem
        with pytest.raises(DeviceUnavailable) as refused:
            await modem.send(NUMBER, "a")
        assert refused.value.data["why"] == problem
        assert played.sent == []

    play(story)


def test_a_disabled_modem_is_switched_on(play: Callable[..., None]) -> None:
    """ModemManager leaves a modem off until somebody wants it."""

    async def story(played: PlayedModem, modem: ModemManager, _heard: Heard) -> None:
        played.state = mm.DISABLED
        await modem.send(NUMBER, "a")
        assert len(played.sent) == 1
        state = await modem.state()
        assert (state.problem, state.signal_pct) == (None, 61)

    play(story)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        ("Error.Message.NetworkTimeout", "no_network"),
        ("Error.Core.WrongState", "no_network"),
        ("Error.Message.Unknown", "refused"),
    ],
)
def test_a_message_that_is_refused(play: Callable[..., None], error: str, why: str) -> None:
    """No network and no credit are told apart as far as the modem does, and the SIM is not filled
    with what did not leave."""

    async def story(played: PlayedModem, modem: ModemManager, _heard: Heard) -> None:
        played.refuses = f"{mm.NAME}.{error}"
        with pytest.raises(DeviceRefused) as refused:
            await modem.send(NUMBER, "a")
        assert refused.value.data["why"] == why
        assert not played.stored

    play(story)


def test_a_modem_that_does_not_answer(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its time and no more."""
    monkeypatch.setattr(mm, "SEND_S", 0.05)

    async def story(played: PlayedModem, modem: ModemManager, _heard: Heard) -> None:
        played.slow_s = 0.5
        with pytest.raises(DeviceRefused) as refused:
            await modem.send(NUMBER, "a")
        assert refused.value.data["why"] == "no_answer"
        await asyncio.sleep(0.5)

    play(story)


def test_a_modem_that_is_unplugged(play: Callable[..., None]) -> None:
    """It is missed at the next question, and used again once it is back."""

    async def story(played: PlayedModem, modem: ModemManager, _heard: Heard) -> None:
        played.unplug()
        assert (await modem.state()).problem == "no_modem"
        with pytest.raises(DeviceError) as gone:
            await modem.send(NUMBER, "a")
        assert gone.value.data["why"] == "no_modem"
        played.plug_in()
        await modem.send(NUMBER, "a")

    play(story)


def test_no_modem_manager_at_all(play: Callable[..., None]) -> None:
    """The gateway starts all the same, and says what is missing."""

    async def story(_played: PlayedModem, modem: ModemManager, _heard: Heard) -> None:
        assert (await modem.state()).problem == "no_modem"
        with pytest.raises(DeviceUnavailable):
            await modem.send(NUMBER, "a")

    play(story, running=False)


def test_every_fault_of_the_bus_is_ours() -> None:
    """What the library raises is mapped: no traceback of its own reaches the teller."""
    assert {DBusError, OSError, TimeoutError} <= set(mm.FAULTS)
