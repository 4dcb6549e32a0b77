"""The gateway tells receivers itself: in time, in order, once, and never silently nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import DeviceRefused
from gateway.events import (
    AlarmAcknowledged,
    AlarmCancelled,
    AlarmRepeated,
    AlarmSent,
    AlarmType,
    GatewayMessageAnswered,
    GatewayMessageDelivered,
    GatewayMessageFailed,
    GatewayMessageSent,
    GatewaySecondPathFailed,
    GatewaySecondPathReady,
)
from gateway.second_path import path_state, teller
from gateway.second_path.senders import Note
from tests.drivers.warp import warped
from tests.second_path.home import NUMBERS, PathHome, settings, token

Story = Callable[[PathHome], Coroutine[Any, Any, None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Story], None]:
    """`play(story)`: a home whose server is away tells the story."""

    def run(story: Story) -> None:
        async def all_of_it() -> None:
            with warped(asyncio.get_running_loop()):
                home = PathHome(tmp_path)
                home.knows()
                home.teller.start()
                try:
                    await story(home)
                finally:
                    home.stop()

        asyncio.run(all_of_it())

    return run


def test_an_alarm_that_the_server_has_not_got_is_told_within_a_minute(
    play: Callable[[Story], None],
) -> None:
    """To the first receiver, after the server's time, with the proof of each step; the text names
    the home and nothing of the resident."""

    async def story(home: PathHome) -> None:
        raised = home.alarm()
        await home.until(lambda: bool(home.said(GatewayMessageDelivered)))
        assert home.told() == ["p1"]
        sent = next(e for e in home.log if isinstance(e.data, GatewayMessageSent))
        waited_s = sent.mono_s - raised.mono_s
        assert 20.0 <= waited_s < 60.0
        (data,) = home.said(GatewayMessageSent)
        assert (data.alarm, data.receiver, data.attempt) == (raised.ref, "p1", 1)
        assert home.said(GatewayMessageDelivered)[0].message == sent.ref
        text = home.sms.sent[0][1].text()
        assert text == (
            "Tryggve: LARM, Lgh 1203. Larmservern går inte att nå. Svara OK om du tar larmet."
        )
        assert len(text) <= 160

    play(story)


def test_what_the_server_has_is_the_servers(play: Callable[[Story], None]) -> None:
    """Confirmed by the urgent lane or by a batch, nobody is told by the home."""

    async def story(home: PathHome) -> None:
        home.up = True
        first = home.alarm()
        home.teller.confirmed([("home:h1", first.seq)])
        second = home.alarm(AlarmType.ON_FLOOR)
        home.forwarded = second.seq
        await home.passes(90)
        assert home.told() == []

    play(story)


def test_nobody_answers_and_the_next_is_told(play: Callable[[Story], None]) -> None:
    """After the receiver's time, in the list's order, and round again, saying so."""

    async def story(home: PathHome) -> None:
        home.alarm()
        await home.until(lambda: len(home.told()) == 3)
        assert home.told() == ["p1", "p2", "p1"]
        sent = [e for e in home.log if isinstance(e.data, GatewayMessageSent)]
        assert 119 <= sent[1].mono_s - sent[0].mono_s < 140
        assert "(2:a gången)" in home.sms.sent[2][1].text()

    play(story)


def test_a_press_again_tells_anew_and_holds_up_nobody(play: Callable[[Story], None]) -> None:
    """Who was told and has not answered is told once more, half a minute after the last message at
    the soonest, however often it is pressed; the next receiver's turn comes when it would have."""

    async def story(home: PathHome) -> None:
        alarm = home.alarm()
        await home.until(lambda: home.told() == ["p1"])
        for _ in range(4):
            home.happens(AlarmRepeated(alarm=alarm.ref))
        await home.until(lambda: len(home.said(GatewayMessageSent)) == 3)
        assert home.told() == ["p1", "p1", "p2"], "once, and then the next one"
        first, anew, second = (e for e in home.log if isinstance(e.data, GatewayMessageSent))
        assert 30 <= anew.mono_s - first.mono_s < 60
        assert 119 <= second.mono_s - first.mono_s < 140
        assert "(2:a gången)" in home.sms.sent[1][1].text()
        home.happens(AlarmRepeated(alarm=alarm.ref))
        await home.until(lambda: len(home.told()) >= 5)
        assert home.told()[3:5] == ["p1", "p2"]

    play(story)


