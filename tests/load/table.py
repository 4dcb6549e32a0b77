"""The table: what each scene came to, for each number of homes and each database, on the screen, as
JSON, and in docs/scale.md.

Not for: measuring.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.load.figures import NEVER, Figures, Value
from tests.load.page_costs import PageCost
from tests.load.town import Kind

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"

BEGIN, END = "<!-- measured: make load -->", "<!-- end of what was measured -->"

TITLES = {
    "day": "A morning in warped time",
    "storm": "The storm, one home in twenty with an alarm",
    "storm_all": "The storm, every home with an alarm",
    "silence": "All fall silent at once",
}
"""Scenes by name, in the order of the table."""

WORDS = {
    "alarm_stored": "alarm, from the home to stored",
    "alarm_on_screen": "alarm, from the home to a screen",
    "alarms_on_screens": "alarms heard, at all screens together",
    "alarm_taken": "alarm taken by a tap",
    "door_turned": "door, from the tap to its end on the screen",
    "batch": "batch, asked to answered",
    "now_in_storm": "*Nu* during the storm",
    "now_in_calm": "*Nu* after the storm",
    "pages": "pages of the menu",
    "events_per_s": "events a second",
    "calm_events_per_s": "events a second, a few homes one after another",
    "events_per_s_ratio": "of the calm rate",
    "now_p95_ratio": "*Nu*, p95 over the calm p95",
    "unanswered": "requests without an answer in 20 s",
    "sent_again": "requests with what the server had confirmed before",
    "streams_refused": "streams refused",
    "alarms_open": "alarms, one a home",
    "mass_alarms": "shown, taken and closed as so many",
    "took_s": "until the server had everything, s",
    "told_s": "from the last word until all was told, s",
    "rings": "rings at a screen",
    "wasted_pct": "requests wasted (answered too late, or sent twice), %",
    "refused": "requests told to come again (429, 503)",
    "refused_told_when": "of these, with `Retry-After`",
    "up_mb": "sent up, MB",
    "server_rss_max_mb": "memory of the server at most, MB",
    "server_used_s": "processor that the server used, s",
    "answers_500": "answers that are a fault of the server (5xx but 503)",
    "heads_wrong": "logs that differ between home and server",
    "alarms_wrong": "alarms that are not on the list just once",
    "hostile_taken": "hostile requests taken",
}
"""A figure's row where its name alone does not say it."""


def _plain(values: dict[str, Value]) -> dict[str, float | str | None]:
    return {name: "never" if value == NEVER else value for name, value in values.items()}


PARTS = ("p50", "p95", "p99")
"""What stands in one cell of a time."""


@dataclass
class Run:
    """What one town came to."""

    homes: int
    database: Kind
    scenes: list[Figures] = field(default_factory=list)
    pages: list[PageCost] = field(default_factory=list)

    def as_json(self) -> str:
        """One JSON object on one line."""
        return json.dumps(
            {
                "homes": self.homes,
                "database": self.database,
                "scenes": {one.scene: _plain(one.values) for one in self.scenes},
                "said": [text for one in self.scenes for text in one.said],
                "pages": [asdict(page) for page in self.pages],
            }
        )

    @classmethod
    def from_json(cls, line: str) -> Run:
        """The run that `as_json` wrote."""
        obj = json.loads(line)
        run = cls(obj["homes"], obj["database"])
        for scene, values in obj["scenes"].items():
            known = {name: NEVER if value == "never" else value for name, value in values.items()}
            run.scenes.append(Figures(scene, known, []))
        run.pages = [PageCost(**page) for page in obj["pages"]]
        return run

    @property
    def title(self) -> str:
        """Of its column."""
        return f"{self.homes:,} {'SQLite' if self.database == 'sqlite' else 'PostgreSQL'}"


def number(value: Value) -> str:
    """As it stands in the table."""
    if value is None:
        return "–"
    if value == NEVER:
        return "never"
    if value == 0 or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def rows_of(runs: Sequence[Run], scene: str) -> list[list[str]]:
    """A scene's rows: the figure, then its value in each run; three quantiles share a row."""
    found = [_scene(run, scene) for run in runs]
    names = dict.fromkeys(name for one in found if one is not None for name in one.values)
    names.pop("homes", None)
    rows: dict[str, list[str]] = {}
    for name in names:
        first = name.removesuffix(f"_{PARTS[0]}_s")
        if first != name:
            words, of = f"{WORDS.get(first, first)}, s", [f"{first}_{part}_s" for part in PARTS]
        elif any(name.endswith(f"_{part}_s") for part in PARTS):
            continue
        else:
            words, of = WORDS.get(name, name.replace("_", " ")), [name]
        rows[words] = [
            " / ".join(number(one.values.get(n)) for n in of) if one else "–" for one in found
        ]
    return [[words, *cells] for words, cells in rows.items()]


def _cell(one: Figures | None, names: Sequence[str]) -> str:
    return "–" if one is None else " / ".join(number(one.values.get(name)) for name in names)


def _scene(run: Run, scene: str) -> Figures | None:
    return next((one for one in run.scenes if one.scene == scene), None)


def page_rows(runs: Sequence[Run]) -> list[list[str]]:
    """The pages' rows: the page, then seconds, statements, commits and kilobytes of each run."""
    paths = dict.fromkeys(page.path for run in runs for page in run.pages)
    rows = []
    for path in paths:
        cells = []
        for run in runs:
            cost = next((page for page in run.pages if page.path == path), None)
            cells.append(
                "–"
                if cost is None
                else f"{cost.took_s:.2f} / {cost.statements} / {cost.commits} / {cost.kb:.0f}"
            )
        rows.append([_shown(path), *cells])
    return rows


def _shown(path: str) -> str:
    parts = path.split("/")
    return "/hem/…" if parts[1:2] == ["hem"] and len(parts) > 2 else path


TIMES = "Times are p50 / p95 / p99."


def as_text(runs: Sequence[Run]) -> str:
    """The whole table as Markdown."""
    parts = []
    heads = [run.title for run in runs]
    for scene, title in TITLES.items():
        rows = rows_of(runs, scene)
        if rows:
            parts += [f"### {title}", "", TIMES, "", *_table(["", *heads], rows), ""]
    rows = page_rows(runs)
    if rows:
        what = "seconds / statements / commits / kB of one opening, by whoever sees every home"
        parts += ["### Pages", "", f"{what[0].upper()}{what[1:]}.", ""]
        parts += [*_table(["", *heads], rows), ""]
    return "\n".join(parts)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [list(heads), *(list(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    made = ["| " + " | ".join(_padded(line, widths)) + " |" for line in lines]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [made[0], "| " + " | ".join(rule) + " |", *made[1:]]


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    first = line[0].ljust(widths[0])
    return [first, *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]


def machine() -> str:
    """Where it was measured, in a sentence."""
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()} on "
        f"{os.cpu_count()} cores, which the simulator and the database shared with the server "
        f"(load average at the end: {os.getloadavg()[0]:.1f})."
    )


def write(runs: Sequence[Run], page: Path = PAGE) -> None:
    """Put the table into the page, in place of the one that is there."""
    text = page.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest:
        raise ValueError(f"{page} has no line {BEGIN}")
    made = f"{BEGIN}\n\n{machine()}\n\n{as_text(runs)}\n{END}"
    page.write_text(before + made + after, encoding="utf-8")
