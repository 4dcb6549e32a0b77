"""A recorded home through the same sequencer and rules as a live one, with time from the file.

The same file and settings give the same events, byte for byte: origin and boot are fixed, no real
clock is read, nothing is random.

Not for: reading the file (`gateway.replay.recording`) or the command line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import merge
from pathlib import Path

from gateway.engine.sequencer import Sequencer
from gateway.envelope import Draft, Event, to_json
from gateway.events import CheckDue, to_fields
from gateway.replay.recording import Recording, read
from gateway.rules import HomeFacts, RuleSettings, bind
from gateway.rules.fold import Fold
from gateway.schedule import Plan, merged, zone

BOOT = "replay"
"""The boot of every event of a replay."""

AFTER = timedelta(hours=3)
"""How long the rules' clocks run on after the last row: an alarm that is minutes away still comes,
while what only a coming day would decide does not."""

_Input = tuple[datetime, int, Draft]


def run(
    recording_path: Path,
    home: HomeFacts | None,
    settings: Mapping[str, RuleSettings],
    plans: Mapping[str, Plan],
    timezone: str,
    *,
    everything: bool = False,
    skip_bad: bool = False,
) -> Iterator[Event]:
    """The events that the rules make of a recording, in order; with `everything` also what they
    were made from.

    `home` None: its devices are made from the file's `sensor` and `kind` columns.  Otherwise its
    devices keep what the configuration says of them, and sensors it does not name are added from
    the file.  `timezone` (IANA) is that of the file's local times.  Raises `RecordingError` before
    the first event.
    """
    recording = read(recording_path, timezone, skip_bad=skip_bad)
    return replay(recording, home, settings, plans, everything=everything)


def replay(
    recording: Recording,
    home: HomeFacts | None,
    settings: Mapping[str, RuleSettings],
    plans: Mapping[str, Plan],
    *,
    everything: bool = False,
) -> Iterator[Event]:
    """As `run`, over a recording that is read already (it is not changed)."""
    facts = facts_of(recording, home)
    events: list[Event] = []
    sequencer = Sequencer(
        Fold(bind(settings, facts)),
        origin=f"home:{facts.id}",
        boot=BOOT,
        on_event=events.append,
    )
    if not recording.rows:
        return
    begin = recording.rows[0].at
    at = begin
    for at, _, draft in merge(_sensed(recording), _rung(recording, plans)):
        sequencer.number(draft, at=at, mono_s=(at - begin).total_seconds())
        yield from _drained(sequencer, events, everything)
    end = at + AFTER
    sequencer.run_due(end, (end - begin).total_seconds())
    yield from _drained(sequencer, events, everything)


def facts_of(recording: Recording, home: HomeFacts | None = None) -> HomeFacts:
    """The home of a recording: what the configuration says, and what the file adds."""
    if home is None:
        return HomeFacts(recording.home, recording.timezone, devices=dict(recording.devices))
    return replace(home, timezone=recording.timezone, devices={**recording.devices, **home.devices})


def _sensed(recording: Recording) -> Iterator[_Input]:
    for number, row in enumerate(recording.rows):
        yield row.at, number, Draft(row.data, device=row.device, at=row.at)


def _rung(recording: Recording, plans: Mapping[str, Plan]) -> Iterator[_Input]:
    first, last = recording.rows[0].at, recording.rows[-1].at
    for number, slot in enumerate(merged(plans, recording.timezone, first, last)):
        # after a row of the same moment, as live: a slot is rung when the moment has come
        yield slot.at, len(recording.rows) + number, Draft(CheckDue(check=slot.check, slot=slot.at))


def _drained(sequencer: Sequencer, events: list[Event], everything: bool) -> Iterator[Event]:
    sequencer.drain()
    for event in events:
        if everything or event.because is not None or event.kind == "rule.failed":
            yield event
    events.clear()


# --- for people and for programs ------------------------------------------------------------------


def json_lines(events: Iterable[Event]) -> Iterator[str]:
    """One JSON object a line, keys sorted, no line ending."""
    for event in events:
        yield json.dumps(to_json(event), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def text_lines(events: Iterable[Event], timezone: str) -> Iterator[str]:
    """One line an event for a person: local time with its offset, kind, device, fields, rule."""
    there = zone(timezone)
    for event in events:
        local = event.at.astimezone(there).isoformat(sep=" ", timespec="seconds")
        words = [local, f"{event.kind:<16}"]
        if event.device is not None:
            words.append(event.device)
        fields = to_fields(event.data)
        words += [f"{name}={_word(value)}" for name, value in fields.items()]
        if event.because is not None:
            refs = ",".join(ref.rpartition("/")[2] for ref in event.because.events)
            words.append(f"({event.because.rule}: {refs})" if refs else f"({event.because.rule})")
        yield " ".join(words).rstrip()


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
