"""The uplink's stream: what the server decided, in order, and orders for now: to turn a lock, or
about a call.

Not for: judging a grant (`gateway.access.grants`), or checking the hashes of what comes down (the
log).
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.errors import LinkDown, TryggveError
from gateway.link.https import Stream
from gateway.link.lane import LaneThread
from gateway.link.link_state import Problem, SharedLinkState
from gateway.link.sse import Message, Parser
from gateway.wire import CallOrder, LookOrder, TurnOrder

log = logging.getLogger(__name__)

_Order = TypeVar("_Order", bound=BaseModel)

STREAM_BASE_S, STREAM_CAP_S = 0.25, 15.0
"""Pauses of the stream: a caregiver at the door waits for it."""


class StreamLane(LaneThread):
    """What comes down: decided events in order, and orders to turn a lock."""

    def __init__(self, shared: SharedLinkState) -> None:
        super().__init__("stream", shared, STREAM_BASE_S, STREAM_CAP_S)
        self._stream: Stream | None = None
        self._origin = f"staff:{shared.link.home}"

    def on_down(self) -> None:
        self.shared.doubt()

    def hang_up(self) -> None:
        """End the stream under way.  Any thread."""
        stream = self._stream
        if stream is not None:
            stream.close()

    def exchange(self) -> None:
        self._stream = self.lane.stream(self.shared.outbox.down_have())
        try:
            self.shared.heard()
            self.shared.streaming = True
            parser = Parser()
            for chunk in self._stream:
                if self.shared.stopping.is_set():
                    return
                # any bytes at all are a sign of life, and end the growing of the pauses
                self.backoff.reset()
                self._receive(parser.feed(chunk))
        finally:
            self.shared.streaming = False
            with contextlib.suppress(Exception):
                self._stream.close()
            self._stream = None

    def _receive(self, messages: Sequence[Message]) -> None:
        decided: list[dict[str, Any]] = []
        for message in messages:
            if message.event == "decided":
                decided.append(_decided(message, self._origin))
            elif message.event == "turn":
                self._store(decided)  # what was decided before the order may concern it
                decided = []
                self._order(message)
            elif message.event == "call":
                self._store(decided)  # the alarm that it is about
                decided = []
                self._call(message)
            elif message.event == "look":
                self._store(decided)  # the alarm, the check, a consent
                decided = []
                self._look(message)
            elif message.event == "listen":
                self._store(decided)  # what the home consists of since then
                decided = []
                self.shared.callbacks.on_listen_order(message.data)
            elif message.event == "receivers":
                self._store(decided)
                decided = []
                self.shared.callbacks.on_receivers(message.data)
            elif message.event == "centre":
                self._store(decided)  # the alarm that it is about
                decided = []
                self.shared.callbacks.on_centre(message.data)
        self._store(decided)

    def _store(self, decided: list[dict[str, Any]]) -> None:
        have = self.shared.outbox.down_have()
        new = [event for event in decided if event["seq"] > have]
        if not new:
            return
        # a new log (0) is told from where the home had come before; the log judges that start
        first = have + 1 if have else new[0]["seq"]
        for number, event in enumerate(new, first):
            if event["seq"] != number:
                raise LinkDown(f"the stream left out number {number}")
        try:
            self.shared.callbacks.on_decided(new)
        except TryggveError as error:
            self.problem(Problem("down_refused", error.text, new[0]["seq"]))
            raise LinkDown(f"what came down could not be kept: {error.text}") from error
        self.problem(None)

    def _order(self, message: Message) -> None:
        order = self._understood(TurnOrder, message)
        if order is not None:
            self.shared.callbacks.on_lock_order(order.grant)

    def _call(self, message: Message) -> None:
        order = self._understood(CallOrder, message)
        if order is not None:
            self.shared.callbacks.on_call_order(order)

    def _look(self, message: Message) -> None:
        order = self._understood(LookOrder, message)
        if order is not None:
            self.shared.callbacks.on_look_order(order)

    def _understood(self, model: type[_Order], message: Message) -> _Order | None:
        """The order in a message; None: it says what this version does not know, and that is
        told."""
        try:
            return model.model_validate_json(message.data)
        except ValidationError:
            log.warning("an order is not understood", extra={"what": message.event})
        with contextlib.suppress(ValueError, RecursionError):
            said = json.loads(message.data)
            if isinstance(said, dict):
                self.shared.callbacks.on_unread_order(message.event, said)
        return None


def _decided(message: Message, origin: str) -> dict[str, Any]:
    try:
        event = json.loads(message.data)
        seq = event["seq"]
        if event["origin"] == origin and type(seq) is int and seq > 0:
            checked: dict[str, Any] = event
            return checked
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LinkDown("an event on the stream could not be read") from error
    raise LinkDown("an event on the stream is not about this home")
