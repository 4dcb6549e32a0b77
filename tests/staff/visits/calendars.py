"""Small calendars, and what a home has planned after they were imported; no tests in here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tests._tree import ROOT
from web.staff.core.context import Staff
from web.staff.visits import plan, plan_ical, plan_import, plan_store
from web.staff.visits.plan_import import Draft
from web.staff.visits.plan_store import Outcome, Sent

CASES = ROOT.parent / "shared" / "cases" / "calendar"
"""Inputs that failed; not part of the project."""

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
HERE = ZoneInfo("Europe/Stockholm")

MORNING = (
    "DTSTART;TZID=Europe/Stockholm:20261130T080000\nDTEND;TZID=Europe/Stockholm:20261130T083000"
)


def event(*lines: str, uid: str = "a", home: str | None = "h1") -> str:
    """A VEVENT of these lines."""
    more = [] if home is None else [f"X-TRYGGVE-HOME:{home}"]
    return "\n".join(["BEGIN:VEVENT", f"UID:{uid}", *more, *lines, "END:VEVENT"])


def calendar(*parts: str) -> bytes:
    """A file with these events, or lines before them."""
    text = "\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *parts, "END:VCALENDAR", ""])
    return text.replace("\n", "\r\n").encode()


def morning(*lines: str, uid: str = "a", home: str | None = "h1") -> str:
    """A visit on 30 November, from 08:00 to 08:30, with more lines."""
    return event(*MORNING.split("\n"), *lines, uid=uid, home=home)


def drafts(data: bytes, now: datetime = NOW, home: str | None = None) -> list[Draft]:
    """What a file holds, by time."""
    read = plan_ical.read_ical(data, plan_ical.days_of(now), home=home)
    return sorted(read.drafts, key=lambda one: one.since)


def shown(since: datetime, until: datetime) -> str:
    """`30 08:00-08:30`, local time."""
    return f"{since.astimezone(HERE):%d %H:%M}-{until.astimezone(HERE):%H:%M}"


def times(data: bytes, now: datetime = NOW) -> list[str]:
    """When the visits of a file are, local time."""
    return [shown(one.since, one.until) for one in drafts(data, now)]


def bring(
    staff: Staff,
    data: bytes,
    *,
    now: datetime = NOW,
    span: tuple[datetime, datetime] | None = None,
    home: str | None = None,
) -> Outcome:
    """Import a file as the command line does."""
    with staff.db.read() as conn:
        before = plan_import.before(conn, "org1", "prov", now)
    read = plan_ical.read_ical(data, plan_ical.days_of(now, span), home=home, before=before)
    with staff.write() as tx:
        sent = Sent("prov", read.drafts, span, read.claims)
        return plan_store.keep(tx.conn, "org1", sent, now=now)[0]


def planned(staff: Staff, homes: Sequence[str] = ("h1",)) -> list[str]:
    """What is planned now, ever, local time."""
    whole = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
    with staff.db.read() as conn:
        return [shown(one.since, one.until) for one in plan.planned(conn, homes, *whole)]


def files_of(case: Path) -> list[bytes]:
    """The files of a case, in the order in which they are imported."""
    return [path.read_bytes() for path in sorted(case.glob("*.ics"))]
