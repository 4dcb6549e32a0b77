"""What a home hears, says and shows: its calls, its looks, and the sounds for the resident, put
together.

Not for: what a call or a look is (`gateway.media`), or when a sound is played
(`services.alarm_sounds`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.access.look_permits import LookPermit
from gateway.access.permits import Permit
from gateway.app.centre_parts import Invitations, ports_of
from gateway.app.uplink_bridge import Signaller
from gateway.config.home_file import HomeConfig
from gateway.doors.orders import LockOrders
from gateway.engine.engine import Engine
from gateway.envelope import Event
from gateway.events import LISTENING_ROLE, LOOKING_ROLE, Ref
from gateway.link.uplink import Uplink
from gateway.media.calls import Calls
from gateway.media.looks import Looks
from gateway.media.record import MediaRecord
from gateway.media.sessions import Around, P
from gateway.media.sip_call import CentreCalls
from gateway.ports import Camera, Speaker
from gateway.rules import HomeFacts
from gateway.scaip.message import Voice
from gateway.services.alarm_sounds import AlarmSounds
from gateway.services.driver_supervisor import DriverSupervisor
from gateway.services.indicators import Indicators
from gateway.state.home_view import HomeView


class HomeAround(Protocol):
    """What is taken of the home; read anew at each use."""

    config: HomeConfig
    supervisor: DriverSupervisor
    indicators: Indicators
    engine: Engine
    view: HomeView
    lock_orders: LockOrders
    uplink: Uplink | None

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]: ...


class MediaParts:
    """`keys` are the server's, by id."""

    def __init__(
        self, home: HomeAround, keys: Callable[[], Mapping[str, Ed25519PublicKey]]
    ) -> None:
        self._home, self._keys = home, keys
        self._server = Signaller(lambda: home.uplink)
        self.record = MediaRecord()
        calls: Around[Permit] = self._around(LISTENING_ROLE, taken=self._centre_speaks)
        looks: Around[LookPermit] = self._around(LOOKING_ROLE)
        self.calls = Calls(calls, self._speaker)
        self.looks = Looks(
            looks,
            cameras=_cameras(home.config.facts()),
            camera=self._camera,
            picture=self._server.picture,
        )
        section = home.config.centre_calls
        self.centre: CentreCalls | None = None
        self._invitations: Invitations | None = None
        if section is not None:
            self.centre = CentreCalls(
                ports_of(section),
                view=lambda: home.view,
                writer=home.engine,
                now=home.lock_orders.now,
                speaker=self._speaker,
                light=calls.light,
                taken=lambda: self.calls.busy,
                spawn=home.spawn,
            )
            self._invitations = Invitations(
                home.config.home.id, self.centre, keys, home.lock_orders.now
            )
        self.sounds = AlarmSounds(self._speaker, quiet=self.speaks)

    def know(self, facts: HomeFacts) -> None:
        """From now on the home consists of these."""
        self.looks.know(_cameras(facts))

    def _around(self, role: str, taken: Callable[[], bool] = lambda: False) -> Around[P]:
        home = self._home
        return Around(
            home=home.config.home.id,
            keys=self._keys,
            view=lambda: home.view,
            record=lambda: self.record,
            writer=home.engine,
            now=home.lock_orders.now,
            light=lambda on: home.indicators.set_role(role, on),
            signal=self._server.tell,
            spawn=home.spawn,
            taken=taken,
        )

    def apply(self, event: Event) -> None:
        """Fold one event."""
        self.record.apply(event)
        self.sounds.apply(event)

    def forget(self) -> None:
        """The log is folded anew."""
        self.record = MediaRecord()
        self.sounds.forget()

    def see_live(self, event: Event) -> None:
        """Something happened now, and is folded already."""
        self.calls.reconsider()
        self.looks.reconsider()
        if self.centre is not None:
            self.centre.reconsider()
        self.sounds.see_live(event)

    def settle(self) -> None:
        """After a start, before anything is new."""
        self.calls.settle(self.record)
        self.looks.settle(self.record)

    async def close(self) -> None:
        """The gateway stops: nobody hears or sees from here on."""
        await asyncio.gather(self.calls.close(), self.looks.close())
        if self.centre is not None:
            await self.centre.close()

    def invited(self, token: str) -> None:
        """The server says that an alarm centre may call."""
        if self._invitations is not None:
            self._invitations.offered(token)

    def answered(self, alarm: Ref, uri: str, voice: Voice) -> None:
        """An alarm centre that the home told by itself wants to call."""
        if self._invitations is not None:
            self._invitations.answered(alarm, uri, voice)

    def _centre_speaks(self) -> bool:
        return self.centre is not None and self.centre.busy

    def speaks(self) -> bool:
        """Whether somebody speaks with the home."""
        return self.calls.busy or self._centre_speaks()

    def _speaker(self) -> Speaker | None:
        speakers = (
            one for one in self._home.supervisor.devices.values() if isinstance(one, Speaker)
        )
        return next(speakers, None)

    def _camera(self, device: str) -> Camera | None:
        driver = self._home.supervisor.devices.get(device)
        return driver if isinstance(driver, Camera) else None


def _cameras(facts: HomeFacts) -> frozenset[str]:
    return frozenset(one.id for one in facts.devices.values() if one.type == "camera")
