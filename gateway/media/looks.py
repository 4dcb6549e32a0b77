"""Looks: somebody sees into the home by a camera, for seconds.

The lamp of the role `looking` shines and the shutter is open; only then may the child open the
camera, once there is a way to the page, and from then the seconds count.  What calls and looks have
in common is in `sessions`.

Not for: signing permits (the server), what a permit says (`gateway.access.look_permits`), or
pictures: this process never has one that it could read.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from gateway.access import look_permits
from gateway.access.look_permits import LookGround, LookPermit
from gateway.envelope import Draft
from gateway.errors import DescriptionRefused, DeviceError, LinkDown, LinkError
from gateway.events import (
    Data,
    LookAdmitted,
    LookBegun,
    LookEnd,
    LookEnded,
    LookExtended,
    LookRefusal,
    LookRefused,
    LookWay,
    PictureKind,
)
from gateway.media import description
from gateway.media.process import MediaProcess
from gateway.media.record import MediaRecord
from gateway.media.sessions import Around, Running, Sessions
from gateway.media.sight import AT_LIMIT_S
from gateway.ports import SHUTTER_MAX_S, Camera
from gateway.wire import PICTURE_MAX_BYTES, LookOrder, LookSignal, PictureTaken

log = logging.getLogger(__name__)

READY_FOR_S = 60.0
"""Seconds that a child waits which was started because somebody may look soon."""

FIND_S = 8.0
"""Seconds for a way to the page, the answer among them; then the relay takes over."""

FIND_ALONE_S = 15.0
"""The same where the page has no key for the relay: a relay of the network's may take long."""

GONE_S = 2.0
"""Seconds after which the shutter is shut before a child that does not go away."""

LIT_EVERY_S = 0.5
"""Seconds between two words to the lamp that it shines: one that does not ends the look."""

Picture = Callable[[str, int, bytes], Awaitable[PictureTaken]]
"""Hands a sealed picture to the server: look, number, and what only the page can open."""


