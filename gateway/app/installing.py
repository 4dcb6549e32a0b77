"""A home that is being installed from a page at the server: the server asks, and signs each order.

Not for: what is heard and paired (`install_room`), or the Pi's own page (`install_page`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.access import listen_orders
from gateway.access.listen_orders import ListenAction, ListenOrder
from gateway.access.tokens import BadToken
from gateway.app.install_room import InstallRoom
from gateway.app.uplink_bridge import Signaller
from gateway.config.home_file import HomeConfig
from gateway.doors.orders import LockOrders
from gateway.link.uplink import Uplink

log = logging.getLogger(__name__)

USED_MAX = 500
"""Orders that are remembered, so that none is obeyed twice: a page gives one in ten seconds."""


class HomeAround(Protocol):
    """What is taken of the home; read anew at each use."""

    config: HomeConfig
    lock_orders: LockOrders
    uplink: Uplink | None


class Installing:
    """`keys` are the server's, by id."""

    def __init__(
        self,
        home: HomeAround,
        room: InstallRoom,
        keys: Callable[[], Mapping[str, Ed25519PublicKey]],
    ) -> None:
        self._home, self._room, self._keys = home, room, keys
        self._server = Signaller(lambda: home.uplink)
        self._used: dict[str, datetime] = {}

    def ordered(self, token: str) -> None:
        """An order came.  One that does not hold is passed over: whoever gave it sees that nothing
        happens."""
        try:
            now = self._home.lock_orders.now()
            home = self._home.config.home.id
            order = listen_orders.read(token, self._keys(), home=home, now=now)
        except (BadToken, ValueError) as error:
            log.warning("an order to a home that is installed is not obeyed: %s", error)
            return
        if order.id in self._used or len(self._used) >= USED_MAX:
            self._forget_used(now)
            if order.id in self._used or len(self._used) >= USED_MAX:
                return
        self._used[order.id] = order.expires
        self._obey(order)

    def _forget_used(self, now: datetime | None) -> None:
        if now is not None:
            self._used = {id_: ends for id_, ends in self._used.items() if ends > now}

    def _obey(self, order: ListenOrder) -> None:
        room, id_ = self._room, order.hearing
        if order.action is ListenAction.BEGIN:
            room.begin(id_, self._server.tell)
        elif order.action is ListenAction.END:
            room.end(id_)
        elif room.go_on(id_):
            if order.action is ListenAction.ANSWER:
                room.answer(id_, order.question, order.text)
            elif order.action is ListenAction.PAIR:
                room.guide(id_, order.device, "pair")
            elif order.action is ListenAction.CALIBRATE:
                room.guide(id_, order.device, "calibrate")
