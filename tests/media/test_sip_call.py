"""An alarm centre calls a home: two real baresip, sound both ways, and every fault of a peer."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiortc")

from gateway.events import (
    AlarmOutcome,
    AlarmResolved,
    VoiceBegun,
    VoiceEnd,
    VoiceEnded,
    VoiceParty,
    VoiceRefusal,
    VoiceRefused,
)
from gateway.media import baresip, sip_call
from gateway.media.baresip import NoPhone
from tests.media.centre import CENTRE_HZ, HOME_HZ, LOCAL, NOW, Caller, Centre, CentreHome
from tests.media.home_parts import BUSY_S
from tests.media.parts import RATE, Mute, share_of
from tests.test_link import certificate as made_certificate

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("baresip") is None, reason="baresip is not installed (Debian: baresip-core)"
    ),
]


def left_in(folder: Path) -> list[Path]:
    """The folders of calls that are still there."""
    return list(folder.glob("call-*"))


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[CentreHome]:
    """A home; at the end no phone of it is left, and nothing of what it was told."""
    made = CentreHome(tmp_path)
    yield made
    await made.calls.close()
    await made.settled()
    assert all(phone.process.returncode is not None for phone in made.phones)
    assert left_in(tmp_path) == []


@pytest.fixture
async def centre(tmp_path: Path) -> AsyncIterator[Centre]:
    made = Centre(tmp_path / "centre")
    yield made
    await made.end(ask=False)


@pytest.fixture
async def caller(home: CentreHome) -> AsyncIterator[Caller]:
    """A centre by hand that may call."""
    await home.expect()
    made = Caller(home.calls.port)
    yield made
    made.close()


async def connected(home: CentreHome, centre: Centre) -> None:
    """A call that goes on."""
    await home.expect()
    await centre.dial(f"sip:hem@{LOCAL}:{home.calls.port}")
    await centre.hears("Call established")


def ended(home: CentreHome) -> VoiceEnd:
    """Why the one call ended."""
    [one] = home.data(VoiceEnded)
    why: VoiceEnd = one.why
    return why


def refusals(home: CentreHome) -> list[VoiceRefusal]:
    """Why calls were refused."""
    return [one.why for one in home.data(VoiceRefused)]


def command_of(pid: int) -> list[bytes]:
    """How a process was begun, or what it has become."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


async def test_nobody_hears_before_record_lamp_and_tone(home: CentreHome, centre: Centre) -> None:
    """In this order: the record, the lamp, the tone to its end, and only then is the call taken.
    Both hear each other, encrypted where both can; the centre hangs up, and the lamp goes dark."""
    await connected(home, centre)
    await asyncio.sleep(2.5)  # what is heard meanwhile is measured
    await centre.end()
    await home.settled()
    assert ended(home) is VoiceEnd.HUNG_UP
    order = ["voice.admitted", "lamp on", "voice.begun", "taken", "voice.ended", "lamp off"]
    assert [one for one in home.done if one in order] == order
    assert {one.party for one in home.data(VoiceBegun)} == {VoiceParty.ALARM_CENTRE}
    heard = centre.heard()
    assert share_of(heard[-RATE:], HOME_HZ) > 0.9
    played = home.played.read_bytes()
    assert share_of(played[: 2 * 16_000], 880) > 0.9  # the tone came first
    assert max(share_of(played[at : at + RATE], CENTRE_HZ) for at in range(0, 9 * RATE, RATE)) > 0.9
    assert "SRTP is Enabled" in centre.said()
    [end] = home.data(VoiceEnded)
    assert 2.0 < end.took_s < 10 + BUSY_S


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_a_call_over_a_connection(tmp_path: Path, transport: str) -> None:
    """TCP, and TLS where the home has a certificate: taken, and each end may end it."""
    day = timedelta(days=1)
    now = datetime.now(UTC)
    certificate, key = await asyncio.to_thread(made_certificate, tmp_path, now - day, now + day)
    home = CentreHome(tmp_path, certificate=certificate, key=key)
    for ending in ("centre", "home"):
        made = Centre(tmp_path / ending, more=f";transport={transport}")
        await home.expect()
        ports = home.calls._front.ports  # type: ignore[union-attr]
        port = ports.tls_port if transport == "tls" else ports.port
        await made.dial(f"sip:hem@{LOCAL}:{port};transport={transport}")
        await made.hears("Call established")
        if ending == "home":
            await home.until("taken")
            home.calls._end(home.calls._running, VoiceEnd.STOPPED)  # type: ignore[arg-type]
            await made.hears("session closed")
        await made.end()
        await home.settled()
    assert [one.why for one in home.data(VoiceEnded)] == [VoiceEnd.HUNG_UP, VoiceEnd.STOPPED]
    await home.calls.close()


