"""What a home hears and says: its calls, and the sounds for the resident, put together.

Not for: what a call is (`gateway.media`), or when a sound is played (`services.alarm_sounds`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.app.uplink_bridge import Signaller
from gateway.config.home_file import HomeConfig
from gateway.doors.orders import LockOrders
from gateway.engine.engine import Engine
from gateway.envelope import Event
from gateway.link.uplink import Uplink
from gateway.media.calls import CallRecord, Calls
from gateway.ports import Speaker
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
        )
        self.sounds = AlarmSounds(self._speaker, quiet=lambda: self.calls.busy)

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
        self.sounds.see_live(event)

    def settle(self) -> None:
        """After a start, before anything is new."""
        self.calls.settle(self.record)

    def _speaker(self) -> Speaker | None:
        speakers = (
            one for one in self._home.supervisor.devices.values() if isinstance(one, Speaker)
        )
        return next(speakers, None)
