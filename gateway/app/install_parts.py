"""A home's first hour, put together: the room that both pages use, the server's orders, the Pi's
own page, and the trial that is folded from the log.

Not for: any of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.app import installing
from gateway.app.home_trial import HomeTrial
from gateway.app.install_room import HomeAround as RoomsHome
from gateway.app.install_room import InstallRoom
from gateway.clock import Clock
from gateway.config.secrets import FileSecrets
from gateway.doors.install_code import InstallEntry, forget_used
from gateway.engine.engine import Engine
from gateway.envelope import Event
from gateway.errors import SecretError
from gateway.events import InstallAccepted
from gateway.services.key_offers import in_a_thread
from gateway.state.home_view import HomeView

if TYPE_CHECKING:
    import asyncio

    from gateway.app.install_page import InstallPage


log = logging.getLogger(__name__)


class HomeAround(installing.HomeAround, RoomsHome, Protocol):
    """What is taken of the home; read anew at each use."""

    clock: Clock
    engine: Engine
    loop: asyncio.AbstractEventLoop
    secrets: FileSecrets
    view: HomeView


class InstallParts:
    """One home's."""

    def __init__(
        self, home: HomeAround, keys: Callable[[], Mapping[str, Ed25519PublicKey]]
    ) -> None:
        self._home = home
        self.room = InstallRoom(home)
        self.trial = HomeTrial()
        self._background = in_a_thread("install-code")
        self.ordered = installing.Installing(home, self.room, keys).ordered

    def page(self) -> InstallPage:
        """What the Pi's own page asks."""
        from gateway.app.install_page import InstallPage  # only where there is a page

        entry = InstallEntry(
            self._home.secrets,
            now=lambda: self._home.clock.now(),  # noqa: PLW0108 - the clock of then
            accepted_at=lambda: self.trial.accepted_at,
            mono_s=time.monotonic,
        )
        return InstallPage(self._home, self.room, self.trial, entry)

    def apply(self, event: Event) -> None:
        """Fold one event; with the home accepted, the code is kept no longer."""
        self.trial.apply(event)
        if isinstance(event.data, InstallAccepted):
            self._background(partial(self._forget_code, event.at))

    def _forget_code(self, accepted_at: datetime) -> None:
        """Beside the loop: a card that hangs holds up no alarm."""
        try:
            forget_used(self._home.secrets, accepted_at)
        except (SecretError, OSError) as error:  # used up it is all the same
            log.warning("the installer's code stays on the card", extra={"why": str(error)})

    def forget(self) -> None:
        """The log is folded anew."""
        self.trial.forget()
