"""Stories: what happened in a home, told in its local time, and what the rules made of it.

    story = tell()                          # a home with a bed mat, a door and a lock
    story.at("23:00", MatPressed(), "mat")
    story.until("23:30")
    assert story.said("bed.entered") == ["23:00:10 bed.entered"]

A story runs through the real sequencer and all rules.  When the test is over every story is rebuilt
from its log, cut after each turn: the rules must end in the same state, and go on the same way.  A
rule that failed in it fails the test: in a home the others go on, and only its event would say so.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.commands import Command
from gateway.engine.sequencer import Sealed, Sequencer, Turn
from gateway.envelope import GENESIS, Draft, Event, from_json, seal, to_json
from gateway.events import Data, MatLearned, MatPressed, MatQuality, MatReleased, to_fields
from gateway.rules import DeviceFacts, HomeFacts, RuleSettings, bind, settings_class
from gateway.rules.fold import Fold

TZ = "Europe/Stockholm"
BEGIN = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)  # 21:00 in Stockholm, a Monday

DEVICES = (
    DeviceFacts("mat", "mat_gpio", "sensor", "bed"),
    DeviceFacts("mat2", "mat_gpio", "sensor", "bed"),
    DeviceFacts("motion", "bthome", "sensor", "motion"),
    DeviceFacts("door", "lock_nuki", "lock", "front_door"),
    DeviceFacts("back", "lock_nuki", "lock", "back_door"),
    DeviceFacts("front", "door_gpio", "sensor", "front_door"),
    DeviceFacts("floor", "mat_adc", "sensor", "floor"),
    DeviceFacts("seat", "bthome", "sensor", "seat"),
    DeviceFacts("toilet", "bthome", "sensor", "toilet", "bathroom"),
    DeviceFacts("washroom", "bthome", "sensor", "motion", "bathroom"),
    DeviceFacts("button", "button_gpio", "sensor", "button"),
    DeviceFacts("pendant", "bthome", "sensor", "pendant"),
    DeviceFacts("wet", "bthome", "sensor", "moisture"),
    DeviceFacts("air", "bthome", "sensor", "air"),
    DeviceFacts("lamp", "indicator", "indicator"),
)


def home_of(*devices: str) -> HomeFacts:
    return HomeFacts("h1", TZ, devices={d.id: d for d in DEVICES if d.id in devices})


@dataclass
class Moment:
    """The fold's states after a turn, and how much of the log there was."""

    events: int
    now: datetime
    states: dict[str, object]
    wake: datetime | None


