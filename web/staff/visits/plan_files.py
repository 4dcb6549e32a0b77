"""Reading a plan: a CSV file, or an iCalendar file, into `plan_store.Draft`s.

CSV (UTF-8, with `;` or `,`), a header and one line a visit; the names in English or Swedish:

    id     id       what the visit is called in the planning system; needed
    home   hem      the home's id; needed
    start  start    local time in the home, `2026-11-24 08:00`, or with an offset; needed
    end    slut     as start, or only `08:45` (the same day, or the night after); needed
    what   insats   what is to be done: no names
    people personal person ids or account addresses, with spaces between
    team   grupp    a team's name
    staff  antal    how many persons it takes; 2 is double staffing

iCalendar (RFC 5545): one VEVENT a visit.  The home is `X-TRYGGVE-HOME`, else LOCATION; persons are
ATTENDEE addresses; SUMMARY is what; `X-TRYGGVE-TEAM`, `X-TRYGGVE-STAFF` as above; repeating visits
are written out for the days asked for; STATUS:CANCELLED takes a visit out of the plan.

Every bad line gets one sentence with its number.  Not for: what a plan may hold (`plan_import`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gateway.errors import UserError
from web.staff.visits.plan_import import ROWS_MAX, Draft, LineError, PlanRefused

AHEAD = timedelta(days=62)
"""How far repeating visits are written out: two months, as plans are made for one at a time."""

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

SLOW = frozenset({"YEARLY", "MONTHLY", "WEEKLY", "DAILY"})
"""How often a visit may repeat; a rule by the minute is a mistake, or an attack."""


class _Wrong(Exception):
    """One line cannot be read; its text is the sentence."""


def text_of(data: bytes) -> str:
    """The text of a file: UTF-8, with or without Excel's mark.  Raises `UserError`."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError("The file is not in UTF-8; save it as “CSV UTF-8”.") from error


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
                errors.append(LineError(reader.line_num, str(wrong)))
    except csv.Error as error:
        raise PlanRefused([LineError(reader.line_num, f"it is no CSV: {error}.")]) from error
    if errors:
        raise PlanRefused(errors)
    return drafts


def _columns(header: list[str]) -> list[str]:
    names = [cell.strip().casefold() for cell in header]
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise UserError(
            f"line 1: the column {unknown[0]!r} is not known; there are {', '.join(NAMES)}."
        )
    columns = [NAMES[name] for name in names]
    for name in NEEDED:
        if name not in columns:
            raise UserError(f"line 1: the column {name!r} is missing.")
    if len(set(columns)) < len(columns):
        raise UserError("line 1: a column is there twice.")
    return columns


def _line(columns: list[str], cells: list[str], line: int) -> Draft:
    if len(cells) != len(columns):
        raise _Wrong(f"it has {len(cells)} columns, and the header {len(columns)}.")
    named = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
    since = _at(named["start"], "start")
    staff = named.get("staff", "")
    if staff and not re.fullmatch(r"[0-9]{1,2}", staff):
        raise _Wrong(f"the number of staff {staff!r} is no number.")
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
        raise _Wrong(f"the {name} {text!r} is no time; write it as 2026-11-24 08:00.")
    return at


def _end(text: str, since: datetime) -> datetime:
    if not re.fullmatch(r"[0-9]{1,2}[:.][0-9]{2}", text):
        return _at(text, "end")
    try:
        hour, minute = re.split("[:.]", text)
        clock = time(int(hour), int(minute))
    except ValueError:
        raise _Wrong(f"the end {text!r} is no time; write it as 08:45.") from None
    until = datetime.combine(since.date(), clock, since.tzinfo)
    # in wall time: the night after
    return until if until > since else until + timedelta(days=1)


# --- iCalendar ------------------------------------------------------------------------------------


def read_ical(text: str, first: datetime, *, home: str | None = None) -> list[Draft]:
    """The visits of an iCalendar file; repeating ones from `first` (aware) on for `AHEAD`.  `home`
    is where an event names none.  Raises `PlanRefused`, or `UserError` for what is no calendar."""
    from icalendar import Calendar

    try:
        calendar: Any = Calendar.from_ical(text)
        events = list(calendar.walk("VEVENT"))
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise UserError(f"The file is no iCalendar file: {error}.") from error
    lines = _lines_of(text, "BEGIN:VEVENT")
    moved = {_moved(event) for event in events} - {None}
    drafts: list[Draft] = []
    errors: list[LineError] = []
    for number, event in enumerate(events):
        line = lines[number] if number < len(lines) else number + 1
        try:
            drafts.extend(_visits(event, line, first, home, moved))
        except _Wrong as wrong:
            errors.append(LineError(line, str(wrong)))
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            errors.append(LineError(line, f"the event cannot be read: {error}."))
        if len(drafts) > ROWS_MAX:
            raise UserError(f"A plan has at most {ROWS_MAX} visits; send it in parts.")
    if errors:
        raise PlanRefused(errors)
    return drafts


