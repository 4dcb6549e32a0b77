"""Absence of the resident."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime

from gateway.events.base import By, Data, Else, Unread, kind


@kind("absence.started", by=By.SERVER)
class AbsenceStarted(Data):
    """The resident is away: checks and rules pause until `until` (None: until ended)."""

    until: Annotated[AwareDatetime | None, Else(Unread.WHOLE)] = None


@kind("absence.ended", by=By.SERVER)
class AbsenceEnded(Data):
    """The resident is back."""
