"""How well the rules do on recorded homes: alarms and looks a month, and falls found or missed.

A recording goes through the rules as it would live (`gateway.replay.run`), with a night team that
answers (`gateway.replay.night_team`), because the recorded homes hold no emergency.  So every alarm
counts that a team would have got; a team that never answered would get fewer, since an alarm that
rings stands for the next.  A look that the bed answers by itself before that is counted all the
same.  The pre-warning by day is never answered by the button: what the recorded residents would
have pressed nobody knows.

`gateway.replay.injected_falls` puts falls into the nights.  Results are plain data, for the command
line (`gateway.cli.replay`) and for pages.

Not for: deciding anything, or drawing (`gateway.replay.night_svg`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import TypeVar

from pydantic import ValidationError

from gateway.engine.sequencer import Sequencer
from gateway.envelope import ClockState, Draft, Event
from gateway.errors import ConfigError
from gateway.events import (
    AlarmRaised,
    AlarmType,
    Severity,
)
from gateway.replay.injected_falls import (
    IN_BED,
    Fall,
    exits,
    indistinct,
    injected,
    picked,
    silences,
)
from gateway.replay.night_team import Answer, Team
from gateway.replay.recording import Recording
from gateway.replay.run import AFTER, BOOT, facts_of
from gateway.rules import HomeFacts, RuleSettings, bind, settings_class
from gateway.rules.fold import Fold
from gateway.schedule import local_to_utc, zone

NIGHT_FROM, NIGHT_TO = time(22, 0), time(8, 0)
"""Local times between which alarms and looks are counted."""

NIGHT_H = 10.0
"""Hours from `NIGHT_FROM` to `NIGHT_TO`."""

FOUND_WITHIN_MIN = 30.0
"""Minutes within which a fall must be answered by an alarm or a look."""

K = TypeVar("K", int, str)

DEFAULT_SEED = 1
"""Which exits become falls when nobody says; any other seed is as good."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One run of the rules over a recording: what they decided, in order."""

    decided: tuple[Event, ...]
    answers: tuple[Answer, ...]

    def between(self, begin: datetime, end: datetime) -> list[Answer]:
        """The answers after `begin`, until `end`."""
        return [answer for answer in self.answers if begin < answer.at <= end]


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one injected fall.  `after_min` None: nobody was told within the two hours."""

    fall: Fall
    after_min: float | None
    by: Answer | None

    @property
    def answered(self) -> bool:
        """Whether an alarm or a look came in time."""
        return self.after_min is not None and self.after_min <= FOUND_WITHIN_MIN


@dataclass(frozen=True, slots=True)
class Score:
    """One recording's result.  `nights` and `days` are how much of them the recording covers, parts
    included; rates are None when it covers none."""

    recording: str
    nights: float
    days: float
    real: Pass
    night_answers: tuple[Answer, ...]
    inactivity: int
    technical: int
    falls: tuple[Found, ...] = ()
    by_rule: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Rule and word to alarms and looks at night."""
    by_hour: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """Local hour to alarms and looks, the whole day."""

    def per_30_nights(self, *, looks: bool) -> float | None:
        """Looks, or alarms, in 30 nights from 22 to 08."""
        count = sum(answer.look is looks for answer in self.night_answers)
        return _rate(count, self.nights)

    def json(self) -> dict[str, object]:
        """The one object that `--json` prints."""
        times = [outcome.after_min for outcome in self.falls if outcome.after_min is not None]
        return {
            "recording": self.recording,
            "nights": self.nights,
            "alarms_per_30_nights": self.per_30_nights(looks=False),
            "looks_per_30_nights": self.per_30_nights(looks=True),
            "inactivity_per_30_days": _rate(self.inactivity, self.days),
            "falls_injected": len(self.falls),
            "falls_answered": sum(outcome.answered for outcome in self.falls),
            "answer_p50_min": round(median(times), 1) if times else None,
            "answer_max_min": round(max(times), 1) if times else None,
        }


