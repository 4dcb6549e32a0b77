"""Calls: somebody speaks with the home because of an alarm, and hears it.

The lamp of the role `listening` shines and the tone has been heard; only then does the child open
the microphone.  What calls and looks have in common is in `sessions`.

Not for: signing permits (the server), or what a permit says (`gateway.access.permits`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gateway.access import permits
from gateway.access.permits import Permit
from gateway.errors import DescriptionRefused, DeviceError
from gateway.events import (
    Data,
    VoiceAdmitted,
    VoiceBegun,
    VoiceEnd,
    VoiceEnded,
    VoiceExtended,
    VoiceParty,
    VoiceRefusal,
    VoiceRefused,
)
from gateway.media import description
from gateway.media.record import MediaRecord
from gateway.media.sessions import Around, Running, Sessions
from gateway.ports import Signal, Speaker
from gateway.wire import CallOrder, CallSignal


class Calls(Sessions[Permit, CallOrder]):
    """The calls of one home."""

    kill_after_s = 3.0
    hung_up = VoiceEnd.HUNG_UP

    def __init__(self, around: Around[Permit], speaker: Callable[[], Speaker | None]) -> None:
        super().__init__(around)
        self._speaker = speaker

    def settle(self, left_open: MediaRecord) -> None:
        """After a start: end the calls that the last run left open.  Its child ended with it."""
        for call, admitted in list(left_open.open_calls.items()):
            ended = VoiceEnded(call=call, why=VoiceEnd.RESTARTED)
            self.around.writer.submit(self._draft(None, ended, admitted.person))

    def _judged(self, token: str) -> Permit:
        permit = permits.read(token, self.around.keys())
        used = self.around.record().used | self._admitted
        permits.judge(
            permit,
            home=self.around.home,
            now=self.around.now(),
            used=used.__contains__,
            care_alarm_open=self.around.view().care_alarm_open,
        )
        return permit

    def _ground_gone(self, permit: Permit) -> str | None:
        open_ = self.around.view().care_alarm_open(permit.alarm)
        return None if open_ else VoiceEnd.ALARM_CLOSED

    def _unable(self, permit: Permit, order: CallOrder) -> str | None:  # noqa: ARG002 - a look's
        try:
            description.clean(order.sdp)
        except DescriptionRefused:
            return VoiceRefusal.BAD_OFFER
        return VoiceRefusal.NO_SPEAKER if self._speaker() is None else None

    async def _carry(self, running: Running[Permit], order: CallOrder) -> str:
        """Light and tone, then the child; why it ended."""
        speaker = self._speaker()
        if speaker is None:
            return self._not(running, VoiceRefusal.NO_SPEAKER)
        try:
            running.process = await self.around.start()  # its libraries load while the tone sounds
        except OSError:
            return self._not(running, VoiceRefusal.NO_MEDIA)
        try:
            if not await self.around.light(True):
                return self._not(running, VoiceRefusal.NO_LIGHT)
            try:
                await speaker.play(Signal.LISTENING)
            except DeviceError:
                return self._not(running, VoiceRefusal.NO_TONE)
            if running.ending is not None:
                return running.ending
            place = speaker.place()
            begin = {
                "sdp": description.clean(order.sdp),
                "limit_s": running.permit.limit_s,
                "ice": [one.model_dump(exclude_none=True) for one in order.ice],
                "sound": {
                    "kind": place.kind,
                    "microphone": place.microphone,
                    "speaker": place.speaker,
                    "echo_cancelled": place.echo_cancelled,
                },
            }
            return await self._hear(running, begin)
        finally:
            await self._gone(running)

    def _ready(self, running: Running[Permit]) -> None:
        """From here on the microphone may be open: the record comes first."""
        running.began_s = time.monotonic()
        self._write(running, self._event("begun", running))

    async def _heard(self, running: Running[Permit], word: dict[str, Any]) -> None:
        if word.get("say") == "begun":
            self._count_from_now(running)
            self._tell(running.permit.call, "begun")

    async def _after(self, running: Running[Permit]) -> None:
        speaker = self._speaker()
        if running.began_s is not None and speaker is not None:
            with suppress(DeviceError):
                await speaker.play(Signal.LISTENED)

    def _event(self, what: str, running: Running[Permit], why: str = "", permit: str = "") -> Data:
        call, alarm = running.permit.call, running.permit.alarm
        match what:
            case "admitted":
                return VoiceAdmitted(call=call, permit=permit, alarm=alarm, party=VoiceParty.STAFF)
            case "begun":
                return VoiceBegun(call=call, alarm=alarm, party=VoiceParty.STAFF)
            case "extended":
                return VoiceExtended(call=call, permit=permit)
        return VoiceEnded(call=call, why=VoiceEnd(why), took_s=self.took_s(running))

    def _refusal(self, session: str | None, why: str) -> Data:
        return VoiceRefused(call=session, why=VoiceRefusal(why), party=VoiceParty.STAFF)

    def _signal(self, session: str, state: str, **more: Any) -> CallSignal:
        return CallSignal(call=session, state=state, **more)
