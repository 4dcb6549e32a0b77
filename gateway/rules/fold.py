"""The fold: all rules' states over the events, and the ticks in between.

The same fold runs live, in a replay and when the state is rebuilt after a restart.  It is the
caller that numbers and writes what the rules decide, and feeds it back.

Not for: sealing, storing or sending events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.commands import Command
from gateway.envelope import Because, Draft, Event
from gateway.events import Data, GatewayStarted, RuleFailed
from gateway.rules import Decision, Rule, Tick

STUCK_TICKS = 1000
"""Ticks of one rule at one moment after which it is broken: a rule must move its `wake_at` on."""

LISTENERS_MAX = 4096
"""Pairs of a kind and a device whose rules are remembered: a hundred devices that say forty things;
beyond that something is inventing devices."""

Output = Draft | Command


@dataclass(slots=True)
class _Slot:
    """A rule with its state.  `step`, `wake_at` and `settings` are the rule's own: a dozen slots
    are asked for each event."""

    rule: Rule
    state: Any
    step: Callable[[Any, Event | Tick, Any], tuple[Any, Sequence[Decision | Command]]]
    wake_at: Callable[[Any, Any], datetime | None]
    settings: Any
    wake: datetime | None
    broken: bool = False
    """Its wake was taken from it; the next event gives it back."""

    @classmethod
    def of(cls, rule: Rule) -> _Slot:
        """The rule in its first state."""
        own = rule.settings
        state = rule.start(own)
        return cls(rule, state, rule.step, rule.wake_at, own, rule.wake_at(state, own))


class Fold:
    """The states of `rules`.  Not thread-safe: one engine feeds it."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._slots = [_Slot.of(rule) for rule in rules]
        self._listeners: dict[tuple[str, str | None], tuple[_Slot, ...]] = {}
        self._wake: datetime | None = None
        self._moved = False
        self._last: datetime | None = None
        self.held = False
        """While the clock is put right nothing comes due: by the wrong time it may seem to."""
        self._find_wake()

    def state_of(self, rule: str) -> Any:
        """The state of the rule `rule`; `KeyError` when it is not running."""
        for slot in self._slots:
            if slot.rule.name == rule:
                return slot.state
        raise KeyError(rule)

    @property
    def wake(self) -> datetime | None:
        """When the next tick is due; None: none is."""
        return None if self.held else self._wake

    def feed(self, event: Event, received_at: datetime | None = None) -> list[Output]:
        """Show an event to the rules that want its kind.

        `received_at` is when the home received it, for an event of the server: a tap of an hour
        ago keeps its own time and moves nobody's deadline.  None: at its own time.
        """
        moment = received_at or event.at
        if self._last is None or moment > self._last:
            self._last = moment
        key = (event.kind, event.device)
        slots = self._listeners.get(key)
        if slots is None:
            slots = self._listen(*key)
        out: list[Output] = []
        for slot in slots:
            # as `_step`, written here for the case that is nearly all there is: nothing decided,
            # and often nothing changed; the same state wakes at the same time
            try:
                state, outputs = slot.step(slot.state, event, slot.settings)
                if state is not slot.state or slot.broken:
                    self._changed(slot, state)
            except Exception as error:  # see `_step`
                out.append(_failed(slot, error, moment))
                continue
            if outputs:
                out += [_output(slot.rule, item, moment) for item in outputs]
        if self._moved:
            self._find_wake()
        return out

    def due(self, moment: datetime) -> bool:
        """Whether a tick is due at or before `moment`."""
        return self._wake is not None and self._wake <= moment and not self.held

    def ticks(self, until: datetime) -> Iterator[tuple[datetime, list[Output]]]:
        """Run the ticks due at or before `until`, one by one in time order.

        Yields each tick's moment and what it decided; the caller feeds that back before it asks
        for the next.  A tick never lies before an event already seen.
        """
        count, moment = 0, None
        while self._wake is not None and self._wake <= until:
            slot = min(
                (s for s in self._slots if s.wake is not None),
                key=lambda s: (s.wake, s.rule.name),
            )
            assert slot.wake is not None  # noqa: S101 - by the filter above
            at = slot.wake if self._last is None or slot.wake > self._last else self._last
            count = count + 1 if at == moment else 0
            moment = at
            if count > STUCK_TICKS:
                self._broke(slot)
                out: list[Output] = [Draft(RuleFailed(rule=slot.rule.name, error="stuck"), at=at)]
            else:
                out = self._step(slot, Tick(at))
            self._find_wake()
            yield at, out

    def ticks_before(self, data: Data, at: datetime) -> Iterator[tuple[datetime, list[Output]]]:
        """The ticks to run before an event `data` at `at` is shown: as `ticks`, but none before
        `gateway.started`.

        While the gateway was off nothing could be decided: what came due meanwhile is decided
        after it has started, at that time.
        """
        return iter(()) if isinstance(data, GatewayStarted) else self.ticks(at)

    def rebuild(self, events: Iterable[tuple[Event, datetime]]) -> None:
        """Feed logged events, each with the moment it was received; what the rules decide is thrown
        away, for the log has it.

        It tells what runs when, though: an event that the rules have just decided was fed back at
        once, before any further tick, and a tick's decision before the next tick of that moment.
        """
        decided: deque[Draft] = deque()
        for event, received_at in events:
            if not (decided and _was_decided(event, decided)) and self.due(received_at):
                for _, out in self.ticks_before(event.data, received_at):
                    decided.extend(_drafts(out))
                    if _was_decided(event, decided):
                        break
            outputs = self.feed(event, received_at)
            if outputs:
                decided.extend(_drafts(outputs))

    def _step(self, slot: _Slot, tick: Tick) -> list[Output]:
        """Show a rule the moment that it asked for."""
        try:
            state, outputs = slot.step(slot.state, tick, slot.settings)
            self._changed(slot, state)
        except Exception as error:  # a broken rule must not stop the others: it becomes an event
            self._broke(slot)
            self._moved = True
            return [_failed(slot, error, tick.at)]
        return [_output(slot.rule, item, tick.at) for item in outputs]

    def _changed(self, slot: _Slot, state: Any) -> None:
        """The rule is in another state: it wakes anew."""
        wake = slot.wake_at(state, slot.settings)
        old = slot.wake
        if slot.broken:
            self._listeners.clear()
        slot.state, slot.wake, slot.broken = state, wake, False
        if wake == old:
            return
        if wake is not None and (self._wake is None or wake < self._wake):
            self._wake = wake  # earlier than all others
        elif old == self._wake:
            self._moved = True  # it was the earliest, and which one is now must be looked for

    def _broke(self, slot: _Slot) -> None:
        """Its wake is taken from it.  Any event of its kinds gives it back, heard or not."""
        slot.wake, slot.broken = None, True
        self._listeners.clear()

    def _listen(self, kind: str, device: str | None) -> tuple[_Slot, ...]:
        """The rules that are shown events of `kind` from `device`, asked of them once."""
        if len(self._listeners) >= LISTENERS_MAX:
            self._listeners.clear()
        slots = tuple(
            slot
            for slot in self._slots
            if kind in slot.rule.kinds
            and (
                slot.broken
                or slot.rule.hears is None
                or slot.rule.hears(kind, device, slot.settings)
            )
        )
        self._listeners[kind, device] = slots
        return slots

    def _find_wake(self) -> None:
        self._moved = False
        self._wake = min((s.wake for s in self._slots if s.wake is not None), default=None)


def _failed(slot: _Slot, error: Exception, at: datetime) -> Draft:
    return Draft(RuleFailed(rule=slot.rule.name, error=repr(error)[:300]), at=at)


def _output(rule: Rule, item: Decision | Command, at: datetime) -> Output:
    if not isinstance(item, Decision):
        return item
    because = Because(rule.name, rule.version, item.rests_on)
    return Draft(item.data, device=item.device, person=item.person, because=because, at=at)


def _drafts(out: Iterable[Output]) -> Iterator[Draft]:
    return (item for item in out if isinstance(item, Draft))


def _was_decided(event: Event, decided: deque[Draft]) -> bool:
    """Whether `event` is the next of the decisions that wait to be fed back; it then waits no more.

    If it is none of them they are forgotten: the log was written by other rules or settings, or
    the turn was cut before it was on disk.
    """
    while decided:
        draft = decided.popleft()
        if (
            draft.data == event.data
            and draft.because == event.because
            and draft.device == event.device
            and draft.person == event.person
        ):
            return True
    return False
