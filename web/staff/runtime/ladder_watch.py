"""Whether anybody climbs the ladders: a dispatcher that ended is started anew, and one that does
not come round is told on every page and to technicians, over their channels, past the dispatcher.

It has a thread of its own, and knows whom to tell from the last time that the database answered: a
dispatcher mostly stands because the database does.

Not for: a channel that fails (`channel_watch`), or a message that did not come (`ladders`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from web.staff.core.context import Staff
from web.staff.core.i18n import N_
from web.staff.core.repeating import Repeating
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.runtime import technicians
from web.staff.runtime.technicians import Way

log = logging.getLogger(__name__)

EVERY_S = 10.0
"""Seconds between two looks: with the dispatcher's own minute it is told within two."""

LOOKS = 2
"""Looks running at which it stands before anybody is told: a database that is started anew is no
fault."""

STOP_TIMEOUT_S = 2
"""Seconds to wait for the last look; a channel that hangs is left behind."""

STANDS = N_("Tryggve: servern skickar inte larm vidare (%(why)s). Larm syns på sidan Nu. %(url)s")


class LadderWatch(Repeating):
    """Looks at this worker's dispatcher.  `leads`: whether this worker is the one that tells of
    what fails at all of them."""

    def __init__(
        self, staff: Staff, dispatcher: Dispatcher, leads: Callable[[], bool] = lambda: True
    ) -> None:
        super().__init__(
            "tryggve-climbs",
            "the dispatcher could not be looked at",
            every_s=EVERY_S,
            stop_within_s=STOP_TIMEOUT_S,
        )
        self._staff = staff
        self._dispatcher = dispatcher
        self._leads = leads
        self._stood = 0
        self._ways: list[Way] = []

    def look(self) -> None:
        """Look once; tell what has just been found."""
        self._dispatcher.revive()
        why = self._dispatcher.ill()
        self._stood = 0 if why is None else self._stood + 1
        if why is None:
            self._know()
        stands = self._stood >= LOOKS
        if stands == self._staff.ladders_stand:
            return
        self._staff.ladders_stand = stands
        self._staff.tell_saving()
        if not stands:
            log.warning("alarms are passed on again")
            return
        log.error("alarms are not passed on", extra={"why": why})
        if self._leads() or self._dispatcher.failing is None:  # one that hangs is this worker's
            self._tell(str(why))

    def _know(self) -> None:
        """Who would be told."""
        try:
            self._ways = technicians.ways(self._staff, self._dispatcher.channels)
        except SQLAlchemyError:
            log.info("whom to tell is what it was: the database does not answer")

    def _tell(self, why: str) -> None:
        """Everybody once, each over the first of their ways that takes it; one after the other, for
        the dispatcher's threads may stand as well."""
        told: set[int] = set()
        for way in self._ways:
            if way.user in told or self._stopping.is_set():
                continue
            said = technicians.message(self._staff, way, "ladders", STANDS, why=why)
            if self._dispatcher.channels[way.channel].send(said, way.address).why is None:
                told.add(way.user)
