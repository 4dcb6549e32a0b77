"""A look in its child: a way to the page first, then the camera, then its end.

The camera is opened only when there is somebody to see by it: the page is connected, or has agreed
on a key for the blind relay; and the parent says so, when the lamp shines and the shutter is open.
From that moment the seconds count.  Without a way in time the look goes over to the relay, also
where aiortc is not installed.

Not for: who may look (`gateway.media.looks`), the camera (`eyes`), or video itself (`video`).
"""

from __future__ import annotations

import asyncio
import base64
import time
from typing import TYPE_CHECKING, Any

from gateway.events import LookEnd, LookRefusal, LookWay
from gateway.media.carried import Carried, Say
from gateway.media.eyes import OpenEye, SightFailed
from gateway.media.limit import Limit
from gateway.media.sealing import BadKey, Sealer
from gateway.ports import JPEG_MAX_BYTES, Form
from gateway.wire import PICTURES_MAX

if TYPE_CHECKING:
    from gateway.media.video import Video

OPEN_S = 15.0
"""Seconds from a way to the parent's word that the camera may be opened: lamp and shutter."""

WATCH_EVERY_S = 0.1
"""Seconds between two looks at the page; at the limit itself it looks at once."""

AT_LIMIT_S = 0.5
"""Seconds before the limit from which the page's own end is the limit's: it counts down as well."""

PICTURE_EVERY_S = 0.25
"""Seconds between two sealed pictures: what a slow line and a small server bear."""

TAKEN_S = 3.0
"""Seconds in which the server must have taken one; a page that asks it for pictures has as much
longer than one that speaks to the home."""