def _lines_of(text: str, begin: str) -> list[int]:
    return [n for n, line in enumerate(text.splitlines(), 1) if line.strip().upper() == begin]


def _visits(
    event: Any, line: int, first: datetime, home: str | None, moved: set[Any]
) -> Iterator[Draft]:
    uid = str(event.get("UID", "")).strip()
    start = _time_of(event, "DTSTART")
    if "DTEND" in event:
        length = _time_of(event, "DTEND") - start
    elif "DURATION" in event:
        length = event.decoded("DURATION")
    else:
        raise _Wrong("the event has no end.")
    status = str(event.get("STATUS", "")).upper()
    staff = str(event.get("X-TRYGGVE-STAFF", "")).strip()
    if staff and not re.fullmatch(r"[0-9]{1,2}", staff):
        raise _Wrong(f"the number of staff {staff!r} is no number.")
    common: dict[str, Any] = {
        "line": line,
        "home": str(event.get("X-TRYGGVE-HOME") or home or event.get("LOCATION") or "").strip(),
        "what": str(event.get("SUMMARY", "")).strip(),
        "people": _attendees(event),
        "team": str(event.get("X-TRYGGVE-TEAM", "")).strip() or None,
        "staff_needed": int(staff) if staff else None,
        "withdrawn": status == "CANCELLED",
    }
    alone = "RRULE" not in event and "RECURRENCE-ID" not in event
    if alone:
        yield Draft(external_id=uid, since=start, until=start + length, **common)
        return
    for at in [start] if "RECURRENCE-ID" in event else _repeats(event, start, first):
        named = _time_of(event, "RECURRENCE-ID") if "RECURRENCE-ID" in event else at
        if "RECURRENCE-ID" not in event and (uid, _wall(named)) in moved:
            continue  # this one has an event of its own
        external_id = f"{uid}@{_wall(named):%Y-%m-%dT%H:%M}"
        yield Draft(external_id=external_id, since=at, until=at + length, **common)


def _time_of(event: Any, name: str) -> datetime:
    if name not in event:
        raise _Wrong(f"the event has no {name}.")
    value = event.decoded(name)
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        raise _Wrong("the event has a day and no time; a visit needs both.")
    raise _Wrong(f"the event's {name} cannot be read.")


def _wall(at: datetime) -> datetime:
    return at.replace(tzinfo=None)


def _moved(event: Any) -> tuple[str, datetime] | None:
    """Which of a row of visits this event stands for; None for an event by itself."""
    if "RECURRENCE-ID" not in event:
        return None
    named = event.decoded("RECURRENCE-ID")
    return (
        (str(event.get("UID", "")).strip(), _wall(named)) if isinstance(named, datetime) else None
    )


def _repeats(event: Any, start: datetime, first: datetime) -> Iterator[datetime]:
    """The beginnings of a repeating visit from `first` for `AHEAD`: reckoned by the clock on the
    wall, so that a visit at eight stays at eight when summer time ends."""
    from dateutil.rrule import rrulestr  # type: ignore[import-untyped]

    rule = event["RRULE"]
    if isinstance(rule, list):
        raise _Wrong("the event has more than one rule to repeat.")
    if not {str(word).upper() for word in rule.get("FREQ", [])} <= SLOW:
        raise _Wrong("the event repeats more often than daily.")
    zone = start.tzinfo
    if "UNTIL" in rule:
        rule["UNTIL"] = [_wall_until(until, zone) for until in _listed(rule["UNTIL"])]
    here = zone if zone is not None else ZoneInfo("UTC")
    begin = _wall(first.astimezone(here)) - timedelta(days=1)
    rows = rrulestr(rule.to_ical().decode(), dtstart=_wall(start))
    left_out = {_wall(value) for value in _dates(event, "EXDATE")}
    more = [_wall(value) for value in _dates(event, "RDATE")]
    for wall in sorted({*rows.between(begin, begin + AHEAD, inc=True), *more}):
        if wall not in left_out and begin <= wall <= begin + AHEAD:
            yield wall.replace(tzinfo=zone)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _wall_until(until: Any, zone: Any) -> Any:
    if isinstance(until, datetime) and until.tzinfo is not None:
        return _wall(until.astimezone(zone) if zone is not None else until)
    return until


def _dates(event: Any, name: str) -> list[datetime]:
    if name not in event:
        return []
    values = [entry.dt for one in _listed(event[name]) for entry in one.dts]
    return [value for value in values if isinstance(value, datetime)]


def _attendees(event: Any) -> tuple[str, ...]:
    addresses = [str(one).strip() for one in _listed(event.get("ATTENDEE", []))]
    return tuple(re.sub(r"(?i)^mailto:", "", one) for one in addresses if one)