@pytest.mark.parametrize(
    ("changed", "user"),
    [
        ({"places": ("192.0.2.7",)}, "larm"),
        ({"number": "sip:larm@centre.example"}, "nobody"),
        ({"number": "tel:+46-8-123 456"}, "larm"),
        ({"number": "tel:+46-8-123 456"}, "+468123457"),
        ({"expires": NOW + timedelta(seconds=1)}, "larm"),
    ],
)
async def test_whom_no_alarm_named_is_refused_and_noted(
    home: CentreHome, changed: dict[str, Any], user: str
) -> None:
    """From elsewhere, as somebody else, too late: 403, no lamp, no phone; and noted once, however
    often it is tried."""
    await home.expect(**changed)
    home.now = NOW + timedelta(seconds=2)
    for _ in range(3):
        made = Caller(home.calls.port, user=user)
        made.say("INVITE")
        await made.hears("403 Forbidden")
        made.close()
    assert refusals(home) == [VoiceRefusal.NOT_ASKED]
    assert (home.phones, home.played.exists(), "lamp on" in home.done) == ([], False, False)


async def test_a_number_is_the_same_however_it_is_written(home: CentreHome) -> None:
    """08-123 456 is +46 8 123 456."""
    assert home.permitted(number="tel:08-123 456").names("+468123456@centre.example")
    assert home.permitted(number="0046 8 123 456").names("08123456@centre.example")
    assert home.permitted(number=None).names("anybody@centre.example")
    assert not home.permitted(number="tel:112").names("5112@centre.example")


async def test_who_calls_after_the_alarm_is_closed_is_refused(
    home: CentreHome, caller: Caller
) -> None:
    """The home still says so for a while, and then it does not listen at all."""
    home.happened(AlarmResolved(alarm=home.alarm, outcome=AlarmOutcome.HELPED))
    caller.say("INVITE")
    await caller.hears("403 Forbidden")
    assert refusals(home) == [VoiceRefusal.ALARM_CLOSED]
    for one in home.calls._expected:
        one.until_s = 0.0
    home.calls.reconsider()
    async with asyncio.timeout(60):
        while home.calls.port:
            await asyncio.sleep(0.01)


async def test_a_centre_that_calls_twice(home: CentreHome, centre: Centre, tmp_path: Path) -> None:
    """At once: the second is told that the line is busy, and the first goes on.  Again, after the
    line broke: it is taken, for the alarm is open."""
    await connected(home, centre)
    second = Caller(home.calls.port)
    second.say("INVITE")
    await second.hears("486 Busy Here")
    second.close()
    assert home.calls.busy
    await centre.end(ask=False)
    home.calls._end(home.calls._running, VoiceEnd.VIEWER_LOST)  # type: ignore[arg-type]
    await home.settled()
    again = Centre(tmp_path / "again")
    await again.dial(f"sip:hem@{LOCAL}:{home.calls.port}")
    await again.hears("Call established")
    await again.end()
    await home.settled()
    assert [one.why for one in home.data(VoiceEnded)] == [VoiceEnd.VIEWER_LOST, VoiceEnd.HUNG_UP]
    assert refusals(home) == [VoiceRefusal.BUSY]


async def test_while_a_caregiver_speaks_the_line_is_busy(home: CentreHome, caller: Caller) -> None:
    """One at a time, whoever it is."""
    home.taken = True
    caller.say("INVITE")
    await caller.hears("486 Busy Here")
    assert refusals(home) == [VoiceRefusal.BUSY]


async def test_without_lamp_tone_record_or_speaker_nobody_listens(home: CentreHome) -> None:
    """Each is told by its name, and the call was never taken."""
    await home.expect()

    async def refused() -> VoiceRefusal:
        made = Caller(home.calls.port)
        made.say("INVITE")
        await made.hears("480")
        await home.settled()
        made.close()
        return refusals(home)[-1]

    home.lamp_works = False
    assert await refused() is VoiceRefusal.NO_LIGHT
    home.lamp_works = True
    assert home.speaker is not None
    working, home.speaker = home.speaker, Mute(home.speaker)
    assert await refused() is VoiceRefusal.NO_TONE
    home.speaker = None
    assert await refused() is VoiceRefusal.NO_SPEAKER
    home.speaker, home.disk_works = working, False
    assert await refused() is VoiceRefusal.NOT_RECORDED
    assert "taken" not in home.done
    assert home.data(VoiceBegun) == []
    assert {one.why for one in home.data(VoiceEnded)} == {VoiceEnd.REFUSED}


