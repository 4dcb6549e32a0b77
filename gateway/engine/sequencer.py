"""From inputs to numbered events: ticks, sealing, and the rules' decisions fed back to the rules.

The engine uses it live and the replay uses it on a recording; it is what makes the two the same.

Not for: waiting, storing or sending.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from gateway.commands import Command
from gateway.envelope import GENESIS, ClockState, Draft, Event, seal
from gateway.envelope_fields import NO_TIME
from gateway.events import RuleFailed
from gateway.rules.fold import Fold, Output

CASCADE_MAX = 500
"""Decisions that may follow from one input: more means that two rules answer each other."""


class Sealed(NamedTuple):
    """An event with its canonical JSON and its hash, ready to be stored.  `received_at` is when the
    home received it, for an event that came from the server; None for the home's own."""

    event: Event
    body: bytes
    digest: bytes
    received_at: datetime | None = None

    def wire(self) -> bytes:
        """The JSON with the hash, as it is sent."""
        return wire_json(self.body, self.digest)


def wire_json(body: bytes, digest: bytes) -> bytes:
    """An event's canonical JSON with its hash added, as it is sent."""
    return b'%b,"hash":"%b"}' % (body[:-1], digest.hex().encode())


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of the engine made: rows to be stored together, and what to do afterwards."""

    rows: list[Sealed]
    commands: list[Command]

    def __bool__(self) -> bool:
        return bool(self.rows or self.commands)


class Sequencer:
    """Numbers and chains the events of one origin, and lets `fold` decide on them.

    `seq` and `head` are the last number and hash already written.  `on_event` is shown every event
    in order, foreign ones too.
    """

    def __init__(
        self,
        fold: Fold,
        *,
        origin: str,
        boot: str,
        seq: int = 0,
        head: bytes = GENESIS,
        on_event: Callable[[Event], None] = lambda _event: None,
    ) -> None:
        self.fold = fold
        self.origin = origin
        self.boot = boot
        self.seq = seq
        self.head = head
        self.clock: ClockState = "synced"
        self._on_event = on_event
        self._rows: list[Sealed] = []
        self._commands: list[Command] = []

    def number(self, draft: Draft, *, at: datetime, mono_s: float) -> Event:
        """Run the ticks before it, number the draft, and let the rules decide on it."""
        moment = draft.at or at
        if self.fold.due(moment):
            self._run(self.fold.ticks_before(draft.data, moment), mono_s)
        event = self._seal(draft, moment, mono_s)
        decided = self.fold.feed(event)
        if decided:
            self._cascade(decided, moment, mono_s)
        return event

    def pass_by(self, draft: Draft, told: Event, *, at: datetime, mono_s: float) -> Event:
        """Let the rules decide on what is not kept (`memory_bound`): an event without a hash, that
        has the number of `told`, which says so."""
        moment = draft.at or at
        if self.fold.due(moment):
            self._run(self.fold.ticks_before(draft.data, moment), mono_s)
        event = replace(
            told,
            at=moment,
            mono_s=mono_s,
            data=draft.data,
            device=draft.device,
            person=draft.person,
            because=draft.because,
            hash="",
        )
        self._on_event(event)
        decided = self.fold.feed(event)
        if decided:
            self._cascade(decided, moment, mono_s)
        return event

    def receive(self, sealed: Sealed, *, at: datetime, mono_s: float) -> None:
        """Keep an event of the server, whose chain the caller has verified, as received at `at`;
        and let the rules decide on it."""
        event = sealed.event
        if event.at == NO_TIME:  # of another version
            event = replace(event, at=at)
            sealed = sealed._replace(event=event)
        if self.fold.due(at):
            self._run(self.fold.ticks_before(event.data, at), mono_s)
        self._rows.append(sealed._replace(received_at=at))
        self._on_event(event)
        self._cascade(self.fold.feed(event, at), at, mono_s)

    def run_due(self, now: datetime, mono_s: float) -> None:
        """Run the ticks due at or before `now`."""
        if self.fold.due(now):
            self._run(self.fold.ticks(now), mono_s)

    def write_only(self, draft: Draft, *, at: datetime, mono_s: float) -> Event:
        """Number a draft without showing it to the rules: for what concerns the log itself."""
        return self._seal(draft, at, mono_s)

    def write_again(self, sealed: Sealed) -> Event:
        """Number an event anew that an earlier log never stored; the rules have seen it."""
        event = sealed.event
        if sealed.received_at is not None:
            self._rows.append(sealed)
            return event
        draft = Draft(
            event.data,
            device=event.device,
            person=event.person,
            because=event.because,
            at=event.at,
            mono_s=event.mono_s,
        )
        return self._seal(draft, event.at, event.mono_s)

    def drain(self) -> Turn:
        """What was made since the last call."""
        turn = Turn(self._rows, self._commands)
        self._rows, self._commands = [], []
        return turn

    def _run(self, ticks: Iterable[tuple[datetime, list[Output]]], mono_s: float) -> None:
        for at, out in ticks:
            self._cascade(out, at, mono_s)

    def _cascade(self, out: list[Output], at: datetime, mono_s: float) -> None:
        waiting = deque(out)
        decisions = 0
        while waiting:
            item = waiting.popleft()
            if not isinstance(item, Draft):
                self._commands.append(item)
                continue
            decisions += 1
            if decisions > CASCADE_MAX:
                rule = item.because.rule if item.because else item.data.KIND
                self._seal(Draft(RuleFailed(rule=rule, error="endless")), at, mono_s)
                return
            waiting += self.fold.feed(self._keep(self._decided(item, at, mono_s)))

    def _decided(self, item: Draft, at: datetime, mono_s: float) -> Sealed:
        """A decision, sealed; one that cannot be written must take neither those beside it nor the
        input away, and is told in its place."""
        try:
            return self._sealed(item, at, mono_s)
        except Exception as error:  # a broken rule must not stop the others: it becomes an event
            rule = item.because.rule if item.because else item.data.KIND
            failed = RuleFailed(rule=rule, error=ascii(error)[:300])
            return self._sealed(Draft(failed, at=item.at), at, mono_s)

    def _seal(self, draft: Draft, at: datetime, mono_s: float) -> Event:
        return self._keep(self._sealed(draft, at, mono_s))

    def _sealed(self, draft: Draft, at: datetime, mono_s: float) -> Sealed:
        event, body, digest = seal(
            draft,
            origin=self.origin,
            seq=self.seq + 1,
            at=at,
            clock=self.clock,
            boot=self.boot,
            mono_s=mono_s,
            previous=self.head,
        )
        return Sealed(event, body, digest)

    def _keep(self, sealed: Sealed) -> Event:
        event = sealed.event
        self.seq, self.head = event.seq, sealed.digest
        self._rows.append(sealed)
        self._on_event(event)
        return event