class Look(Carried):
    """One look, from the page's offer or key to its end."""

    hard_end_s = 0.2

    def __init__(self, order: dict[str, Any], say: Say, *, webrtc: bool) -> None:
        self._find_s, self._beat_within_s = float(order["find_s"]), float(order["beat_within_s"])
        super().__init__(say, Limit(self._find_s + 2 * OPEN_S), LookEnd.CLOSED)
        self._order = order
        self._direct = webrtc and bool(order["sdp"])
        self._limit_s = float(order["limit_s"])
        self._forms = [Form(form) for form in order["camera"]["forms"]]
        self._key = str(order["key"])
        self._may_open, self._relayed = asyncio.Event(), asyncio.Event()
        self._taken: asyncio.Queue[tuple[int, float | None]] = asyncio.Queue()
        self._ways: list[str] = []
        self._eye: OpenEye | None = None
        self._video: Video | None = None
        self.pictures = 0
        self._way = LookWay.NONE

    def end(self, why: str) -> None:
        """See `Carried`; a page that counts down to the limit and closes then did not end it."""
        at_limit = self._may_open.is_set() and self.limit.left_s < AT_LIMIT_S
        super().end(LookEnd.LIMIT_REACHED if at_limit and why == LookEnd.CLOSED else why)

    def count(self) -> dict[str, Any]:
        """See `Carried`."""
        return {"pictures": self.pictures, "way": self._way.value}

    def tell(self) -> None:
        """See `Carried`."""
        if self._video is not None and self.pictures:
            self._video.peer.tell(
                {
                    "left_s": round(max(0.0, self.limit.left_s), 1),
                    "limit_s": self.limit.limit_s,
                    "pictures": self.pictures,
                    "picture": self._order["camera"]["picture"],
                }
            )

    async def run(self) -> None:
        """See `Carried`."""
        self.spawn(self._watch())
        carrying = asyncio.ensure_future(self._carry())
        ended = asyncio.ensure_future(self.ended.wait())
        try:
            await asyncio.wait((carrying, ended), return_when=asyncio.FIRST_COMPLETED)
            if carrying.done():
                carrying.result()
        except SightFailed as error:
            self.end(error.why)
        except TimeoutError:  # the parent never let it open the camera
            self.end(LookEnd.REFUSED)
        finally:
            self.limit.end()
            closed = self._close_eye()  # before anything that may take its time
            self.tell_end()
            carrying.cancel()
            ended.cancel()
            self.stop()
            await closed
            if self._video is not None:
                await self._video.close()

    async def obey(self, order: dict[str, Any]) -> None:
        """See `Carried`."""
        match order["do"]:
            case "open":
                if not self._may_open.is_set():  # by the second way it goes on
                    self.limit.begin(self._limit_s, float(order["ends_s"]))
                self._may_open.set()
            case "extend":
                self.limit.extend(float(order["limit_s"]))
                self.tell()
            case "candidates":
                self._ways.extend(order["candidates"])
                if self._video is not None:
                    await self._video.peer.add(order["candidates"])
            case "relay":
                self._key = self._key or str(order["key"])
                self._relayed.set()
            case "taken":
                self._taken.put_nowait((order["number"], order["asked_s"]))

    # --- by which way

    async def _carry(self) -> None:
        if self._direct and await self._go_direct():
            return
        if not self._key:
            self.end(LookEnd.ICE_TIMEOUT)
            return
        await self._go_relayed()

    async def _go_direct(self) -> bool:
        """Video, until the end; whether that is it, and not the relay's turn."""
        from gateway.media.peer import BadOffer  # only where it is installed
        from gateway.media.video import Video

        self._video = video = Video(self._order["ice"], self._forms, self)
        await video.peer.add(self._ways)  # what came before; the answer takes them
        try:
            async with asyncio.timeout(self._find_s):
                self.say("answered", sdp=await video.answer(str(self._order["sdp"])))
                found = await self._first(video.found, self._relayed, video.lost)
        except BadOffer as error:
            self.say("refused", why=LookRefusal.BAD_OFFER.value, text=str(error))
            self.end(LookEnd.REFUSED)
            return True
        except TimeoutError:
            found = None
        if found is video.found:
            self._eye = await self._open(video.form, LookWay.DIRECT)
            video.begin(self._eye)
            await self._first(video.failed, self._relayed)
            if not self._relayed.is_set():
                raise SightFailed(video.why)
        await self._close_eye()
        self._video = None
        self.spawn(video.close())  # a way that is lost may wait long for its own good-bye
        return False

    async def _go_relayed(self) -> None:
        try:
            sealer = Sealer(str(self._order["look"]), self._key)
        except BadKey as error:
            self.say("refused", why=LookRefusal.BAD_OFFER.value, text=str(error))
            self.end(LookEnd.REFUSED)
            return
        self.say("relaying", key=sealer.key)
        eye = self._eye = await self._open(Form.JPEG, LookWay.RELAY)
        missed_s = time.monotonic()
        for number in range(1, PICTURES_MAX + 1):
            due_s = time.monotonic() + PICTURE_EVERY_S
            shot = await eye.next()
            if len(shot.data) > JPEG_MAX_BYTES:
                raise SightFailed(LookEnd.CAMERA_FAILED)
            sealed = sealer.seal(number, shot.data, self.limit.left_s, self.limit.limit_s)
            self.say("picture", number=number, sealed=base64.b64encode(sealed).decode())
            asked_s = await self._was_taken(number)
            if asked_s is not None:
                missed_s = time.monotonic() - asked_s
                self.see_picture()
            if time.monotonic() - missed_s > self._beat_within_s + TAKEN_S:
                raise SightFailed(LookEnd.VIEWER_LOST)
            await asyncio.sleep(due_s - time.monotonic())

    async def _was_taken(self, number: int) -> float | None:
        """How long ago the page asked for a picture; None: the server did not take this one."""
        try:
            async with asyncio.timeout(TAKEN_S):
                while True:
                    taken, asked_s = await self._taken.get()
                    if taken == number:
                        return asked_s
        except TimeoutError:
            return None

    async def _open(self, form: Form, way: LookWay) -> OpenEye:
        """The camera, once the parent says that the lamp shines and the shutter is open."""
        self.say("way", way=way.value)
        async with asyncio.timeout(OPEN_S):
            await self._may_open.wait()
        given = self._order["camera"]
        eye = OpenEye(given["module"], given["settings"], form)
        self._way = way
        if self.limit.left_s > 0 and not self.ended.is_set():
            eye.open()
        return eye

    def _close_eye(self) -> asyncio.Future[None]:
        """Begin to close the camera; done when it is."""
        eye, self._eye = self._eye, None
        return asyncio.ensure_future(asyncio.sleep(0) if eye is None else eye.close())

    async def _first(self, *events: asyncio.Event) -> asyncio.Event:
        """Which of some happens first."""
        waits = [asyncio.ensure_future(one.wait()) for one in events]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        return next(one for one in reversed(events) if one.is_set())

    # --- what happens meanwhile

    def see_picture(self) -> None:
        """One more went out."""
        self.pictures += 1
        if self.pictures == 1:
            self.say("begun", left_s=round(max(0.0, self.limit.left_s), 2))
            self.tell()

    async def _watch(self) -> None:
        """The second layer, and who is still there."""
        while not self.ended.is_set():
            await asyncio.sleep(min(WATCH_EVERY_S, max(0.0, self.limit.left_s)))
            if self.limit.left_s <= 0:
                began = self._may_open.is_set()
                self.end(LookEnd.LIMIT_REACHED if began else LookEnd.ICE_TIMEOUT)
            elif self._video is not None and self._video.peer.silent_s() > self._beat_within_s:
                self.end(LookEnd.VIEWER_LOST)