def test_a_press_again_outlasts_a_restart_and_is_bounded(
    play: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pressed just before the gateway was started anew: told anew all the same, once.  What is told
    anew has an end of its own, and an answer ends it."""

    async def story(home: PathHome) -> None:
        monkeypatch.setattr(path_state, "AGAIN_MAX", 2)
        alarm = home.alarm()
        await home.until(lambda: home.told() == ["p1"])
        home.happens(AlarmRepeated(alarm=alarm.ref))
        await home.start_anew()
        await home.until(lambda: len(home.said(GatewayMessageSent)) == 2)
        assert home.told() == ["p1", "p1"]
        await home.start_anew()
        for _ in range(3):
            home.happens(AlarmRepeated(alarm=alarm.ref))
            await home.passes(31)
        assert len(home.teller.state.alarms[alarm.ref].anew) == 2
        told = home.told()
        home.teller.text_came(NUMBERS["p1"], "OK")
        await home.until(lambda: bool(home.said(GatewayMessageAnswered)))
        home.happens(AlarmRepeated(alarm=alarm.ref))
        await home.passes(200)
        assert home.told() == told

    play(story)


def test_what_breaks_on_the_way_to_one_receiver_keeps_nobody_else_from_being_told(
    play: Callable[[Story], None],
) -> None:
    """A modem's library raises what it never raised: that one was not told, and the next one is."""

    async def story(home: PathHome) -> None:
        real = home.sms.send

        async def breaks(address: str, note: Note, done: Callable[[bool], None]) -> None:
            if address == NUMBERS["p1"]:
                raise RuntimeError("of a newer version")
            await real(address, note, done)

        home.sms.send = breaks  # type: ignore[method-assign]
        home.alarm()
        await home.until(lambda: [to for to, _ in home.sms.sent] == [NUMBERS["p2"]])
        [failed] = home.said(GatewayMessageFailed)
        assert (failed.receiver, failed.why) == ("p1", "refused")

    play(story)


def test_what_breaks_between_two_receivers_ends_no_alarm(
    play: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours while it is judged whose turn it is: it is judged again after a while."""
    monkeypatch.setattr(teller, "RETRY_S", 0.1)

    async def story(home: PathHome) -> None:
        real, times = home.teller._wait_s, 0

        def breaks(alarm: path_state.PathAlarm) -> float:
            nonlocal times
            times += 1
            if times == 2:
                raise KeyError("nobody thought of this")
            return real(alarm)

        home.teller._wait_s = breaks  # type: ignore[method-assign]
        home.alarm()
        await home.until(lambda: [to for to, _ in home.sms.sent] == [NUMBERS["p1"]])
        assert times > 2

    play(story)


def test_a_press_while_one_is_told_anew_in_vain_ends_no_round(
    play: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The modem refuses the second message anew, and meanwhile it is pressed again, for the last
    time that counts: the round goes on to whoever is next."""

    async def story(home: PathHome) -> None:
        monkeypatch.setattr(path_state, "AGAIN_MAX", 2)
        alarm = home.alarm()
        await home.until(lambda: home.told() == ["p1", "p2"])
        home.happens(AlarmRepeated(alarm=alarm.ref))
        await home.until(lambda: len(home.told()) == 3)
        real = home.sms.send

        async def refuses(address: str, note: Note, done: Callable[[bool], None]) -> None:
            home.sms.send = real  # type: ignore[method-assign]
            home.happens(AlarmRepeated(alarm=alarm.ref))
            raise DeviceRefused("not sent", why="refused")

        assert home.teller.state.alarms[alarm.ref].again == ["p2"]
        home.sms.send = refuses  # type: ignore[method-assign]
        await home.until(lambda: len(home.told()) >= 6)

    play(story)


@pytest.mark.parametrize("text", ["OK", "ok", " Ok, jag går", "OK!"])
def test_an_answer_acknowledges(play: Callable[[Story], None], text: str) -> None:
    """The word, however it is written, from the number that was told: nobody else is told then."""

    async def story(home: PathHome) -> None:
        alarm = home.alarm()
        await home.until(lambda: home.told() == ["p1"])
        home.teller.text_came(NUMBERS["p1"].replace("+46", "0046"), text)
        await home.passes(300)
        (answer,) = home.said(GatewayMessageAnswered)
        assert (answer.alarm, answer.receiver) == (alarm.ref, "p1")
        assert home.told() == ["p1"]

    play(story)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("+46701999999", "OK"),
        (NUMBERS["p2"], "OK"),
        (NUMBERS["p1"], "Vem är det?"),
        (NUMBERS["p1"], ""),
        ("", "OK"),
    ],
)
def test_what_is_no_answer_of_who_was_told(
    play: Callable[[Story], None], number: str, text: str
) -> None:
    """Another number, somebody who was not told yet, other words: the next is told in time."""

    async def story(home: PathHome) -> None:
        home.alarm()
        await home.until(lambda: home.told() == ["p1"])
        home.teller.text_came(number, text)
        await home.until(lambda: home.told() == ["p1", "p2"])
        assert home.said(GatewayMessageAnswered) == []

    play(story)