class Looks(Sessions[LookPermit, LookOrder]):
    """The looks of one home.  `cameras` are its cameras, `camera` one that runs."""

    kill_after_s = 0.3
    hung_up = LookEnd.CLOSED
    connect_s = 50.0
    find_s = FIND_S
    beat_within_s = 4.0
    """Seconds without a word from the page after which it is gone; it speaks each second.  Shorter
    than a call's: a picture that nobody watches is a camera open for nobody."""

    def __init__(
        self,
        around: Around[LookPermit],
        *,
        cameras: frozenset[str],
        camera: Callable[[str], Camera | None],
        picture: Picture,
    ) -> None:
        super().__init__(around)
        self._cameras, self._camera, self._picture = cameras, camera, picture
        self._spare: MediaProcess | None = None
        self._spare_until_s = 0.0
        self._preparing = asyncio.Lock()
        self._uncovered: asyncio.Task[None] | None = None
        self._lit: asyncio.Task[None] | None = None
        self._shows = PictureKind.UNKNOWN
        view, record = around.view, around.record
        self._ground = LookGround(
            used=lambda permit: permit in record().used or permit in self._admitted,
            care_alarm_open=lambda ref: view().care_alarm_open(ref),
            check_not_done=lambda check: view().check_not_done(check),
            consented=lambda: view().looks_agreed,
        )

    def know(self, cameras: frozenset[str]) -> None:
        """From now on these are the cameras."""
        self._cameras = cameras

    async def order(self, order: LookOrder, understood: bool = True) -> None:
        """See `Sessions`."""
        running = self._running
        if order.what == "prepare":
            await self._prepare()
        elif order.what != "relay":
            await super().order(order, understood)
        elif running is not None and running.permit.look == order.look and running.process:
            running.process.tell({"do": "relay", "key": order.key})

    def settle(self, left_open: MediaRecord) -> None:
        """After a start: end the looks that the last run left open.  Its child ended with it."""
        for look, admitted in list(left_open.open_looks.items()):
            ended = LookEnded(look=look, why=LookEnd.RESTARTED)
            self.around.writer.submit(Draft(ended, device=admitted.device, person=admitted.person))

    async def close(self) -> None:
        """See `Sessions`."""
        await super().close()
        await self._let_go()

    # --- somebody may look soon

    async def _prepare(self) -> None:
        """Load what a look needs, which takes a Pi three seconds, before somebody waits for it."""
        if not self._cameras or not self.around.view().looks_agreed or self.busy:
            return
        self._spare_until_s = time.monotonic() + READY_FOR_S
        async with self._preparing:
            if self._spare is None:
                with suppress(OSError):
                    self._spare = await self.around.start()
                    self.around.spawn(self._let_go_in_time(self._spare))

    async def _let_go_in_time(self, spare: MediaProcess) -> None:
        left_s = READY_FOR_S
        while left_s > 0:
            await asyncio.sleep(left_s)
            if spare is not self._spare:
                return
            left_s = self._spare_until_s - time.monotonic()
        await self._let_go()

    async def _let_go(self) -> None:
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.kill()
            await spare.gone()

    async def _child(self) -> MediaProcess:
        spare, self._spare = self._spare, None
        if spare is not None and spare.process.returncode is None:
            return spare
        return await self.around.start()

    # --- from permit to child

    def _judged(self, token: str) -> LookPermit:
        permit = look_permits.read(token, self.around.keys())
        look_permits.judge(
            permit,
            home=self.around.home,
            cameras=self._cameras,
            now=self.around.now(),
            ground=self._ground,
        )
        return permit

    def _ground_gone(self, permit: LookPermit) -> str | None:
        match look_permits.withdrawn(permit, self._ground):
            case None:
                return None
            case LookRefusal.NO_CONSENT:
                return LookEnd.CONSENT_WITHDRAWN
        return LookEnd.GROUND_GONE

    def _unable(self, permit: LookPermit, order: LookOrder) -> str | None:
        try:
            if order.sdp:
                description.clean(order.sdp, description.VIDEO)
            elif not order.key:
                return LookRefusal.BAD_OFFER
        except DescriptionRefused:
            return LookRefusal.BAD_OFFER
        return LookRefusal.NO_CAMERA if self._camera(permit.camera) is None else None

    async def _carry(self, running: Running[LookPermit], order: LookOrder) -> str:
        """Lamp and shutter, while the child looks for a way; then the camera; why it ended."""
        camera = self._camera(running.permit.camera)
        if camera is None:
            return self._not(running, LookRefusal.NO_CAMERA)
        try:
            running.process = await self._child()
        except OSError:
            return self._not(running, LookRefusal.NO_MEDIA)
        try:
            if not await self.around.light(True):
                return self._not(running, LookRefusal.NO_LIGHT)
            if running.ending is not None:
                return running.ending
            self._lit = asyncio.create_task(self._keep_lit(running))
            self._uncovered = asyncio.create_task(self._uncover(running, camera))
            return await self._hear(running, self._beginning(running.permit, order, camera))
        finally:
            gone = asyncio.ensure_future(self._gone(running))
            await asyncio.wait((gone,), timeout=GONE_S)
            await self._cover(camera)
            await gone  # as long as it is there, the lamp says so
            lit, self._lit = self._lit, None
            if lit is not None:
                lit.cancel()
                await asyncio.gather(lit, return_exceptions=True)

    def _beginning(self, permit: LookPermit, order: LookOrder, camera: Camera) -> dict[str, Any]:
        place = camera.place()
        self._shows = place.picture
        return {
            "look": permit.look,
            "sdp": description.clean(order.sdp, description.VIDEO) if order.sdp else "",
            "key": order.key,
            "find_s": self.find_s if order.key else FIND_ALONE_S,
            "beat_within_s": self.beat_within_s,
            "limit_s": permit.limit_s,
            "ice": [one.model_dump(exclude_none=True) for one in order.ice],
            "camera": {
                "module": place.module,
                "settings": dict(place.settings),
                "forms": [form.value for form in place.forms],
                "picture": place.picture.value,
            },
        }

    async def _keep_lit(self, running: Running[LookPermit]) -> None:
        """The lamp shines as long as somebody may see; once it does not, nobody sees."""
        while await self.around.light(True):  # noqa: ASYNC110 - a lamp has only a word
            await asyncio.sleep(LIT_EVERY_S)
        if running.began_s is None:
            self._not_begun(running, LookRefusal.NO_LIGHT)
        else:
            self._end(running, LookEnd.LAMP_DARK)

    async def _uncover(self, running: Running[LookPermit], camera: Camera) -> None:
        """Open the shutter; where it does not, nobody looks."""
        try:
            async with asyncio.timeout(SHUTTER_MAX_S):
                await camera.open_shutter()
        except (DeviceError, TimeoutError) as error:
            log.warning("a shutter does not open", extra={"error": repr(error)})
            self._not_begun(running, LookRefusal.NO_SHUTTER)

    def _not_begun(self, running: Running[LookPermit], why: LookRefusal) -> None:
        """Nobody will look: its process need not wait for a way."""
        self._not(running, why)
        if running.process is not None:
            running.process.kill()

    async def _cover(self, camera: Camera) -> None:
        """Shut it again, whatever became of opening it."""
        uncovered, self._uncovered = self._uncovered, None
        if uncovered is not None:
            uncovered.cancel()
            await asyncio.gather(uncovered, return_exceptions=True)
        try:
            async with asyncio.timeout(SHUTTER_MAX_S):
                await camera.shut()
        except (DeviceError, TimeoutError) as error:  # its driver says so too
            log.warning("a shutter does not shut", extra={"error": repr(error)})

    async def _heard(self, running: Running[LookPermit], word: dict[str, Any]) -> None:
        look = running.permit.look
        match word.get("say"):
            case "way":
                await self._let_open(running)
            case "relaying":
                self._tell(look, "relaying", key=str(word.get("key", "")))
            case "begun":
                running.pictures = max(running.pictures, 1)
                self._tell(look, "begun", left_s=self._left_s(running))
            case "picture":
                self.around.spawn(self._hand_over(running, word))

    async def _let_open(self, running: Running[LookPermit]) -> None:
        """There is a way: once the shutter is open, and while all grounds stand, the camera may be
        opened.  The record comes first, and from here on the seconds count."""
        if self._uncovered is not None:
            await asyncio.gather(self._uncovered, return_exceptions=True)
        self.reconsider()
        if running.refused is not None or running.ending is not None or running.process is None:
            return
        if running.began_s is None:
            running.began_s = time.monotonic()
            self._write(running, self._event("begun", running))
            self._count_from_now(running)
        assert running.ends_s is not None  # noqa: S101 - it was just set
        running.process.tell({"do": "open", "ends_s": running.ends_s - self.kill_after_s})

    async def _hand_over(self, running: Running[LookPermit], word: Mapping[str, Any]) -> None:
        """A sealed picture, to the server; what came of it, to the child."""
        asked_s: float | None = None
        number = int(word["number"])
        try:
            sealed = base64.b64decode(str(word["sealed"]), validate=True)
            if len(sealed) > PICTURE_MAX_BYTES:
                raise LinkDown("the picture is too large for the server")
            asked_s = (await self._picture(running.permit.look, number, sealed)).asked_s
        except (LinkError, binascii.Error) as error:
            log.info("a picture is not taken", extra={"error": repr(error)})
        if running.process is not None:
            running.process.tell({"do": "taken", "number": number, "asked_s": asked_s})

    # --- while it goes on

    def _may_extend(self, running: Running[LookPermit], permit: LookPermit) -> bool:
        return (
            super()._may_extend(running, permit)
            and running.began_s is not None
            and permit.camera == running.permit.camera
        )

    def _end(self, running: Running[LookPermit], why: str) -> None:
        """See `Sessions`; a page that counts down to the limit and closes then did not end it."""
        at_limit = running.began_s is not None and self._left_s(running) < AT_LIMIT_S
        super()._end(running, LookEnd.LIMIT_REACHED if at_limit and why == self.hung_up else why)

    def _extended(self, running: Running[LookPermit]) -> None:
        self._tell(running.permit.look, "extended", left_s=self._left_s(running))

    def _left_s(self, running: Running[LookPermit]) -> float:
        ends_s = running.ends_s or 0.0
        return round(max(0.0, ends_s - self.kill_after_s - time.monotonic()), 2)

    async def _after(self, running: Running[LookPermit]) -> None:
        """The lamp is dark: that says it."""

    # --- what is told

    def _draft(self, permit: LookPermit | None, data: Data, person: str | None = None) -> Draft:
        if permit is None:
            return Draft(data, person=person)
        return Draft(data, device=permit.camera, person=permit.person)

    def _event(
        self, what: str, running: Running[LookPermit], why: str = "", permit: str = ""
    ) -> Data:
        one = running.permit
        look, ground, check, alarm = one.look, one.why, one.check, one.alarm
        match what:
            case "admitted":
                return LookAdmitted(look=look, permit=permit, why=ground, check=check, alarm=alarm)
            case "begun":
                shows = self._shows
                return LookBegun(look=look, why=ground, check=check, alarm=alarm, picture=shows)
            case "extended":
                return LookExtended(look=look, permit=permit)
        return LookEnded(
            look=look,
            why=LookEnd(why),
            took_s=self.took_s(running),
            pictures=running.pictures,
            way=LookWay(running.way),
        )

    def _refusal(self, session: str | None, why: str) -> Data:
        return LookRefused(look=session, why=LookRefusal(why))

    def _signal(self, session: str, state: str, **more: Any) -> LookSignal:
        return LookSignal(look=session, state=state, **more)
