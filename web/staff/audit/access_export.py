"""The access log as CSV: what the regulation asks for, a line a row.

Not for: choosing the rows (`access_log`), or words in another language than the codes.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.events import utc_text
from web.staff.audit.access_log import AccessRow
from web.staff.visits.visit_export import csv_bytes

HEADER = (
    *("time", "action", "unit", "home", "user", "patient", "device", "why", "outcome", "event"),
    "took_s",
)
"""HSLF-FS 2016:40 ch. 4 §9: action, unit (the organisation and the home), time (UTC), user,
patient.  Ids, no names.  `took_s`: seconds that somebody listened or looked."""


def to_csv(rows: Iterable[AccessRow], org: str) -> bytes:
    """The rows of `org` as CSV."""
    return csv_bytes(
        HEADER,
        (
            (
                utc_text(row.at),
                row.action,
                org,
                row.home,
                row.person or row.party or None,
                row.patient,
                row.device,
                row.why,
                row.outcome,
                row.ref,
                row.took_s,
            )
            for row in rows
        ),
    )