def test_who_cannot_be_told_is_passed_over_at_once(play: Callable[[Story], None]) -> None:
    """Refused by the modem: the next in the same moment, the reason once, and a technical word."""

    async def story(home: PathHome) -> None:
        home.sms.refuses[NUMBERS["p1"]] = "refused"
        raised = home.alarm()
        await home.until(lambda: home.told() == ["p2"])
        assert home.clock.mono_s() - raised.mono_s < 60
        (failed,) = home.said(GatewayMessageFailed)
        assert (failed.receiver, failed.why, failed.message) == ("p1", "refused", None)
        assert [said.why for said in home.said(GatewaySecondPathFailed)] == ["refused"]
        assert len(home.said(GatewaySecondPathReady)) == 1, "p2 could be told"

    play(story)


def test_a_telephone_that_is_off_is_passed_over(play: Callable[[Story], None]) -> None:
    """Reported as undelivered: at once.  Not reported at all: after a minute."""

    async def story(home: PathHome) -> None:
        home.sms.came[NUMBERS["p1"]] = False
        home.sms.came[NUMBERS["p2"]] = None
        home.alarm()
        await home.until(lambda: len(home.told()) >= 3)
        assert home.told()[:3] == ["p1", "p2", "p1"]
        sent = [e for e in home.log if isinstance(e.data, GatewayMessageSent)]
        assert sent[1].mono_s - sent[0].mono_s < 10
        assert 59 <= sent[2].mono_s - sent[1].mono_s < 80
        failed = home.said(GatewayMessageFailed)
        assert [(f.receiver, f.why) for f in failed[:2]] == [
            ("p1", "undelivered"),
            ("p2", "undelivered"),
        ]
        home.sms.done[1](True)
        await home.passes(5)
        assert all(d.message != sent[1].ref for d in home.said(GatewayMessageDelivered))

    play(story)


def test_nobody_can_be_told(play: Callable[[Story], None]) -> None:
    """Told once, tried again and again, and the alarm goes out when the modem is back."""

    async def story(home: PathHome) -> None:
        home.sms.refuses = dict.fromkeys(NUMBERS.values(), "no_network")
        home.alarm()
        await home.passes(120)
        assert [said.why for said in home.said(GatewaySecondPathFailed)] == ["no_network"]
        assert len(home.said(GatewayMessageFailed)) == 2, "once for each receiver"
        home.sms.refuses.clear()
        await home.until(lambda: len(home.told()) == 1)
        assert len(home.said(GatewaySecondPathReady)) == 1

    play(story)


def test_the_server_comes_back_in_between(play: Callable[[Story], None]) -> None:
    """Once it confirms the alarm no new step begins; an answer to what was sent still counts."""

    async def story(home: PathHome) -> None:
        alarm = home.alarm()
        await home.until(lambda: home.told() == ["p1"])
        home.up = True
        home.teller.confirmed([("home:h1", alarm.seq)])
        await home.passes(300)
        assert home.told() == ["p1"]
        home.teller.text_came(NUMBERS["p1"], "OK")
        await home.until(lambda: len(home.said(GatewayMessageAnswered)) == 1)

    play(story)


