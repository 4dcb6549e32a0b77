"""Visits as CSV for a spreadsheet, and as FHIR R4 Encounters for another system.

What leaves here has ids and no names of residents.  Not for: choosing whose visits somebody may
export (the page and the command line do).
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, or_, select

from gateway.events import utc_text
from web.shown_text import seen
from web.staff.core.i18n import local
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.rows import VisitRow, read_all
from web.staff.visits import followup, plan
from web.staff.visits.followup import Compared, DoneVisit, Undone
from web.staff.visits.visit_actions import times_of

OPENERS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A cell that begins so is taken for a formula by a spreadsheet (OWASP: CSV injection); the last
four are the first four in full width."""

LOOK_BACK = timedelta(days=2)
"""A visit that began this long before the days asked for may still answer a visit planned in
them."""

SYSTEM = "urn:tryggve"
"""Of identifiers: `urn:tryggve:event`, `…:home`, `…:resident`, `…:staff`."""

HOME_HEALTH = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "code": "HH",
    "display": "home health",
}


@dataclass(frozen=True, slots=True)
class Days:
    """The visits of some homes in some days: the lines, and the rows of `visit` by reference."""

    lines: tuple[Compared, ...]
    rows: Mapping[str, VisitRow]


def read_days(
    conn: Connection,
    homes: Collection[str],
    start: datetime,
    end: datetime,
    *,
    now: datetime,
    tolerance: timedelta,
) -> Days:
    """What was planned for and done in these homes from `start` to `end` (aware), compared.

    A visit that began in the span is in it; one that is open is in the span that holds `now`.
    """
    v, d = t.visit.c, t.visit_declined.c
    listed = sorted(homes)
    near = v.since.between(start - LOOK_BACK, end + LOOK_BACK)
    query = select(t.visit).where(among(v.home_id, listed), or_(near, v.since.is_(None)))
    rows = {row.id: row for row in read_all(conn, VisitRow, query)}
    declined = conn.execute(
        select(t.visit_declined).where(
            among(d.home_id, listed), d.at.between(start - LOOK_BACK, end + LOOK_BACK)
        )
    )
    undone = [Undone(r.id, r.home_id, r.person, r.at, r.why, r.planned) for r in declined]
    absent: dict[str, list[Any]] = {}
    for row in plan.away(conn, listed, start - LOOK_BACK, end + LOOK_BACK):
        absent.setdefault(row.home_id, []).append(row)
    lines = followup.compare(
        plan.planned(conn, listed, start - LOOK_BACK, end + LOOK_BACK),
        [one for row in rows.values() if (one := _done(row)) is not None],
        undone,
        now=now,
        tolerance=tolerance,
        is_away=lambda home, at: plan.is_away(absent.get(home, ()), home, at),
    )
    shown = tuple(line for line in lines if _belongs(line, start, end, now))
    return Days(shown, rows)


def _done(row: VisitRow) -> DoneVisit | None:
    times = times_of(row)
    if times.since is None:
        return None
    return DoneVisit(row.id, row.home_id, row.person, times.since, times.until, row.overdue)


def _belongs(line: Compared, start: datetime, end: datetime, now: datetime) -> bool:
    if start <= line.at < end:
        return True
    still = any(one.until is None for one in line.done)
    return still and line.at < start <= now < end


# --- CSV ------------------------------------------------------------------------------------------


