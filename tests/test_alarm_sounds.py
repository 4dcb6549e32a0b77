"""What the resident hears of an alarm.  In a whole home: `tests/e2e/test_voice.py`."""

from __future__ import annotations

import asyncio

from gateway.envelope import Event
from gateway.errors import DeviceUnavailable
from gateway.events import AlarmAcknowledged, AlarmRaised, AlarmType
from gateway.ports import Signal
from gateway.services.alarm_sounds import WAITING_MAX, AlarmSounds
from tests.drivers.parts import until
from tests.media.home_parts import NOW


class Heard:
    """A speaker that keeps what it was to play; `fails` the next time."""

    def __init__(self) -> None:
        self.played: list[Signal] = []
        self.fails = self.breaks = False

    async def play(self, signal: Signal) -> None:
        self.played.append(signal)
        if self.breaks:
            self.breaks = False
            raise ZeroDivisionError("a driver of somebody else")
        if self.fails:
            self.fails = False
            raise DeviceUnavailable("no sound")


def raised(seq: int, about: AlarmType) -> Event:
    return Event(
        origin="home:h1",
        seq=seq,
        at=NOW,
        clock="synced",
        boot="b",
        mono_s=0.0,
        data=AlarmRaised.usual(about, NOW),
    )


def taken(alarm: Event) -> Event:
    data = AlarmAcknowledged(alarm=alarm.ref)
    return Event(origin="staff:h1", seq=1, at=NOW, clock="synced", boot="b", mono_s=0.0, data=data)


async def test_the_resident_hears_that_the_home_has_the_alarm_and_that_it_was_taken() -> None:
    """Of the pendant and a fall, once each; of what the resident does not know of, nothing; and not
    while a person speaks there.  What a fold of the past shows is not said again."""
    speaker, busy = Heard(), [False]
    sounds = AlarmSounds(lambda: speaker, quiet=lambda: busy[0])  # type: ignore[arg-type,return-value]

    def live(*events: Event) -> None:
        for event in events:
            sounds.apply(event)
            sounds.see_live(event)

    running = asyncio.create_task(sounds.run())
    old = raised(1, AlarmType.PENDANT)
    sounds.apply(old)
    live(raised(2, AlarmType.BED_EXIT), raised(3, AlarmType.PENDANT))
    await until(lambda: speaker.played == [Signal.RAISED])
    speaker.fails = True
    live(taken(old), taken(raised(3, AlarmType.PENDANT)), taken(raised(3, AlarmType.PENDANT)))
    await until(lambda: speaker.played == [Signal.RAISED, Signal.TAKEN, Signal.TAKEN])
    busy[0] = True
    live(*(raised(seq, AlarmType.ON_FLOOR) for seq in range(10, 20)))
    assert sounds._waiting.qsize() <= WAITING_MAX
    await until(sounds._waiting.empty)
    assert len(speaker.played) == 3
    running.cancel()


async def test_a_speaker_that_breaks_its_promise_silences_no_later_alarm() -> None:
    speaker = Heard()
    speaker.breaks = True
    sounds = AlarmSounds(lambda: speaker, quiet=lambda: False)  # type: ignore[arg-type,return-value]
    running = asyncio.create_task(sounds.run())
    for seq in (1, 2):
        sounds.see_live(raised(seq, AlarmType.PENDANT))
        await until(lambda: len(speaker.played) == seq)  # noqa: B023 - of this turn
    assert not running.done()
    running.cancel()
