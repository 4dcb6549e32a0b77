"""Consent and absence of the resident."""

from __future__ import annotations

from pydantic import AwareDatetime

from gateway.events.base import Data, kind


@kind("consent.given")
class ConsentGiven(Data):
    """The resident, or a cohabiting relative, agreed to `covers`."""

    covers: str


@kind("consent.withdrawn", urgent=True)
class ConsentWithdrawn(Data):
    """The agreement to `covers` ended."""

    covers: str


@kind("absence.started")
class AbsenceStarted(Data):
    """The resident is away: checks and rules pause until `until` (None: until ended)."""

    until: AwareDatetime | None = None


@kind("absence.ended")
class AbsenceEnded(Data):
    """The resident is back."""
