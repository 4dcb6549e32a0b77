"""Reading a plan from a CSV file into `plan_import.Draft`s.

UTF-8, with `;` or `,`; a header and one line a visit; the names in English or Swedish:

    id     id       what the visit is called in the planning system; needed
    home   hem      the home's id; needed
    start  start    local time in the home, `2026-11-24 08:00`, or with an offset; needed
    end    slut     as start, or only `08:45`: the same day, or the next morning after an evening
    what   insats   what is to be done: no names
    people personal person ids or account addresses, with spaces between
    team   grupp    a team's name
    staff  antal    how many persons it takes; 2 is double staffing

Every bad line gets one sentence with its number.  Not for: iCalendar (`plan_ical`), or what a plan
may hold (`plan_import`).
"""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime, time, timedelta

from gateway.errors import UserError
from web.staff.visits.plan_import import (
    YEAR_MAX,
    YEAR_MIN,
    Draft,
    Flaw,
    LineError,
    PlanRefused,
    composed,
)

EVENING, MORNING = time(18, 0), time(10, 0)
"""An end without a day that is not after its beginning is on the day after when the visit begins
in the evening and ends by the morning; otherwise somebody mistyped."""

NAMES = {
    "id": "id",
    "home": "home",
    "hem": "home",
    "start": "start",
    "end": "end",
    "slut": "end",
    "what": "what",
    "insats": "what",
    "people": "people",
    "personal": "people",
    "team": "team",
    "grupp": "team",
    "staff": "staff",
    "antal": "staff",
}
"""Names of columns, as they may be written, to ours."""

NEEDED = ("id", "home", "start", "end")


NO_TIME = {
    "start": "the start {said!r} is no time; write it as 2026-11-24 08:00.",
    "end": "the end {said!r} is no time; write it as 2026-11-24 08:00.",
}
"""By the column."""


class _Wrong(Exception):
    """One line cannot be read."""

    def __init__(self, template: str, **values: object) -> None:
        self.flaw = Flaw.of(template, **values)
        super().__init__(self.flaw)


def text_of(data: bytes) -> str:
    """The text of a file: UTF-8, with or without Excel's mark; in NFC.  Raises `UserError`."""
    try:
        return composed(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UserError(Flaw.of("The file is not in UTF-8; save it as “CSV UTF-8”.")) from error


# --- CSV ------------------------------------------------------------------------------------------


def read_csv(text: str) -> list[Draft]:
    """The visits of a CSV file.  Raises `PlanRefused`, or `UserError` when the header is wrong."""
    header = text.split("\n", 1)[0]
    delimiter = ";" if header.count(";") >= header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    drafts: list[Draft] = []
    errors: list[LineError] = []
    try:
        columns = _columns(next(reader, []))
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            try:
                drafts.append(_line(columns, cells, reader.line_num))
            except _Wrong as wrong:
                errors.append(LineError(reader.line_num, wrong.flaw))
    except csv.Error as error:
        flaw = Flaw.of("it is no CSV: {why}.", why=error)
        raise PlanRefused([LineError(reader.line_num, flaw)]) from error
    if errors:
        raise PlanRefused(errors)
    return drafts


def _columns(header: list[str]) -> list[str]:
    names = [cell.strip().casefold() for cell in header]
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise UserError(
            Flaw.of(
                "line 1: the column {name!r} is not known; there are {known}.",
                name=unknown[0],
                known=", ".join(NAMES),
            )
        )
    columns = [NAMES[name] for name in names]
    for name in NEEDED:
        if name not in columns:
            raise UserError(Flaw.of("line 1: the column {name!r} is missing.", name=name))
    if len(set(columns)) < len(columns):
        raise UserError(Flaw.of("line 1: a column is there twice."))
    return columns


def _line(columns: list[str], cells: list[str], line: int) -> Draft:
    if len(cells) != len(columns):
        raise _Wrong(
            "it has {count} columns, and the header {head}.", count=len(cells), head=len(columns)
        )
    named = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
    since = _at(named["start"], "start")
    staff = named.get("staff", "")
    if staff and not re.fullmatch(r"[0-9]{1,2}", staff):
        raise _Wrong("the number of staff {said!r} is no number.", said=staff)
    return Draft(
        line=line,
        home=named["home"],
        external_id=named["id"],
        since=since,
        until=_end(named["end"], since),
        what=named.get("what", ""),
        people=tuple(re.split(r"[\s+]+", named["people"])) if named.get("people") else (),
        team=named.get("team") or None,
        staff_needed=int(staff) if staff else None,
    )


def _at(text: str, name: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or len(text) < len("2026-11-24 08:00"):
        raise _Wrong(NO_TIME[name], said=text)
    if not YEAR_MIN <= at.year <= YEAR_MAX:
        raise _Wrong("the time has the year {year}.", year=at.year)
    return at


def _end(text: str, since: datetime) -> datetime:
    if not re.fullmatch(r"[0-9]{1,2}[:.][0-9]{2}", text):
        return _at(text, "end")
    try:
        hour, minute = re.split("[:.]", text)
        clock = time(int(hour), int(minute))
    except ValueError:
        raise _Wrong("the end {said!r} is no time; write it as 08:45.", said=text) from None
    until = datetime.combine(since.date(), clock, since.tzinfo)
    over_night = since.time() >= EVENING and clock <= MORNING
    return until + timedelta(days=1) if until <= since and over_night else until
