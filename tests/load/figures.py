"""What a scene came to, in figures: made from the ledger, the proof and the server's process.

Not for: showing them (`table`), or goals (`tests/bench/storm.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.load import hostile, proof
from tests.load.home import LoadHome
from tests.load.ledger import Asked, Ledger, quantile, refused, unanswered
from tests.load.town import Town

Value = float | None

NEVER = math.inf
"""Seconds that something took which never came."""

LANES = ("events", "urgent", "stream", "heartbeat")
NOW = "GET /nu"

PARTS = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


@dataclass
class Figures:
    """By name, in the order in which a table shows them; None: there was nothing to measure;
    `NEVER`: it did not come."""

    scene: str
    values: dict[str, Value] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    @classmethod
    def of_storm(
        cls,
        town: Town,
        homes: Sequence[LoadHome],
        ledger: Ledger,
        *,
        alarms: int,
        events: int,
        took_s: float | None,
        calm_events_s: float,
        began_s: float,
        over_s: float,
        screens: int,
    ) -> Figures:
        """Of everybody who came back at once."""
        made = cls("storm")
        rate = events / took_s if took_s else 0.0
        made.values |= {
            "homes": len(homes),
            "alarms": alarms,
            "took_s": took_s or NEVER,
            "events_per_s": rate,
            "calm_events_per_s": calm_events_s,
            "events_per_s_ratio": rate / calm_events_s,
        }
        made._waits(ledger, alarms)
        made._lanes(ledger)
        pages = ledger.of(NOW)
        storm = [_seconds(one) for one in pages if began_s <= one.began_s < over_s]
        calm = [_seconds(one) for one in pages if one.began_s >= over_s + 1]
        made._times("now_in_storm", storm)
        made._times("now_in_calm", calm)
        worst, usual = quantile(storm, 0.95), quantile(calm, 0.95)
        made.values["now_p95_ratio"] = _ratio(worst, usual)
        made._rest(town, homes, ledger, screens)
        return made

    @classmethod
    def of_day(
        cls,
        town: Town,
        homes: Sequence[LoadHome],
        ledger: Ledger,
        *,
        alarms: int,
        took_s: float | None,
        began_s: float,
        screens: int,
    ) -> Figures:
        """Of a piece of a day."""
        made = cls("day")
        events = sum(home.log.head() - 1 for home in homes)
        made.values |= {
            "homes": len(homes),
            "alarms": alarms,
            "took_s": took_s or NEVER,
            "events_per_s": events / took_s if took_s else 0.0,
        }
        made._waits(ledger, alarms)
        made._lanes(ledger)
        pages = sorted({one.what for one in ledger.asked if one.what.startswith("GET /")})
        took = [
            _seconds(one)
            for one in ledger.of(*(page for page in pages if page != "GET /live"))
            if one.began_s >= began_s
        ]
        made._times("pages", took)
        made._rest(town, homes, ledger, screens)
        return made

    @classmethod
    def of_silence(
        cls,
        town: Town,
        homes: Sequence[LoadHome],
        ledger: Ledger,
        *,
        told_s: float | None,
        limit_s: float,
        alarms: int,
        gathered: int,
        back: bool,
        screens: int,
    ) -> Figures:
        """Of all who fell silent together."""
        made = cls("silence")
        made.values |= {
            "homes": len(homes),
            "silent_after_s": limit_s,
            "told_s": told_s or NEVER,
            "alarms_open": alarms,
            "mass_alarms": gathered,
            "rings": ledger.counts["rings"] / screens if screens else None,
            "all_heard_again": float(back),
        }
        made._rest(town, homes, ledger, screens)
        return made

    # --- what they have in common

    def _times(self, what: str, took: Iterable[float]) -> None:
        values = list(took)
        for name, part in PARTS:
            self.values[f"{what}_{name}_s"] = quantile(values, part)

    def _waits(self, ledger: Ledger, alarms: int) -> None:
        stored = ledger.waits("alarm_stored")
        self.values["alarms_stored"] = len(stored)
        self.values["alarms_on_screens"] = len(ledger.waits("alarm_on_screen"))
        # an alarm that nobody heard of must not make the others look quick
        self._times("alarm_stored", [*stored, *[NEVER] * (alarms - len(stored))])
        for what in ("alarm_on_screen", "alarm_taken"):
            self._times(what, ledger.waits(what))
        doors = [NEVER] * ledger.counts["doors_not_heard"]
        self._times("door_turned", [*ledger.waits("door_turned"), *doors])

    def _lanes(self, ledger: Ledger) -> None:
        self._times("batch", (one.took_s for one in ledger.of("events") if one.status == 200))

    def _rest(self, town: Town, homes: Sequence[LoadHome], ledger: Ledger, screens: int) -> None:
        asked = ledger.of(*LANES)
        stored_again = ledger.counts["sent_again"]
        wasted = unanswered(asked) + stored_again
        with town.parts() as parts:
            found = proof.compare(parts, homes)
        bad = sum(hostile.taken(ledger).values())
        self.values |= {
            "requests": len(asked),
            "up_mb": sum(one.up_bytes for one in asked) / 1e6,
            "refused": refused(asked),
            "refused_told_when": sum(one.wait_told for one in asked),
            "unanswered": unanswered(asked),
            "sent_again": stored_again,
            "wasted_pct": 100 * wasted / len(asked) if asked else None,
            "streams_refused": _not_200(ledger.of("stream")),
            "pages_unanswered": sum(one.status == 0 for one in _pages(ledger)),
            "pages_refused": sum(one.status in (429, 503) for one in _pages(ledger)),
            "answers_500": sum(
                500 <= one.status < 600 and one.status != 503 for one in ledger.asked
            ),
            "screens": screens,
            "screens_loaded_anew": ledger.counts["screens_loaded_anew"],
            "doors_not_heard": ledger.counts["doors_not_heard"],
            "hostile_refused": ledger.counts["hostile_refused"],
            "hostile_unanswered": ledger.counts["hostile_unanswered"],
            "hostile_taken": bad,
            "server_rss_max_mb": town.rss_max_kb / 1000,
            "server_used_s": town.used_s,
            "tracebacks": town.tracebacks(),
            "events_stored": found.stored,
            "events_lost": found.lost,
            "events_doubled": found.doubled + ledger.counts["alarms_told_twice"],
            "heads_wrong": found.heads_wrong,
            "alarms_wrong": found.alarms_wrong,
        }
        self.said += [*found.said, *ledger.said]
        self.said += [f"taken: {name}" for name in hostile.taken(ledger)]

    @property
    def whole(self) -> bool:
        """Whether nothing was lost or doubled, and nothing taken that must not be."""
        wrong = ("events_lost", "events_doubled", "heads_wrong", "alarms_wrong", "hostile_taken")
        return not any(self.values.get(name) for name in wrong)


def _pages(ledger: Ledger) -> list[Asked]:
    return [one for one in ledger.asked if one.what.startswith(("GET /", "POST /"))]


def _seconds(page: Asked) -> float:
    """How long a page took; one that was refused or given up never came."""
    return page.took_s if page.status == 200 else NEVER


def _ratio(worst: Value, usual: Value) -> Value:
    return worst / usual if worst and usual and usual < NEVER else None


def _not_200(asked: Iterable[Asked]) -> int:
    return sum(one.status not in (200, 0) for one in asked)


def _is_fault(asked: Asked) -> bool:
    return asked.status >= 500 and asked.status != 503