async def test_without_baresip_the_caller_is_told_and_it_is_noted(
    home: CentreHome, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence for whoever sets it up, and 480 for the centre."""
    monkeypatch.setattr(baresip, "PROGRAM", "no-such-program")
    caller.say("INVITE")
    await caller.hears("480")
    assert refusals(home) == [VoiceRefusal.NO_MEDIA]
    assert sip_call.missing() == "baresip is not installed (Debian: baresip-core)"


async def test_a_port_that_is_taken_is_told_and_tried_again(
    home: CentreHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program has it; as soon as it lets go, the home listens."""
    monkeypatch.setattr(sip_call, "PORT_AGAIN_S", 0.1)
    await home.expect()
    (tmp_path / "second").mkdir()
    second = CentreHome(tmp_path / "second", port=home.calls.port)
    second.calls.expect(second.permitted())
    await second.until("voice.refused")
    assert (refusals(second), second.calls.port) == ([VoiceRefusal.NO_MEDIA], 0)
    await home.calls.close()
    async with asyncio.timeout(60):
        while not second.calls.port:
            await asyncio.sleep(0.01)
    await second.calls.close()


async def test_a_peer_that_falls_silent_after_it_was_answered(
    home: CentreHome, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never says that it knows: nobody listens for long, and it is told that it is over."""
    monkeypatch.setattr(sip_call, "ANSWER_S", 1.0)
    caller.say("INVITE")
    await caller.hears("200 ")
    await caller.hears("BYE")
    await home.settled()
    assert ended(home) is VoiceEnd.VIEWER_LOST


async def test_a_caller_that_gives_up_while_the_tone_sounds(
    home: CentreHome, caller: Caller
) -> None:
    """It is told 487, and the call is never taken."""
    caller.say("INVITE")
    await home.until("lamp on")
    caller.say("CANCEL")
    await caller.hears("487")
    await home.settled()
    assert (ended(home), "taken" in home.done) == (VoiceEnd.HUNG_UP, False)


async def test_sound_may_not_be_sent_to_a_third_place(home: CentreHome, caller: Caller) -> None:
    """A description that points at the home's own link, or at a name, is not acceptable."""
    caller.say("INVITE", sdp_host="169.254.1.1")
    await caller.hears("488")
    caller.say("INVITE", sdp_host="router.lan", sequence=2)
    await caller.hears("488")
    assert home.data(VoiceEnded) == []


async def test_a_phone_that_is_killed_or_stopped_ends_the_call(
    home: CentreHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed: told at once.  Stopped (SIGSTOP): it does not answer any more, and is killed within
    seconds.  The centre is told that it is over either way."""
    for number, kind in ((signal.SIGKILL, VoiceEnd.MEDIA_DIED), (signal.SIGSTOP, "media_stuck")):
        centre = Centre(tmp_path / kind)
        await connected(home, centre)
        began_s = time.monotonic()
        if number is signal.SIGSTOP:
            monkeypatch.setattr(baresip, "SILENT_S", 1.5)
        os.kill(home.phones[-1].process.pid, number)
        await home.settled()
        assert time.monotonic() - began_s < 8 + BUSY_S
        assert home.data(VoiceEnded)[-1].why == kind
        assert home.done[-1] == "lamp off"
        await centre.hears("session closed")
        await centre.end()


async def test_a_call_ends_with_its_alarm_and_at_its_limit(tmp_path: Path, centre: Centre) -> None:
    """At its limit the home ends it by itself; closed, nobody listens."""
    home = CentreHome(tmp_path, limit_s=1.5)
    await connected(home, centre)
    await home.settled()
    [end] = home.data(VoiceEnded)
    assert end.why is VoiceEnd.LIMIT_REACHED
    assert 1.5 <= end.took_s < 3 + BUSY_S
    again = Centre(tmp_path / "again")
    home.calls._limit_s = 60
    await again.dial(f"sip:hem@{LOCAL}:{home.calls.port}")
    await again.hears("Call established")
    home.happened(AlarmResolved(alarm=home.alarm, outcome=AlarmOutcome.HELPED))
    await home.settled()
    await again.hears("session closed")
    assert home.data(VoiceEnded)[-1].why is VoiceEnd.ALARM_CLOSED
    await again.end()
    await home.calls.close()


async def test_the_phone_has_a_limit_of_its_own_and_dies_with_its_parent(home: CentreHome) -> None:
    """Two layers that need nobody here: its own clock, and the kernel."""
    await home.expect()
    made = Caller(home.calls.port)
    made.say("INVITE")
    await home.until("taken")
    [phone] = home.phones
    command = command_of(phone.process.pid)
    assert command[command.index(b"-t") + 1] == b"613"
    assert b"--pdeathsig" not in command  # setpriv has become it, and the kernel knows
    await home.calls.close()
    made.close()


async def test_a_speaking_centre_opens_no_microphone(home: CentreHome, centre: Centre) -> None:
    """An answer that asks for the speaker only gets nothing of the home's sound."""
    await home.expect(media="speaker")
    await centre.dial(f"sip:hem@{LOCAL}:{home.calls.port}")
    await centre.hears("Call established")
    await asyncio.sleep(1.0)  # what would be heard meanwhile
    await centre.end()
    await home.settled()
    assert share_of(centre.heard()[-RATE:], HOME_HZ) < 0.1


async def test_no_phone_can_be_started(home: CentreHome, caller: Caller) -> None:
    """It is told as what carries sound not being there."""

    async def broken(_line: Any, _runtime: Path | None) -> Any:
        raise NoPhone("baresip ended at once (1)")

    home.start = broken
    caller.say("INVITE")
    await caller.hears("480")
    await home.settled()
    assert (refusals(home), ended(home)) == ([VoiceRefusal.NO_MEDIA], VoiceEnd.REFUSED)
