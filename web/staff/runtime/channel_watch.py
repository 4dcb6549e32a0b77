"""Whether the ways out work: each is tried every minute, without telling anybody.  One that fails
twice running is itself a fault: technicians are told once, over the ways that work, `/healthz` and
the homes' test alarms say so, and so does the page of whoever counts on it.

Not for: a message that did not come (`web.staff.ladders`), or what a way is (`web.staff.channels`).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection

from web.staff.channels.contract import Channel, Health
from web.staff.core.context import Staff
from web.staff.core.i18n import N_
from web.staff.core.repeating import Repeating
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.runtime import technicians

log = logging.getLogger(__name__)

EVERY_S = 60.0
"""Seconds between two looks: a way that fails twice is known within three minutes."""

FAILS = 2
"""Checks running that fail before anybody is told: a provider that is started anew is no fault."""

STOP_TIMEOUT_S = 2
"""Seconds to wait for the last look; a check that hangs is left behind."""

BROKEN = N_("Tryggve: kanalen %(channel)s fungerar inte (%(why)s). Larm går andra vägar. %(url)s")


class ChannelWatch(Repeating):
    """Tries the dispatcher's channels.  `leads`: whether this worker is the one that tells."""

    def __init__(
        self, staff: Staff, dispatcher: Dispatcher, leads: Callable[[], bool] = lambda: True
    ) -> None:
        super().__init__(
            "tryggve-channels",
            "the ways out could not be tried",
            every_s=EVERY_S,
            stop_within_s=STOP_TIMEOUT_S,
            at_once=True,
        )
        self._staff = staff
        self._dispatcher = dispatcher
        self._leads = leads
        self._fails: Counter[str] = Counter()

    def look(self) -> None:
        """Try each once; tell of what has just failed."""
        before, ways = set(self._dispatcher.broken), self._dispatcher.channels
        found = {name: self._tried(way) for name, way in ways.items()}
        for name, health in found.items():
            self._fails[name] = 0 if health.ok else self._fails[name] + 1
        broken = {name for name in found if self._fails[name] >= FAILS}
        self._dispatcher.broken = tuple(sorted(broken))
        for name in sorted(before - broken):
            log.warning("a way out works again", extra={"channel": name})
        for name in sorted(broken - before):
            health = found[name]
            log.error("a way out fails", extra={"channel": name, "why": health.text})
            if self._leads():
                self._tell(name, health, set(ways) - broken)

    def _tried(self, way: Channel) -> Health:
        try:
            return way.check()
        except Exception as error:  # the edge: it must not, and one that does is broken
            return Health(False, type(error).__name__)

    def _tell(self, name: str, health: Health, working: Collection[str]) -> None:
        why = health.why.value if health.why is not None else health.text
        for way in technicians.first_of_each(technicians.ways(self._staff, working)):
            said = technicians.message(
                self._staff, way, f"channel:{name}", BROKEN, channel=name, why=why
            )
            self._dispatcher.say(way.channel, said, way.address)