def cell(text: object) -> str:
    """A value as a spreadsheet may show it: never a formula."""
    said = "" if text is None else seen(str(text))
    return f"'{said}" if said.lstrip().startswith(OPENERS) or said.startswith(OPENERS) else said


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file that Excel in Swedish opens as it is: UTF-8 with its mark, `;` between cells."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([cell(one) for one in header])
    writer.writerows([cell(one) for one in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


HEADER = (
    "home",
    "planned_start",
    "planned_end",
    "what",
    "staff_needed",
    "person",
    "arrival",
    "arrival_source",
    "departure",
    "departure_source",
    "minutes",
    "arrival_stamped",
    "departure_stamped",
    "corrected_by",
    "correction_reason",
    "approved_by",
    "deviations",
    "event",
)
"""Columns of the CSV.  Times are local in the home, with offset; `arrival` and `departure` are the
times that count, `…_stamped` the originals of corrected ones."""


def to_csv(days: Days, zones: Mapping[str, str]) -> bytes:
    """The lines as CSV, one line for each visit; `zones` home to IANA name."""
    return csv_bytes(HEADER, _csv_rows(days, zones))


def _csv_rows(days: Days, zones: Mapping[str, str]) -> Iterable[Sequence[object]]:
    for line in days.lines:
        zone, p = zones.get(line.home), line.planned

        def at(moment: datetime | None, zone: str | None = zone) -> str:
            return "" if moment is None else local(moment, zone).isoformat(timespec="seconds")

        head = [line.home, "", "", "", ""]
        if p is not None:
            head = [line.home, at(p.since), at(p.until), p.what, str(p.staff_needed)]
        differs = " ".join(one.value for one in line.deviations)
        if not line.done:
            said = line.undone
            who, ref = ("", "") if said is None else (said.person, said.ref)
            yield [*head, who, *[""] * 10, differs, ref]
        for one in line.done:
            row = days.rows[one.ref]
            length = None if one.until is None else one.until - one.since
            yield [
                *head,
                one.person,
                at(one.since),
                "correction" if row.corrected_since else row.since_source,
                at(one.until),
                "correction" if row.corrected_until else row.until_source,
                "" if length is None else round(length.total_seconds() / 60),
                at(row.since) if row.corrected_since else "",
                at(row.until) if row.corrected_until else "",
                row.corrected_by,
                row.correction_reason,
                row.approved_by,
                differs,
                one.ref,
            ]


# --- FHIR R4 --------------------------------------------------------------------------------------


Resource = dict[str, Any]
"""A FHIR resource, or a part of one."""


def to_fhir(days: Days, residents: Mapping[str, str], *, at: datetime) -> Resource:
    """The lines as a FHIR R4 Bundle (`collection`) of Encounters: `finished`, `in-progress`, and
    `cancelled` for one that did not take place.  `residents` is home to the resident's id."""
    resources: list[Resource] = []
    for line in days.lines:
        resources.extend(_encounter(line, one, days.rows[one.ref], residents) for one in line.done)
        if line.undone is not None and not line.done:
            resources.append(_cancelled(line, line.undone, residents))
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": utc_text(at),
        "entry": [{"fullUrl": f"{SYSTEM}:event:{one['id']}", "resource": one} for one in resources],
    }


def _identifier(sort: str, value: str) -> Resource:
    return {"system": f"{SYSTEM}:{sort}", "value": value}


def _base(ref: str, line: Compared, person: str | None, residents: Mapping[str, str]) -> Resource:
    identifiers = [_identifier("event", ref)]
    resource: Resource = {
        "resourceType": "Encounter",
        "id": hashlib.sha256(ref.encode()).hexdigest()[:40],  # an id has no room for a reference
        "identifier": identifiers,
        "class": HOME_HEALTH,
        "location": [
            {"location": {"type": "Location", "identifier": _identifier("home", line.home)}}
        ],
    }
    if line.home in residents:
        who = _identifier("resident", residents[line.home])
        resource["subject"] = {"type": "Patient", "identifier": who}
    if person is not None:
        staff = {"type": "Practitioner", "identifier": _identifier("staff", person)}
        resource["participant"] = [{"individual": staff}]
    if line.planned is not None:
        identifiers.append(
            _identifier(f"plan:{_word(line.planned.source)}", line.planned.external_id)
        )
        if line.planned.what:
            resource["type"] = [{"text": line.planned.what}]
    return resource


def _word(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "-" for c in text)


def _encounter(
    line: Compared, one: DoneVisit, row: VisitRow, residents: Mapping[str, str]
) -> Resource:
    period = {"start": utc_text(one.since)}
    if one.until is not None:
        period["end"] = utc_text(one.until)
    sources = {
        "arrival-source": "correction" if row.corrected_since else row.since_source,
        "departure-source": "correction" if row.corrected_until else row.until_source,
    }
    resource = _base(one.ref, line, one.person, residents) | {
        "status": "finished" if one.until is not None else "in-progress",
        "period": period,
    }
    extensions = [
        {"url": f"{SYSTEM}:{name}", "valueCode": code}
        for name, code in sources.items()
        if code is not None
    ]
    if extensions:
        resource["extension"] = extensions
    return resource


def _cancelled(line: Compared, said: Undone, residents: Mapping[str, str]) -> Resource:
    resource = _base(said.ref, line, said.person, residents) | {
        "status": "cancelled",
        "reasonCode": [{"text": said.why}],
    }
    if line.planned is not None:
        since, until = line.planned.since, line.planned.until
        resource["period"] = {"start": utc_text(since), "end": utc_text(until)}
    return resource
