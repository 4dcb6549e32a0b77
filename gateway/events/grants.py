"""Grants: permissions to turn a lock or look, given and taken back by the server."""

from __future__ import annotations

from pydantic import AwareDatetime

from gateway.events.base import By, Data, Ref, kind


@kind("grant.issued", by=By.SERVER, strict=True)
class GrantIssued(Data):
    """The server signed a grant for the event's `person` and `device`."""

    grant: str
    action: str
    reason: str
    reason_ref: Ref | None
    expires: AwareDatetime


@kind("grant.revoked", by=By.SERVER, urgent=True)
class GrantRevoked(Data):
    """A grant is void from now on, whatever its time."""

    grant: str


@kind("grant.acute", by=By.SERVER, strict=True)
class GrantAcute(Data):
    """The grant went to somebody who is not assigned to this home: acute, because of an open care
    alarm there."""

    grant: str
    alarm: Ref


@kind("grant.requested", by=By.SERVER, urgent=True)
class GrantRequested(Data):
    """The event's `person` asks to turn the event's `device` for service; a second person must
    approve.  Its reference is the request."""

    action: str
    why: str | None = None
    """A code (`battery`, `lock`, `gateway`, …); words of the person's own are no part of it."""


@kind("grant.approved", by=By.SERVER, urgent=True, strict=True)
class GrantApproved(Data):
    """A second person (the event's `person`) approves a request; it may be used until `until`."""

    request: Ref
    until: AwareDatetime


@kind("grant.refused", by=By.SERVER, urgent=True)
class GrantDeclined(Data):
    """A second person (the event's `person`) says no to a request, or takes an approval back; or
    the one who asked takes the request back."""

    request: Ref
