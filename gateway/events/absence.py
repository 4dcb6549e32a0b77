"""Absence of the resident."""

from __future__ import annotations

from pydantic import AwareDatetime

from gateway.events.base import By, Data, kind


@kind("absence.started", by=By.SERVER)
class AbsenceStarted(Data):
    """The resident is away: checks and rules pause until `until` (None: until ended)."""

    until: AwareDatetime | None = None


@kind("absence.ended", by=By.SERVER)
class AbsenceEnded(Data):
    """The resident is back."""