def test_a_server_that_dies_after_it_took_the_alarm(play: Callable[[Story], None]) -> None:
    """Away for a minute with nobody on it: the home goes on, after whom the server told last."""

    async def story(home: PathHome) -> None:
        home.up = True
        alarm = home.alarm()
        home.teller.confirmed([("home:h1", alarm.seq)])
        home.decided(AlarmSent(alarm=alarm.ref, message="m", channel="push", step=1), person="p1")
        home.up = False
        await home.until(lambda: home.told() == ["p2"])
        assert 60 <= home.clock.mono_s() - alarm.mono_s < 70

    play(story)


@pytest.mark.parametrize("how", ["acknowledged", "cancelled"])
def test_an_alarm_that_is_over_is_not_told(play: Callable[[Story], None], how: str) -> None:
    """Taken by somebody, or gone by itself, before its time or between two receivers."""

    async def story(home: PathHome) -> None:
        alarm = home.alarm()
        await home.until(lambda: home.told() == ["p1"])
        if how == "acknowledged":
            home.decided(AlarmAcknowledged(alarm=alarm.ref), person="p7")
        else:
            home.happens(AlarmCancelled(alarm=alarm.ref, reason="wearer"))
        second = home.alarm(AlarmType.ON_FLOOR)
        home.happens(AlarmCancelled(alarm=second.ref, reason="returned"))
        await home.passes(300)
        assert home.told() == ["p1"]
        assert home.tasks
        assert all(task.done() for task in home.tasks)

    play(story)


def test_what_is_not_for_the_second_path(play: Callable[[Story], None]) -> None:
    """Types that the server did not name, technical ones but for the test of the chain, which goes
    to the technician alone."""

    async def story(home: PathHome) -> None:
        home.alarm(AlarmType.INACTIVITY)
        home.alarm(AlarmType.BATTERY_LOW)
        home.alarm(AlarmType.DOOR_LEFT_OPEN)
        home.alarm(AlarmType.CHAIN_BROKEN)
        await home.until(lambda: len(home.told()) == 1)
        await home.passes(30)
        assert home.told() == ["tech"]
        assert "TEKNISKT LARM" in home.sms.sent[0][1].text()

    play(story)


def test_a_restart_goes_on_where_it_was(play: Callable[[Story], None]) -> None:
    """Who was told is not told again, the next one is, at the time that was set."""

    async def story(home: PathHome) -> None:
        raised = home.alarm()
        await home.until(lambda: home.told() == ["p1"])
        await home.start_anew()
        await home.passes(60)
        assert home.told() == ["p1"]
        await home.until(lambda: home.told() == ["p1", "p2"])
        assert home.clock.mono_s() - raised.mono_s < 180

    play(story)


def test_an_old_alarm_of_another_boot(play: Callable[[Story], None]) -> None:
    """Raised a minute before a power cut: told.  An hour before: it was told, or is over."""

    async def story(home: PathHome) -> None:
        home.happens(home.alarm().data, seq=90, boot="b0", at=home.clock.now() - timedelta(hours=1))
        home.log[:] = [e for e in home.log if e.seq == 90 or e.origin == "staff:h1"]
        await home.start_anew()
        await home.passes(60)
        assert home.told() == []
        home.happens(
            home.log[-1].data, seq=91, boot="b0", at=home.clock.now() - timedelta(minutes=1)
        )
        await home.start_anew()
        await home.until(lambda: home.told() == ["p1"])

    play(story)


def test_receivers_whose_numbers_are_not_here(play: Callable[[Story], None]) -> None:
    """The event came and its list did not: told, and mended by the list."""

    async def story(home: PathHome) -> None:
        other = home.receivers  # the list of before no longer fits
        home.decided(settings(digest="f" * 64))
        assert not other.complete
        home.alarm()
        await home.passes(60)
        assert [said.why for said in home.said(GatewaySecondPathFailed)] == ["no_address"]
        home.decided(settings())
        other.offered(token())
        await home.until(lambda: home.told() == ["p1"])

    play(story)
