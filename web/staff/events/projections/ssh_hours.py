"""Folds of SSH for an hour: what was wanted last in a home, and what came of it (see
`web.staff.events.projections.fold`).

What a home says of an older wish is passed over.  Not for: who may want it (`web.staff.configs`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway import events
from web.staff.events.projections.fold import Fold, Row, Step, on
from web.staff.storage import tables

HOUR = timedelta(hours=1)
_COLUMNS = ("state_why", "ended_by", "until", "fingerprint", "host_key")


def _hour(fold: Fold) -> Row:
    return fold.row(tables.ssh_hour, home_id=fold.home)


@on(events.SshWanted)
def _wanted(fold: Fold, step: Step, data: events.SshWanted) -> None:
    row = _hour(fold)
    row.update(dict.fromkeys(_COLUMNS), request=step.ref, why=data.why.value, state="wanted")
    row.update(wanted_at=step.at, wanted_by=step.event.person, state_at=step.at)


def _told(fold: Fold, step: Step, request: str, state: str, **more: object) -> None:
    row = _hour(fold)
    if row.get("request") == request:
        row.update(state=state, state_at=step.at, **more)


@on(events.SshCalledOff)
def _called_off(fold: Fold, step: Step, data: events.SshCalledOff) -> None:
    row = _hour(fold)
    if row.get("request") == data.request:
        row["ended_by"] = step.event.person or ""


@on(events.SshOpened)
def _opened(fold: Fold, step: Step, data: events.SshOpened) -> None:
    about = {"fingerprint": data.fingerprint, "host_key": data.host_key}
    _told(fold, step, data.request, "opened", until=_until(step, data), **about)


def _until(step: Step, data: events.SshOpened) -> datetime:
    """No hour is longer, whatever a home says."""
    latest = step.at + HOUR
    try:
        return min(data.until + step.shift, latest)
    except OverflowError:
        return latest


@on(events.SshClosed)
def _closed(fold: Fold, step: Step, data: events.SshClosed) -> None:
    _told(fold, step, data.request, "closed", state_why=data.why.value)


@on(events.SshRefused)
def _refused(fold: Fold, step: Step, data: events.SshRefused) -> None:
    _told(fold, step, data.request, "refused", state_why=data.why.value)
