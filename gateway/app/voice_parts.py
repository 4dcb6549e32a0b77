"""What a home hears and says: its calls, and the sounds for the resident, put together.

Not for: what a call is (`gateway.media`), or when a sound is played (`services.alarm_sounds`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.app.centre_parts import Invitations, ports_of
from gateway.app.uplink_bridge import Signaller
from gateway.config.home_file import HomeConfig
from gateway.doors.orders import LockOrders
from gateway.engine.engine import Engine
from gateway.envelope import Event
from gateway.events import Ref
from gateway.link.uplink import Uplink
from gateway.media.calls import CallRecord, Calls
from gateway.media.sip_call import CentreCalls
from gateway.ports import Speaker
from gateway.scaip.message import Voice
from gateway.services.alarm_sounds import AlarmSounds
from gateway.services.driver_supervisor import DriverSupervisor
from gateway.services.indicators import Indicators
from gateway.state.home_view import HomeView


class Around(Protocol):
    """What is taken of the home; read anew at each use."""

    config: HomeConfig
    supervisor: DriverSupervisor
    indicators: Indicators
    engine: Engine
    view: HomeView
    lock_orders: LockOrders
    uplink: Uplink | None

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]: ...


class VoiceParts:
    """`keys` are the server's, by id."""

    def __init__(self, home: Around, keys: Callable[[], Mapping[str, Ed25519PublicKey]]) -> None:
        self._home = home
        self.record = CallRecord()
        self.calls = Calls(
            home=home.config.home.id,
            keys=keys,
            view=lambda: home.view,
            record=lambda: self.record,
            writer=home.engine,
            now=home.lock_orders.now,
            speaker=self._speaker,
            light=home.indicators.set_listening,
            signal=Signaller(lambda: home.uplink).tell,
            spawn=home.spawn,
            taken=lambda: self.centre is not None and self.centre.busy,
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
                light=home.indicators.set_listening,
                taken=lambda: self.calls.busy,
                spawn=home.spawn,
            )
            self._invitations = Invitations(
                home.config.home.id, self.centre, keys, home.lock_orders.now
            )
        self.sounds = AlarmSounds(self._speaker, quiet=self._is_busy)

    def apply(self, event: Event) -> None:
        """Fold one event."""
        self.record.apply(event)
        self.sounds.apply(event)

    def forget(self) -> None:
        """The log is folded anew."""
        self.record = CallRecord()
        self.sounds.forget()

    def see_live(self, event: Event) -> None:
        """Something happened now, and is folded already."""
        self.calls.reconsider()
        if self.centre is not None:
            self.centre.reconsider()
        self.sounds.see_live(event)

    def settle(self) -> None:
        """After a start, before anything is new."""
        self.calls.settle(self.record)

    def invited(self, token: str) -> None:
        """The server says that an alarm centre may call."""
        if self._invitations is not None:
            self._invitations.offered(token)

    def answered(self, alarm: Ref, uri: str, voice: Voice) -> None:
        """An alarm centre that the home told by itself wants to call."""
        if self._invitations is not None:
            self._invitations.answered(alarm, uri, voice)

    async def close(self) -> None:
        """The gateway stops: nobody listens from here on."""
        await self.calls.close()
        if self.centre is not None:
            await self.centre.close()

    def _is_busy(self) -> bool:
        return self.calls.busy or (self.centre is not None and self.centre.busy)

    def _speaker(self) -> Speaker | None:
        speakers = (
            one for one in self._home.supervisor.devices.values() if isinstance(one, Speaker)
        )
        return next(speakers, None)
