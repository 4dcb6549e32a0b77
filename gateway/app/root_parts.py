"""What this program asks of root's halves, put together: updates, and SSH for an hour.

Each asks by a file and reads an answer; neither can make root do more.  Not for: how they work
(`gateway.updates`, `gateway.services.ssh_hour`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from gateway.app.update_parts import HomeAround, UpdateParts
from gateway.envelope import Event
from gateway.services.key_offers import in_a_thread
from gateway.services.ssh_hour import SshHour


class HomeOnMachine(HomeAround, Protocol):
    """The home, and which run of the machine this is."""

    boot: str


class RootParts:
    """`apply` folds; `start` begins both."""

    def __init__(self, home: HomeOnMachine, state_dir: Path) -> None:
        self._home = home
        self._updates = UpdateParts(home, state_dir)
        self.ssh = SshHour(
            state_dir,
            clock=home.clock,
            sure_of_time=lambda: home.clock_watch.synced,
            boot=home.boot,
            record=home.record,
            background=in_a_thread("ssh"),
        )
        home.watchers.append(self.ssh.see_live)

    def forget(self) -> None:
        """The events are about to be told anew."""
        self._updates.forget()
        self.ssh.forget()

    def apply(self, event: Event) -> None:
        """Fold one event."""
        self._updates.apply(event)
        self.ssh.apply(event)

    def start(self) -> None:
        """In the home's loop, once it runs."""
        self._updates.start()
        self._home.spawn(self.ssh.run())