class Story:
    """One home's evening and night."""

    def __init__(self, home: HomeFacts, settings: Mapping[str, RuleSettings]) -> None:
        self._rules = bind(settings, home)
        self._sequencer = Sequencer(Fold(self._rules), origin="home:h1", boot="b1")
        self._clock = BEGIN
        self._staff_seq, self._staff_head = 0, GENESIS
        self.log: list[tuple[Event, datetime]] = []
        self.commands: list[Command] = []
        self.moments: list[Moment] = []
        self.inputs: set[str] = set()

    # --- telling ----------------------------------------------------------------------------------

    def at(
        self, local: str, data: Data, device: str | None = None, person: str | None = None
    ) -> Event:
        """The home saw `data` at `local` (the next time that the clock shows it)."""
        self._clock = self._next(local)
        draft = Draft(data, device=device, person=person, at=self._clock)
        event = self._sequencer.number(draft, at=self._clock, mono_s=0.0)
        self._drain()
        self.inputs.add(event.ref)
        return event

    def learned(self, *mats: str) -> None:
        """At 21:00, before all else: these mats are known to lose nobody."""
        good = MatLearned(
            quality=MatQuality.GOOD, nights=10, gaps=0, gap_p50_s=0.0, gap_p95_s=0.0,
            gap_p99_s=0.0, on_share_pct=99.0,
        )  # fmt: skip
        for mat in mats:
            self.at("21:00", good, mat)

    def staff(
        self, local: str, data: Data, person: str | None = None, written: datetime | None = None
    ) -> Event:
        """The home took in at `local` what the server wrote (`written`: when it did)."""
        self._clock = self._next(local)
        self._staff_seq += 1
        event, body, digest = seal(
            Draft(data, person=person),
            origin="staff:h1",
            seq=self._staff_seq,
            at=written or self._clock,
            clock="synced",
            boot="s1",
            mono_s=0.0,
            previous=self._staff_head,
        )
        self._staff_head = digest
        self._sequencer.receive(Sealed(event, body, digest), at=self._clock, mono_s=0.0)
        self._drain()
        self.inputs.add(event.ref)
        return event

    def pulses(self, begin: str, end: str, device: str = "mat", on_s: float = 1.5) -> None:
        """The mat chatters from `begin` to `end`: on `on_s` of every 4 s, as real mats do."""
        self._clock = self._next(begin)
        stop = self._next(end)
        while self._clock < stop:
            for data, wait_s in ((MatPressed(), on_s), (MatReleased(), 4.0 - on_s)):
                event = self._sequencer.number(
                    Draft(data, device=device, at=self._clock), at=self._clock, mono_s=0.0
                )
                self.inputs.add(event.ref)
                self._drain()
                self._clock += timedelta(seconds=wait_s)

    def until(self, local: str) -> None:
        """Time passes until `local` and nothing happens."""
        self._clock = self._next(local)
        self._sequencer.run_due(self._clock, 0.0)
        self._drain()

    # --- hearing ----------------------------------------------------------------------------------

    def decided(self, *kinds: str) -> list[Any]:
        """What the rules decided, of these kinds (all when none is named): events, their data of
        the kind that was asked for."""
        return [
            event
            for event, _ in self.log
            if event.ref not in self.inputs and (not kinds or event.kind in kinds)
        ]

    def said(self, *kinds: str) -> list[str]:
        """The same in words: local time, kind, and the fields that are plain words."""
        return [_words(event) for event in self.decided(*kinds)]

    def state(self, rule: str) -> Any:
        """The rule's own state now."""
        return self._sequencer.fold.state_of(rule)

    # --- checking ---------------------------------------------------------------------------------

    def check_rebuilt(self) -> None:
        """Rebuilt from the log as it reads from disk, cut after each turn: same states.

        One rebuild is looked at each time it asks for more of the log: it then stands exactly
        where one that ends there would, and a story of n events costs n steps, not n each cut.
        """
        cuts: dict[int, list[Moment]] = {}
        for moment in self.moments[:: max(1, len(self.moments) // 40)] + self.moments[-1:]:
            cuts.setdefault(moment.events, []).append(moment)
        fold = Fold(self._rules)
        fold.rebuild(self._read(fold, cuts))
        assert not cuts  # every one of them was looked at

    def _read(self, fold: Fold, cuts: dict[int, list[Moment]]) -> Iterator[tuple[Event, datetime]]:
        for count in range(len(self.log) + 1):
            for moment in cuts.pop(count, ()):
                self._check_cut(copy.deepcopy(fold), moment)
            if count < len(self.log):
                event, taken = self.log[count]
                yield from_json(to_json(event)), taken

    def _check_cut(self, fold: Fold, moment: Moment) -> None:
        # ticks since the last event, if any, decided nothing: all they decided is in the log
        assert [out for _, out in fold.ticks(moment.now) if out] == []
        assert {rule.name: fold.state_of(rule.name) for rule in self._rules} == moment.states
        assert fold.wake == moment.wake

    def _next(self, local: str) -> datetime:
        zone = ZoneInfo(TZ)
        parts = [float(part) for part in local.split(":")]
        seconds = parts[0] * 3600 + parts[1] * 60 + (parts[2] if len(parts) > 2 else 0.0)
        day = datetime.combine(self._clock.astimezone(zone).date(), time(), zone)
        moment = (day + timedelta(seconds=seconds)).astimezone(UTC)
        return moment if moment >= self._clock else moment + timedelta(days=1)

    def _drain(self) -> None:
        turn: Turn = self._sequencer.drain()
        self.log += [(row.event, row.received_at or row.event.at) for row in turn.rows]
        self.commands += turn.commands
        fold = self._sequencer.fold
        if fold.wake is not None and fold.wake <= self._clock:
            # as the engine does: what is due at once is not left for the next event
            self._sequencer.run_due(self._clock, 0.0)
            self._drain()
            return
        states = {rule.name: fold.state_of(rule.name) for rule in self._rules}
        self.moments.append(Moment(len(self.log), self._clock, states, fold.wake))


def _words(event: Event) -> str:
    local = event.at.astimezone(ZoneInfo(TZ)).strftime("%H:%M:%S")
    words = [local, event.kind]
    if event.device:
        words.append(event.device)
    for value in to_fields(event.data).values():
        if isinstance(value, str) and ":" not in value and "/" not in value:
            words.append(value)
    return " ".join(words)


Tell = Callable[..., Story]


@pytest.fixture
def tell() -> Iterator[Tell]:
    """Begin a story: `tell("mat", "door", bed_exit={"back_within_min": 10})`."""
    stories: list[Story] = []

    def make(*devices: str, **settings: dict[str, object]) -> Story:
        read = {name: settings_class(name).model_validate(keys) for name, keys in settings.items()}
        stories.append(Story(home_of(*(devices or ("mat", "motion", "door"))), read))
        return stories[-1]

    yield make
    for story in stories:
        assert story.said("rule.failed") == []
        story.check_rebuilt()