def score(
    recording: Recording,
    home: HomeFacts | None = None,
    settings: Mapping[str, RuleSettings] | None = None,
    *,
    falls_seed: int | None = DEFAULT_SEED,
    any_silence: bool = False,
    real: Pass | None = None,
) -> Score:
    """Score one recording.

    `home` None: its devices are made from the file.  `settings` as for a replay; what is missing
    has its defaults.  `falls_seed` None: no falls are injected; `any_silence`: also where the
    mat most likely lost a sleeper (see `gateway.replay.injected_falls`).  `real`: the pass without
    falls, made before with the same home and settings; None: it is made here.
    """
    given = settings or {}
    real = run_pass(recording, home, given) if real is None else real
    outcomes = []
    if falls_seed is not None:
        outcomes = list(_falls(recording, home, given, falls_seed, any_silence))
    tz = zone(recording.timezone)
    at_night = tuple(a for a in real.answers if is_night(a.at.astimezone(tz).time()))
    begin, end = _span(recording)
    raised = [e.data for e in real.decided if isinstance(e.data, AlarmRaised)]
    return Score(
        recording=recording.home or recording.path.name,
        nights=round(_night_hours(begin, end, recording.timezone) / NIGHT_H, 1),
        days=round((end - begin) / timedelta(days=1), 1),
        real=real,
        night_answers=at_night,
        inactivity=sum(data.type is AlarmType.INACTIVITY for data in raised),
        technical=sum(data.severity is Severity.TECHNICAL for data in raised),
        falls=tuple(outcomes),
        by_rule=_table(at_night, lambda answer: f"{answer.rule}: {answer.word}"),
        by_hour=_table(real.answers, lambda answer: answer.at.astimezone(tz).hour),
    )


def is_night(local: time) -> bool:
    """Whether a local time lies in the night that is counted."""
    return local >= NIGHT_FROM or local < NIGHT_TO


def tried(settings: Mapping[str, RuleSettings], changes: Sequence[str]) -> dict[str, RuleSettings]:
    """`settings` with changes such as `bed_exit.back_within_min=20`.

    Raises `ConfigError`, one sentence, for a rule or key that is none or a value that cannot be.
    """
    changed = dict(settings)
    for change in changes:
        path, is_set, value = change.partition("=")
        rule, _, key = path.partition(".")
        try:
            cls = settings_class(rule)
        except KeyError:
            raise ConfigError("--try", rule, "is no rule", "see docs/configuration.md") from None
        if not is_set or key not in cls.model_fields or key == "home":
            raise ConfigError("--try", path, "is no key", "write rule.key=value")
        old = changed[rule].model_dump(exclude={"home"}) if rule in changed else {}
        try:
            changed[rule] = cls.model_validate({**old, key: value})
        except ValidationError as error:
            problem = error.errors()[0]["msg"]
            raise ConfigError("--try", path, problem, "see docs/configuration.md") from error
    return changed


# --- running --------------------------------------------------------------------------------------


class _Dry(Sequencer):
    """Numbers events and neither chains nor keeps them: nothing here is stored."""

    def _seal(self, draft: Draft, at: datetime, mono_s: float) -> Event:  # noqa: ARG002
        stamped = draft.at or at
        self.seq += 1
        clock: ClockState = "synced"
        event = Event(
            origin=self.origin,
            seq=self.seq,
            at=stamped.replace(microsecond=stamped.microsecond // 1000 * 1000),
            clock=clock,
            boot=BOOT,
            mono_s=0.0,
            data=draft.data,
            device=draft.device,
            person=draft.person,
            because=draft.because,
        )
        self._on_event(event)
        return event


def run_pass(
    recording: Recording,
    home: HomeFacts | None,
    settings: Mapping[str, RuleSettings],
    falls: Sequence[Fall] = (),
) -> Pass:
    """Run the rules once, the rows hidden by `falls` left out, and the night team answering."""
    heard = injected(recording.rows, falls)
    drafts = ((row.at, Draft(row.data, device=row.device, at=row.at)) for row in heard)
    return run_drafts(drafts, facts_of(recording, home), settings, falls)


def run_drafts(
    drafts: Iterable[tuple[datetime, Draft]],
    facts: HomeFacts,
    settings: Mapping[str, RuleSettings],
    falls: Sequence[Fall] = (),
    team: Team | None = None,
) -> Pass:
    """The same over what happened, each with its moment, in order.  `team` None: one that answers
    everything as the module says."""
    team = team or Team(falls)
    dry = _Dry(Fold(bind(settings, facts)), origin=f"home:{facts.id}", boot=BOOT, on_event=team.see)
    last: datetime | None = None
    for last, draft in drafts:
        team.speak(dry, last)
        dry.number(draft, at=last, mono_s=0.0)
        if dry.fold.wake is not None and dry.fold.wake <= last:
            dry.run_due(last, 0.0)
        dry.drain()
    if last is not None:
        team.speak(dry, last + AFTER)
        dry.run_due(last + AFTER, 0.0)
    return Pass(tuple(team.decided), tuple(team.answers))


def _falls(
    recording: Recording,
    home: HomeFacts | None,
    settings: Mapping[str, RuleSettings],
    seed: int,
    any_silence: bool,
) -> Iterator[Found]:
    facts = facts_of(recording, home)
    nights = exits(recording.rows, facts, is_night, any_silence=any_silence)
    for evidence in (False, True):
        falls = picked(nights, seed, evidence=evidence)
        if not falls:
            continue
        ran = run_pass(recording, home, settings, falls)
        for fall in falls:
            first = next(iter(ran.between(fall.at, fall.until)), None)
            took = None if first is None else (first.at - fall.at) / timedelta(minutes=1)
            yield Found(fall, None if took is None else round(took, 2), first)


# --- counting -------------------------------------------------------------------------------------


def _span(recording: Recording) -> tuple[datetime, datetime]:
    if not recording.rows:
        return datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)
    return recording.rows[0].at, recording.rows[-1].at


def night_dates(begin: datetime, end: datetime, timezone: str) -> Iterator[date]:
    """The local dates on whose evenings the nights between two moments begin."""
    there = zone(timezone)
    day = begin.astimezone(there).date() - timedelta(days=1)
    while day <= end.astimezone(there).date():
        yield day
        day += timedelta(days=1)


def night_span(day: date, timezone: str) -> tuple[datetime, datetime]:
    """When the night that begins on the evening of `day` begins and ends (UTC)."""
    there = zone(timezone)
    begin = local_to_utc(day, NIGHT_FROM, there).astimezone(UTC)
    return begin, local_to_utc(day + timedelta(days=1), NIGHT_TO, there).astimezone(UTC)


def _night_hours(begin: datetime, end: datetime, timezone: str) -> float:
    hours = 0.0
    for day in night_dates(begin, end, timezone):
        night = night_span(day, timezone)
        hours += max(0.0, (min(end, night[1]) - max(begin, night[0])) / timedelta(hours=1))
    return hours


def _rate(count: int, of: float) -> float | None:
    return round(count * 30.0 / of, 1) if of > 0 else None


def _table(answers: Sequence[Answer], key: Callable[[Answer], K]) -> dict[K, tuple[int, int]]:
    """Alarms and looks by `key`."""
    alarms = Counter(key(answer) for answer in answers if not answer.look)
    looks = Counter(key(answer) for answer in answers if answer.look)
    return {
        name: (alarms[name], looks[name]) for name in sorted(alarms.keys() | looks.keys(), key=str)
    }


def pictures(
    recording: Recording, home: HomeFacts | None, scored: Score
) -> Iterator[tuple[str, str]]:
    """File name and SVG of each night of a scored recording, the real one without falls."""
    from gateway.replay.night_svg import picture

    facts = facts_of(recording, home)
    begin, end = _span(recording)
    for day in night_dates(begin, end, recording.timezone):
        span = night_span(day, recording.timezone)
        if span[1] < begin or span[0] > end:
            continue
        answers = [(a.at, a.look, a.word) for a in scored.real.between(*span)]
        svg = picture(recording, facts, day, span, scored.real.decided, answers)
        yield f"{_safe(scored.recording)}-{day.isoformat()}.svg", svg


def _safe(name: str) -> str:
    """A home's name as a file's: a recording must not choose where its pictures go."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name) or "home"


def least_questions(recording: Recording, home: HomeFacts | None = None) -> float | None:
    """The alarms and looks in 30 nights that any rule needs which answers every fall within
    `FOUND_WITHIN_MIN`, whatever it knows: the silences in which a fall and a sleeper whom the mat
    has lost leave the same rows.  None when the recording covers no night."""
    facts = facts_of(recording, home)
    begin, end = _span(recording)
    within = timedelta(minutes=FOUND_WITHIN_MIN)
    count = len(indistinct(recording.rows, facts, is_night, within))
    return _rate(count, _night_hours(begin, end, recording.timezone) / NIGHT_H)


def naive(recording: Recording, empty_min: float = 15.0) -> float | None:
    """What the rule "bed empty for so many minutes at night" would raise in 30 nights, the table's
    "before": silences of the mats up to a minute bridged, at least ten minutes in bed before."""
    facts = facts_of(recording)
    there = zone(recording.timezone)
    begin, end = _span(recording)
    count = sum(
        gone.in_bed >= IN_BED
        and gone.silent_s >= empty_min * 60.0
        and is_night((gone.at + timedelta(minutes=empty_min)).astimezone(there).time())
        for gone in silences(recording.rows, set(facts.with_role("bed")), 60.0)
    )
    return _rate(count, _night_hours(begin, end, recording.timezone) / NIGHT_H)
